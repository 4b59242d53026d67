"""A reply without what the person did not write: quoted texts, mail footers, reactions. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_LONGEST = 1_000  # characters looked at; ten parts of UCS-2 hold fewer

_APOSTROPHES = dict.fromkeys(map(ord, "'’‘ʼ`´＇‛′"))
_DOTTED_I = {ord("İ"): "i", ord("ı"): "i"}
_QUOTED_BEGINS: Final = re.compile(
    r"^\s*(?:-{2,}\s*(?:original message|forwarded message|\w+ \w+)\s*-{2,}"
    r"|(?:on|am|le|el|em|il|op)\b.{5,80}"
    r"(?:wrote|schrieb|écrit|escribió|escreveu|ha scritto|schreef)\s*:?|from:\s.+)\s*$",
    re.IGNORECASE,
)
_SEPARATORS: Final = re.compile(r"[.!?;,:\n\r…。！？、，；：؟؛،।|()\[\]]+|\s[-–—]+\s|[–—]")
# "ST0P", "5TOP": the digits that look like letters.
_LOOKALIKES: Final = str.maketrans(
    "авекмнорстухіѕјԁԛԝαβεικνορτυχ0135", "abekmhopctyxisjdqwabeiknoptuxoles"
)


def inbound_normalise(text: str) -> str:
    """The form in which replies and keywords are compared (compliance §2.2, in its order)."""
    # The spacing accents go first: NFKC would turn them into a space and a mark.
    text = unicodedata.normalize("NFKC", text[:_LONGEST].translate(_APOSTROPHES))
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    text = unicodedata.normalize("NFKD", text.translate(_DOTTED_I).casefold())
    # Vowel signs of South Asian scripts are marks too, but they are spelling: class 0, kept.
    text = "".join(c for c in text if not unicodedata.combining(c)).translate(_APOSTROPHES)
    return " ".join("".join(c if _is_word(c) else " " for c in text).split())


def _is_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"


def reply_own_words(text: str, feet: tuple[str, ...]) -> str:
    """The text up to what a mail program added: quoted lines, "On ... wrote:", "Sent from my ...".

    All of it when nothing else is left. `feet` are normalised beginnings of footers.
    """
    kept: list[str] = []
    for line in text[:_LONGEST].splitlines():
        if line.lstrip().startswith((">", "|")):
            continue
        if line.strip() in ("--", "__", "—") or _QUOTED_BEGINS.match(line):
            break
        if kept and inbound_normalise(line).startswith(feet):
            break
        kept.append(line)
    own = "\n".join(kept)
    return own if own.strip() else text[:_LONGEST]


def reply_clauses(text: str, joints: frozenset[str]) -> list[str]:
    """The reply cut at punctuation and at words like "but", each piece normalised."""
    clauses: list[str] = []
    for piece in _SEPARATORS.split(text):
        words: list[str] = []
        for word in inbound_normalise(piece).split():
            if word in joints:
                clauses.append(" ".join(words))
                words = []
            else:
                words.append(word)
        clauses.append(" ".join(words))
    return [clause for clause in clauses if clause]


def word_skeleton(word: str) -> str:
    """The word with Cyrillic, Greek and digit look-alikes as the Latin letters they imitate."""
    return word.translate(_LOOKALIKES)


def word_collapsed(word: str) -> str:
    """ "stoooop" and "stopstopstop" as "stop"."""
    word = re.sub(r"(.)\1{2,}", r"\1", word)
    whole = re.fullmatch(r"(.{3,}?)\1+", word)
    return whole.group(1) if whole else word
