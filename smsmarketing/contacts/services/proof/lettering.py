"""Letters of every script for the PDF: which font has a character, and what stands for one that
none has.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from fontTools.ttLib import TTFont
from fpdf import FPDF

logging.getLogger("fontTools").setLevel(logging.ERROR)  # it tells of every table it cuts

FOLDER = Path(__file__).resolve().parents[2] / "fonts"
FAMILY = "NotoSans"
FALLBACKS = (
    "NotoSansArabic",
    "NotoSansHebrew",
    "NotoSansThai",
    "NotoSansDevanagari",
    "NotoSansBengali",
    "NotoSansTamil",
    "NotoSansGeorgian",
    "NotoSansArmenian",
    "DroidSansFallback",
    "NanumSquare",
)


def fonts_load(pdf: FPDF, characters: Iterable[str]) -> None:
    """Register the fonts that these characters need; only the glyphs that are used get into the file.

    Loading all of them takes a second, and most packs are in one script.
    """
    pdf.add_font(FAMILY, "", FOLDER / "NotoSans-Regular.ttf")
    pdf.add_font(FAMILY, "B", FOLDER / "NotoSans-Bold.ttf")
    shown = set(printable("".join(characters))) - {"\n"}
    needed = {_fallback(ord(character)) for character in shown}
    names = [name for name in FALLBACKS if name in needed]
    for name in names:
        pdf.add_font(name, "", _path(name))
    if names:
        pdf.set_fallback_fonts(names, exact_match=False)
    pdf.set_text_shaping(True)


def printable(text: str) -> str:
    """The text with every character that no font can show, or that shows nothing, as its code
    point: nothing is dropped silently, for the exact text is what matters.
    """
    return "".join(_shown(character) for character in text.replace("\r\n", "\n"))


def _shown(character: str) -> str:
    if character == "\n":
        return character
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
        return f"[U+{ord(character):04X}]"
    point = ord(character)
    known = point in _family() or _fallback(point) is not None
    return character if known else f"[U+{point:04X}]"


@lru_cache(maxsize=1)
def _family() -> frozenset[int]:
    """What both weights of the first font can show."""
    return _points(FOLDER / f"{FAMILY}-Regular.ttf") & _points(FOLDER / f"{FAMILY}-Bold.ttf")


def _fallback(point: int) -> str | None:
    """The first further font that can show it; None when the first font does, or none can."""
    if point in _family():
        return None
    return next((name for name in FALLBACKS if point in _points(_path(name))), None)


@lru_cache(maxsize=len(FALLBACKS))
def _points(path: Path) -> frozenset[int]:
    """The characters a font has a shape for: some name thousands and draw nothing for them."""
    with TTFont(path, lazy=True) as font:
        places = font["loca"]
        drawn = [places[at] != places[at + 1] for at in range(len(places) - 1)]
        return frozenset(
            point
            for point, name in font.getBestCmap().items()
            if drawn[font.getGlyphID(name)] or chr(point).isspace()
        )


def _path(name: str) -> Path:
    ending = "Full.ttf" if name.startswith("Droid") else "-Regular.ttf"
    return FOLDER / f"{name}{ending}"
