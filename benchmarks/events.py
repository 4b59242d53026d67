"""Events in bulk: a file of them, and calls of 100, against bare COPY and INSERT of the same rows.

    python -m benchmarks events                100,000 events of 25,000 contacts
    EVENTS_ROWS=500000 BENCH=events make bench

Measured: reading and cleaning the file, finding the contacts, recording, and the sums by contact and
kind; `events.record` goes through `execute()`, with audit and idempotency. The limits, in the same
run: COPY of the rows that came out (events and their sums) into empty tables with the same columns
and indexes; INSERT of 100 such rows a transaction. Targets: file >= 0.25, calls >= 0.25.
"""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import django

from benchmarks.import_csv import Clock, _columns, copy_time, newest, peak_mb

ROWS = int(os.environ.get("EVENTS_ROWS", "100000"))
PER_CONTACT = 4
CALLS, A_CALL = 100, 100
TARGET = 0.25
MEMORY_MB = 300
TABLES = ("contacts_contactevent", "contacts_eventsummary")
STATES = ("open", "paid", "sent", "refunded")
START = datetime(2026, 1, 1, tzinfo=UTC)

_CONTACTS = """
INSERT INTO contacts_contact (phone, phone_hash, hash_key, country, line_type, first_name, last_name,
    language, region, time_zone, time_zone_source, customer_key, crm_keys, tags, custom, source,
    version, created_at, updated_at)
SELECT '+4475' || lpad(n::text, 8, '0'), sha256(n::text::bytea), '', 'GB', 'mobile', 'N', 'L',
    'en', '', '', 'number', 'c' || n, '{}', '{}', '{}', 'bench', 1, now(), now()
FROM generate_series(1, %s) n
"""
_STATES = """
INSERT INTO contacts_sendstate (contact_id, brand_id, country, recent)
SELECT id, %s, 'GB', '{}' FROM contacts_contact
"""


def file_write(path: Path, rows: int, people: int, *, first: int) -> None:
    """Orders in no order, by number, as a shop exports them."""
    step = 7919  # coprime to the counts
    with path.open("w", encoding="utf-8") as target:
        target.write("phone,order,at,state,amount,currency\n")
        for index in range(rows):
            number = index * step % rows
            at = START + timedelta(seconds=number * 37 % 8_000_000)
            target.write(
                f"+4475{1 + number % people:08},o{first + number},{at:%Y-%m-%dT%H:%M:%SZ},"
                f"{STATES[number % 4]},{number % 997}.50,EUR\n"
            )


def import_time(path: Path, world: Any) -> tuple[Clock, dict[str, int]]:
    """From the stored upload to a finished import, and its counts."""
    from django.db import transaction

    from smsmarketing.contacts.services import imports

    with path.open("rb") as source:
        blocks = iter(lambda: source.read(2**20), b"")
        upload = imports.upload_store(blocks, file_name=path.name, user=world.user)
    with Clock() as clock:
        with transaction.atomic():
            job = imports.import_create(
                upload,
                kind="events",
                brand=world.brand,
                created_by=world.user,
                options=imports.ImportOptions(event_kind="order", event_source="shop"),
                mapping={
                    "phone": "phone",
                    "order": "external_id",
                    "at": "occurred_at",
                    "state": "property:state",
                    "amount": "property:amount",
                    "currency": "property:currency",
                },
            )
            imports.import_start(job)
        imports.import_work(job.pk)
    job.refresh_from_db()
    if job.state != "done":
        raise SystemExit(f"the import ended as {job.state}: {job.error_message}")
    return clock, job.counts


def calls_time(world: Any, people: int) -> float:
    """Seconds of CALLS calls of events.record."""
    from smsmarketing.accounts.rules.permissions import PERMISSIONS
    from smsmarketing.operations.dispatch import execute
    from smsmarketing.operations.types import Actor, Done, Surface

    actor = Actor(
        user=world.user,
        surface=Surface.ADMIN,
        permissions=frozenset(PERMISSIONS),
        team_ids=frozenset({world.brand.team_id}),
        is_session=True,
        request_id="bench",
    )
    start = perf_counter()
    for call in range(CALLS):
        events = [
            {
                "phone": f"+4475{1 + (call * A_CALL + place) * 7919 % people:08}",
                "kind": "order",
                "source": "calls",
                "external_id": f"o{call * A_CALL + place}",
                "occurred_at": (START + timedelta(seconds=place)).isoformat(),
                "properties": {"state": STATES[place % 4], "amount": "9.50", "currency": "EUR"},
            }
            for place in range(A_CALL)
        ]
        outcome = execute(
            "events.record", {"brand_id": world.brand.pk, "events": events}, actor=actor
        )
        assert isinstance(outcome, Done), outcome
        assert outcome.result.recorded == A_CALL, outcome  # type: ignore[attr-defined]
    return perf_counter() - start


def inserts_time(since: int) -> float:
    """Seconds of bare INSERTs of as many rows, 100 a transaction, into a table of the same shape."""
    from django.db import connection

    columns = _columns("contacts_contactevent")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM contacts_contactevent WHERE id > %s ORDER BY id", [since]
        )
        rows = [tuple(row) for row in cursor.fetchall()]
        cursor.execute("CREATE TABLE limit_calls (LIKE contacts_contactevent INCLUDING ALL)")
        line = f"({', '.join(['%s'] * len(rows[0]))})"
        start = perf_counter()
        for at in range(0, len(rows), A_CALL):
            part = rows[at : at + A_CALL]
            cursor.execute(
                f"INSERT INTO limit_calls ({columns}) VALUES {', '.join([line] * len(part))}",
                [value for row in part for value in row],
            )
        took = perf_counter() - start
        cursor.execute("DROP TABLE limit_calls")
    return took


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smsmarketing.settings")
    django.setup()
    from django.conf import settings
    from django.db import connection

    from benchmarks.import_csv import World

    people, missed = max(1, ROWS // PER_CONTACT), []
    world = World()
    with connection.cursor() as cursor:
        cursor.execute(_CONTACTS, [people])
        cursor.execute(_STATES, [world.brand.pk])
        cursor.execute("ANALYZE contacts_contact, contacts_sendstate")
    print(f"{ROWS:,} events of {people:,} contacts")
    print(f"{'road':<22}{'events/s':>9}{'limit':>9}{'ratio':>7}{'target':>8}")

    def line(name: str, rows: int, took: float, limit: float, target: float) -> None:
        ratio = limit / took
        missed.extend([name] if ratio < target else [])
        print(f"{name:<22}{rows / took:>9,.0f}{rows / limit:>9,.0f}{ratio:>7.2f}{target:>8.2f}")

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        settings.MEDIA_ROOT = folder / "media"
        path = folder / "orders.csv"
        file_write(path, ROWS, people, first=0)
        since = newest(TABLES)
        took, counts = import_time(path, world)
        assert counts["create"] == ROWS, counts
        limit = copy_time(TABLES, folder, since)
        line("file, new", ROWS, took.wall, limit.wall, TARGET)
        took, counts = import_time(path, world)
        assert counts["unchanged"] == ROWS, counts
        line("file, unchanged", ROWS, took.wall, limit.wall, TARGET)
        file_write(path, ROWS, people, first=ROWS)  # contacts with four orders each already
        since["contacts_contactevent"] = newest(TABLES)["contacts_contactevent"]
        took, _ = import_time(path, world)
        line("file, more orders", ROWS, took.wall, copy_time(TABLES, folder, since).wall, TARGET)
    before = newest(TABLES)["contacts_contactevent"]
    seconds = calls_time(world, people)
    line("calls of 100", CALLS * A_CALL, seconds, inserts_time(before), TARGET)
    memory = peak_mb()
    print(f"peak memory {memory:,.0f} MB (target < {MEMORY_MB} MB)")
    missed += ["memory"] if memory >= MEMORY_MB else []
    print("targets met" if not missed else f"targets missed: {'; '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
