"""One regular expression per country code, built from the metadata of phonenumbers.

phonenumbers stays the arbiter: the patterns only answer for numbers it would take unchanged, and
a differential test holds them to its answers. About 10 times faster than parsing (perf.md §1c).
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Final, NamedTuple, TypeGuard

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberType
from phonenumbers.phonemetadata import PhoneNumberDesc

LINE_TYPES: dict[int, str] = {
    PhoneNumberType.FIXED_LINE: "fixed_line",
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium_rate",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.VOIP: "voip",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.UAN: "uan",
    PhoneNumberType.VOICEMAIL: "voicemail",
}
NON_GEOGRAPHIC = "001"  # phonenumbers' region of +800, +870, +883 and the like

COUNTRY_CODES: Final = frozenset(str(code) for code in COUNTRY_CODE_TO_REGION_CODE)


class CountryPattern(NamedTuple):
    """``number`` matches a whole national number; the group that matched indexes ``answers``.

    ``stripped`` matches the start of numbers that phonenumbers rewrites first (trunk prefixes).
    """

    number: re.Pattern[str]
    stripped: re.Pattern[str] | None
    answers: tuple[tuple[str, str], ...]


def country_code_length(e164: str) -> int:
    """Digits of the country code behind the "+", 0 when no country has it."""
    for length in (1, 2, 3):
        if e164[1 : 1 + length] in COUNTRY_CODES:
            return length
    return 0


def number_match(e164: str) -> tuple[str, str] | None:
    """(ISO country, line type) of a clean "+digits" number, or None: ask phonenumbers."""
    length, pattern = _pattern_of(e164[:4])
    if pattern is None:
        return None
    national = e164[1 + length :]
    found = pattern.number.fullmatch(national)
    if found is None or found.lastindex is None:
        return None
    if pattern.stripped is not None and pattern.stripped.match(national):
        return None
    return pattern.answers[found.lastindex - 1]


@lru_cache(maxsize=2048)
def _pattern_of(head: str) -> tuple[int, CountryPattern | None]:
    """Length of the country code and the pattern, by the "+" and three digits, which decide both."""
    length = country_code_length(head)
    return length, country_pattern(int(head[1 : 1 + length])) if length else None


@cache
def country_pattern(country_code: int) -> CountryPattern | None:
    """Build (once per process and country code) the pattern, None for non-geographic codes."""
    regions = COUNTRY_CODE_TO_REGION_CODE[country_code]
    if NON_GEOGRAPHIC in regions:
        return None
    main = PhoneMetadata.metadata_for_region(regions[0])
    if main is None:
        return None
    prefix = main.national_prefix_for_parsing
    branches: list[str] = []
    answers: list[tuple[str, str]] = []
    for region, condition, types in _regions(regions):
        groups = "|".join(f"({body})" for _, body in types)
        branches.append(f"{condition}(?:{groups})")
        answers += [(region, LINE_TYPES[line_type]) for line_type, _ in types]
    # A number that starts with 0 may carry a trunk prefix or an Italian zero: never answered here.
    number = re.compile(f"(?!0)(?:{'|'.join(branches)})")
    # What begins with 0 is not answered anyway.
    stripped = re.compile(prefix) if prefix and prefix != "0" else None
    return CountryPattern(number, stripped, tuple(answers))


def _regions(regions: tuple[str, ...]) -> Iterator[tuple[str, str, list[tuple[int, str]]]]:
    """(region, condition, types) in the order in which phonenumbers tries the regions."""
    taken = ""  # a region claims its leading digits even for numbers it does not know
    for region in regions:
        metadata = PhoneMetadata.metadata_for_region(region)
        if metadata is None or metadata.general_desc is None:
            continue
        claim = taken
        if metadata.leading_digits:
            claim += f"(?={metadata.leading_digits})"
            taken += f"(?!{metadata.leading_digits})"
        yield region, claim + _lookahead(metadata.general_desc), list(_types(metadata))


def _types(metadata: PhoneMetadata) -> Iterator[tuple[int, str]]:
    """(line type, pattern) in phonenumbers' order of precedence."""
    for line_type, description in (
        (PhoneNumberType.PREMIUM_RATE, metadata.premium_rate),
        (PhoneNumberType.TOLL_FREE, metadata.toll_free),
        (PhoneNumberType.SHARED_COST, metadata.shared_cost),
        (PhoneNumberType.VOIP, metadata.voip),
        (PhoneNumberType.PERSONAL_NUMBER, metadata.personal_number),
        (PhoneNumberType.PAGER, metadata.pager),
        (PhoneNumberType.UAN, metadata.uan),
        (PhoneNumberType.VOICEMAIL, metadata.voicemail),
    ):
        if _is_used(description):
            yield line_type, _body(description)
    fixed, mobile = metadata.fixed_line, metadata.mobile
    if _is_used(fixed) and _is_used(mobile):
        yield PhoneNumberType.FIXED_LINE_OR_MOBILE, _lookahead(fixed) + _body(mobile)
    if _is_used(fixed):
        yield PhoneNumberType.FIXED_LINE, _body(fixed)
    if _is_used(mobile):
        yield PhoneNumberType.MOBILE, _body(mobile)


def _is_used(description: PhoneNumberDesc | None) -> TypeGuard[PhoneNumberDesc]:
    return description is not None and bool(description.national_number_pattern)


def _body(description: PhoneNumberDesc) -> str:
    lengths = [length for length in description.possible_length if length > 0]
    ahead = ""
    if lengths:
        ahead = "(?=(?:" + "|".join(rf"\d{{{length}}}" for length in lengths) + r")\Z)"
    return f"{ahead}(?:{description.national_number_pattern})"


def _lookahead(description: PhoneNumberDesc) -> str:
    return rf"(?={_body(description)}\Z)"
