"""The fast lane of an import says what the careful way says, and a race sends it the careful way."""

from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from smsmarketing.contacts.phones import phone_hasher
from smsmarketing.contacts.rules.custom_values import Declared
from smsmarketing.contacts.rules.import_rows import Plan, Reject, RowReader
from smsmarketing.contacts.services.imports.plain_events import PlainEvents
from smsmarketing.contacts.services.imports.plain_rows import PlainRows
from smsmarketing.contacts.services.imports.staging import Stage, cell_writers, row_encoder

COLUMNS = (
    "phone",
    "first_name",
    "language",
    "tags",
    "country",
    "custom:size",
    "custom:city",
    "crm:shop",
)
PLAN = Plan(
    kind="contacts",
    columns=tuple((index, name, name) for index, name in enumerate(COLUMNS)),
    width=len(COLUMNS),
    default_region="GB",
    uploaded_at=datetime(2026, 4, 1, tzinfo=UTC),
    headers={name: name for name in COLUMNS},
)
STAGE = Stage(
    job_id=1,
    fields=("first_name", "language", "tags"),
    custom=True,
    crm=True,
    row_evidence=False,
    tags=("spring",),
)
PHONES = [
    "+447400123456",
    "+4915112345678",
    "+12025550123",
    "+442079460000",
    "+44 7400 123456",
    "07400123456",
    "+٤٤٧٤٠٠١٢٣٤٥٦",
    "4.4E+11",
    "+999123",
    "'+447400123456",
    "",
]
CELLS = [
    "",
    " ",
    "Ann",
    "O'Neil",
    "a\tb",
    "x\\N",
    "\\N",
    "=1+1",
    "-5",
    "@x",
    "en",
    "zh-TW",
    "q;r",
    "NULL",
    "日本",
    "a\x00b",
    "y" * 90,
    '"',
    "{}",
    "true",
]


EVENT_COLUMNS = (
    "phone",
    "customer_key",
    "external_id",
    "occurred_at",
    "updated_at",
    "property:items",
    "property:state",
    "property:amount",
    "property:currency",
    "property:size",
    "property:colour",
    "source",
)
EVENT_PLAN = replace(
    PLAN,
    kind="events",
    columns=tuple((index, name, name) for index, name in enumerate(EVENT_COLUMNS)),
    width=len(EVENT_COLUMNS),
    headers={name: name for name in EVENT_COLUMNS},
    declared_events={
        "order": {
            "size": Declared("size", "number"),
            "colour": Declared("colour", "choice", choices=("Red",)),
        }
    },
)
EVENT_FIELDS = (
    "customer_key",
    "external_id",
    "kind",
    "occurred_at",
    "properties",
    "source",
    "updated_at",
)
EVENT_STAGE = Stage(job_id=1, fields=EVENT_FIELDS, custom=False, crm=False, row_evidence=False)
TIMES = ["", " ", "2026-01-05T10:00:00Z", "2026-01-05", "2026-01-05 11:00:00+02:00", "31.12.2025"]
TIMES += ["2026-01-05T10:00:00.5", "2199-01-01", "1999-01-01", "01/02/2026", "46000", "=A1"]
NUMBERS = ["12.50", "007", "1,50", "-3", "1e9", "red", "RED", "blue", "Paid now", "eur", "EURO"]


def careful(
    block: list[tuple[int, list[str]]], plan: Plan = PLAN, stage: Stage = STAGE
) -> list[str | None]:
    reader, encode = RowReader(plan), row_encoder(stage)
    answers = [reader.read(cells, number) for number, cells in block]
    return [None if isinstance(each, Reject) else encode(each) for each in answers]


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(PHONES),
            st.lists(st.sampled_from(CELLS) | st.text(max_size=12), min_size=6, max_size=8),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_a_row_is_written_the_same_on_both_lanes(rows: list[tuple[str, list[str]]]) -> None:
    block = [(number, [phone, *cells]) for number, (phone, cells) in enumerate(rows, start=2)]
    plain = PlainRows(RowReader(PLAN), cell_writers(STAGE), custom=True, crm=True)
    for _ in range(2):  # the second time every cell is known
        for fast, slow in zip(plain.texts(block), careful(block), strict=True):
            assert fast is None or fast == slow


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(PHONES),
            st.sampled_from(["", " ", "c-1", "a\tb", "=x"]),
            st.sampled_from(["", "1001", "#10-2", "x\\N", " "]),
            st.sampled_from(TIMES),
            st.sampled_from(TIMES),
            *[st.sampled_from(CELLS + NUMBERS) | st.text(max_size=9)] * 6,
            st.sampled_from(["", "shop", "b\\c"]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_an_event_is_written_the_same_on_both_lanes(rows: list[tuple[str, ...]]) -> None:
    block = [(number, list(cells)) for number, cells in enumerate(rows, start=2)]
    plain = PlainEvents(RowReader(EVENT_PLAN))
    for _ in range(2):
        slow = careful(block, EVENT_PLAN, EVENT_STAGE)
        for fast, line in zip(plain.texts(block), slow, strict=True):
            assert fast is None or fast == line


def test_clean_events_take_the_fast_lane() -> None:
    block = [
        (
            row,
            [
                *((f"+44740012{row:04}", "") if row % 3 else ("", f"c-{row}")),
                f"o-{row}",
                f"2026-01-05T10:00:{row % 60:02}Z",
                "2026-02-05" if row % 2 else "",
                *(["", "Paid now", f"{row}.50", "eur", "42", "red"] if row % 5 else [""] * 6),
                "shop" if row % 7 else "",
            ],
        )
        for row in range(3000)
    ]
    texts = PlainEvents(RowReader(EVENT_PLAN)).texts(block)
    assert texts == careful(block, EVENT_PLAN, EVENT_STAGE)
    assert None not in texts


def test_clean_rows_take_the_fast_lane() -> None:
    block = [
        (row, [f"+44740012{row:04}", f"N{row}", "en", "vip", "", "M", "Ulm", f"k{row}"])
        for row in range(5000)
    ]
    plain = PlainRows(RowReader(PLAN), cell_writers(STAGE), custom=True, crm=True)
    assert plain.texts(block) == careful(block)
    assert None not in plain.texts(block)


@pytest.mark.parametrize("length", [16, 63, 64, 65, 200])
def test_the_quick_hash_is_hmac_sha256(settings, length: int) -> None:  # type: ignore[no-untyped-def]
    """[R-4.9]"""
    key = "k" * length
    settings.PHONE_HASH_KEYS = {"one": key}
    hashed = phone_hasher()
    for phone in PHONES[:3]:
        assert hashed(phone) == hmac.digest(key.encode(), phone.encode(), "sha256")
