"""How many said no after a send, by whatever road: reply, web page, form, a colleague."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.db import connection

OPT_OUT_WINDOW = timedelta(hours=72)
_COUNT = """
SELECT b.id, coalesce(b.opt_outs_kept, (
    SELECT count(DISTINCT m.contact_id) FROM gateways_message m
    JOIN contacts_suppression x ON x.contact_id = m.contact_id
    WHERE m.batch_id = b.id AND m.handed_at IS NOT NULL
      AND x.reason IN ('opt_out', 'complaint') AND x.source <> 'import'
      AND (x.brand_id IS NULL OR x.brand_id = b.brand_id)
      AND x.created_at >= m.handed_at AND x.created_at < m.handed_at + make_interval(hours => %(hours)s)))
FROM gateways_batch b WHERE b.id = ANY(%(batches)s)
"""


def opt_outs_after(batch_ids: Collection[int]) -> dict[int, int]:
    """Batch → people who opted out within 72 hours of its message; what was counted before the
    recipients were forgotten stands [R-4.14].
    """
    with connection.cursor() as cursor:
        hours = OPT_OUT_WINDOW // timedelta(hours=1)
        cursor.execute(_COUNT, {"hours": hours, "batches": sorted(batch_ids)})
        return {row[0]: int(row[1]) for row in cursor.fetchall()}
