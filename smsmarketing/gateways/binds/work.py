"""Which batches a bind has to send now."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

# What somebody waits for goes first; then the oldest.
_DUE = """
SELECT b.id, b.purpose IN ('otp', 'reply') AS urgent FROM gateways_batch b
WHERE b.gateway_id = %(gateway)s
  AND ((b.state = 'ready' AND (b.not_before IS NULL OR b.not_before <= %(now)s))
    OR (b.state = 'sending'
        AND EXISTS (SELECT 1 FROM gateways_batchslice s
                    WHERE s.batch_id = b.id AND s.state = 'ready' AND s.not_before <= %(now)s)))
ORDER BY urgent DESC,
         CASE WHEN b.purpose IN ('transactional', 'notification', 'opt_in', 'test') THEN 0 ELSE 1 END,
         b.id
LIMIT 50
"""


def batches_due(gateway_id: int, now: datetime) -> list[tuple[int, bool]]:
    """Batches with something to hand over, and whether people wait for them this minute."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"gateway": gateway_id, "now": now})
        return [(int(batch_id), bool(urgent)) for batch_id, urgent in cursor.fetchall()]
