"""What a reply means: opt out, opt in, help, or something for a person to read.

Rules [R-2.1] to [R-2.7], compliance §2.2. Only whole messages, whole words and lists decide; no part
of a word ever does ("unstoppable"), and no model is asked ([R-2.7]).
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from smsmarketing.contacts.rules.inbound_words import (
    CHINA_ONLY,
    CONDITIONAL_IN,
    FILLERS,
    FUZZY_KEYWORDS,
    INTENTS,
    KEYWORD_ROWS,
    LANGUAGE_OF_COUNTRY,
    LIST_VERSION,
    NEGATIONS,
    NEVER_IN_PHRASES,
    SAFE_WORDS,
    UNSPACED_INTENTS,
    UNSPACED_PHRASE,
    KeywordRow,
)

__all__ = ["LIST_VERSION", "Classification", "inbound_classify", "inbound_normalise"]

Action = Literal["opt_out", "opt_in", "help", "hold_review", "review"]
Level = Literal["exact", "phrase", "fuzzy", "intent", "emoji", "none"]

_LONGEST = 1_000  # characters looked at; ten parts of UCS-2 hold fewer
_ACTIONS: Final[dict[str, Action]] = {"out": "opt_out", "in": "opt_in", "help": "help"}
_NORTH_AMERICA = frozenset(COUNTRY_CODE_TO_REGION_CODE[1])

_APOSTROPHES = dict.fromkeys(map(ord, "'’‘ʼ`´＇‛′"))
_DOTTED_I = {ord("İ"): "i", ord("ı"): "i"}
# Stop sign, raised hand, prohibited, no entry, with skin tones and variation selectors ([R-2.6]).
_REFUSING_EMOJI = re.compile(
    "(?:[\U0001f6d1\u270b\U0001f6ab\u26d4][\U0001f3fb-\U0001f3ff\ufe0f]*\\s*)+"
)


@dataclass(frozen=True, slots=True)
class Classification:
    """What a reply means and why.

    ``action``: opt_out and opt_in take effect at once; hold_review stops marketing to the number
    and asks a person; review changes nothing. ``level`` says which rule matched, ``keyword`` which
    word or phrase (normalised), ``language`` whose it is ("*" any, "" none).
    """

    action: Action
    level: Level
    keyword: str
    language: str
    normalised: str


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


def inbound_classify(
    text: str, *, country: str, pending_double_opt_in: bool = False, opted_out: bool = False
) -> Classification:
    """Classify one inbound message; never raises.

    ``country`` (ISO alpha-2 of the sender's number) decides on single letters (+86) and on spelling
    slips (+1). ``pending_double_opt_in`` and ``opted_out`` make YES an opt-in.
    """
    if _REFUSING_EMOJI.fullmatch("".join(text.split())):
        return Classification("opt_out", "emoji", text.strip()[:16], "*", "")
    normalised = inbound_normalise(text)
    if not normalised:
        return Classification("review", "none", "", "", "")
    yes_counts = pending_double_opt_in or opted_out
    return (
        _exact(normalised, country, yes_counts=yes_counts)
        or _phrase(normalised, country)
        or _fuzzy(normalised, country)
        or _intent(normalised)
        or Classification("review", "none", "", "", normalised)
    )


def _keywords(rows: Iterable[KeywordRow]) -> dict[str, list[KeywordRow]]:
    by_keyword: dict[str, list[KeywordRow]] = {}
    for row in rows:
        by_keyword.setdefault(inbound_normalise(row.keyword), []).append(row)
    return by_keyword


_KEYWORDS: Final = _keywords(KEYWORD_ROWS)
_OUT_KEYWORDS: Final = frozenset(
    keyword for keyword, rows in _KEYWORDS.items() if rows[0].action == "out"
)
_KEYWORDS_IN_PHRASES: Final = _OUT_KEYWORDS - {inbound_normalise(w) for w in NEVER_IN_PHRASES}
# Longest first, so that "opt out" is taken before "out" could be a filler.
_VERBS: Final = sorted(_KEYWORDS_IN_PHRASES, key=lambda verb: (-len(verb.split()), verb))
_SPELLED_KEYWORDS: Final = {
    keyword.replace(" ", ""): keyword
    for keyword in sorted(_OUT_KEYWORDS)
    if len(keyword.replace(" ", "")) >= 3
}
_JOINED_KEYWORDS: Final = frozenset(
    inbound_normalise(row.keyword).replace(" ", "")
    for row in KEYWORD_ROWS
    if row.action == "out" and row.language == "*" and len(row.keyword) >= 4
)
_INTENT_PATTERN: Final = re.compile(
    "".join(rf"(?<!\b{negation} )" for negation in NEGATIONS)
    + rf"\b({'|'.join(re.escape(inbound_normalise(intent)) for intent in INTENTS)})\b"
)
_UNSPACED_INTENT_PATTERN: Final = re.compile(
    "|".join(re.escape(inbound_normalise(intent)) for intent in UNSPACED_INTENTS)
)
_UNSPACED_PHRASE_PATTERN: Final = re.compile(unicodedata.normalize("NFKD", UNSPACED_PHRASE))


def _exact(normalised: str, country: str, *, yes_counts: bool) -> Classification | None:
    """Level 1: the message is a keyword ([R-2.1])."""
    rows = _KEYWORDS.get(normalised)
    if rows is None:
        return None
    if normalised in CHINA_ONLY and country != "CN":
        return None
    if normalised in CONDITIONAL_IN and not yes_counts:
        return None
    language = _language(rows, country)
    return Classification(_ACTIONS[rows[0].action], "exact", normalised, language, normalised)


def _language(rows: list[KeywordRow], country: str) -> str:
    languages = [row.language for row in rows]
    spoken = LANGUAGE_OF_COUNTRY.get(country, "")
    if "*" in languages:
        return "*"
    return spoken if spoken in languages else languages[0]


def _phrase(normalised: str, country: str) -> Classification | None:
    """Level 2: an opt-out verb among filler words only ([R-2.2])."""
    unspaced = _UNSPACED_PHRASE_PATTERN.fullmatch(normalised.replace(" ", ""))
    if unspaced:
        return Classification("opt_out", "phrase", unspaced.group(1), "zh", normalised)
    words = normalised.split()
    for verb in _VERBS:
        parts = verb.split()
        for start in range(len(words) - len(parts) + 1):
            if words[start : start + len(parts)] != parts:
                continue
            rest = words[:start] + words[start + len(parts) :]
            if all(word in FILLERS or word in _KEYWORDS_IN_PHRASES for word in rest):
                language = _language(_KEYWORDS[verb], country)
                return Classification("opt_out", "phrase", verb, language, normalised)
    return None


def _fuzzy(normalised: str, country: str) -> Classification | None:
    """Level 3: one word a slip away from a keyword, or a keyword spelled with spaces ([R-2.3])."""
    words = normalised.split()
    keyword = _spelled(words)
    if keyword is None and len(words) == 1:
        keyword = _near(normalised)
    if keyword is None:
        return None
    action: Action = "opt_out" if country in _NORTH_AMERICA else "hold_review"
    return Classification(action, "fuzzy", keyword, "*", normalised)


def _spelled(words: list[str]) -> str | None:
    if len(words) < 2:
        return None
    joined = "".join(words)
    if all(len(word) == 1 for word in words):
        return _SPELLED_KEYWORDS.get(joined)
    return joined if joined in _JOINED_KEYWORDS else None


def _near(word: str) -> str | None:
    if len(word) < 4 or word in SAFE_WORDS or word in _KEYWORDS:
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


def _intent(normalised: str) -> Classification | None:
    """Level 4: words that ask to be left in peace, anywhere in the message ([R-2.4])."""
    found = _INTENT_PATTERN.search(normalised)
    if found:
        return Classification("hold_review", "intent", found.group(1), "", normalised)
    unspaced = _UNSPACED_INTENT_PATTERN.search(normalised.replace(" ", ""))
    if unspaced:
        return Classification("hold_review", "intent", unspaced.group(), "", normalised)
    return None
