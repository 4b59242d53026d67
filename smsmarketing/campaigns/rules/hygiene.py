"""What a list's own history says of its numbers, and whether a check would pay. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

GROUPS: Final = {
    "proven": "A text arrived within the last 180 days, and none failed since.",
    "silent": "The last text arrived more than 180 days ago; none was sent since.",
    "failing": "Texts failed since the last one that arrived.",
    "never_delivered": "Texts were sent within a year, and none ever arrived.",
    "untried": "No text was sent within a year; nothing is known.",
}
"""Groups of recipients, from certain to uncertain."""
DOUBTFUL: Final = ("failing", "never_delivered", "silent", "untried")
BASE_LEAST: Final = 100
"""Ended texts that the team's own rate of failure needs before it is used."""
METHOD: Final = (
    "Failures are the team's own: texts of the last 365 days that the network could not deliver;"
    " filters, limits and missing receipts are not counted. Chance to fail by the rule of"
    " succession: (failures + 1) / (failures + 2) where nothing ever arrived, (failures + 1) /"
    " (failures + 3) since the last that arrived; for silent and untried numbers the team's own"
    " rate, once 100 texts have ended. A lookup is taken to find every number that would fail, so"
    " what it saves is the most it can save."
)

_CENT: Final = Decimal("0.01")


@dataclass(frozen=True)
class Tally:
    """Recipients of one group in one country, with the sum of their chances to fail."""

    group: str
    country: str
    recipients: int
    chances: float | None
    """None: the group goes by the team's own rate."""


@dataclass(frozen=True)
class GroupEstimate:
    """One group over all countries. None: cannot be known yet."""

    group: str
    recipients: int
    failures: int | None
    waste: Decimal | None
    check_cost: Decimal | None
    saving: Decimal | None
    recommended: bool


def group_estimate(
    group: str,
    tallies: Sequence[Tally],
    *,
    text_price: dict[str, Decimal],
    base_rate: float | None,
    lookup_price: Decimal | None,
) -> GroupEstimate:
    """What the group will waste, what checking it costs and saves. `text_price`: of a whole text, by country."""
    mine = [tally for tally in tallies if tally.group == group]
    recipients = sum(tally.recipients for tally in mine)
    failing = [
        (tally.country, _chances(tally, base_rate) if group in DOUBTFUL else 0.0) for tally in mine
    ]
    known = [(country, chance) for country, chance in failing if chance is not None]
    complete = len(known) == len(failing)
    waste = sum(
        (Decimal(str(chance)) * text_price.get(country, Decimal(0)) for country, chance in known),
        Decimal(0),
    )
    check = (
        None if lookup_price is None else (lookup_price * recipients).quantize(_CENT, ROUND_HALF_UP)
    )
    rounded = waste.quantize(_CENT, ROUND_HALF_UP) if complete else None
    saving = None if check is None or rounded is None else rounded - check
    return GroupEstimate(
        group=group,
        recipients=recipients,
        failures=round(sum(chance for _, chance in known)) if complete else None,
        waste=rounded,
        check_cost=check,
        saving=saving,
        recommended=group in DOUBTFUL and saving is not None and saving > 0,
    )


def _chances(tally: Tally, base_rate: float | None) -> float | None:
    if tally.chances is not None:
        return tally.chances
    return None if base_rate is None else base_rate * tally.recipients
