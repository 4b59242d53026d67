"""Level 3 of ``inbound``: a keyword with a slip of the finger [R-2.3]. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from smsmarketing.contacts.rules.inbound_text import (
    inbound_normalise,
    word_collapsed,
    word_skeleton,
)
from smsmarketing.contacts.rules.inbound_words import (
    FUZZY_KEYWORDS,
    KEYWORD_ROWS,
    SAFE_WORDS,
    SLIPS,
)

_KNOWN: Final = frozenset(inbound_normalise(row.keyword) for row in KEYWORD_ROWS)
_SPELLED: Final = {
    keyword.replace(" ", "")
    for keyword in (inbound_normalise(row.keyword) for row in KEYWORD_ROWS if row.action == "out")
    if len(keyword.replace(" ", "")) >= 3
}
_JOINED: Final = frozenset(
    inbound_normalise(row.keyword).replace(" ", "")
    for row in KEYWORD_ROWS
    if row.action == "out" and row.language == "*" and len(row.keyword) >= 4
)
_LONGEST = 40


def slip_keyword(words: Sequence[str], keywords: Collection[str]) -> str | None:
    """The keyword that the normalised words are a slip of, or None.

    A keyword spelled with spaces; one word of four letters or more at one slip (two from eight
    letters on) from the widest-known keywords, unless it is a word of its own; letters of another
    script or digits in place of their look-alikes; letters or the whole word repeated; STOP typed
    with the keyboard in another script.
    """
    if len(words) != 1:
        return _spelled(words)
    word = words[0]
    if len(word) > _LONGEST or word in SAFE_WORDS or word in _KNOWN:
        return None
    if word in SLIPS:
        return "stop"
    for changed in (word_skeleton(word), word_collapsed(word)):
        if changed != word and len(changed) >= 3 and changed in keywords:
            return changed
    return _near(word)


def _spelled(words: Sequence[str]) -> str | None:
    if len(words) < 2:
        return None
    joined = "".join(words)
    if all(len(word) == 1 for word in words):
        return joined if joined in _SPELLED else None
    return joined if joined in _JOINED else None


def _near(word: str) -> str | None:
    if len(word) < 4:
        return None
    limit = 2 if len(word) >= 8 else 1
    for keyword in FUZZY_KEYWORDS:
        if abs(len(word) - len(keyword)) <= limit and _distance(word, keyword) <= limit:
            return keyword
    return None


def _distance(left: str, right: str) -> int:
    """Optimal string alignment: insertions, deletions, substitutions, swaps of neighbours."""
    before: list[int] = []
    last = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        row = [i]
        for j, b in enumerate(right, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]
