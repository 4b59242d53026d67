"""Frequency caps that hold when nobody set any."""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT_CAPS: Mapping[str, tuple[tuple[int, int], ...]] = {
    "marketing": ((24, 1), (168, 4), (720, 10)),
    "transactional": ((24, 10),),
}
"""Purpose → (window in hours, limit) [R-7.15], [R-7.18]."""

PER_CAMPAIGN_LIMIT = 1
"""Messages of one campaign to one person [R-7.15]: held by one message per contact and batch."""

COUNTED_PURPOSES = frozenset({"marketing"})
"""Purposes whose sends take a slot of SendState.recent [R-7.16]."""
