"""The time series of a send as bars: laid out here, drawn by the template as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 48, 8, 10, 28
SLOTS_MAX = 96
LABELS = 6


@dataclass(frozen=True)
class Bar:
    """One slot: three heights over each other's place."""

    x: str
    width: str
    boxes: list[dict[str, str]]
    title: str


@dataclass(frozen=True)
class Chart:
    """Everything the template draws."""

    width: int = WIDTH
    height: int = HEIGHT
    base: int = HEIGHT - BOTTOM
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bars: list[Bar] = field(default_factory=list)
    grid: list[dict[str, str]] = field(default_factory=list)
    labels: list[dict[str, str]] = field(default_factory=list)


def chart_of(slots: Sequence[Any], *, per: str) -> Chart | None:
    """Bars for `at, handed_over, delivered, failed`; quiet slots between them stay empty. None without data."""
    if not slots:
        return None
    step = timedelta(days=1) if per == "day" else timedelta(hours=1)
    first = slots[0].at
    count = int((slots[-1].at - first) / step) + 1
    shown = slots if count <= SLOTS_MAX else slots[-SLOTS_MAX:]
    if count > SLOTS_MAX:
        first = shown[0].at
        count = min(int((shown[-1].at - first) / step) + 1, 4 * SLOTS_MAX)
    count = max(count, 6)
    top = _round_up(max(slot.handed_over for slot in shown))
    slot_width = (WIDTH - LEFT - RIGHT) / count
    bars = []
    for slot in shown:
        index = int((slot.at - first) / step)
        if index < count:
            bars.append(_bar(slot, LEFT + index * slot_width, slot_width, top, per))
    marks = max(1, math.ceil(count / LABELS))
    labels = [
        {
            "x": f"{LEFT + (index + 0.5) * slot_width:.1f}",
            "text": _when(first + index * step, per),
        }
        for index in range(0, count, marks)
    ]
    grid = [
        {"y": f"{_y(top * share / 4, top):.1f}", "text": f"{top * share // 4:,}"}
        for share in range(5)
        if top >= 4 or share in {0, 4}
    ]
    return Chart(bars=bars, grid=grid, labels=labels)


def _bar(slot: Any, x: float, slot_width: float, top: int, per: str) -> Bar:
    width = min(max(slot_width * 0.8, 1.0), 60.0)
    left = x + (slot_width - width) / 2
    third = width / 3
    values = (("sent", slot.handed_over), ("delivered", slot.delivered), ("failed", slot.failed))
    boxes = []
    for index, (kind, count) in enumerate(values):
        y = _y(count, top)
        boxes.append(
            {
                "kind": kind,
                "x": f"{left + index * third:.1f}",
                "width": f"{max(third - 0.5, 0.7):.1f}",
                "y": f"{y:.1f}",
                "height": f"{HEIGHT - BOTTOM - y:.1f}",
            }
        )
    title = (
        f"{_when(slot.at, per)}: {slot.handed_over:,} handed over, "
        f"{slot.delivered:,} delivered, {slot.failed:,} failed"
    )
    return Bar(f"{left:.1f}", f"{width:.1f}", boxes, title)


def _y(count: float, top: int) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * count / max(top, 1)


def _round_up(value: int) -> int:
    """A round top of the axis that four lines divide."""
    if value <= 4:
        return max(value, 1)
    size = int(10 ** (len(str(value)) - 1))
    for factor in (1, 2, 4, 5, 8, 10):
        if value <= factor * size and factor * size % 4 == 0:
            return factor * size
    return math.ceil(value / 4) * 4


def _when(at: datetime, per: str) -> str:
    local = timezone.localtime(at)
    return local.strftime("%m-%d") if per == "day" else local.strftime("%m-%d %H:00")
