"""Characters that only look like GSM-7 ones, and what to write instead.

The safer map of compliance §1.5: typographic quotes, dashes, dots, spaces and full-width forms
become their plain counterparts, invisible characters go away. Accents stay: "č" is not "c".
"""

import unicodedata
from typing import Final

_GROUPS: Final = {
    '"': "«»“”„‟″ʺ〝〞〃❝❞",
    "'": "‘’‚‛´`ʹʻʼʽˈˊˋ′❛❜",
    "-": "–—‒―−‐‑•‣‧⁃∙﹘﹣",
    "<": "‹",
    ">": "›",
    "/": "⁄∕",
    "*": "∗",
    ":": "∶ː",
    "!": "ǃ",
    ".": "。｡",
    ",": "、",
    "...": "…",
    "1/2": "½",
    "1/4": "¼",
    "3/4": "¾",
    # One space for any width, the tab included (Twilio puts two and seven).
    " ": "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u202f\u205f\u3000",
    "\n": "\u0085\u2028\u2029",
    # Zero-width characters, soft hyphen, directional marks, byte order mark.
    "": "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufe0e\ufe0f\ufeff",
}
_FULL_WIDTH = range(0xFF01, 0xFF5F)

REPLACEMENTS: Final[dict[str, str]] = {
    character: plain for plain, characters in _GROUPS.items() for character in characters
} | {chr(code): chr(code - 0xFEE0) for code in _FULL_WIDTH}
REPLACEMENTS["\uff40"] = "'"  # the full-width back-tick: the plain one is not in GSM-7 either

# Letters whose accent is part of the shape, so that Unicode does not decompose them.
_STROKED: Final = {
    "Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Ħ": "H", "ħ": "h", "Ŧ": "T", "ŧ": "t", "ı": "i",
    "Œ": "OE", "œ": "oe", "ẞ": "SS",
}  # fmt: skip


def character_replacement(character: str) -> str | None:
    """Plain counterpart of a look-alike, "" for an invisible character, None when there is none."""
    known = REPLACEMENTS.get(character)
    if known is not None:
        return known
    # Canonically equal code points (Ohm sign = Ω) are the same character, not a look-alike.
    composed = unicodedata.normalize("NFC", character)
    return composed if composed != character else None


def plain_letter(character: str) -> str | None:
    """The Latin letter without its accent ("č" gives "c"), or None for anything else."""
    stroked = _STROKED.get(character)
    if stroked is not None:
        return stroked
    base = unicodedata.normalize("NFD", character)[:1]
    return base if base != character and base.isascii() and base.isalpha() else None
