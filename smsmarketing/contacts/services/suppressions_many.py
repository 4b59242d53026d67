"""Many a "no" in one call: set-based, so that a thousand numbers take a moment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.phones import hash_key_id, phone_hash
from smsmarketing.contacts.rules.suppressions import purposes_default
from smsmarketing.contacts.services.consent_end import consents_end_of
from smsmarketing.contacts.services.locks import numbers_lock
from smsmarketing.contacts.services.outbound import suppressions_emit
from smsmarketing.contacts.services.states import send_state_refresh, send_states_settle

_ROWS = """
    SELECT s.*, COALESCE(c.phone_hash, decode(s.hash, 'hex')) AS hashed,
        COALESCE(c.hash_key, %(hash_key)s) AS key_id, c.id AS contact_id
    FROM (SELECT r.phone, r.hash, r.reason, r.language, r.evidence, r.expires_at,
            ARRAY(SELECT jsonb_array_elements_text(r.purposes))::varchar[] AS purposes
        FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(phone text, hash text, reason text,
            purposes jsonb, language text, evidence jsonb, expires_at timestamptz)) s
    LEFT JOIN contacts_contact c ON c.phone = s.phone
"""
_COVERS = """
    x.phone_hash = s.hashed AND x.lifted_at IS NULL AND x.scope = %(scope)s AND x.reason = s.reason
    AND x.brand_id IS NOT DISTINCT FROM %(brand)s AND x.sender = ''
    AND (x.expires_at IS NULL OR (x.expires_at > %(now)s AND s.expires_at <= x.expires_at))
    AND (x.purposes = '{}' OR (cardinality(s.purposes) > 0 AND x.purposes @> s.purposes))
"""
_LOCK = """
    SELECT id FROM contacts_contact WHERE phone = ANY(%(phones)s) ORDER BY id FOR NO KEY UPDATE
"""
_REPEAT = f"""
    UPDATE contacts_suppression SET version = version + 1,
        repeated_at = GREATEST(repeated_at, %(now)s)
    WHERE id IN (SELECT x.id FROM contacts_suppression x JOIN ({_ROWS}) s ON {_COVERS}
        ORDER BY x.id FOR UPDATE OF x) AND lifted_at IS NULL
    RETURNING id
"""  # noqa: S608 - fixed words only
_INSERT = f"""
    INSERT INTO contacts_suppression (phone_hash, hash_key, phone, contact_id, scope, brand_id, sender,
        purposes, reason, source, language, evidence, sync_state, created_at, expires_at)
    SELECT s.hashed, s.key_id, s.phone, s.contact_id, %(scope)s, %(brand)s, '', s.purposes, s.reason,
        %(source)s, s.language, s.evidence, 'local_only', %(now)s, s.expires_at
    FROM ({_ROWS}) s
    WHERE NOT EXISTS (SELECT 1 FROM contacts_suppression x WHERE {_COVERS})
    ORDER BY s.phone
    RETURNING id, phone, contact_id, phone_hash
"""  # noqa: S608 - fixed words only
_BUMP = """
    UPDATE contacts_contact SET version = version + 1, updated_at = %(now)s WHERE id = ANY(%(ids)s)
"""


@dataclass(frozen=True, kw_only=True)
class No:
    """One number (E.164) that must not be texted, and what shows it."""

    phone: str
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    language: str = ""
    expires_at: datetime | None = None
    purposes: tuple[str, ...] = ()


def suppressions_add_many(
    rows: Sequence[No], *, brand: Brand | None, source: str, now: datetime
) -> set[str]:
    """Record them all in the caller's transaction; returns the numbers that were not so yet.

    Each number once, all their locks first and then the contacts by id. Like `suppression_add`: a
    number that is covered already notes that it was said again, a lift that is being written at this
    moment does not swallow the "no", a consent that it ends is revoked in the ledger, send states
    follow, and the team's systems are told.
    """
    params: dict[str, Any] = {
        "rows": json.dumps([_plain(row) for row in rows]),
        "phones": [row.phone for row in rows],
        "scope": "brand" if brand else "global",
        "brand": brand.pk if brand else None,
        "hash_key": hash_key_id(),
        "source": source,
        "now": now,
    }
    numbers_lock(params["phones"])
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, params)
        cursor.execute(_REPEAT, params)
        again = [row[0] for row in cursor.fetchall()]
        cursor.execute(_INSERT, params)  # sees the lifts that _REPEAT waited for
        made = cursor.fetchall()
        ended = consents_end_of([*again, *(row[0] for row in made)], now=now)
        contacts = sorted({*ended, *(row[2] for row in made if row[2] is not None)})
        cursor.execute(_BUMP, {"ids": contacts, "now": now})
    send_state_refresh(contacts, now=now)
    unknown = [bytes(row[3]) for row in made if row[2] is None]
    if unknown:
        transaction.on_commit(lambda: _settle(unknown))
    if made:
        suppressions_emit([row[0] for row in made], kind="opt_out.created", at=now)
    return {str(row[1]) for row in made}


def _plain(row: No) -> dict[str, Any]:
    purposes = row.purposes or purposes_default(row.reason, plus_one=row.phone.startswith("+1"))
    return {
        "phone": row.phone,
        "hash": phone_hash(row.phone).hex(),
        "reason": row.reason,
        "purposes": list(purposes),
        "language": row.language,
        "evidence": dict(row.evidence),
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
    }


def _settle(hashes: list[bytes]) -> None:
    with transaction.atomic():
        send_states_settle(hashes)
