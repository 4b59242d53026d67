"""Writing down which numbers are to be looked up, with the money reserved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from smsmarketing.contacts.phones import phone_hash
from smsmarketing.contacts.rules.phone import phone_mask
from smsmarketing.gateways.models import Gateway, NumberLookup
from smsmarketing.gateways.selectors.lookups import lookups_known
from smsmarketing.gateways.services.lookups.money import money_reserve
from smsmarketing.gateways.services.settlement import quota_lock
from smsmarketing.operations.jobs import enqueue

RUN = "gateways.lookups_run"


class Wanted(NamedTuple):
    """A number (E.164) and its country."""

    phone: str
    country: str


def lookups_start(
    gateway: Gateway,
    numbers: Sequence[Wanted],
    *,
    call_id: UUID,
    team_id: int,
    user_id: int,
    since: datetime | None,
    now: datetime,
) -> tuple[dict[str, NumberLookup], dict[str, NumberLookup]]:
    """Reserve the money and write a row for each that was not asked for `since`; a job asks. Returns
    the new ones and the known ones, by number. The gateway has a price. Raises QuotaExceeded,
    BudgetExceeded and RatesUnavailable; then nothing is written.

    The team's budget is locked before what is known is read: two calls at once pay once.
    """
    quota_lock(team_id, now)
    known = (
        lookups_known(team_id, [number.phone for number in numbers], since=since) if since else {}
    )
    new = [number for number in numbers if number.phone not in known]
    if not new or gateway.lookup_price is None:
        return {}, known
    quota, rate = money_reserve(
        team_id=team_id,
        price=gateway.lookup_price,
        currency=gateway.currency,
        count=len(new),
        now=now,
    )
    rows = NumberLookup.objects.bulk_create(
        NumberLookup(
            call_id=call_id,
            team_id=team_id,
            gateway=gateway,
            asked_by_id=user_id,
            quota=quota,
            phone=number.phone,
            phone_hash=phone_hash(number.phone),
            masked=phone_mask(number.phone),
            country=number.country,
            price=gateway.lookup_price,
            currency=gateway.currency,
            exchange_rate=rate,
            next_at=now,
            created_at=now,
        )
        for number in new
    )
    enqueue(RUN)
    return {row.phone: row for row in rows}, known
