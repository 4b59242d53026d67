"""How many rows one transaction may take when somebody may be waiting for their locks."""

from __future__ import annotations

from typing import Final

HELD_SECONDS: Final = 0.15
"""How long a STOP may wait for the chunk its number is in, about."""
_LEAST, _FIRST = 200, 1000


class Pace:
    """Chunks that take about HELD_SECONDS on this machine at this hour, between 200 rows and `most`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.rows = min(_FIRST, most)

    def took(self, rows: int, seconds: float) -> None:
        """Note what a chunk took; the next may have at most twice as many rows."""
        fitting = rows * HELD_SECONDS / max(seconds, 0.001)
        self.rows = min(self.most, max(_LEAST, int(min(fitting, 2 * rows))))
