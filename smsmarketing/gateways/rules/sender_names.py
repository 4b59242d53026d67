"""Names that look like somebody else's [R-5.5]: confusables of UTS 39 within what a sender may hold."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

_FILE = Path(__file__).resolve().parent.parent / "data" / "protected_names.csv"
_PROTOTYPES: Final = str.maketrans({"I": "l", "1": "l", "|": "l", "!": "l", "0": "O", "m": "rn"})
_LEAST: Final = 3


def name_shapes(value: str) -> frozenset[str]:
    """How a name reads: without case, and with look-alike characters made one (`PayPaI`, `PayPal`).

    Spaces, dots and the signs that countries impose do not tell names apart.
    """
    bare = "".join(sign for sign in value if sign.isalnum() or sign in "|!")
    return frozenset({bare.casefold(), bare.translate(_PROTOTYPES).casefold()})


def name_alike(value: str, names: Iterable[str], *, words: bool = False) -> str:
    """The first of `names` that `value` reads like; empty when there is none. With `words` also a
    longer name that holds one as a word: `PayPal Help`.
    """
    whole = name_shapes(value)
    parts = [name_shapes(word) for word in value.replace(".", " ").replace("-", " ").split()]
    for name in names:
        shapes = name_shapes(name)
        if whole & shapes:
            return name
        if words and len(name) > _LEAST and any(part & shapes for part in parts):
            return name
    return ""


@lru_cache(maxsize=1)
def protected_names() -> tuple[str, ...]:
    """The packaged list of names that are imitated most."""
    with _FILE.open(encoding="utf-8", newline="") as source:
        return tuple(row["name"] for row in csv.DictReader(source))
