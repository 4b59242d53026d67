"""SMSAPI's error codes in our words (providers.md A2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from smsmarketing.gateways.transports.base import ErrorClass, ErrorMeaning

_TABLE: Final[Mapping[ErrorClass, Mapping[str, str]]] = {
    "auth": {
        "101": "SMSAPI did not accept the token.",
        "102": "SMSAPI did not accept the login.",
        "105": "This server's address is not allowed: change the IP filter at SMSAPI.",
        "110": "The service is not available on this account.",
        "401": "The token's scope does not allow sending.",
        "997": "SMSAPI wants https.",
    },
    "account": {
        "74": "Sending is not allowed at this time of day on this account.",
        "94": "The account may not send links.",
        "96": "The account's monthly limit for this country is reached.",
        "98": "The trial account may send to its own number only.",
        "103": "Not enough points: top up the account.",
        "112": "The account may not send to this country.",
    },
    "throttle": {
        "52": "Too many messages to this number within a minute.",
        "202": "SMSAPI asks to slow down.",
        "203": "SMSAPI asks to slow down.",
    },
    "optout": {
        "57": "The number is on the blacklist at SMSAPI.",
        "59": "The person opted out at SMSAPI.",
    },
    "hard": {"13": "The recipient's number is not valid."},
    "sender": {"14": "The sender name is not verified at SMSAPI."},
    "content": {
        "11": "The text is too long or empty.",
        "12": "The text has more parts than asked for.",
        "17": "The text may not be sent with these characters.",
        "18": "SMSAPI refused a parameter of the request.",
        "19": "Too many messages in one request.",
        "20": "SMSAPI refused a parameter of the request.",
        "25": "The text is empty after its replacements.",
        "27": "The text is too long.",
        "28": "The template is not valid.",
        "30": "The UDH is not valid.",
        "40": "SMSAPI does not know the group.",
        "41": "The group is empty.",
        "50": "The date is not valid.",
        "54": "The date of the send is not valid.",
        "56": "The number of messages does not fit the parameters.",
        "70": "The receipt address is not valid: set PUBLIC_BASE_URL.",
        "76": "The text is against SMSAPI's rules.",
        "93": "Parameters were repeated.",
        "104": "The template does not exist.",
        "106": "The sender name has a wrong form.",
    },
    "duplicate": {"53": "SMSAPI already has the message with this id."},
    "soft": {
        "8": "SMSAPI has a fault; the message was not taken.",
        "200": "The message failed at SMSAPI.",
        "201": "SMSAPI has a fault; the message was not taken.",
        "998": "SMSAPI has a fault; the message was not taken.",
        "999": "SMSAPI has a fault; the message was not taken.",
    },
}

ERRORS: Final[Mapping[str, ErrorMeaning]] = {
    code: ErrorMeaning(error_class, meaning, number="invalid" if error_class == "hard" else None)
    for error_class, codes in _TABLE.items()
    for code, meaning in codes.items()
}
