"""Where a consent was given, without the person in it: the ledger is sealed, so that what stands in an
address of it outlives an erasure ([R-4.9], docs/adr/0032). Pure.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_plus, urlsplit

from smsmarketing.contacts.rules.phone_patterns import country_code_length

NUMBER_FAULT: Final = (
    "It holds the person's own phone number, and the ledger keeps it for good. Give it without the"
    " number."
)
EMAIL_FAULT: Final = (
    "It holds an e-mail address, and the ledger keeps it for good. Give it without the e-mail"
    " address."
)
TAIL: Final = 6
"""Digits of a number's end that must stand in the text before anything else is looked at."""
_DECODED_MOST: Final = 4
"""How often a text may have been percent-encoded over and over."""
_BETWEEN: Final = "[^0-9A-Za-z]{0,3}"
_EMAIL: Final = re.compile(
    r"[^\s/?&=#;,:@<>()\"']@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.(?!(?:png|jpe?g|gif|webp|svg)\b)[A-Za-z]{2,}"
)


def source_fault(text: str, phone: str = "") -> str:
    """What is wrong with an address or a file's name that goes into the ledger; "" for nothing.

    Looked for are the number (E.164) in any spelling, with or without country code and plus, with
    signs between the digits, encoded, in other scripts' digits; and any e-mail address.
    """
    if not text:
        return ""
    plain, digits = _plain(text)
    if _EMAIL.search(plain):
        return EMAIL_FAULT
    if phone[-TAIL:] in digits and phone and _number_pattern(phone).search(plain):
        return NUMBER_FAULT
    return ""


def source_digits(text: str) -> str:
    """The digits of a text: without the last TAIL of a number among them it cannot hold the number."""
    return _plain(text)[1]


def source_kept(url: str, phone: str) -> str:
    """The address as it may be kept: only its host when the rest names the person, else nothing."""
    if not source_fault(url, phone):
        return url
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.hostname or ''}/"
    return "" if source_fault(host, phone) else host


@lru_cache(maxsize=256)
def _plain(text: str) -> tuple[str, str]:
    """The text decoded, with ASCII digits; and its digits alone."""
    for _ in range(_DECODED_MOST):
        decoded = unquote_plus(text)
        if decoded == text:
            break
        text = decoded
    if not text.isascii():
        text = "".join(
            str(unicodedata.decimal(sign)) if sign.isdecimal() else sign
            for sign in unicodedata.normalize("NFKC", text)
            if unicodedata.category(sign) != "Cf"
        )
    return text, "".join(sign for sign in text if sign.isdecimal())


def _number_pattern(phone: str) -> re.Pattern[str]:
    """National digits after nothing, a trunk prefix, or a country code with what is dialled before."""
    length = country_code_length(phone)
    code, national = phone[1 : 1 + length], phone[1 + length :]
    before = f"[0-9]{{0,4}}{_BETWEEN}{code}{_BETWEEN}[0-9]?{_BETWEEN}"
    if len(national) >= TAIL:
        before = f"(?:{before}|[0-9]{{0,2}}{_BETWEEN})"
    return re.compile(f"(?<![0-9]){before}{_BETWEEN.join(national)}(?![0-9])")
