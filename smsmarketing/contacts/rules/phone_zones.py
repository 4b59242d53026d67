"""On whose clock a phone number lives ([R-3.7], [R-3.10], compliance §3.2).

The zones of phonenumbers are corrected by two packaged tables: ``country_zones.csv`` (countries
where they are wrong, obsolete or needlessly wide) and ``nanp_area_codes.csv`` (states of the US and
Canada, and area codes that lie in more than one zone).
"""

import csv
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from phonenumbers.phonenumberutil import PhoneNumberType, is_number_type_geographical
from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

from smsmarketing.contacts.rules.phone_patterns import country_code_length

_DATA = Path(__file__).resolve().parent.parent / "data"
_UNKNOWN = "Etc/Unknown"
_PLACED: Final = {
    "fixed_line": PhoneNumberType.FIXED_LINE,
    "fixed_line_or_mobile": PhoneNumberType.FIXED_LINE_OR_MOBILE,
    "mobile": PhoneNumberType.MOBILE,
}
# Names that the time zone database has replaced; both mean the same clock.
_RENAMED: Final = {
    "Africa/Asmera": "Africa/Asmara",
    "America/Buenos_Aires": "America/Argentina/Buenos_Aires",
    "America/Godthab": "America/Nuuk",
    "Asia/Calcutta": "Asia/Kolkata",
    "Asia/Choibalsan": "Asia/Ulaanbaatar",
    "Asia/Katmandu": "Asia/Kathmandu",
    "Asia/Rangoon": "Asia/Yangon",
    "Atlantic/Faeroe": "Atlantic/Faroe",
    "Pacific/Enderbury": "Pacific/Kanton",
    "Pacific/Ponape": "Pacific/Pohnpei",
    "Pacific/Truk": "Pacific/Chuuk",
}


class AreaCode(NamedTuple):
    """A geographic area code of the US or Canada; ``zones`` is empty where one zone is certain."""

    country: str
    subdivision: str
    zones: tuple[str, ...]


def _rows(name: str) -> list[dict[str, str]]:
    with (_DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


COUNTRY_ZONES: Final[dict[str, tuple[str, ...]]] = {
    row["country"]: tuple(row["zones"].split()) for row in _rows("country_zones.csv")
}
AREA_CODES: Final[dict[str, AreaCode]] = {
    row["area_code"]: AreaCode(row["country"], row["subdivision"], tuple(row["zones"].split()))
    for row in _rows("nanp_area_codes.csv")
}


def number_zones(e164: str, *, country: str, line_type: str) -> tuple[str, ...]:
    """IANA zones in which the owner of a valid number may be, sorted; empty when unknown.

    An empty answer means that marketing is held ([R-3.8]).
    """
    zones = COUNTRY_ZONES.get(country)
    if zones is not None:
        return zones
    return _prefix_zones(e164[1 : 1 + TIMEZONE_LONGEST_PREFIX], line_type)


def number_subdivision(e164: str) -> str:
    """State or province (ISO 3166-2 without the country) of a US or Canadian number, or "".

    From the area code, so a guess for numbers that moved with their owner ([R-3.9]).
    """
    if not e164.startswith("+1"):
        return ""
    area = AREA_CODES.get(e164[2:5])
    return area.subdivision if area else ""


@lru_cache(maxsize=65_536)
def _prefix_zones(prefix: str, line_type: str) -> tuple[str, ...]:
    code = prefix[: country_code_length("+" + prefix)]
    placed = _PLACED.get(line_type)
    if placed is None and code == "1":
        # Toll-free and personal numbers of 20 countries: anywhere, so nowhere we could name.
        return ()
    if placed is None or not code or not is_number_type_geographical(placed, int(code)):
        return _canonical(TIMEZONE_DATA.get(code, (_UNKNOWN,)))
    area = AREA_CODES.get(prefix[1:4]) if code == "1" else None
    if area is not None and area.zones:
        return area.zones
    for length in range(len(prefix), 0, -1):
        zones = TIMEZONE_DATA.get(prefix[:length])
        if zones is not None:
            return _canonical(zones)
    return ()


def _canonical(zones: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({_RENAMED.get(zone, zone) for zone in zones if zone != _UNKNOWN}))
