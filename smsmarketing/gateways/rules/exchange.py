"""Turning money into another currency: one frozen rate, one rounding, nothing lost on the way.

The rule: an amount is converted at the batch's frozen rate and rounded half up to 6 places. What
is booked in steps is the difference of two converted totals, never a converted step: so the steps
always sum to the converted whole, to the last place, in whatever order they come.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, ROUND_UP, Decimal

PLACES = Decimal("0.000001")
RATE_PLACES = Decimal("0.0000000001")
CENT = Decimal("0.01")


def money_convert(amount: Decimal, rate: Decimal) -> Decimal:
    """`amount` in the other currency, rounded half up to 6 places."""
    return (amount * rate).quantize(PLACES, rounding=ROUND_HALF_UP)


def money_step(before: Decimal, step: Decimal, rate: Decimal) -> Decimal:
    """What to book for `step` when `before` is booked already."""
    return money_convert(before + step, rate) - money_convert(before, rate)


def money_shown(amount: Decimal) -> Decimal:
    """To the cent, upwards: what is shown before a send is never less than what may be booked."""
    return amount.quantize(CENT, rounding=ROUND_UP)


def rate_inverse(rate: Decimal) -> Decimal:
    """The rate of the other direction, rounded up to 10 places: a budget is rather short than long."""
    return (1 / rate).quantize(RATE_PLACES, rounding=ROUND_UP)
