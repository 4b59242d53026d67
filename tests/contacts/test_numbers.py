"""numbers.correct: E.164, what was changed, and a reason with what to do for every other number."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsmarketing.accounts.models import Role, User
from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.operations.numbers import _number
from smsmarketing.contacts.rules.phone import PhoneError, phone_parse
from smsmarketing.contacts.rules.phone_corrections import phone_changes
from smsmarketing.operations import errors
from tests.campaigns.desk import Desk, desk_make

pytestmark = pytest.mark.django_db(transaction=True)

GB = "+447400123456"


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=1)


@pytest.fixture
def crm(desk: Desk) -> User:
    user = User.objects.create_user(f"cleo-{desk.world.team.pk}", password=None, is_staff=True)
    user.teams.add(desk.world.team)
    user.roles.set(Role.objects.filter(key="crm"))
    return user


@pytest.mark.parametrize(
    ("raw", "changed"),
    [
        (GB, []),
        ("+44 7400 123-456", ["took spaces and punctuation out"]),
        ("447400123456", ["put + before the country code"]),
        ("00447400123456", ["read 00 as the sign for dialling abroad, +"]),
        (
            "0044 (0)7400 123456",
            [
                "took spaces and punctuation out",
                "read 00 as the sign for dialling abroad, +",
                "took the national trunk 0 behind the country code out",
            ],
        ),
        (
            "+44 (0)7400 123456",
            [
                "took spaces and punctuation out",
                "took the national trunk 0 behind the country code out",
            ],
        ),
        ("07400123456", ["took the national prefix 0 off", "added the country code +44 of GB"]),
        ("7400123456", ["added the country code +44 of GB"]),
        ("’+447400123456", ["took the apostrophe off that a spreadsheet puts before text"]),
        (
            "447400123456.0",
            [
                "took the decimal zero of a spreadsheet off; every digit is still there",
                "put + before the country code",
            ],
        ),
        ("＋４４７４００１２３４５６", ["read the digits of another script or full-width digits"]),
        ("+٤٤٧٤٠٠١٢٣٤٥٦", ["read the digits of another script or full-width digits"]),
        ("\u200f+447400123456\u200e", ["took invisible marks out"]),
        ("tel:+447400123456", ["took tel: off"]),
    ],
)
def test_every_change_is_told(raw: str, changed: list[str]) -> None:
    phone = phone_parse(raw, "GB")
    assert phone.e164 == GB
    assert phone_changes(raw, phone) == changed


def test_a_list_is_answered_number_by_number(desk: Desk, crm: User) -> None:
    before = Contact.objects.count()
    out = desk.call(
        "numbers.correct",
        crm,
        numbers=[
            "07400 123456",
            GB,
            "4.4E+11",
            "020 7946 0018",
            "",
            "=447400123456",
            "+447400123456, +447400123457",
            "+1 212 555 0123",
            "0800FLOWERS",
        ],
        country="GB",
    )
    assert [(each.valid, each.textable, each.code) for each in out.numbers] == [
        (True, True, ""),
        (True, True, ""),
        (False, False, "SPREADSHEET_NUMBER"),
        (True, False, "NOT_TEXTABLE"),
        (False, False, "EMPTY"),
        (False, False, "SPREADSHEET_FORMULA"),
        (False, False, "MULTIPLE_NUMBERS"),
        (True, True, ""),
        (False, False, "LETTERS"),
    ]
    assert (out.valid, out.textable, out.refused, out.duplicates) == (4, 3, 5, 1)
    assert "lost digits" in out.numbers[2].message
    assert "phonenumbers" in out.source
    york = out.numbers[7]
    assert (york.country, york.subdivision, york.time_zones) == ("US", "NY", ["America/New_York"])
    assert york.time_zone_source
    assert out.numbers[0].time_zones == ["Europe/London"]
    assert Contact.objects.count() == before


def test_without_a_country_a_national_number_is_refused(desk: Desk, crm: User) -> None:
    out = desk.call("numbers.correct", crm, numbers=["07400 123456"])
    assert out.numbers[0].code == "NO_COUNTRY"
    with pytest.raises(errors.InvalidInput) as refusal:
        desk.call("numbers.correct", crm, numbers=["07400 123456"], country="QQ")
    assert list(refusal.value.field_errors) == ["country"]


@pytest.mark.parametrize(
    "payload",
    [
        {"numbers": []},
        {"numbers": ["1"] * 101},
        {"numbers": [447400123456]},
        {"numbers": [4.4e11]},
        {"numbers": ["1" * 81]},
        {"numbers": [GB], "country": "gb"},
    ],
)
def test_a_malformed_call_is_refused(desk: Desk, crm: User, payload: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidInput):
        desk.call("numbers.correct", crm, **payload)


@settings(max_examples=300, deadline=None)
@given(raw=st.text(max_size=40), country=st.sampled_from([None, "GB", "US", "DE", "IT"]))
def test_any_text_gets_an_answer(raw: str, country: str | None) -> None:
    """Valid: it reads the same again. Refused: the sentence says what to do and repeats no number."""
    out = _number(0, raw, country)
    if out.valid:
        assert phone_parse(out.e164).e164 == out.e164
        assert bool(out.changed) == (raw != out.e164)
    else:
        assert out.code
        assert out.message.endswith(".")
        with pytest.raises(PhoneError):
            phone_parse(raw, country)


@settings(max_examples=200, deadline=None)
@given(
    digits=st.from_regex(r"0?7[45789][0-9]{8}", fullmatch=True),
    marks=st.lists(st.sampled_from([" ", "-", "\u200f", "(", ")"]), max_size=4),
    data=st.data(),
)
def test_marks_within_a_number_never_change_it(digits: str, marks: list[str], data: Any) -> None:
    try:
        clean = phone_parse(digits, "GB")
    except PhoneError:
        return
    written = digits
    for mark in marks:
        place = data.draw(st.integers(1, len(written) - 1))
        written = written[:place] + mark + written[place:]
    assert phone_parse(written, "GB") == clean
