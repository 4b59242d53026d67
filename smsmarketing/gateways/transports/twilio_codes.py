"""Twilio's error codes in our words (its error dictionary; providers.md A3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from smsmarketing.gateways.transports.base import ErrorMeaning

_SENDER = "The sender may not be used for this: check its registration and the country."

ERRORS: Final[Mapping[str, ErrorMeaning]] = {
    "10001": ErrorMeaning("auth", "The Twilio account is not active."),
    "20003": ErrorMeaning("auth", "Twilio did not accept the account SID and token."),
    "20005": ErrorMeaning("auth", "The Twilio account is not active."),
    "20429": ErrorMeaning("throttle", "Twilio asks to slow down: too many requests at once."),
    "20500": ErrorMeaning("ambiguous", "Twilio had a server error; the message may be queued."),
    "21211": ErrorMeaning("hard", "The recipient's number is not valid.", number="invalid"),
    "21212": ErrorMeaning("sender", "The sender is not valid."),
    "21408": ErrorMeaning("account", "The account may not send to this country; enable it there."),
    "21602": ErrorMeaning("content", "The message has no text."),
    "21603": ErrorMeaning("sender", "The message has no sender."),
    "21604": ErrorMeaning("content", "The message has no recipient."),
    "21606": ErrorMeaning(
        "sender", "The sender does not belong to the account or cannot send SMS."
    ),
    "21608": ErrorMeaning("account", "A trial account sends to verified numbers only."),
    "21609": ErrorMeaning(
        "content", "Twilio cannot call the receipt address: set PUBLIC_BASE_URL."
    ),
    "21610": ErrorMeaning("optout", "The person opted out of this sender at Twilio."),
    "21611": ErrorMeaning("throttle", "The sender's queue is full."),
    "21612": ErrorMeaning("soft", "The number cannot be reached from this sender now."),
    "21614": ErrorMeaning("hard", "The number is no mobile number.", number="landline"),
    "21617": ErrorMeaning("content", "The text is too long."),
    "21618": ErrorMeaning("content", "Twilio refused the text."),
    "21624": ErrorMeaning("content", "The validity period is out of range."),
    "21653": ErrorMeaning("content", "More than one recipient in one request."),
    "21654": ErrorMeaning("content", "The content template is not valid."),
    "21655": ErrorMeaning("content", "The content template does not exist."),
    "21701": ErrorMeaning("sender", "The Messaging Service does not exist."),
    "21702": ErrorMeaning("sender", "The Messaging Service may not be used."),
    "21703": ErrorMeaning("sender", "The Messaging Service has no sender."),
    "21705": ErrorMeaning("sender", "The Messaging Service is not valid."),
    "21709": ErrorMeaning("sender", "The alphanumeric sender is not valid."),
    "21712": ErrorMeaning("sender", "The sender belongs to another Messaging Service."),
    "30001": ErrorMeaning("throttle", "The queue overflowed.", "failed"),
    "30002": ErrorMeaning("auth", "The Twilio account was suspended.", "failed"),
    "30003": ErrorMeaning(
        "soft", "The phone is off or out of range.", "undelivered", "unreachable"
    ),
    "30004": ErrorMeaning("content", "The message was blocked for this recipient.", "rejected"),
    "30005": ErrorMeaning("hard", "The number is not known.", "undelivered", "unknown_subscriber"),
    "30006": ErrorMeaning(
        "hard", "A landline or an unreachable carrier.", "undelivered", "landline"
    ),
    "30007": ErrorMeaning("content", "A carrier filtered the message.", "rejected"),
    "30008": ErrorMeaning("soft", "The carrier told an unknown error.", "undelivered"),
    "30010": ErrorMeaning("content", "The price is above the message's limit.", "rejected"),
    "30019": ErrorMeaning("content", "The attachment is too large.", "rejected"),
    "30022": ErrorMeaning("throttle", "The limit of the 10DLC campaign is reached.", "rejected"),
    "30023": ErrorMeaning("throttle", "The daily limit of the brand is reached.", "rejected"),
    "30024": ErrorMeaning("sender", _SENDER, "rejected"),
    "30027": ErrorMeaning("throttle", "The daily limit at the carrier is reached.", "rejected"),
    "30032": ErrorMeaning("sender", "The toll-free number is not verified.", "rejected"),
    "30034": ErrorMeaning("sender", "The number is in no registered 10DLC campaign.", "rejected"),
    "30410": ErrorMeaning("soft", "The provider behind Twilio timed out.", "failed"),
    "63018": ErrorMeaning("throttle", "The limit of the channel is reached.", "failed"),
}
