"""Which gateway a message takes, when it may take the next one, and when a gateway rests.

Pure: everything is told. [R-10.13] weights per country and purpose, [R-10.15] the next gateway only
after a definite no, [R-10.17] breakers, [R-10.18] shares that move in small steps.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

LEAVE_AT_ONCE = frozenset({"auth", "account", "content"})
"""Nothing it says about this message will change: the account is refused, or its protocol cannot
carry the message. (A text that a provider refuses is refused for good and never tried again.)
"""
NOT_REACHED = frozenset({"net_dns", "net_connect", "net_connect_timeout", "net_tls"})
"""Nothing left the house: the next gateway may have it at once."""
TRIES_EACH = 3
"""Refusals for now (throttle, soft) after which a gateway is left for the next one."""
TRIES_EACH_OTP = 1
"""The second try of a code goes to the other gateway [R-10.15]."""

WINDOW = timedelta(seconds=60)
LEAST_CALLS = 20
SICK_SHARE = 0.25
REST_S = 30
LONGEST_REST_S = 300
STOP_REST_S = 60
"""First rest after the provider refused the account; people are told."""
PROBES = 1
PROBES_AGAIN = timedelta(seconds=30)
"""After so long without a word of it a new probe goes: the old one was lost."""

STEP = 10
FLOOR = 10
DOWN_AFTER_ERRORS = timedelta(minutes=1)
DOWN_AFTER_SLOW = timedelta(minutes=5)
UP_EVERY = timedelta(minutes=5)
QUIET_FOR = timedelta(minutes=15)
SLOW_AFTER_S = 300
SLOW_SHARE = 0.15


class Candidate(NamedTuple):
    """A gateway that may carry a message: its share now, and the price of a part there."""

    gateway_id: int
    weight: float
    price: Decimal


class Tried(NamedTuple):
    """What one gateway said to a message before."""

    times: int
    error_class: str
    error_code: str


def tried_out(tried: Tried, purpose: str) -> bool:
    """Whether a gateway that definitely did not accept a message is to be left for the next one."""
    if tried.error_class in LEAVE_AT_ONCE or tried.error_code in NOT_REACHED:
        return True
    return tried.times >= (TRIES_EACH_OTP if purpose == "otp" else TRIES_EACH)


def gateway_choose(
    candidates: Sequence[Candidate],
    *,
    draw: float,
    tried: Mapping[int, Tried],
    purpose: str,
    most: Decimal,
) -> int | None:
    """The gateway for a message; None when none may carry it now.

    `draw` in [0, 1) decides between weights, so that the same message draws the same. `most` is the
    price of a part that was reserved: a dearer gateway is no choice. Those that said no are left
    out while there is another; when all did, the one that was asked least is asked again.
    """
    payable = [each for each in candidates if each.price <= most]
    fresh = [
        each
        for each in payable
        if each.gateway_id not in tried or not tried_out(tried[each.gateway_id], purpose)
    ]
    if not fresh:
        return min(
            (each.gateway_id for each in payable),
            key=lambda gateway_id: (tried[gateway_id].times, gateway_id),
            default=None,
        )
    total = sum(each.weight for each in fresh)
    if total <= 0:
        return min(fresh, key=lambda each: (each.price, each.gateway_id)).gateway_id
    left = draw * total
    for each in fresh:
        left -= each.weight
        if left < 0:
            return each.gateway_id
    return fresh[-1].gateway_id


def draw_of(message_id: int, attempt: int) -> float:
    """A number in [0, 1) that spreads well and is the same for the same try."""
    return ((message_id * 2_654_435_761 + attempt * 40_503) & 0xFFFFFFFF) / 2**32


class Meter(NamedTuple):
    """The calls of a breaker's window."""

    calls: int
    failures: int

    @property
    def sick(self) -> bool:
        """[R-10.17]: more than a quarter of at least twenty."""
        return self.calls >= LEAST_CALLS and self.failures > self.calls * SICK_SHARE


def breaker_after(state: str, meter: Meter, *, good: int, bad: int) -> str:
    """The breaker's next state after `good` and `bad` answers that `meter` already counts."""
    if state == "half_open":
        return "open" if bad else ("closed" if good else state)
    if state == "closed" and meter.sick:
        return "open"
    return state


def rest_next(before_s: int, *, first_s: int = REST_S) -> int:
    """Seconds to rest after another failure: doubled, at most five minutes."""
    return min(max(before_s * 2, first_s), LONGEST_REST_S)


def percent_step(
    percent: int,
    *,
    since_move: timedelta,
    since_trouble: timedelta,
    failing: bool,
    slow: bool,
    others_fine: bool,
) -> int:
    """The share of its weight that a gateway has in a country from now on [R-10.17], [R-10.18].

    Ten points down a minute while it fails, or every five minutes while it alone is slow; ten up
    every five minutes after a quarter of an hour without trouble. Never below the floor.
    """
    if failing and since_move >= DOWN_AFTER_ERRORS:
        return max(percent - STEP, FLOOR)
    if slow and others_fine and since_move >= DOWN_AFTER_SLOW:
        return max(percent - STEP, FLOOR)
    quiet = not failing and not slow and since_trouble >= QUIET_FOR
    if quiet and since_move >= UP_EVERY:
        return min(percent + STEP, 100)
    return percent


TALLY_SPAN = timedelta(minutes=5)


def tally_since(moment: datetime) -> datetime:
    """The start of the five minutes that a moment belongs to."""
    return moment.replace(minute=moment.minute - moment.minute % 5, second=0, microsecond=0)


WAIT_EDGES_S: tuple[int, ...] = (1, 5, 15, 30, 60, 120, 300, 900, 3600, 14_400, 43_200, 86_400)
"""Upper ends of the counts of receipts by the time they took; the last count has no end."""


def wait_quantile(counts: Collection[int], share: float) -> float | None:
    """Seconds within which `share` of the receipts came, read off the counts; None without any."""
    total = sum(counts)
    if not total:
        return None
    wanted, seen, low = share * total, 0, 0
    for count, high in zip(counts, (*WAIT_EDGES_S, WAIT_EDGES_S[-1] * 3), strict=False):
        if count and seen + count >= wanted:
            return low + (high - low) * (wanted - seen) / count
        seen, low = seen + count, high
    return float(low)


TIMEOUT_FROM_RECEIPTS = 200
TIMEOUT_SHARE = 0.995
TIMEOUT_FACTOR = 4
SHORTEST_TIMEOUT_H = 24


def timeout_learned(counts: Collection[int], *, most_hours: int) -> int | None:
    """Hours to wait for a receipt: four times what 99.5 % took, at least a day [R-10.21], at most
    what people set for the gateway. None while too few receipts came to say.
    """
    if sum(counts) < TIMEOUT_FROM_RECEIPTS:
        return None
    seconds = wait_quantile(counts, TIMEOUT_SHARE) or 0.0
    hours = int(seconds * TIMEOUT_FACTOR // 3600) + 1
    return min(max(hours, SHORTEST_TIMEOUT_H), most_hours)
