"""What was done to a written phone number to make it E.164, in words; and whence its clock. Pure."""

from __future__ import annotations

import re
import unicodedata
from importlib.metadata import version
from typing import Final

from phonenumbers.tzdata import TIMEZONE_LONGEST_PREFIX

from smsmarketing.contacts.rules.phone import Phone
from smsmarketing.contacts.rules.phone_patterns import country_code_length
from smsmarketing.contacts.rules.phone_zones import AREA_CODES, COUNTRY_ZONES

LIBRARY: Final = f"phonenumbers {version('phonenumbers')} (libphonenumber metadata)"
SOURCE: Final = f"own rules, {LIBRARY}"

_PLACED: Final = ("fixed_line", "fixed_line_or_mobile", "mobile")
_WHOLE_FLOAT = re.compile(r"\+?[0-9]{7,15}\.0+")


def phone_changes(raw: str, phone: Phone) -> list[str]:
    """What had to be changed of the text, in the order in which it was done; empty for clean E.164."""
    if raw == phone.e164:
        return []
    done, plain = _characters(raw)
    text = plain.strip()
    if text[:1] == "'":
        done.append("took the apostrophe off that a spreadsheet puts before text")
        text = text[1:].strip()
    if text[:4].lower() == "tel:":
        done.append("took tel: off")
        text = text[4:]
    if _WHOLE_FLOAT.fullmatch(text):
        done.append("took the decimal zero of a spreadsheet off; every digit is still there")
        text = text.partition(".")[0]
    bare = re.sub(r"[^0-9+]", "", text)
    if bare != text:
        done.append("took spaces and punctuation out")
    return done + _prefixes(bare, phone)


def _characters(raw: str) -> tuple[list[str], str]:
    """Other scripts' digits, full-width forms and invisible marks, as phone.py reads them."""
    done: list[str] = []
    kept: list[str] = []
    normal = unicodedata.normalize("NFKC", raw)
    foreign = normal != raw or any(
        unicodedata.category(each) == "Nd" and not each.isascii() for each in normal
    )
    for each in normal:
        category = unicodedata.category(each)
        if category == "Nd":
            kept.append(str(unicodedata.decimal(each)))
        elif each in "\u2018\u2019":
            kept.append("'")
        elif category != "Cf":
            kept.append(each)
    if any(unicodedata.category(each) == "Cf" for each in normal):
        done.append("took invisible marks out")
    if foreign and any(unicodedata.category(each) == "Nd" and not each.isascii() for each in raw):
        done.append("read the digits of another script or full-width digits")
    return done, "".join(kept)


def _prefixes(bare: str, phone: Phone) -> list[str]:
    """What happened at the beginning of the digits, and within them."""
    if bare == phone.e164:
        return []
    code = phone.e164[: 1 + country_code_length(phone.e164)]
    national = phone.e164[len(code) :]
    if bare == phone.e164[1:]:
        return ["put + before the country code"]
    if bare.startswith("+"):
        if bare[len(code) :].lstrip("0") == national.lstrip("0"):
            return ["took the national trunk 0 behind the country code out"]
        return [f"wrote it in the form of {phone.country}"]
    if bare.endswith(phone.e164[1:]):
        return [f"read {bare[: -len(phone.e164[1:])]} as the sign for dialling abroad, +"]
    if bare.startswith("00") and bare[2:].startswith(code[1:]):
        return [
            "read 00 as the sign for dialling abroad, +",
            "took the national trunk 0 behind the country code out",
        ]
    added = f"added the country code {code} of {phone.country}"
    if bare == national:
        return [added]
    if bare.endswith(national):
        return [f"took the national prefix {bare[: -len(national)]} off", added]
    return [added, f"wrote it in the form of {phone.country}"]


def zones_source(phone: Phone) -> str:
    """Where the time zones of a number come from; empty when none are known ([R-3.7], [R-3.9])."""
    if not phone.time_zones:
        return ""
    if phone.country in COUNTRY_ZONES:
        return "own table of countries (country_zones.csv)"
    area = AREA_CODES.get(phone.e164[2:5]) if phone.e164.startswith("+1") else None
    if area is not None and area.zones and phone.line_type in _PLACED:
        return "own table of area codes (nanp_area_codes.csv)"
    return f"{LIBRARY}, by the first digits (at most {TIMEZONE_LONGEST_PREFIX})"
