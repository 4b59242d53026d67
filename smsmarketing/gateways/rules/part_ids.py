"""Message ids, that carriers tell in one form in the answer and in another in the receipt.

Seen: hexadecimal in one place and decimal in the other, upper and lower case, with and without
leading zeros (providers.md A12). One id can therefore be read in several ways, and two ids can look
alike; who matches has to compare the recipient as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

LONGEST: Final = 64
_HEX = re.compile(r"[0-9a-f]{1,32}")
_DECIMAL = re.compile(r"[0-9]{1,38}")


def id_canonical(value: str) -> str:
    """The form in which an id is kept: without case, blanks and leading zeros."""
    word = value.strip().lower()[:LONGEST]
    return (word.lstrip("0") or "0") if _HEX.fullmatch(word) or _DECIMAL.fullmatch(word) else word


def id_forms(value: str) -> tuple[str, ...]:
    """Every kept form that this id may stand for: as it is, decimal told in hexadecimal, hexadecimal
    told in decimal.
    """
    word = id_canonical(value)
    forms = [word]
    if _DECIMAL.fullmatch(word):
        forms.append(f"{int(word):x}")
    if _HEX.fullmatch(word):
        forms.append(str(int(word, 16)))
    return tuple(dict.fromkeys(forms))


def id_choose(told: str, recipient: str, candidates: Sequence[tuple[str, str]]) -> int | None:
    """Which of `candidates` (kept form, number of the message; oldest first) a receipt is about.

    The number decides before the form: an id in decimal may be another message's in hexadecimal. A
    receipt that names no number is believed only in the form in which the id was given. Carriers
    begin their counters again: of equals the newest.
    """
    exact = id_canonical(told)
    digits = re.sub(r"[^0-9]", "", recipient)
    named = len(digits) >= 5
    fitting = [
        index
        for index, (form, phone) in enumerate(candidates)
        if (named and phone and _numbers_agree(digits, phone))
        or ((not named or not phone) and form == exact)
    ]
    same = [index for index in fitting if candidates[index][0] == exact]
    chosen = same or fitting
    return chosen[-1] if chosen else None


def _numbers_agree(digits: str, phone: str) -> bool:
    """Whether a number as the carrier writes it can be ours: with or without country code."""
    ours = phone.lstrip("+")
    return ours == digits or (ours[-7:] == digits[-7:] and len(digits) >= 7)
