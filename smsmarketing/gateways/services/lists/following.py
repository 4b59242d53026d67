"""Which numbers ought to be on the providers' own lists: derived from the suppressions, never kept
apart from them.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from smsmarketing.contacts.models import Suppression
from smsmarketing.contacts.rules.suppressions import HARD_REASONS
from smsmarketing.gateways import transports
from smsmarketing.gateways.models import Gateway
from smsmarketing.operations.jobs import enqueue

PUSHED_REASONS: Final = ("opt_out", "complaint", "legal", "blocked", "manual")
"""What people said and what the house decided. Facts about a line and a "no" that still waits for a
person are nobody's business there.
"""
FAILED_AGAIN: Final = timedelta(days=1)
"""How long after the last try a failed one is tried anew: by then the token may be mended."""
_CHUNK: Final = 5000

_STANDS = """
    x.lifted_at IS NULL AND (x.expires_at IS NULL OR x.expires_at > %(now)s)
    AND x.reason = ANY(%(reasons)s)
    AND (x.evidence ->> 'gateway_list_of') IS DISTINCT FROM g.id::text
    AND (x.scope = 'global' OR (g.opt_out_push = 'every' AND x.scope IN ('brand', 'purpose')
        AND (x.purposes = '{}' OR 'marketing' = ANY(x.purposes) OR x.reason = ANY(%(hard)s))))
"""
_PUSHING = "g.transport = ANY(%(transports)s) AND g.opt_out_push <> 'none'"
_WANT = f"""
    INSERT INTO gateways_gatewaylisting AS l (gateway_id, phone_hash, wanted, state, ours, remote_id,
        version, attempts, next_at, error_code, error, created_at)
    SELECT g.id, x.phone_hash, true, 'pending', false, '', 1, 0, %(now)s, '', '', %(now)s
    FROM gateways_gateway g JOIN contacts_suppression x ON {_STANDS}
    WHERE {_PUSHING} AND x.phone IS NOT NULL
        AND (%(hashes)s::bytea[] IS NULL OR x.phone_hash = ANY(%(hashes)s))
        AND NOT EXISTS (SELECT 1 FROM gateways_gatewaylisting have
            WHERE have.gateway_id = g.id AND have.phone_hash = x.phone_hash AND have.wanted)
    GROUP BY g.id, x.phone_hash ORDER BY g.id, x.phone_hash LIMIT %(chunk)s
    ON CONFLICT (gateway_id, phone_hash) DO UPDATE SET wanted = true, state = 'pending',
        version = l.version + 1, attempts = 0, next_at = %(now)s, error_code = '', error = '',
        finished_at = NULL
    WHERE NOT l.wanted
"""  # noqa: S608 - fixed words only
_UNWANT = f"""
    UPDATE gateways_gatewaylisting l SET wanted = false, version = l.version + 1, attempts = 0,
        next_at = %(now)s, error_code = '', error = '', finished_at = NULL, state = 'pending'
    WHERE l.id IN (
        SELECT l.id FROM gateways_gatewaylisting l JOIN gateways_gateway g ON g.id = l.gateway_id
        WHERE l.wanted AND {_PUSHING}
            AND (%(hashes)s::bytea[] IS NULL OR l.phone_hash = ANY(%(hashes)s))
            AND NOT EXISTS (SELECT 1 FROM contacts_suppression x
                WHERE x.phone_hash = l.phone_hash AND {_STANDS})
        ORDER BY l.id LIMIT %(chunk)s FOR UPDATE OF l)
"""  # noqa: S608 - fixed words only


def listings_follow(hashes: Collection[bytes] | None = None, *, now: datetime | None = None) -> int:
    """Bring what is wanted in step with the suppressions, of these numbers or of all. Returns how many
    changed.

    A number comes off only when no suppression asks for it any more: a lift of one of two changes
    nothing. An erased number that is on a list stays wanted there; nothing can be told any more of
    one that is not.
    """
    params: dict[str, Any] = {
        "now": now or timezone.now(),
        "reasons": list(PUSHED_REASONS),
        "hard": list(HARD_REASONS),
        "transports": list(transports.names_with("takes_opt_outs")),
        "hashes": None if hashes is None else list(hashes),
        "chunk": _CHUNK,
    }
    changed = 0
    for statement in (_WANT, _UNWANT):
        for _ in range(1000):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement, params)
                found = int(cursor.rowcount)
            changed += found
            if found < _CHUNK:
                break
    return changed


def listings_follow_of(suppression_ids: Collection[int]) -> int:
    """The same for the numbers of these suppressions."""
    rows = Suppression.objects.filter(pk__in=list(suppression_ids))
    return listings_follow({bytes(each) for each in rows.values_list("phone_hash", flat=True)})


def listings_mend(*, now: datetime | None = None) -> int:
    """All numbers, so that nothing a lost job should have followed is forgotten; and what failed a day
    ago is tried anew.
    """
    at = now or timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE gateways_gatewaylisting SET state = 'pending', attempts = 0, next_at = %(now)s,"
            " finished_at = NULL WHERE state = 'failed' AND finished_at < %(before)s",
            {"now": at, "before": at - FAILED_AGAIN},
        )
    return listings_follow(now=at)


def listings_reconsider(gateway_id: int) -> None:
    """Look again at the numbers of countries that the gateway did not deliver to."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE gateways_gatewaylisting SET state = 'pending', attempts = 0, finished_at = NULL"
            " WHERE gateway_id = %s AND state = 'elsewhere'",
            [gateway_id],
        )


def suppressions_changed(suppression_ids: Collection[int]) -> None:
    """Listener of contacts: follow after the commit. A "no" waits for nothing here; should the job be
    lost, the sweep follows.
    """
    names = transports.names_with("takes_opt_outs")
    if Gateway.objects.filter(transport__in=names).exclude(opt_out_push="none").exists():
        enqueue("gateways.listings_follow", suppression_ids=list(suppression_ids)[:_CHUNK])
