"""Sealing the consent ledger in ranges, outside of the way of those who write it (docs/adr/0032)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from smsmarketing.contacts.models import ConsentSeal, ConsentSealWait
from smsmarketing.contacts.selectors.seals import (
    SCHEME,
    ZERO_DIGEST,
    rows_read,
    seal_digest,
)
from smsmarketing.operations.audit import audit_append

SEAL_ROWS = 20_000
"""Rows of one seal at most: what one transaction reads, and what a verification compares at once."""
SEAL_OPERATION = "consent.seal"

_ONE_SEALER = "SELECT pg_try_advisory_xact_lock(4713)"
# Whoever may still commit a row holds this lock from before its id is drawn until after its commit
# is visible. Read after max(id), it names everybody who can still bring a lower one.
_WRITERS = """
SELECT l.virtualtransaction FROM pg_locks l
WHERE l.locktype = 'relation' AND l.relation = 'contacts_consentevent'::regclass
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
        'AccessExclusiveLock')
    AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
"""
_CACHED_IDS = """
SELECT cache_size FROM pg_sequences WHERE schemaname = current_schema()
    AND sequencename = 'contacts_consentevent_id_seq'
"""


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """What one run did."""

    seals: int
    rows: int
    waiting: bool


def consents_seal(*, now: datetime | None = None, most: int = 50) -> Sealed:
    """Seal what can no longer change, at most `most` seals; the newest goes into the audit chain.

    Takes no lock that a writer of the ledger could wait for, and waits for none: rows that somebody
    may still be writing are left for the next run. Two at once: the second does nothing.
    """
    now = now or timezone.now()
    horizon = _horizon(now)
    seals = rows = 0
    while seals < most:
        sealed = _seal_next(horizon, now)
        if sealed is None:
            break
        seals, rows = seals + 1, rows + sealed
    return Sealed(
        seals=seals, rows=rows, waiting=ConsentSealWait.objects.filter(upto__gt=horizon).exists()
    )


def _horizon(now: datetime) -> int:
    """The id up to which no row can appear any more.

    The candidate of an earlier run is good once all who wrote then are done. A fresh one is good at
    once when nobody writes. So a long import delays only what came during its present chunk.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ONE_SEALER)
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_CACHED_IDS)
        found = cursor.fetchone()
        if found is None or found[0] != 1:
            raise RuntimeError("the ids of the consent ledger are drawn ahead; seals need cache 1")
        # Two statements: the newest id first, then who writes. READ COMMITTED sees each anew.
        cursor.execute("SELECT coalesce(max(id), 0) FROM contacts_consentevent")
        upto = int(cursor.fetchone()[0])
        cursor.execute(_WRITERS)
        writers = sorted({row[0] for row in cursor.fetchall()})
        waiting = ConsentSealWait.objects.filter(pk=1).first()
        horizon = 0
        if waiting is not None and not set(waiting.writers) & set(writers):
            horizon, waiting = waiting.upto, None
            ConsentSealWait.objects.all().delete()
        if not writers:
            ConsentSealWait.objects.all().delete()
            return upto
        if waiting is None and upto > horizon:
            ConsentSealWait.objects.create(upto=upto, writers=writers, chosen_at=now)
        return horizon


def _seal_next(horizon: int, now: datetime) -> int | None:
    """One seal in a transaction of its own; the rows in it, or None when there is nothing to seal."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ONE_SEALER)
        if not cursor.fetchone()[0]:
            return None
        last = ConsentSeal.objects.defer("row_ids", "row_marks").order_by("-number").first()
        first = last.to_id + 1 if last is not None else 1
        if first > horizon:
            return None
        read = rows_read(first, horizon, scheme=SCHEME, most=SEAL_ROWS)
        if not read.ids:
            return None
        seal = ConsentSeal(
            number=last.number + 1 if last is not None else 1,
            scheme=SCHEME,
            from_id=first,
            to_id=read.ids[-1],
            rows=len(read.ids),
            rows_digest=hashlib.sha256(b"".join(read.digests)).hexdigest(),
            row_ids=read.ids,
            row_marks=b"".join(digest[:8] for digest in read.digests),
            previous=last.digest if last is not None else ZERO_DIGEST,
            sealed_at=now,
        )
        seal.digest = seal_digest(seal)
        seal.save(force_insert=True)
        # Last: the head of the audit chain is locked from here to the commit.
        audit_append(
            operation=SEAL_OPERATION,
            outcome="done",
            actor=None,
            object_type="contacts.consentseal",
            object_id=str(seal.number),
            after_hash=seal.digest,
            facts={"rows": seal.rows},
            at=now,
        )
        return seal.rows
