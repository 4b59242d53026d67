"""How far a bill is from its estimate, and what that says."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

MONTHS = 3
"""So many months back a route's drift is shown to whoever decides next."""


class Drift(NamedTuple):
    """A route's drift. `billed` is the bill where there is one, else what receipts said."""

    estimated: Decimal
    billed: Decimal
    source: str

    @property
    def percent(self) -> Decimal | None:
        """Above 0: dearer than estimated. None: nothing was estimated, so there is no share."""
        if self.estimated == 0:
            return None
        return ((self.billed - self.estimated) * 100 / self.estimated).quantize(Decimal("0.1"))


def drift_of(
    estimated: Decimal, reported: Decimal, told: int, invoiced: Decimal | None
) -> Drift | None:
    """The best that is known: the bill, else receipts that told something; None when neither did."""
    if invoiced is not None:
        return Drift(estimated, invoiced, "bill")
    return Drift(estimated, reported, "receipts") if told else None


def drift_words(drift: Drift | None) -> str:
    """One cell or half a sentence."""
    if drift is None:
        return "nothing billed yet"
    if drift.percent is None:
        return "billed, but nothing was sent" if drift.billed else "as estimated"
    if drift.percent == 0:
        return f"as estimated (by {drift.source})"
    word = "dearer" if drift.percent > 0 else "cheaper"
    return f"{abs(drift.percent):f} % {word} (by {drift.source})"
