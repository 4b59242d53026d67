"""Letters of every script for the PDF: which font has a character, and what stands for one that
none has.
"""

from __future__ import annotations

import logging
import unicodedata
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


def fonts_load(pdf: FPDF) -> None:
    """Register the fonts; only the glyphs that are used get into the file."""
    pdf.add_font(FAMILY, "", FOLDER / "NotoSans-Regular.ttf")
    pdf.add_font(FAMILY, "B", FOLDER / "NotoSans-Bold.ttf")
    for name in FALLBACKS:
        pdf.add_font(name, "", _path(name))
    pdf.set_fallback_fonts(list(FALLBACKS), exact_match=False)
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
    return character if ord(character) in _covered() else f"[U+{ord(character):04X}]"


@lru_cache(maxsize=1)
def _covered() -> frozenset[int]:
    found: set[int] = set()
    for name in (f"{FAMILY}-Regular", f"{FAMILY}-Bold"):
        points = _points(FOLDER / f"{name}.ttf")
        found = found & points if found else points
    for name in FALLBACKS:
        found |= _points(_path(name))
    return frozenset(found)


def _points(path: Path) -> set[int]:
    """The characters a font has a shape for: some name thousands and draw nothing for them."""
    with TTFont(path, lazy=True) as font:
        places = font["loca"]
        drawn = [places[at] != places[at + 1] for at in range(len(places) - 1)]
        return {
            point
            for point, name in font.getBestCmap().items()
            if drawn[font.getGlyphID(name)] or chr(point).isspace()
        }


def _path(name: str) -> Path:
    ending = "Full.ttf" if name.startswith("Droid") else "-Regular.ttf"
    return FOLDER / f"{name}{ending}"
