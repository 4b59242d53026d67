"""The cells that PostgreSQL writes are those of the Python rules, for nasty values too."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsmarketing.contacts.rules.csv_cells import BOM, STARTS, cell_safe, csv_line
from smsmarketing.contacts.rules.phone import phone_mask
from smsmarketing.contacts.rules.phone_patterns import COUNTRY_CODES
from smsmarketing.contacts.rules.proof_words import time_text, word_of
from smsmarketing.contacts.services.exports import cells
from smsmarketing.contacts.services.exports.working import Count

NASTY = (
    *("", " ", "'", '"', '""', "\\", "\\.", "\\N", "NULL", "a,b", 'say "x"', "a\r\nb", "\n", "a\n"),
    *(f"{start}1+1" for start in STARTS if start != "\x00"),
    *(f"x{start}" for start in STARTS if start != "\x00"),
    *(
        "%s",
        "%(x)s",
        "{}",
        "Ōna",
        "名前",
        "🎉=1",
        "\u202e=1",
        "\ufeff=1",
        "\xa0=1",
        " =1",
        "\x0b",
        "\x7f",
    ),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)


def answers(sql: str, kind: str, values: list[Any]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {sql} FROM unnest(%s::{kind}[]) WITH ORDINALITY AS g(v, n) ORDER BY n",
            [values],
        )
        return [row[0] for row in cursor.fetchall()]


def lines(values: list[str | None]) -> tuple[str, int]:
    """A file of these texts, and how many rows were counted."""
    count = Count()
    rows = "FROM unnest(%s::text[]) WITH ORDINALITY AS g(v, n) ORDER BY n"
    made = cells.csv_blocks({"n": "g.n", "text": cells.safe_sql("g.v")}, rows, [values], count)
    return b"".join(made).decode(), count.rows


@pytest.mark.django_db
def test_a_file_is_byte_for_byte_that_of_the_rule() -> None:
    values: list[str | None] = [*NASTY, None, *[f"={n}" for n in range(1200)]]
    expected = BOM + csv_line(["n", "text"])
    expected += "".join(csv_line([n, value]) for n, value in enumerate(values, start=1))
    content, counted = lines(values)
    assert content == expected
    assert counted == len(values)
    read = list(csv.reader(io.StringIO(content.removeprefix(BOM), newline="")))
    assert [row[1] for row in read[1:]] == [cell_safe(value) for value in values]


@pytest.mark.django_db
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(TEXT, min_size=1, max_size=30))
def test_any_text_is_as_safe_as_the_rule_makes_it(values: list[str]) -> None:
    assert answers(cells.safe_sql("v"), "text", values) == [cell_safe(value) for value in values]


@pytest.mark.django_db
def test_numbers_are_masked_as_the_rule_masks_them() -> None:
    """[R-4.12], for every country code there is, for codes that nobody has, and for no numbers."""
    phones = [
        f"+{code}{rest}" for code in sorted(COUNTRY_CODES) for rest in ("5550123456", "12", "")
    ]
    phones += [f"+{n}123456" for n in range(1000)]
    phones += ["", "+", "447400123456", "0", "+4", "+44740", "+447401", "+000", "=1", "+٤٤٧٤٠٠"]
    assert answers(cells.mask_sql("v"), "text", phones) == [
        cell_safe(phone_mask(phone)) for phone in phones
    ]


@pytest.mark.django_db
def test_times_lists_and_words_are_as_people_read_them() -> None:
    base = datetime(2026, 3, 31, 22, 59, 59, 999_999, tzinfo=UTC)
    times = [base, base + timedelta(microseconds=1), datetime(1999, 1, 1, tzinfo=UTC), None]
    assert answers(cells.time_sql("v"), "timestamptz", times) == [
        f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else "" for at in times
    ]
    for texts in ([], ["vip"], ["=a", "b; c"], ["", "x"], ['q"', "-1"]):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {cells.list_sql('v')} FROM (SELECT %s::text[] AS v) g", [texts])
            assert cursor.fetchone() == (cell_safe("; ".join(texts)),)
    words = ["no_consent", "opted_out", "consent_expired", "landline", "carrier_block", "trashed"]
    assert answers(cells.words_sql("v"), "text", words) == [
        word_of("state", each) for each in words
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-03-01T09:00:00+02:00", "2026-03-01 07:00:00 UTC"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59-14:00"),
        ("2026-02-30T09:00:00+02:00", "2026-02-30T09:00:00+02:00"),
    ],
)
def test_a_reason_that_looks_like_a_time_stops_no_proof(text: str, shown: str) -> None:
    """Reasons are written for good: one beyond the calendar must not take the proof with it [R-4.3]."""
    assert time_text(text) == shown
