"""Telling a team's own systems of a "no", a consent and an erasure; and whether they were told.

Events carry ids, the number masked, and the customer's key in the team's own system [R-10.7]. Who
needs the number asks for it by id, with the right to see it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from django.db import connection

from smsmarketing.contacts.models import ConsentEvent, Contact, Suppression, SuppressionLift
from smsmarketing.webhooks.services import webhook_emit, webhook_emit_sql

SUBJECT = "suppression"
changed_listeners: list[Callable[[Collection[int]], None]] = []
"""Told of suppressions (ids) that began or ended, in their transaction: apps above add theirs at
ready(). They must not wait for anything.
"""
_MASKED = "CASE WHEN x.phone IS NULL THEN 'erased' ELSE '•••••••' || right(x.phone, 2) END"
_ITEM = f"""jsonb_build_object('suppression_id', x.id, 'contact_id', x.contact_id, 'phone', {_MASKED},
    'customer_key', CASE WHEN x.brand_id IS NULL THEN '' ELSE COALESCE(c.customer_key, '') END,
    'scope', x.scope, 'brand_id', x.brand_id, 'reason', x.reason, 'source', x.source,
    'purposes', to_jsonb(x.purposes), 'created_at', x.created_at, 'expires_at', x.expires_at,
    'lifted_at', x.lifted_at)"""

_CONSENT = """jsonb_build_object('consent_event_id', e.id, 'contact_id', e.contact_id, 'phone',
    CASE WHEN c.phone IS NULL THEN 'erased' ELSE '•••••••' || right(c.phone, 2) END,
    'customer_key', c.customer_key, 'brand_id', e.brand_id, 'direction', e.direction,
    'purpose', e.purpose, 'method', e.method, 'captured_at', e.captured_at)"""
_DIRECTIONS = {
    "consent.granted": "e.direction = 'granted'",
    "consent.revoked": "e.direction <> 'granted'",
}
_BEGUN = """
    UPDATE contacts_suppression s SET sync_state = h.word
    FROM (SELECT x.id, CASE WHEN EXISTS (
                SELECT 1 FROM webhooks_webhookendpoint p
                LEFT JOIN accounts_brand b ON b.id = x.brand_id
                WHERE p.active AND %(kind)s = ANY(p.kinds)
                    AND (x.brand_id IS NULL OR p.team_id = b.team_id))
            THEN 'pending' ELSE 'local_only' END AS word
        FROM contacts_suppression x WHERE x.id = ANY(%(ids)s) ORDER BY x.id FOR UPDATE OF x) h
    WHERE s.id = h.id AND s.sync_state <> h.word
"""
"""Being told now; where nobody listens any more, what was told before is no longer how it is."""


def suppression_emit(suppression: Suppression) -> None:
    """Tell of a new "no", in its own transaction."""
    suppressions_emit([suppression.pk], kind="opt_out.created", at=suppression.created_at)


def lifts_emit(lifts: Sequence[SuppressionLift]) -> None:
    """Tell of suppressions that ended."""
    if lifts:
        ids = [lift.suppression_id for lift in lifts]
        suppressions_emit(ids, kind="opt_out.lifted", at=lifts[0].created_at)


def suppressions_emit(ids: Collection[int], *, kind: str, at: Any) -> int:
    """Tell of these rows, a hundred to an event, and note that the telling is under way."""
    written = webhook_emit_sql(
        f"SELECT b.team_id, x.id AS subject_id, {_ITEM} AS item FROM contacts_suppression x"  # noqa: S608
        " LEFT JOIN accounts_brand b ON b.id = x.brand_id"
        " LEFT JOIN contacts_contact c ON c.id = x.contact_id"
        " WHERE x.id = ANY(%(ids)s)",
        {"ids": list(ids)},
        kind=kind,
        subject=SUBJECT,
        at=at,
    )
    for listener in changed_listeners:
        listener(ids)
    if written or kind == "opt_out.lifted":
        with connection.cursor() as cursor:
            cursor.execute(_BEGUN, {"ids": list(ids), "kind": kind})
    return written


def consent_emit(event: ConsentEvent) -> None:
    """Tell of an entry in the consent ledger: granted, or taken back, ended, denied."""
    consents_emit([event.pk], at=event.captured_at)


def consents_emit(ids: Collection[int], *, at: Any) -> int:
    """Tell of these entries of the ledger, a hundred to an event; whoever writes one calls this."""
    return _consents_emit("e.id = ANY(%(ids)s)", {"ids": list(ids)}, at=at) if ids else 0


def consents_emit_of_import(job_id: int, bounds: tuple[int, int], *, at: Any) -> int:
    """Tell of what an import wrote into the ledger between these two ids."""
    where = "e.id BETWEEN %(first)s AND %(last)s AND e.import_job_id = %(job)s"
    params = {"first": bounds[0], "last": bounds[1], "job": job_id}
    return _consents_emit(where, params, at=at)


def _consents_emit(where: str, params: dict[str, Any], *, at: Any) -> int:
    written = 0
    for kind, test in _DIRECTIONS.items():
        written += webhook_emit_sql(
            f"SELECT b.team_id, e.id AS subject_id, {_CONSENT} AS item"  # noqa: S608
            " FROM contacts_consentevent e JOIN accounts_brand b ON b.id = e.brand_id"
            f" JOIN contacts_contact c ON c.id = e.contact_id WHERE {where} AND {test}",
            params,
            kind=kind,
            subject="consent",
            at=at,
        )
    return written


def erasure_emit(contact: Contact, *, team_ids: Collection[int], customer_key: str) -> None:
    """Tell these teams that a contact was erased; pass the customer's key as it was before."""
    webhook_emit(
        team_ids,
        "contact.erased",
        {"items": [{"contact_id": contact.pk, "customer_key": customer_key}]},
        subject="contact",
        subject_ids=[contact.pk],
    )


def suppressions_told(kind: str, ids: Sequence[int], states: Collection[str]) -> None:
    """Listener of the outbox: keep `sync_state` true, from the deliveries of the newest event.

    An event about a row's beginning says nothing of a row that has ended since. Synced: every
    endpoint took it. Failed: one did not, and none is still being tried.
    """
    word = "pending" if "pending" in states else "synced"
    if word == "synced" and set(states) != {"delivered"}:
        word = "failed"
    _sync_write(word, ids, lifted=kind == "opt_out.lifted")


def _sync_write(word: str, ids: Collection[int], *, lifted: bool | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE contacts_suppression SET sync_state = %(word)s WHERE id IN (
                SELECT id FROM contacts_suppression
                WHERE id = ANY(%(ids)s) AND sync_state <> %(word)s
                    AND (%(lifted)s::boolean IS NULL OR (lifted_at IS NOT NULL) = %(lifted)s)
                ORDER BY id FOR UPDATE)
            """,
            {"word": word, "ids": list(ids), "lifted": lifted},
        )
