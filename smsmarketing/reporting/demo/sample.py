"""2,000 made-up contacts as a CSV file, spread so that at any hour at least half may be texted.

Malaysia (08:00 to 23:00) and the Central time of the United States (08:00 to 21:00) never sleep at the same time.
US numbers are from the 555-01xx range, which is reserved for fiction.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

CENTRAL_AREAS = ("414", "608", "262", "715", "920", "515", "319", "563", "712", "641")
"""Area codes of Wisconsin (first five) and Iowa: one time zone each, federal quiet hours."""
PER_COUNTRY = 940
OPTED_OUT = 60
NO_CONSENT = 60
HEADERS = (
    "phone",
    "first_name",
    "last_name",
    "language",
    "state",
    "tags",
    "customer_id",
    "favourite",
)
_FIRST = (
    "Ana",
    "Ben",
    "Chloé",
    "Dev",
    "Elif",
    "Finn",
    "Grace",
    "Hana",
    "Ivan",
    "Jing",
    "Kofi",
    "Lena",
    "Žofia",
)
_LAST = (
    "Adams",
    "Baker",
    "Chan",
    "Diaz",
    "Evans",
    "Fischer",
    "Gupta",
    "Hansen",
    "Ito",
    "Jones",
    "Kumar",
)
_COFFEES = ("espresso", "filter", "decaf", "cold brew")
DISCLOSURE = (
    "Yes, Nordwind Coffee may text me offers about 4 times a month. Message and data rates may apply. "
    "Reply STOP to opt out, HELP for help."
)


def sample_rows() -> Iterator[tuple[str, ...]]:
    """Rows with consent: half in Malaysia, half in the US Central time zone."""
    for number in range(PER_COUNTRY):
        state = "WI" if number % len(CENTRAL_AREAS) < 5 else "IA"
        yield _row(_us_phone(number), number, state)
        yield _row(_my_phone(number), number, "")


def sample_without_consent() -> Iterator[tuple[str, ...]]:
    """People in New Hampshire whose consent nobody recorded."""
    for number in range(NO_CONSENT):
        yield _row(f"+160355501{number:02d}", number, "NH")


def sample_opted_out() -> Iterator[tuple[str, str]]:
    """An old opt-out list: people who signed up later in both countries alike, and strangers."""
    for number in range(OPTED_OUT // 3):
        yield _us_phone(number * 10 + 5), "opt_out"
        yield _my_phone(number * 10 + 5), "opt_out"
        yield f"+120755501{number:02d}", "opt_out"


def _us_phone(number: int) -> str:
    area = CENTRAL_AREAS[number % len(CENTRAL_AREAS)]
    return f"+1{area}55501{number // len(CENTRAL_AREAS):02d}"


def _my_phone(number: int) -> str:
    return f"+60123{400_000 + number:06d}"


def _row(phone: str, number: int, state: str) -> tuple[str, ...]:
    tags = ";".join(
        tag for tag, every in (("newsletter", 1), ("vip", 9), ("lapsed", 7)) if number % every == 0
    )
    return (
        phone,
        _FIRST[number % len(_FIRST)],
        _LAST[number % len(_LAST)],
        "en",
        state,
        tags,
        f"N{10_000 + number}-{phone[-4:]}",
        _COFFEES[number % len(_COFFEES)],
    )


def csv_text(headers: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """A UTF-8 CSV file's text."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(headers)
    writer.writerows(rows)
    return buffer.getvalue()
