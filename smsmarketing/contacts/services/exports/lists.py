"""Making the file of a list of contacts or of opt-outs: one COPY, memory flat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
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
from smsmarketing.contacts.services.exports.cells import (
    csv_blocks,
    list_sql,
    mask_sql,
    safe_sql,
    time_sql,
    words_sql,
)
from smsmarketing.contacts.services.exports.working import MAKERS, Count

_CONTACT_TEXTS = (
    *("first_name", "last_name", "country", "region", "language", "customer_key", "customer_group"),
)
_FROM = """
FROM {source}
WHERE s.brand_id = %s AND c.trashed_at IS NULL AND c.phone IS NOT NULL AND ({where})
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
    rows_sql, params = _rows(_compiled(asked, row.created_at), asked.brand)
    return csv_blocks(_contact_cells(row.full_numbers), f"{rows_sql} ORDER BY c.id", params, count)


def opt_outs_blocks(row: ExportFile, count: Count) -> Iterator[bytes]:
    """The blocks of an export of opt-outs; `params`: brand_id and ended."""
    params = (row.params["brand_id"], row.params["ended"], row.created_at)
    cells = _opt_out_cells(row.full_numbers)
    return csv_blocks(cells, f"{_OPT_OUTS} ORDER BY x.id", params, count)


def _contact_cells(full: bool) -> dict[str, str]:
    return {
        "contact_id": "c.id",
        "phone": safe_sql("c.phone") if full else mask_sql("c.phone"),
        **{name: safe_sql(f"c.{name}") for name in _CONTACT_TEXTS},
        "tags": list_sql("c.tags"),
        "custom": "CASE WHEN c.custom = '{}' THEN '' ELSE c.custom::text END",  # begins with {
        "marketing": f"COALESCE({words_sql('s.marketing_reason')}, 'may be texted')",
        "consent_until": time_sql("s.consent_expires_at"),
        "last_sent_at": time_sql("s.recent[1]"),
        "created_at": time_sql("c.created_at"),
    }


def _opt_out_cells(full: bool) -> dict[str, str]:
    phone = safe_sql("x.phone") if full else mask_sql("x.phone")
    return {
        "suppression_id": "x.id",
        "phone": f"CASE WHEN x.phone IS NULL THEN 'erased' ELSE {phone} END",
        "scope": safe_sql("x.scope"),
        "brand_id": "COALESCE(x.brand_id::text, '')",
        "sender": safe_sql("x.sender"),
        "purposes": list_sql("x.purposes"),
        **{name: safe_sql(f"x.{name}") for name in ("reason", "source", "language")},
        "since": time_sql("x.created_at"),
        "until": time_sql("x.expires_at"),
        "ended": time_sql("x.lifted_at"),
    }


MAKERS["contacts"] = contacts_blocks
MAKERS["opt_outs"] = opt_outs_blocks
