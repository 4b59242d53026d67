"""Phone numbers: normal form, line types, zones, masks (compliance §3.2, §4.3)."""

import random
from zoneinfo import available_timezones

import phonenumbers
import pytest
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberType

from smsmarketing.contacts.rules import phone_zones as zones_module
from smsmarketing.contacts.rules.phone import (
    Phone,
    PhoneError,
    phone_hash,
    phone_mask,
    phone_parse,
    phone_subdivision,
    phone_zones,
)
from smsmarketing.contacts.rules.phone_patterns import LINE_TYPES, number_match

GB = ("+447400123456", "GB", "mobile", ("Europe/London",))


@pytest.mark.parametrize(
    "raw",
    [
        "+447400123456",
        " +44 7400 123456 ",
        "+44 (0)7400 123-456",
        "(+44) 7400.123.456",
        "0044 7400 123456",
        "+44\u00a07400\u202f123\u2011456",
        "＋４４７４００１２３４５６",
        "+٤٤٧٤٠٠١٢٣٤٥٦",
        "'+447400123456",
        "’+447400123456",
        "\u200e+447400123456\u200f",
        "\u202a+44 7400 123456\u202c",
        "\ufeff+447400\u200b123456",
        "tel:+44-7400-123456",
        "+447400123456.0",
    ],
)
def test_written_forms(raw: str) -> None:
    assert phone_parse(raw) == GB


@pytest.mark.parametrize("raw", ["07400 123456", "7400123456", "447400123456", "00447400123456"])
def test_the_default_region_reads_national_numbers(raw: str) -> None:
    assert phone_parse(raw, "GB") == GB


def test_ways_to_dial_abroad() -> None:
    assert phone_parse("011 44 7400 123456", "US") == GB
    assert phone_parse("0011 44 7400 123456", "AU") == GB
    assert phone_parse("00447400123456", "US") == GB


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("", "EMPTY"),
        ("  \u200b ", "EMPTY"),
        ("()", "EMPTY"),
        ("4.4E+11", "SPREADSHEET_NUMBER"),
        ("4,4e11", "SPREADSHEET_NUMBER"),
        ("+4.47400123456E+11", "SPREADSHEET_NUMBER"),
        ("=447400123456", "SPREADSHEET_FORMULA"),
        ("1-800-FLOWERS", "LETTERS"),
        ("+447400123456 x12", "LETTERS"),
        ("+44740012345б", "LETTERS"),
        ("+447400123456, +447400123457", "MULTIPLE_NUMBERS"),
        ("07400123456;07400123457", "MULTIPLE_NUMBERS"),
        ("+447400123456 / 07400123457", "MULTIPLE_NUMBERS"),
        ("+447400#123456", "BAD_CHARACTERS"),
        ("++447400123456", "MULTIPLE_NUMBERS"),
        ("07400123456", "NO_COUNTRY"),
        ("447400123456", "NO_COUNTRY"),
        ("+4474", "TOO_SHORT"),
        ("+4474001234567890", "TOO_LONG"),
        ("+" + "4" * 80, "TOO_LONG"),
        ("+2101234567", "UNKNOWN_COUNTRY_CODE"),
        ("+0123456789", "UNKNOWN_COUNTRY_CODE"),
        ("+15555550123", "INVALID"),
    ],
)
def test_refused_numbers(raw: str, code: str) -> None:
    """Each refusal has its code, says what to do next and does not repeat the number."""
    with pytest.raises(PhoneError) as refusal:
        phone_parse(raw)
    assert refusal.value.code == code
    assert refusal.value.message.endswith(".")
    assert not raw or raw not in refusal.value.message


def test_an_unknown_default_region_is_told() -> None:
    with pytest.raises(PhoneError) as refusal:
        phone_parse("07400123456", "UK")
    assert refusal.value.code == "UNKNOWN_REGION"


@pytest.mark.parametrize(
    ("raw", "country", "line_type", "textable"),
    [
        ("+442079460958", "GB", "fixed_line", False),
        ("+448001111111", "GB", "toll_free", False),
        ("+449098765432", "GB", "premium_rate", False),
        ("+12125550123", "US", "fixed_line_or_mobile", True),
        ("+14165550123", "CA", "fixed_line_or_mobile", True),
        ("+18005550123", "US", "toll_free", False),
        ("+447781123456", "GG", "mobile", True),
        ("+77011234567", "KZ", "mobile", True),
        ("+870773111632", "ZZ", "mobile", True),
    ],
)
def test_line_types(raw: str, country: str, line_type: str, textable: bool) -> None:
    phone = phone_parse(raw)
    assert (phone.country, phone.line_type, phone.textable) == (country, line_type, textable)


@pytest.mark.parametrize(
    ("e164", "zones"),
    [
        ("+628123456789", ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura")),
        ("+56961234567", ("America/Santiago", "America/Punta_Arenas", "Pacific/Easter")),
        ("+60123456789", ("Asia/Kuala_Lumpur",)),
        ("+37061234567", ("Europe/Vilnius",)),
        ("+37121234567", ("Europe/Riga",)),
        ("+37251234567", ("Europe/Tallinn",)),
        ("+919812345678", ("Asia/Kolkata",)),
        ("+213551234567", ("Africa/Algiers",)),
        ("+34612345678", ("Atlantic/Canary", "Europe/Madrid")),
        ("+64211234567", ("Pacific/Auckland", "Pacific/Chatham")),
        ("+12423591234", ("America/Nassau",)),
        ("+870773111632", ()),
        ("+18005550123", ()),
        ("+18505550123", ("America/New_York", "America/Chicago")),
        ("+12195550123", ("America/Indiana/Indianapolis", "America/Chicago")),
        ("+12085550123", ("America/Boise", "America/Los_Angeles")),
        ("+19285550123", ("America/Phoenix", "America/Denver")),
        ("+12125550123", ("America/New_York",)),
        ("not a number", ()),
    ],
)
def test_zones(e164: str, zones: tuple[str, ...]) -> None:
    """[R-3.7] [R-3.8] [R-3.10]: the corrections of compliance §3.2."""
    assert phone_zones(e164) == zones


def test_zones_of_wide_countries() -> None:
    """[R-3.10]: AU and RU mobiles carry no area; +1 867 is three territories."""
    australia = phone_zones("+61412345678")
    assert {"Australia/Perth", "Australia/Sydney", "Australia/Darwin"} <= set(australia)
    russia = phone_zones("+79161234567")
    assert {"Europe/Kaliningrad", "Asia/Kamchatka"} <= set(russia)
    assert not any("Almaty" in zone for zone in russia)
    assert {"America/Whitehorse", "America/Iqaluit"} <= set(phone_zones("+18672341234"))


def test_every_split_area_code_of_the_rule_has_both_zones() -> None:
    """[R-3.10]."""
    split = (
        "850 270 364 219 574 812 930 423 931 208 986 701 605 308 402 620 785 906 541 458 915 432"
        " 928 907 250 778 807 867 709"
    )
    for area in split.split():
        assert len(zones_module.AREA_CODES[area].zones) >= 2


def test_every_zone_exists() -> None:
    known = available_timezones()
    for zones in zones_module.COUNTRY_ZONES.values():
        assert zones
        assert set(zones) <= known
    for area in zones_module.AREA_CODES.values():
        assert set(area.zones) <= known
    assert set(zones_module._RENAMED.values()) <= known


def test_subdivision() -> None:
    """[R-3.9]."""
    assert phone_subdivision("+18505550123") == "FL"
    assert phone_subdivision("+14165550123") == "ON"
    assert phone_subdivision("+18005550123") == ""
    assert phone_subdivision("+447400123456") == ""


def test_mask() -> None:
    """[R-4.12]."""
    assert phone_mask("+447700900156") == "+44•••••••56"
    assert phone_mask("+12125550123") == "+1•••••••23"
    assert phone_mask("+35312345678") == "+353•••••••78"
    assert phone_mask("") == "•••••••"
    assert phone_mask("+4412") == "+44•••••••"


def test_hash() -> None:
    """[R-4.9]: keyed, stable, 32 bytes; a short key is refused."""
    key = b"0123456789abcdef"
    assert phone_hash("+447400123456", key) == phone_hash("+447400123456", key)
    assert phone_hash("+447400123456", key) != phone_hash("+447400123456", key[::-1])
    assert len(phone_hash("+447400123456", key)) == 32
    with pytest.raises(ValueError, match="16 bytes"):
        phone_hash("+447400123456", b"short")


def library_answer(e164: str) -> tuple[str, str] | None:
    number = phonenumbers.parse(e164)
    country = phonenumbers.region_code_for_number(number)
    if not phonenumbers.is_valid_number(number) or country is None:
        return None
    if phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) != e164:
        return None
    return country, LINE_TYPES[phonenumbers.number_type(number)]


def candidate_numbers(seed: int) -> list[str]:
    """Examples of every region and type, their mutations, and random ones of every country code."""
    random.seed(seed)
    numbers = []
    for code, regions in COUNTRY_CODE_TO_REGION_CODE.items():
        examples = []
        for region in regions:
            if PhoneMetadata.metadata_for_region(region, None) is None:
                continue
            for line_type in LINE_TYPES:
                example = phonenumbers.example_number_for_type(region, line_type)
                if example is not None:
                    examples.append(phonenumbers.national_significant_number(example))
        for national in examples:
            numbers.append(f"+{code}{national}")
            for _ in range(3):
                place = random.randrange(len(national))
                digit = str(random.randrange(10))
                numbers.append(f"+{code}{national[:place]}{digit}{national[place + 1 :]}")
            numbers += [f"+{code}{national}7", f"+{code}{national[:-1]}"]
        for _ in range(20):
            length = random.randrange(6, 13 - len(str(code)) + 2)
            numbers.append(f"+{code}{random.randrange(10 ** (length - 1), 10**length)}")
    return numbers


def test_the_patterns_agree_with_the_library() -> None:
    """Differential test (perf.md §1c): a fast answer is always the library's answer."""
    fast = 0
    for e164 in candidate_numbers(seed=7):
        answer = number_match(e164)
        if answer is not None:
            fast += 1
            assert answer == library_answer(e164), phone_mask(e164)
    assert fast > 3_000


def test_the_fast_path_takes_ordinary_mobiles() -> None:
    for region in ("US", "GB", "DE", "FR", "LT", "IN", "AU", "BR", "HK", "TW", "PL", "ES"):
        example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
        e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        answer = number_match(e164)
        assert answer is not None
        assert phone_parse(e164) == Phone(e164, *answer, phone_zones(e164))
