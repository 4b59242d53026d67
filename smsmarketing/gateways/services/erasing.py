"""What this app does when a person is erased: messages, replies, receipts and decided requests forget
the number and the texts; what was billed stays [R-4.9].
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db import connection

from smsmarketing.contacts.services.erasing import Cleared, Traces, eraser_add
from smsmarketing.gateways.models import InboundMessage

UNDER_WAY: Final = ("planned", "queued", "held", "handing_over", "quarantined")
"""Messages that still need their number. The send state keeps them from being sent."""
_OURS = "(contact_id = ANY(%(ids)s) OR (contact_id IS NULL AND phone = %(phone)s))"
_MESSAGES = f"""
UPDATE gateways_message SET body = '', phone = '', phone_hash = %(hash)s
WHERE {_OURS} AND state <> ALL(%(under_way)s) AND (phone <> '' OR body <> '')
"""  # noqa: S608 - fixed words only
_LEFT = f"SELECT count(*) FROM gateways_message WHERE {_OURS} AND state = ANY(%(under_way)s)"  # noqa: S608
_REQUESTS = """
UPDATE approvals_actionrequest SET payload = '{}',
    content = jsonb_build_object('operation', content -> 'operation', 'object', content -> 'object',
        'input', '{}'::jsonb, 'facts', content -> 'facts',
        'object_version', content -> 'object_version', 'erased', true)
WHERE NOT content ? 'erased' AND state NOT IN ('pending', 'approved', 'executing') AND ({of_person})
"""
_OF_PERSON = """
    payload::text LIKE %(like)s OR (operation LIKE 'contacts.%%' AND (
        (object_type = 'contacts.contact' AND object_id = ANY(%(words)s))
        OR EXISTS (SELECT 1 FROM jsonb_path_query(payload, '$.**.contact_id') q(v)
            WHERE q.v #>> '{}' = ANY(%(words)s))))
"""


def messages_erase(traces: Traces, now: datetime) -> Cleared:
    """Texts and numbers of messages that are through; the others when they are."""
    params = {
        "ids": list(traces.contact_ids),
        "phone": traces.phone,
        "hash": traces.phone_hash,
        "under_way": list(UNDER_WAY),
    }
    return Cleared(rows=_run(_MESSAGES, params), left=_count(_LEFT, params))


def replies_erase(traces: Traces, now: datetime) -> Cleared:
    """What the person wrote; when and how it was understood stays, as proof of a "no" [R-4.11]."""
    rows = InboundMessage.objects.filter(phone_hash__in=traces.hashes) | (
        InboundMessage.objects.filter(contact_id__in=traces.contact_ids)
    )
    return Cleared(
        rows=rows.exclude(phone="", text="").update(phone="", text="", normalised="", raw=b"")
    )


def receipts_erase(traces: Traces, now: datetime) -> Cleared:
    """Raw bodies that name the number; what they said is in the messages already."""
    sql = """
        UPDATE gateways_receipt SET raw = '' WHERE position(%(digits)s::bytea IN raw) > 0
            AND state NOT IN ('new', 'parked')
    """
    digits = traces.phone.lstrip("+").encode()
    left = "SELECT count(*) FROM gateways_receipt WHERE position(%(digits)s::bytea IN raw) > 0"
    params = {"digits": digits}
    return Cleared(rows=_run(sql, params), left=_count(left, params))


def requests_erase(traces: Traces, now: datetime) -> Cleared:
    """Decided requests that were about the person; open ones when they are decided."""
    params = {
        "like": f"%{traces.phone.lstrip('+')}%",
        "words": [str(pk) for pk in traces.contact_ids],
    }
    rows = _run(_REQUESTS.replace("{of_person}", _OF_PERSON), params)
    waiting = (
        "SELECT count(*) FROM approvals_actionrequest"  # noqa: S608 - fixed words only
        f" WHERE NOT content ? 'erased' AND ({_OF_PERSON})"
    )
    return Cleared(rows=rows, left=_count(waiting, params))


def erasers_register() -> None:
    """Called at ready()."""
    eraser_add("approvals.requests", requests_erase)
    eraser_add("gateways.messages", messages_erase)
    eraser_add("gateways.receipts", receipts_erase)
    eraser_add("gateways.replies", replies_erase)


def _run(sql: str, params: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def _count(sql: str, params: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row = cursor.fetchone()
    return int(row[0])
