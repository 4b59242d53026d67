"""Counts of audiences, a few queries for a whole page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from smsmarketing.contacts.models import Audience

_STATES = """
SELECT m.audience_id, coalesce(s.marketing_reason, CASE WHEN s.contact_id IS NULL THEN 'no_consent'
    WHEN s.consent_expires_at <= %s THEN 'consent_expired' ELSE 'consented' END) AS state, count(*)
FROM contacts_audiencemember m
JOIN contacts_audience a ON a.id = m.audience_id
LEFT JOIN contacts_sendstate s ON s.brand_id = a.brand_id AND s.contact_id = m.contact_id
WHERE m.audience_id = ANY(%s) AND s.marketing_reason IS DISTINCT FROM 'trashed' GROUP BY 1, 2
"""
_COUNTRIES = """
SELECT m.audience_id, s.country, count(*) FROM contacts_audiencemember m
JOIN contacts_audience a ON a.id = m.audience_id
JOIN contacts_sendstate s ON s.brand_id = a.brand_id AND s.contact_id = m.contact_id
WHERE m.audience_id = ANY(%s) AND s.marketing_reason IS DISTINCT FROM 'trashed'
GROUP BY 1, 2 ORDER BY 3 DESC, 2
"""
_ORDERS = """
SELECT m.audience_id, count(*) FILTER (WHERE o.last_at > %s),
    count(*) FILTER (WHERE o.last_at > %s), count(*)
FROM contacts_audiencemember m
JOIN contacts_audience a ON a.id = m.audience_id
JOIN contacts_eventsummary o
    ON o.team_id = a.team_id AND o.contact_id = m.contact_id AND o.kind = 'order'
JOIN contacts_contact c ON c.id = m.contact_id AND c.trashed_at IS NULL
WHERE m.audience_id = ANY(%s) GROUP BY 1
"""
_MOST_COUNTRIES = 20


@dataclass(kw_only=True)
class AudienceCounts:
    """What a list of audiences shows. The consent states add up to `members`."""

    consent_states: dict[str, int] = field(default_factory=dict)
    countries: dict[str, int] = field(default_factory=dict)
    orders: dict[str, int] = field(
        default_factory=lambda: {"last_30_days": 0, "last_365_days": 0, "ever": 0}
    )

    @property
    def members(self) -> int:
        return sum(self.consent_states.values())

    @property
    def sendable(self) -> int:
        return self.consent_states.get("consented", 0)


def audience_counts(audiences: Sequence[Audience], *, now: datetime) -> dict[int, AudienceCounts]:
    """Members by consent state, by country and by orders, of each audience."""
    ids = [audience.pk for audience in audiences]
    found = {audience_id: AudienceCounts() for audience_id in ids}
    for audience_id, state, count in _rows(_STATES, [now, ids]):
        found[audience_id].consent_states[state] = count
    for audience_id, country, count in _rows(_COUNTRIES, [ids]):
        if len(found[audience_id].countries) < _MOST_COUNTRIES:
            found[audience_id].countries[country] = count
    spans = [now - timedelta(days=30), now - timedelta(days=365)]
    for audience_id, month, year, ever in _rows(_ORDERS, [*spans, ids]):
        found[audience_id].orders = {"last_30_days": month, "last_365_days": year, "ever": ever}
    return found


def _rows(statement: str, params: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())
