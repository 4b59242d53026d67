"""Making the file of a list of contacts or of opt-outs: streamed from the database, memory flat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.criteria import (
    CompiledSQL,
    bounds_check,
    criteria_compile,
    criteria_parse,
    limit_of,
    rows_bounded,
)
from smsmarketing.contacts.models import ExportFile
from smsmarketing.contacts.rules.csv_cells import csv_blocks
from smsmarketing.contacts.rules.phone import phone_mask
from smsmarketing.contacts.rules.proof_words import word_of
from smsmarketing.contacts.services.exports.working import MAKERS, Count

CONTACT_COLUMNS = (
    *("contact_id", "phone", "first_name", "last_name", "country", "region", "language"),
    *("customer_key", "customer_group", "tags", "custom", "marketing", "consent_until"),
    *("last_sent_at", "created_at"),
)
OPT_OUT_COLUMNS = (
    *("suppression_id", "phone", "scope", "brand_id", "sender", "purposes", "reason", "source"),
    *("language", "since", "until", "ended"),
)
_BLOCK = 2000
_FROM = """
FROM {source}
WHERE s.brand_id = %s AND c.trashed_at IS NULL AND c.phone IS NOT NULL AND ({where})
"""
_CONTACTS = """
SELECT c.id, c.phone, c.first_name, c.last_name, c.country, c.region, c.language, c.customer_key,
    c.customer_group, c.tags, c.custom::text, s.marketing_reason, s.consent_expires_at, s.recent[1],
    c.created_at
"""
# Of a number only what its owner's brands or all brands hold against it; an erased one has none.
_OPT_OUTS = """
FROM contacts_suppression x
WHERE (x.brand_id = %s OR x.brand_id IS NULL) AND (%s OR (x.lifted_at IS NULL
    AND (x.expires_at IS NULL OR x.expires_at > %s)))
"""


@dataclass(frozen=True, kw_only=True)
class ListAsked:
    """Which contacts of a brand: all, one list, or one segment as it is now."""

    brand: Brand
    criteria: dict[str, Any]


def contacts_count(asked: ListAsked, *, now: datetime) -> int:
    """How many rows the file will have. Raises InvalidInput for criteria that cannot be counted
    within bounds.
    """
    compiled = _compiled(asked, now, check=True)
    rows_sql, params = _rows(compiled, asked.brand)
    rows = rows_bounded(f"SELECT count(*) {rows_sql}", params, seconds=limit_of("SEGMENT_SECONDS"))
    return int(rows[0][0])


def _rows(compiled: CompiledSQL, brand: Brand) -> tuple[str, tuple[Any, ...]]:
    """The tables and conditions of the contacts of a file, with their parameters."""
    sql = _FROM.format(source=compiled.source(contact=True), where=compiled.where)
    return sql, (*compiled.source_params, brand.pk, *compiled.params)


def opt_outs_count(brand: Brand, *, ended: bool, now: datetime) -> int:
    """How many rows the file of opt-outs will have."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {_OPT_OUTS}", (brand.pk, ended, now))
        return int(cursor.fetchone()[0])


def _compiled(asked: ListAsked, now: datetime, *, check: bool = False) -> CompiledSQL:
    criteria = criteria_parse(
        asked.criteria, brand_id=asked.brand.pk, team_ids=[asked.brand.team_id]
    )
    if check:
        bounds_check(criteria, now=now)
    return criteria_compile(criteria, now=now)


def contacts_blocks(row: ExportFile, count: Count) -> Iterator[bytes]:
    """The blocks of an export of contacts; `params`: brand_id and criteria."""
    asked = ListAsked(
        brand=Brand.objects.get(pk=row.params["brand_id"]), criteria=row.params["criteria"]
    )
    compiled = _compiled(asked, row.created_at)
    rows_sql, params = _rows(compiled, asked.brand)
    lines = _lines(f"{_CONTACTS} {rows_sql} ORDER BY c.id", params, count)
    return csv_blocks(CONTACT_COLUMNS, (_contact(line, row.full_numbers) for line in lines))


def opt_outs_blocks(row: ExportFile, count: Count) -> Iterator[bytes]:
    """The blocks of an export of opt-outs; `params`: brand_id and ended."""
    sql = (
        "SELECT x.id, x.phone, x.scope, x.brand_id, x.sender, x.purposes, x.reason, x.source,"
        f" x.language, x.created_at, x.expires_at, x.lifted_at {_OPT_OUTS} ORDER BY x.id"
    )
    params = (row.params["brand_id"], row.params["ended"], row.created_at)
    lines = _lines(sql, params, count)
    return csv_blocks(OPT_OUT_COLUMNS, (_opt_out(line, row.full_numbers) for line in lines))


def _lines(sql: str, params: Sequence[Any], count: Count) -> Iterator[tuple[Any, ...]]:
    """Rows of a cursor that lives in the database, some thousands at a time."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, params)
        while block := cursor.fetchmany(_BLOCK):
            count.rows += len(block)
            yield from block


def _contact(line: tuple[Any, ...], full: bool) -> list[Any]:
    reason = line[11]
    return [
        line[0],
        line[1] if full else phone_mask(line[1]),
        *line[2:9],
        "; ".join(line[9]),
        "" if line[10] == "{}" else line[10],
        "may be texted" if reason is None else word_of("state", reason),
        *(_time(value) for value in line[12:15]),
    ]


def _opt_out(line: tuple[Any, ...], full: bool) -> list[Any]:
    phone = "erased" if line[1] is None else line[1] if full else phone_mask(line[1])
    return [line[0], phone, *line[2:5], "; ".join(line[5]), *line[6:9], *map(_time, line[9:12])]


def _time(value: datetime | None) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if value else ""


MAKERS["contacts"] = contacts_blocks
MAKERS["opt_outs"] = opt_outs_blocks
