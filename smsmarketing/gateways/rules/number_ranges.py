"""What our own data says of number ranges: to whom a range was first given (libphonenumber's carrier
metadata). A ported number is with somebody else now; only its network knows.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import phonenumbers

SOURCE: Final = (
    f"libphonenumber {phonenumbers.__version__} (whom a number range was given to first; a ported"
    " number may be elsewhere)"
)


def range_holder(e164: str) -> str:
    """Whom the number's range was given to; empty when not known."""
    from phonenumbers import carrier  # some 30 000 ranges: read when somebody asks

    return str(carrier.name_for_number(phonenumbers.parse(e164), "en"))


@lru_cache(maxsize=32)
def range_prefixes(country: str) -> tuple[tuple[str, str], ...]:
    """(prefix with country code, holder) of a country, shortest first. Of countries that share a code
    only prefixes that are certainly of this one.
    """
    from phonenumbers.carrierdata import CARRIER_DATA

    code = str(phonenumbers.country_code_for_region(country))
    shared = len(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ())) > 1
    found = []
    for prefix, names in CARRIER_DATA.items():
        if prefix.startswith(code) and (not shared or _country_of(prefix) == country):
            name = names.get("en") or next(iter(names.values()))
            found.append((prefix, name))
    return tuple(sorted(found, key=lambda row: (len(row[0]), row[0])))


def _country_of(prefix: str) -> str:
    """By filling the prefix up to a number that is possible there."""
    for length in range(7, 16 - len(prefix)):
        number = f"+{prefix}{'2' * length}"
        try:
            parsed = phonenumbers.parse(number)
        except phonenumbers.NumberParseException:
            continue
        region = phonenumbers.region_code_for_number(parsed)
        if region:
            return str(region)
    return ""
