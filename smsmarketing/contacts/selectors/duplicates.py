"""Contacts that may be one person: the same customer id in another spelling, the same id in another
system, the same name with the same value of a custom field.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.db import OperationalError, connection, transaction

from smsmarketing.operations.errors import DuplicatesSlow

By = Literal["customer_key", "crm_key", "name_and_field"]
GROUP_SHOWN: Final = 10
SECONDS: Final = 8.0
_QUERY_CANCELED = "57014"
_FULL_NAME = "lower(btrim(c.first_name) || ' ' || btrim(c.last_name))"
_KEYS: Final[dict[str, tuple[str, str, str]]] = {
    # by → (what is alike, further tables, which contacts have it)
    "customer_key": ("lower(btrim(c.customer_key))", "", "c.customer_key <> ''"),
    "crm_key": (
        "e.key || ' ' || lower(btrim(e.value))",
        "CROSS JOIN LATERAL jsonb_each_text(c.crm_keys) e",
        "c.crm_keys <> '{}' AND btrim(COALESCE(e.value, '')) <> ''",
    ),
    "name_and_field": (
        f"{_FULL_NAME} || ' ' || lower(btrim(c.custom ->> %(field)s))",
        "",
        "c.first_name <> '' AND c.last_name <> ''"
        " AND btrim(COALESCE(c.custom ->> %(field)s, '')) <> ''",
    ),
}
_GROUPS = """
WITH alike AS (
    SELECT c.id, {key} AS k FROM contacts_contact c {tables}
    WHERE c.trashed_at IS NULL AND c.phone IS NOT NULL AND {having}
        AND EXISTS (SELECT 1 FROM contacts_sendstate s
            WHERE s.contact_id = c.id AND s.brand_id = ANY(%(brands)s))
        AND (%(audience)s::bigint IS NULL OR EXISTS (SELECT 1 FROM contacts_audiencemember m
            WHERE m.contact_id = c.id AND m.audience_id = %(audience)s))
)
SELECT min(a.id), count(*), (array_agg(a.id ORDER BY a.id))[1:{shown}]
FROM alike a {only}
GROUP BY a.k HAVING count(*) > 1 AND min(a.id) > %(after)s
ORDER BY min(a.id), a.k LIMIT %(limit)s
"""
_ONLY = "WHERE a.k IN (SELECT x.k FROM alike x WHERE x.id = %(contact)s)"


@dataclass(frozen=True, kw_only=True)
class Group:
    """Contacts that are alike: the lowest id, how many there are, and the first of them."""

    first_id: int
    size: int
    contact_ids: list[int]


def duplicate_groups(
    by: By,
    *,
    brand_ids: Collection[int],
    field: str = "",
    audience_id: int | None = None,
    contact_id: int | None = None,
    after: int = 0,
    limit: int,
) -> list[Group]:
    """Groups of contacts in use that are alike, by their lowest id, behind `after`.

    With `contact_id` only groups that hold this contact. Raises DuplicatesSlow when the
    database needs longer than eight seconds.
    """
    key, tables, having = _KEYS[by]
    sql = (
        _GROUPS.replace("{key}", key)
        .replace("{tables}", tables)
        .replace("{having}", having)
        .replace("{shown}", str(GROUP_SHOWN))
        .replace("{only}", _ONLY if contact_id is not None else "")
    )
    params: dict[str, Any] = {
        "brands": sorted(brand_ids),
        "field": field,
        "audience": audience_id,
        "contact": contact_id,
        "after": after,
        "limit": limit,
    }
    return [Group(first_id=row[0], size=row[1], contact_ids=row[2]) for row in _rows(sql, params)]


def _rows(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, true)", [str(round(SECONDS * 1000))]
            )
            cursor.execute(sql, params)
            found = list(cursor.fetchall())
            cursor.execute("SELECT set_config('statement_timeout', '0', true)")
            return found
    except OperationalError as exc:
        if getattr(exc.__cause__, "sqlstate", "") != _QUERY_CANCELED:
            raise
        raise DuplicatesSlow(
            f"Comparing all contacts took longer than {SECONDS:.0f} seconds and was stopped. Name a"
            " list with audience_id, or one contact with contact_id.",
            field_errors={"audience_id": "Name a list to look at fewer contacts."},
        ) from None
