"""How consent ends: by a "no", by a new number, by the calendar. Each end is a row of the ledger."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from smsmarketing.contacts.selectors.consent import CONSENT_NEWEST
from smsmarketing.contacts.services.outbound import consents_emit
from smsmarketing.contacts.services.states import send_state_refresh

REVOKING_REASONS = ("opt_out", "complaint", "reassigned")
"""A "no" of the person, or the end of the number as theirs: the consent is over, not only held back.
A block, a dead line or a register leaves the consent as it is (docs/adr/0033).
"""
_METHODS = {
    "inbound": "keyword_reply",
    "web": "web_form",
    "form": "web_form",
    "import": "import",
}

# What ends consents: a row for each person and "no", with what the ledger says of it.
_SAID = """
    SELECT unnest(%(contacts)s::bigint[]) AS person, 0::bigint AS id, %(brand)s::bigint AS brand_id,
        %(purposes)s::text[] AS purposes, %(method)s::text AS method, %(language)s::text AS language,
        %(by)s::text AS by, %(evidence)s::text AS evidence
"""
# For many suppressions at once: each ends what it stands against, with itself as the proof.
_SAID_OF = """
    SELECT c.id AS person, x.id, x.brand_id, NULLIF(x.purposes::text[], '{}') AS purposes,
        COALESCE(%(methods)s::jsonb ->> x.source, 'api') AS method, x.language,
        left(COALESCE(x.evidence ->> 'recorded_by', x.source), 80) AS by,
        COALESCE(%(evidence)s, 'suppression:' || x.id) AS evidence
    FROM contacts_suppression x JOIN contacts_contact c ON c.phone_hash = x.phone_hash
    WHERE x.id = ANY(%(ids)s) AND x.reason = ANY(%(reasons)s) AND x.expires_at IS NULL
"""
# DISTINCT ON picks the event that counts for each (contact, brand, purpose); only a grant can end.
# A YES that committed while a STOP waited for the number's lock may bear the later time: the end is
# never before what it ends.
_END = f"""
WITH said AS ({{said}}), newest AS (
    SELECT DISTINCT ON (e.contact_id, e.brand_id, e.purpose) e.*
    FROM contacts_consentevent e JOIN contacts_contact c ON c.id = e.contact_id
        AND c.phone_hash = e.phone_hash
    WHERE e.contact_id IN (SELECT person FROM said)
    ORDER BY e.contact_id, e.brand_id, e.purpose, {CONSENT_NEWEST}
)
INSERT INTO contacts_consentevent (contact_id, phone_hash, brand_id, direction, purpose, basis,
    method, source_url, form_version, disclosure_text, disclosure_hash, language, checkbox_default,
    captured_at, captured_by, ip, user_agent, evidence_file, evidence_sha256, country,
    import_job_id, recorded_at)
SELECT DISTINCT ON (n.contact_id, n.brand_id, n.purpose) n.contact_id, n.phone_hash, n.brand_id,
    %(direction)s, n.purpose, n.basis, COALESCE(s.method, n.method), '', '', '', '', s.language,
    FALSE, greatest(%(at)s, n.captured_at), s.by, '', '', s.evidence, '', n.country, %(job)s,
    greatest(%(now)s, n.captured_at)
FROM said s JOIN newest n ON n.contact_id = s.person
    AND (s.brand_id IS NULL OR s.brand_id = n.brand_id)
    AND (s.purposes IS NULL OR n.purpose = ANY(s.purposes))
WHERE n.direction = 'granted'
ORDER BY n.contact_id, n.brand_id, n.purpose, s.id
RETURNING id, contact_id
"""  # noqa: S608 - fixed words only

# The end bears the time of the consent it ends (see CONSENT_NEWEST): a purchase that is recorded
# late and is newer than the one that lapsed still counts.
_EXPIRE = f"""
WITH due AS (
    SELECT e.* FROM contacts_consentevent e
    WHERE e.direction = 'granted' AND e.expires_at IS NOT NULL AND e.expires_at <= %(now)s
        AND e.expires_at > %(since)s AND e.id = (
            SELECT n.id FROM (
                SELECT e2.* FROM contacts_consentevent e2
                WHERE e2.contact_id = e.contact_id AND e2.brand_id = e.brand_id
                    AND e2.purpose = e.purpose AND e2.phone_hash = e.phone_hash
            ) n ORDER BY {CONSENT_NEWEST.replace("e.", "n.")} LIMIT 1)
    ORDER BY e.contact_id LIMIT %(limit)s
), locked AS MATERIALIZED (
    SELECT c.id FROM contacts_contact c WHERE c.id IN (SELECT contact_id FROM due)
    ORDER BY c.id FOR NO KEY UPDATE
)
INSERT INTO contacts_consentevent (contact_id, phone_hash, brand_id, direction, purpose, basis,
    method, source_url, form_version, disclosure_text, disclosure_hash, language, checkbox_default,
    captured_at, captured_by, ip, user_agent, evidence_file, evidence_sha256, country,
    expires_at, recorded_at)
SELECT d.contact_id, d.phone_hash, d.brand_id, 'expired', d.purpose, d.basis, d.method, '', '', '',
    '', '', FALSE, d.captured_at, 'calendar', '', '', %(evidence)s || d.id, '', d.country,
    d.expires_at, %(now)s
FROM due d JOIN locked l ON l.id = d.contact_id
RETURNING id, contact_id
"""  # noqa: S608 - fixed words only


def consents_end(
    contact_ids: Collection[int],
    *,
    at: datetime,
    captured_by: str,
    direction: str = "revoked",
    brand_id: int | None = None,
    purposes: Collection[str] | None = None,
    source: str = "",
    evidence_file: str = "",
    language: str = "",
    import_job_id: int | None = None,
    now: datetime | None = None,
) -> int:
    """Write `direction` after each consent of these contacts' present numbers that counts now.

    Without `brand_id` for every brand, without `purposes` for every purpose. One statement for any
    number of contacts, so that an import of a million opt-outs can call it as a STOP does. The
    caller holds the contacts' locks and derives the send states afterwards. Returns how many ended.
    """
    if not contact_ids:
        return 0
    made = _end(
        _SAID,
        {
            "contacts": sorted(contact_ids),
            "direction": direction,
            "brand": brand_id,
            "purposes": None if purposes is None else sorted(purposes),
            "method": _METHODS.get(source, "api") if source else None,
            "language": language,
            "at": at,
            "by": captured_by[:80],
            "evidence": evidence_file[:300],
            "job": import_job_id,
            "now": now or at,
        },
    )
    return len(made)


def consents_end_of(
    suppression_ids: Collection[int],
    *,
    now: datetime,
    evidence_file: str | None = None,
    import_job_id: int | None = None,
) -> list[int]:
    """End what these suppressions stand against, in one statement, as each alone would have done.

    Only a "no" of the person and the end of the number as theirs end a consent. The caller holds
    the contacts' locks and derives the send states afterwards. Returns the contacts concerned.
    """
    if not suppression_ids:
        return []
    made = _end(
        _SAID_OF,
        {
            "ids": list(suppression_ids),
            "direction": "revoked",
            "reasons": list(REVOKING_REASONS),
            "methods": json.dumps(_METHODS),
            "evidence": evidence_file,
            "job": import_job_id,
            "at": now,
            "now": now,
        },
    )
    return sorted({contact_id for _, contact_id in made})


def _end(said: str, params: dict[str, Any]) -> list[tuple[int, int]]:
    """Write the ends, tell the team's systems; returns the events with their contacts."""
    with connection.cursor() as cursor:
        cursor.execute(_END.format(said=said), params)
        made = [(int(row[0]), int(row[1])) for row in cursor.fetchall()]
    consents_emit([event for event, _ in made], at=params["at"])
    return made


def consents_expire(
    *, now: datetime | None = None, since: timedelta | None = None, limit: int = 5000
) -> int:
    """Write an `expired` event after each consent that the calendar ended [R-4.7]; returns how many.

    Dispatch compares with the clock itself, so that nothing depends on when this runs. `since`
    looks only at what lapsed in that time. In chunks, each committed: run again until it is 0.
    """
    now = now or timezone.now()
    floor = now - since if since is not None else now - timedelta(days=36_500)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(4714)")  # two sweeps: one works
            if not cursor.fetchone()[0]:
                return 0
            cursor.execute(
                _EXPIRE,
                {"now": now, "since": floor, "limit": limit, "evidence": "consent_event:"},
            )
            made = cursor.fetchall()
        send_state_refresh(sorted({row[1] for row in made}), now=now)
        consents_emit([row[0] for row in made], at=now)
    return len(made)
