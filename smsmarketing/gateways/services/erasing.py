"""What this app does when a person is erased: messages, replies, receipts and decided requests forget
the number and the texts; what was billed stays [R-4.9].
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Q

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.selectors import OPEN_STATES, requests_visible, undecidable_words
from smsmarketing.contacts.services.erasing import (
    Cleared,
    Traces,
    WaitingRequest,
    eraser_add,
    free_text_add,
    requests_finder_add,
)
from smsmarketing.gateways.models import InboundMessage, NumberLookup
from smsmarketing.gateways.rules.lookups import ERASED, forgotten
from smsmarketing.operations.types import Actor

UNDER_WAY: Final = ("handing_over",)
"""On the wire: within minutes it is answered, or `unknown`. All that only wait are ended here."""
PARKED_KEPT: Final = timedelta(days=1)
"""How long a receipt that overtook its message may still be needed."""
_OURS = "(contact_id = ANY(%(ids)s) OR (contact_id IS NULL AND phone = %(phone)s))"
_ENDED = f"""
UPDATE gateways_message SET reason = 'trashed', held_until = NULL, final_at = %(now)s,
    state = CASE WHEN state IN ('queued', 'held') THEN 'skipped' ELSE 'stopped' END
WHERE {_OURS} AND state IN ('planned', 'queued', 'held', 'quarantined')
"""  # noqa: S608 - fixed words only
_MESSAGES = f"""
UPDATE gateways_message SET body = '', phone = '', phone_hash = %(hash)s
WHERE {_OURS} AND state <> ALL(%(under_way)s) AND (phone <> '' OR body <> '')
"""  # noqa: S608 - fixed words only
_LEFT = f"SELECT count(*) FROM gateways_message WHERE {_OURS} AND state = ANY(%(under_way)s)"  # noqa: S608
_REQUESTS = """
UPDATE approvals_actionrequest SET payload = '{}',
    result = CASE WHEN result IS NOT NULL THEN (SELECT jsonb_object_agg(e.key, e.value)
        FROM jsonb_each(result || '{"erased": true}') e
        WHERE jsonb_typeof(e.value) IN ('number', 'boolean')) END,
    content = jsonb_build_object('operation', content -> 'operation', 'object', content -> 'object',
        'input', '{}'::jsonb, 'facts', content -> 'facts',
        'object_version', content -> 'object_version', 'erased', true)
WHERE NOT content ? 'erased' AND state NOT IN ('pending', 'approved', 'executing') AND ({of_person})
"""
_OF_PERSON = """
    payload::text LIKE %(like)s OR result::text LIKE %(like)s OR (operation LIKE 'contacts.%%' AND (
        (object_type = 'contacts.contact' AND object_id = ANY(%(words)s))
        OR EXISTS (SELECT 1 FROM jsonb_path_query(payload, '$.**.contact_id') q(v)
            WHERE q.v #>> '{}' = ANY(%(words)s))
        OR payload ->> 'other_contact_id' = ANY(%(words)s)))
"""


def messages_erase(traces: Traces, now: datetime) -> Cleared:
    """End what only waits, and forget texts and numbers of all that is not on the wire."""
    params = {
        "ids": list(traces.contact_ids),
        "phone": traces.phone,
        "hash": traces.phone_hash,
        "under_way": list(UNDER_WAY),
        "now": now,
    }
    _run(_ENDED, params)
    return Cleared(rows=_run(_MESSAGES, params), left=_count(_LEFT, params))


def replies_erase(traces: Traces, now: datetime) -> Cleared:
    """What the person wrote; when and how it was understood stays, as proof of a "no" [R-4.11]."""
    rows = InboundMessage.objects.filter(
        Q(phone_hash__in=traces.hashes)
        | Q(contact_id__in=traces.contact_ids)
        | Q(phone__endswith=traces.digits)
    )
    return Cleared(
        rows=rows.exclude(phone="", text="").update(phone="", text="", normalised="", raw=b"")
    )


def receipts_erase(traces: Traces, now: datetime) -> Cleared:
    """Raw bodies that name the number; what they said is in the messages already."""
    sql = """
        UPDATE gateways_receipt SET raw = '' WHERE position(%(digits)s::bytea IN raw) > 0
            AND (state NOT IN ('new', 'parked') OR (state = 'parked' AND received_at < %(old)s))
    """
    digits = traces.phone.lstrip("+").encode()
    left = "SELECT count(*) FROM gateways_receipt WHERE position(%(digits)s::bytea IN raw) > 0"
    params = {"digits": digits, "old": now - PARKED_KEPT}
    return Cleared(rows=_run(sql, params), left=_count(left, params))


def answers_erase(traces: Traces, now: datetime) -> Cleared:
    """What gateways said about the person's messages; numbers and texts were never kept of it."""
    sql = """
        DELETE FROM gateways_unclearanswer a USING gateways_message m WHERE m.id = a.message_id
            AND (m.contact_id = ANY(%(ids)s) OR m.phone = %(phone)s OR m.phone_hash = %(hash)s)
    """
    params = {
        "ids": list(traces.contact_ids),
        "phone": traces.phone,
        "hash": traces.phone_hash,
    }
    return Cleared(rows=_run(sql, params))


def requests_erase(traces: Traces, now: datetime) -> Cleared:
    """Decided requests that were about the person; open ones when they are decided."""
    params = _person(traces)
    rows = _run(_REQUESTS.replace("{of_person}", _OF_PERSON), params)
    waiting = (
        "SELECT count(*) FROM approvals_actionrequest"  # noqa: S608 - fixed words only
        f" WHERE NOT content ? 'erased' AND ({_OF_PERSON})"
    )
    return Cleared(rows=rows, left=_count(waiting, params))


def requests_waiting_for(traces: Traces, actor: Actor) -> list[WaitingRequest]:
    """The requests about the person that are not over: what a `requests_erase` has to come back for."""
    sql = (
        "SELECT id FROM approvals_actionrequest WHERE state = ANY(%(open)s)"  # noqa: S608 - fixed words only
        f" AND NOT content ? 'erased' AND ({_OF_PERSON})"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, _person(traces) | {"open": list(OPEN_STATES)})
        ids = [pk for (pk,) in cursor.fetchall()]
    found = ActionRequest.objects.filter(pk__in=ids).select_related("requester", "team")
    seen = set(requests_visible(actor).filter(pk__in=ids).values_list("pk", flat=True))
    return [
        WaitingRequest(
            action_request_id=request.pk,
            operation=request.operation,
            state=str(request.state),
            asked_at=request.created_at,
            ends_at=request.expires_at,
            visible=request.pk in seen,
            stuck=undecidable_words(request) if request.state == "pending" else "",
        )
        for request in found.order_by("created_at", "pk")
    ]


def _person(traces: Traces) -> dict[str, Any]:
    return {
        "like": f"%{traces.phone.lstrip('+')}%",
        "words": [str(pk) for pk in traces.contact_ids],
    }


def lookups_erase(traces: Traces, now: datetime) -> Cleared:
    """What networks said of the number goes; that it was asked for, and what it cost, stays. One that
    still waits to be asked for is not asked any more.
    """
    rows = NumberLookup.objects.filter(phone_hash__in=traces.hashes)
    return Cleared(rows=rows.update(**forgotten(ERASED)))


def erasers_register() -> None:
    """Called at ready()."""
    eraser_add("approvals.requests", requests_erase)
    requests_finder_add("approvals.requests", requests_waiting_for)
    eraser_add("gateways.answers", answers_erase)
    eraser_add("gateways.lookups", lookups_erase)
    eraser_add("gateways.messages", messages_erase)
    eraser_add("gateways.receipts", receipts_erase)
    eraser_add("gateways.replies", replies_erase)
    free_text_add("approvals_ownernotification", "text")
    free_text_add("gateways_batch", "label", "hold_reason")
    free_text_add("gateways_inboundmessage", "text", "normalised")


def _run(sql: str, params: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def _count(sql: str, params: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row = cursor.fetchone()
    return int(row[0])
