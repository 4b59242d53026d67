"""Exchange rates in force. Stored ones only: nothing is fetched when money is counted."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.conf import settings
from django.db.models import Q

from smsmarketing.gateways.models import ExchangeRate
from smsmarketing.gateways.rules.exchange import rate_inverse
from smsmarketing.operations.errors import RatesUnavailable


class Exchange(NamedTuple):
    """How much of the second currency one unit of the first is, and where that comes from."""

    rate: Decimal
    source: str
    fetched_at: datetime | None


SAME = Exchange(Decimal(1), "same currency", None)


def exchange_known(base: str, quote: str, at: datetime) -> Exchange | None:
    """The pair's rate in force at `at`, or the other direction's turned around; None when unknown."""
    if base == quote:
        return SAME
    rows = ExchangeRate.objects.filter(
        Q(base=base, quote=quote) | Q(base=quote, quote=base),
        Q(valid_to=None) | Q(valid_to__gt=at),
        valid_from__lte=at,
    )
    found = {row.base: row for row in rows}
    if base in found:
        row = found[base]
        return Exchange(row.rate, row.source, row.fetched_at)
    if quote in found:
        row = found[quote]
        return Exchange(rate_inverse(row.rate), row.source, row.fetched_at)
    return None


def exchange_now(base: str, quote: str, at: datetime) -> Exchange:
    """The rate to count a send with. Raises RatesUnavailable when it is unknown or stale."""
    found = exchange_known(base, quote, at)
    if found is None:
        raise RatesUnavailable(
            f"No exchange rate from {base} to {quote} is stored, so the cost cannot be counted "
            "against the team's budget. Load one with exchange_rates.import, or choose a gateway "
            f"that bills in {quote}.",
            field_errors={"gateway_id": f"It bills in {base}, the budget is in {quote}."},
            details={"base": base, "quote": quote},
        )
    limit = timedelta(days=settings.RATES_MAX_AGE_DAYS)
    if found.fetched_at is not None and at - found.fetched_at > limit:
        raise RatesUnavailable(
            f"The exchange rate from {base} to {quote} was last confirmed on "
            f"{found.fetched_at:%-d %B %Y}; at most {settings.RATES_MAX_AGE_DAYS} days are allowed. "
            "Load a fresh one with exchange_rates.import.",
            details={"base": base, "quote": quote, "fetched_at": found.fetched_at.isoformat()},
        )
    return found
