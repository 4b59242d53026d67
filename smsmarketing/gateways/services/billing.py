"""Taking bills, and recomputing what each route was estimated and billed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db import connection, transaction
from django.utils import timezone

from smsmarketing.gateways.models import Bill, BillLine, Gateway
from smsmarketing.gateways.rules.rate_list import BillRow

# The same bounds as the ledger's: what was accepted, and what may have been (`unknown`).
_MONTH = """
INSERT INTO gateways_routemonth (gateway_id, month, country, messages, parts_estimated,
    money_estimated, messages_told, parts_reported, money_reported, parts_invoiced, money_invoiced,
    computed_at)
SELECT coalesce(sent.gateway_id, billed.gateway_id), %(month)s,
    coalesce(sent.country, billed.country), coalesce(sent.messages, 0), coalesce(sent.parts, 0),
    coalesce(sent.money, 0), coalesce(sent.told, 0), coalesce(sent.parts_reported, 0),
    coalesce(sent.money_reported, 0), billed.parts, billed.amount, %(now)s
FROM (
    SELECT coalesce(m.gateway_id, b.gateway_id) AS gateway_id, m.country, count(*) AS messages,
        sum(m.parts) AS parts, sum(m.parts * m.price) AS money,
        count(*) FILTER (WHERE m.parts_billed IS NOT NULL OR m.price_billed IS NOT NULL) AS told,
        sum(coalesce(m.parts_billed, m.parts)) AS parts_reported,
        sum(coalesce(m.price_billed, coalesce(m.parts_billed, m.parts) * m.price))
            AS money_reported
    FROM gateways_message m JOIN gateways_batch b ON b.id = m.batch_id
    WHERE coalesce(m.accepted_at, m.handed_at) >= %(start)s
      AND coalesce(m.accepted_at, m.handed_at) < %(end)s
      AND (m.accepted_at IS NOT NULL OR m.state = 'unknown')
    GROUP BY 1, 2
) sent
FULL JOIN (
    SELECT i.gateway_id, l.country, sum(l.parts) AS parts, sum(l.amount) AS amount
    FROM gateways_bill i JOIN gateways_billline l ON l.bill_id = i.id
    WHERE i.month = %(month)s AND i.replaced_at IS NULL
    GROUP BY 1, 2
) billed ON billed.gateway_id = sent.gateway_id AND billed.country = sent.country
"""
_WITHOUT_LINE = """
UPDATE gateways_routemonth r SET parts_invoiced = 0, money_invoiced = 0
WHERE r.month = %(month)s AND r.parts_invoiced IS NULL AND EXISTS (
    SELECT 1 FROM gateways_bill i
    WHERE i.gateway_id = r.gateway_id AND i.month = r.month AND i.replaced_at IS NULL)
"""
_LOCK = 7_260_068  # one recomputation at a time


def routes_compute(month: date, *, now: datetime | None = None) -> None:
    """Recompute a month of every gateway, whole. Safe to repeat; one at a time."""
    first = month.replace(day=1)
    start = datetime(first.year, first.month, 1, tzinfo=UTC)
    end = (start + timedelta(days=32)).replace(day=1)
    values = {"month": first, "start": start, "end": end, "now": now or timezone.now()}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute("DELETE FROM gateways_routemonth WHERE month = %(month)s", values)
        cursor.execute(_MONTH, values)
        # A bill that has no line for a country bills nothing there: a drift like any other.
        cursor.execute(_WITHOUT_LINE, values)


def routes_refresh(*, now: datetime | None = None) -> None:
    """Recompute this month and the one before; receipts of older ones do not come any more."""
    moment = now or timezone.now()
    this = moment.date().replace(day=1)
    for month in (this, (this - timedelta(days=1)).replace(day=1)):
        routes_compute(month, now=moment)


def bill_take(
    gateway: Gateway,
    rows: Sequence[BillRow],
    *,
    month: date,
    content: str,
    source: str,
    person: str,
    now: datetime,
) -> tuple[Bill, bool]:
    """Keep a bill and recompute its month; returns it and whether it took another one's place.

    Rows of one country and operator are summed, so that a usage list with a row for each message
    is taken too. What stood before is kept with the time it was replaced.
    """
    sums: dict[tuple[str, str], tuple[int, Decimal]] = {}
    for row in rows:
        parts, amount = sums.get((row.country, row.operator), (0, Decimal(0)))
        sums[row.country, row.operator] = (parts + row.parts, amount + row.amount)
    with transaction.atomic():
        Gateway.objects.select_for_update(no_key=True, of=("self",)).get(pk=gateway.pk)
        before = Bill.objects.filter(gateway=gateway, month=month, replaced_at=None)
        replaced = bool(before.update(replaced_at=now))
        bill = Bill.objects.create(
            gateway=gateway,
            month=month,
            currency=gateway.currency,
            source=source,
            sha256=hashlib.sha256(content.encode()).hexdigest(),
            rows=len(rows),
            parts=sum(row.parts for row in rows),
            amount=sum((row.amount for row in rows), Decimal(0)),
            imported_by=person,
            imported_at=now,
        )
        BillLine.objects.bulk_create(
            [
                BillLine(bill=bill, country=country, operator=operator, parts=parts, amount=amount)
                for (country, operator), (parts, amount) in sorted(sums.items())
            ]
        )
        routes_compute(month, now=now)
    return bill, replaced
