"""Patterns that people write, and what they can cost at worst.

Python's `re` backtracks, so one pattern can hold a worker for hours. Only a small language is let
in (literals, classes, groups, |, anchors, repeats that are not inside each other), and the product
of all repeats over the longest text that is searched must stay small. Text is cut before it is
searched; nothing else is run.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

LONGEST_PATTERN: Final = 120
LONGEST_TEXT: Final = 400
"""Characters of a value that are searched."""
MOST_STEPS: Final = 100_000_000
"""Bound on the product; real searches stay far below, since the repeats share one text."""
_REPEAT = re.compile(r"[*+?]|\{([0-9]{1,3})(,)?([0-9]{1,3})?\}")
_ESCAPES: Final = frozenset("dDwWsSbnrt")


class PatternRefused(ValueError):
    """The pattern is outside of the small language, or could cost too much."""


@lru_cache(maxsize=512)
def pattern_of(text: str) -> re.Pattern[str]:
    """The pattern, once it was checked. Raises PatternRefused with a sentence."""
    if len(text) > LONGEST_PATTERN:
        raise PatternRefused(f"A pattern has at most {LONGEST_PATTERN} characters.")
    _Scanner(text).check()
    try:
        return re.compile(text)
    except re.error as exc:
        raise PatternRefused(f"The pattern cannot be read: {exc.msg}.") from None


def pattern_search(text: str, value: str) -> str | None:
    """What the pattern finds in the value: its group, or all of it; None when it does not fit."""
    found = pattern_of(text).search(value[:LONGEST_TEXT])
    if found is None:
        return None
    return found[1] if found.re.groups and found[1] is not None else found[0]


class _Scanner:
    """Reads a pattern once, left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.steps = LONGEST_TEXT
        self.groups = 0

    def check(self) -> None:
        self._alternatives(inside=False)
        if self.at < len(self.text):
            raise PatternRefused("The pattern has a closing bracket too many.")
        if self.groups > 1:
            raise PatternRefused("A pattern has one group at most; use (?:...) for others.")

    def _alternatives(self, *, inside: bool) -> bool:
        """Reads up to a closing bracket. Whether something in it repeats or branches."""
        busy = False
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == ")" and inside:
                return busy
            if character == "|":
                self.at += 1
                busy = True
                self._grow(2)
                continue
            if character == ")":
                return busy
            inner = self._atom()
            busy = self._repeat(inner) or inner or busy
        if inside:
            raise PatternRefused("The pattern has an opening bracket without its end.")
        return busy

    def _atom(self) -> bool:
        """Reads one character, class or group. Whether something in it repeats or branches."""
        character = self.text[self.at]
        self.at += 1
        if character == "(":
            return self._group()
        if character == "[":
            self._class()
        elif character == "\\":
            escaped = self.text[self.at : self.at + 1]
            self.at += 1
            if not escaped or (escaped.isalnum() and escaped not in _ESCAPES):
                raise PatternRefused("The pattern uses an escape that is not allowed here.")
        elif character in "*+?{":
            raise PatternRefused(f"The pattern has a {character} that repeats nothing.")
        return False

    def _group(self) -> bool:
        if self.text.startswith("?:", self.at):
            self.at += 2
        elif self.text.startswith("?", self.at):
            raise PatternRefused("Of groups only (...) and (?:...) are allowed.")
        else:
            self.groups += 1
        inner = self._alternatives(inside=True)
        self.at += 1
        return inner

    def _class(self) -> None:
        if self.text.startswith("^", self.at):
            self.at += 1
        if self.text.startswith("]", self.at):
            self.at += 1
        while self.at < len(self.text) and self.text[self.at] != "]":
            self.at += 2 if self.text[self.at] == "\\" else 1
        if self.at >= len(self.text):
            raise PatternRefused("The pattern has a [ without its end.")
        self.at += 1

    def _repeat(self, inner: bool) -> bool:
        found = _REPEAT.match(self.text, self.at)
        if found is None:
            return False
        if inner:
            raise PatternRefused("A repeat must not hold another repeat or an alternative.")
        self.at = found.end()
        if self.text[self.at : self.at + 1] in ("?", "+", "*", "{"):
            if self.text[self.at] != "?":
                raise PatternRefused("A repeat must not be repeated.")
            self.at += 1
        self._grow(_choices(found))
        return True

    def _grow(self, choices: int) -> None:
        self.steps *= max(1, choices)
        if self.steps > MOST_STEPS:
            raise PatternRefused(
                "The pattern may take too long. Use fewer * and +, or bounds like {1,20}."
            )


def _choices(found: re.Match[str]) -> int:
    """How many lengths a repeat can have."""
    if found[0] == "?":
        return 2
    if found[0] in "*+":
        return LONGEST_TEXT
    least = int(found[1])
    if not found[2]:
        return 1
    return (int(found[3]) if found[3] else LONGEST_TEXT) - least + 1
