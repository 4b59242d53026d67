"""Counting texts: our counter against smsutil, both measured in this run.

    python -m benchmarks.copy_text

Target (perf.md §7): a 160-character text at least 10 times faster than smsutil. The file is not
called copy.py because scripts beside it would then import it instead of Python's own ``copy``.
"""

import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter

import smsutil

from smsmarketing.gateways.rules.encoding import text_count

TEXTS = {
    "ASCII, 160": "Summer sale, 20% off today! Code A1B2C3. " * 4,
    "GSM-7 with €, 160": "Nur heute: 20 € für Sie, Größe S-XL.   " * 4,
    "Cyrillic, 70": "Только сегодня скидка двадцать процентов!" * 2,
    "emoji at the end, 160": "Summer sale, 20% off today! Code A1B2C3. " * 4 + "🎉",
    "GSM-7 with brackets, 459": "Hi [first name], see ~example~ for 5 € off " * 11,
    "emoji only, 160": "🎉" * 160,
}
ROOM = {"Cyrillic, 70": 70, "GSM-7 with brackets, 459": 459}
TARGET = 10.0


def microseconds(count: Callable[[str], object], text: str, *, rounds: int) -> float:
    """Median time of one call over five repeats."""
    times = []
    for _ in range(5):
        start = perf_counter()
        for _ in range(rounds):
            count(text)
        times.append((perf_counter() - start) / rounds * 1e6)
    return median(times)


def main() -> int:
    """Print the table; exit code 1 when plain text misses the target."""
    print(f"{'text':26} {'smsutil µs':>10} {'ours µs':>8} {'ratio':>7} {'parts':>6}")
    plain = 0.0
    for name, sample in TEXTS.items():
        text = sample[-ROOM.get(name, 160) :]
        theirs = microseconds(smsutil.split, text, rounds=500)
        ours = microseconds(text_count, text, rounds=10_000)
        ratio = theirs / ours
        plain = plain or ratio
        print(f"{name:26} {theirs:10.1f} {ours:8.2f} {ratio:6.0f}x {text_count(text).parts:6}")
    print(f"target for the first row: {TARGET:.0f}x or more; reached: {plain:.0f}x")
    return 0 if plain >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
