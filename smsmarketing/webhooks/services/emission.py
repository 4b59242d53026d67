"""Writing events into the outbox, in the transaction of the change they tell of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from smsmarketing.operations.canonical import canonical_json
from smsmarketing.operations.jobs import enqueue
from smsmarketing.webhooks.models import WebhookEndpoint
from smsmarketing.webhooks.rules.kinds import KINDS, SUBJECTS_MOST

DELIVER_TASK = "webhooks.deliver"

Listener = Callable[[str, Sequence[int], Collection[str]], None]

_listeners: dict[str, Listener] = {}

_DELIVERIES = """
    INSERT INTO webhooks_webhookdelivery (event_id, endpoint_id, state, attempts, next_at, error,
        created_at)
    SELECT e.id, p.id, 'pending', 0, %(now)s, '', %(now)s
    FROM e JOIN webhooks_webhookendpoint p
        ON p.team_id = e.team_id AND p.active AND e.kind = ANY(p.kinds)
"""
_EVENTS_ONE = f"""
    WITH e AS (
        INSERT INTO webhooks_webhookevent (id, team_id, kind, payload, subject, subject_ids,
            occurred_at)
        SELECT gen_random_uuid(), t.id, %(kind)s, %(payload)s::jsonb, %(subject)s,
            %(subject_ids)s::bigint[], %(occurred_at)s
        FROM accounts_team t
        WHERE (%(teams)s::bigint[] IS NULL OR t.id = ANY(%(teams)s)) AND EXISTS (
            SELECT 1 FROM webhooks_webhookendpoint p
            WHERE p.team_id = t.id AND p.active AND %(kind)s = ANY(p.kinds))
        RETURNING id, team_id, kind
    )
    {_DELIVERIES}
"""  # noqa: S608 - fixed words only


def subject_listener_add(subject: str, listener: Listener) -> None:
    """Let an app above hear, in the same transaction, how telling of its rows went.

    `listener(kind, ids, states)`: the event's kind, the rows it names, and the states of its
    deliveries to all endpoints. Call it from `AppConfig.ready()`.
    """
    _listeners[subject] = listener


def subject_listener(subject: str) -> Listener | None:
    """Who wants to hear about rows of this kind."""
    return _listeners.get(subject)


def webhook_listened(kind: str, team_ids: Collection[int] | None) -> bool:
    """Whether any of the teams (None: any team at all) has an endpoint for the kind."""
    rows = WebhookEndpoint.objects.filter(active=True, kinds__contains=[kind])
    return (rows if team_ids is None else rows.filter(team_id__in=list(team_ids))).exists()


def webhook_emit(
    team_ids: Collection[int] | None,
    kind: str,
    payload: Mapping[str, Any],
    *,
    subject: str = "",
    subject_ids: Sequence[int] = (),
    at: datetime | None = None,
) -> int:
    """Tell the endpoints of these teams (None: of every team) in the caller's transaction.

    Writes rows only; they are sent after the commit, and never when it does not come. `payload`
    holds ids and masked numbers, no full number and no text [R-10.7]. Returns how many deliveries
    were written: 0 when nobody listens, which costs one statement.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown webhook kind {kind!r}")
    if len(subject_ids) > SUBJECTS_MOST:
        raise ValueError(f"an event names at most {SUBJECTS_MOST} rows")
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            _EVENTS_ONE,
            {
                "teams": None if team_ids is None else list(team_ids),
                "kind": kind,
                "payload": canonical_json(dict(payload)).decode(),
                "subject": subject,
                "subject_ids": list(subject_ids),
                "occurred_at": at or now,
                "now": now,
            },
        )
        written = int(cursor.rowcount)
    if written:
        enqueue(DELIVER_TASK)
    return written


def webhook_emit_sql(
    rows_sql: str, params: Mapping[str, Any], *, kind: str, subject: str, at: datetime
) -> int:
    """Set-based `webhook_emit` for many rows at once: at most 100 to an event.

    `rows_sql` selects team_id (NULL: every team), subject_id and item (jsonb). Returns how many
    deliveries were written.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown webhook kind {kind!r}")
    if not webhook_listened(kind, None):
        return 0  # one small look instead of composing what nobody hears
    statement = f"""
        WITH rows AS (
            SELECT t.id AS team_id, r.subject_id, r.item,
                (row_number() OVER (PARTITION BY t.id ORDER BY r.subject_id) - 1)
                    / {SUBJECTS_MOST} AS slice
            FROM ({rows_sql}) r
            JOIN accounts_team t ON (r.team_id IS NULL OR t.id = r.team_id) AND EXISTS (
                SELECT 1 FROM webhooks_webhookendpoint p
                WHERE p.team_id = t.id AND p.active AND %(emit_kind)s = ANY(p.kinds))
        ), e AS (
            INSERT INTO webhooks_webhookevent (id, team_id, kind, payload, subject, subject_ids,
                occurred_at)
            SELECT gen_random_uuid(), team_id, %(emit_kind)s,
                jsonb_build_object('items', jsonb_agg(item ORDER BY subject_id)),
                %(emit_subject)s, array_agg(subject_id ORDER BY subject_id), %(emit_at)s
            FROM rows GROUP BY team_id, slice
            RETURNING id, team_id, kind
        )
        {_DELIVERIES}
    """  # noqa: S608 - composed of fixed statements; every value is a parameter
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                **params,
                "emit_kind": kind,
                "emit_subject": subject,
                "emit_at": at,
                "now": timezone.now(),
            },
        )
        written = int(cursor.rowcount)
    if written:
        enqueue(DELIVER_TASK)
    return written
