"""Bandwidth's error codes in our words (its error pages; providers.md A5).

4xxx: the same request ends the same way. 5xxx: may be tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from smsmarketing.gateways.transports.base import ErrorMeaning

_SENDER: Final = "The sender may not be used for this: check its registration."
_ACCOUNT: Final = "The account may not send this: check it at Bandwidth."
_SPAM: Final = "The carrier filtered the message as spam."
_BUSY: Final = "The carrier or Bandwidth asks to slow down."

ERRORS: Final[Mapping[str, ErrorMeaning]] = {
    "4001": ErrorMeaning("account", _ACCOUNT, "rejected"),
    "4301": ErrorMeaning("content", "The request is malformed.", "rejected"),
    "4302": ErrorMeaning("sender", _SENDER, "rejected"),
    "4303": ErrorMeaning("hard", "The recipient's number is not valid.", "rejected", "invalid"),
    "4350": ErrorMeaning("hard", "The recipient's number is not valid.", "rejected", "invalid"),
    "4360": ErrorMeaning("soft", "The validity ended before delivery.", "expired", "unreachable"),
    "4403": ErrorMeaning("sender", _SENDER, "rejected"),
    "4404": ErrorMeaning("hard", "No route to the number.", "rejected", "unknown_subscriber"),
    "4405": ErrorMeaning("sender", _SENDER, "rejected"),
    "4406": ErrorMeaning("hard", "The number cannot get SMS.", "rejected", "landline"),
    "4407": ErrorMeaning("sender", _SENDER, "rejected"),
    "4421": ErrorMeaning("account", _ACCOUNT, "rejected"),
    "4431": ErrorMeaning("account", _ACCOUNT, "rejected"),
    "4432": ErrorMeaning("account", "The account may not send to this country.", "rejected"),
    "4433": ErrorMeaning("account", _ACCOUNT, "rejected"),
    "4434": ErrorMeaning("account", _ACCOUNT, "rejected"),
    "4470": ErrorMeaning("content", _SPAM, "rejected"),
    "4481": ErrorMeaning("content", "The message was blocked for this recipient.", "rejected"),
    "4482": ErrorMeaning("content", "The message was blocked for this recipient.", "rejected"),
    "4493": ErrorMeaning("account", _ACCOUNT, "rejected"),
    "4701": ErrorMeaning("soft", "The phone is off or out of range.", "undelivered", "unreachable"),
    "4702": ErrorMeaning("soft", "The phone is off or out of range.", "undelivered", "unreachable"),
    "4720": ErrorMeaning("hard", "The number is not known.", "undelivered", "unknown_subscriber"),
    "4721": ErrorMeaning(
        "hard", "The number is out of service.", "undelivered", "unknown_subscriber"
    ),
    "4740": ErrorMeaning("sender", _SENDER, "undelivered"),
    "4751": ErrorMeaning("content", _SPAM, "undelivered"),
    "4752": ErrorMeaning("content", _SPAM, "undelivered"),
    "4770": ErrorMeaning("content", _SPAM, "undelivered"),
    "4771": ErrorMeaning("content", "The carrier filters this shortened link.", "undelivered"),
    "4772": ErrorMeaning("content", "The message was blocked for this recipient.", "undelivered"),
    "4773": ErrorMeaning("sender", _SENDER, "undelivered"),
    "4774": ErrorMeaning("sender", _SENDER, "undelivered"),
    "4775": ErrorMeaning("optout", "The person opted out of this sender.", "rejected"),
    "4780": ErrorMeaning("throttle", _BUSY, "undelivered"),
    "4781": ErrorMeaning("throttle", _BUSY, "undelivered"),
    "4785": ErrorMeaning("throttle", _BUSY, "undelivered"),
    "4790": ErrorMeaning("sender", _SENDER, "undelivered"),
    "4791": ErrorMeaning("sender", _SENDER, "undelivered"),
    "4792": ErrorMeaning("sender", _SENDER, "undelivered"),
    "4793": ErrorMeaning("sender", _SENDER, "undelivered"),
    "4794": ErrorMeaning("sender", _SENDER, "undelivered"),
    "4795": ErrorMeaning("sender", _SENDER, "undelivered"),
    "5211": ErrorMeaning("throttle", _BUSY, "failed"),
    "5600": ErrorMeaning("throttle", _BUSY, "failed"),
    "9902": ErrorMeaning("soft", "The carrier sent no receipt in time.", "expired"),
    "9999": ErrorMeaning("soft", "Bandwidth told an unknown error.", "failed"),
}
_RANGES: Final[Mapping[str, ErrorMeaning]] = {
    "43": ErrorMeaning("content", "Bandwidth refused the message.", "rejected"),
    "44": ErrorMeaning("content", "Bandwidth refused the message.", "rejected"),
    "47": ErrorMeaning("soft", "The carrier could not deliver it.", "undelivered"),
    "51": ErrorMeaning("soft", "Bandwidth or the carrier had a fault.", "failed"),
    "52": ErrorMeaning("soft", "Bandwidth or the carrier had a fault.", "failed"),
    "55": ErrorMeaning("soft", "Bandwidth or the carrier had a fault.", "failed"),
    "56": ErrorMeaning("soft", "Bandwidth or the carrier had a fault.", "failed"),
}


def code_meaning(code: str) -> ErrorMeaning | None:
    """The code's own line, else what its range says; None for what no page has."""
    return ERRORS.get(code) or (_RANGES.get(code[:2]) if len(code) == 4 else None)
