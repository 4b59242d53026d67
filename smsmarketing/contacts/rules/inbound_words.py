"""The words of ``inbound``: keywords from the packaged table, and the lists around them.

Keywords of every language count everywhere, because people answer in their own. Sources:
compliance §2.1 and ``optout_keywords.csv`` (which names the source of each word);
``inbound_words.json`` holds what surrounds them, by language.
"""

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from smsmarketing.contacts.rules.inbound_text import inbound_normalise

_FOLDER = Path(__file__).resolve().parent.parent / "data"
_FILE = _FOLDER / "optout_keywords.csv"
_AROUND = _FOLDER / "inbound_words.json"


class KeywordRow(NamedTuple):
    """One row as written; ``action`` is out, in or help."""

    language: str
    action: str
    keyword: str
    status: str


class Intent(NamedTuple):
    """Words that ask to be left in peace; ``kind`` is stop, wrong_number or complaint."""

    kind: str
    language: str
    words: str


def _rows() -> tuple[KeywordRow, ...]:
    with _FILE.open(encoding="utf-8", newline="") as file:
        return tuple(
            KeywordRow(row["lang"], row["action"], row["keyword"], row["status"])
            for row in csv.DictReader(file)
        )


KEYWORD_ROWS: Final = _rows()
_WORDS: Final[dict[str, Any]] = json.loads(_AROUND.read_text(encoding="utf-8"))

# Kept with every opt-out as proof of what was matched against ([R-2.20]).
LIST_VERSION: Final = hashlib.sha256(_FILE.read_bytes() + _AROUND.read_bytes()).hexdigest()[:12]


def _normal(words: Iterable[str]) -> frozenset[str]:
    return frozenset(inbound_normalise(word) for word in words)


def _by_language(table: Mapping[str, str]) -> dict[str, frozenset[str]]:
    return {language: _normal(text.split()) for language, text in table.items()}


# "回T退订": one letter is an answer in mainland China only; elsewhere R is "reply", T is a typo.
CHINA_ONLY: Final = frozenset({"t", "r"})
# Counts only for somebody who is opted out or was asked to confirm.
CONDITIONAL_IN: Final = frozenset({"yes"})
# The same in other languages, for who was asked to confirm.
YES_WORDS: Final = _normal(_WORDS["yes"].split())
# The answer to the scope question after a STOP from +1.
KEEP_ORDERS: Final = _normal(_WORDS["keep_orders"].split())
# Whole messages only: with words around them they mean something else ("the end", "nie wiem").
NEVER_IN_PHRASES: Final = frozenset({"t", "r", "td", "end", "nie", "ret", "alto", "取消", "停止"})
# Verbs that also begin an order's or a visit's end: as a question a person must look.
AMBIGUOUS_VERBS: Final = _normal(_WORDS["ambiguous_verbs"])

# Words that may surround an opt-out verb without changing what it means ([R-2.2]), by language.
FILLERS: Final = _by_language(_WORDS["fillers"])
# Opt-out verbs that are no keywords: with or without fillers, but never beside other words.
VERBS: Final = {
    language: frozenset(inbound_normalise(verb) for verb in verbs)
    for language, verbs in _WORDS["verbs"].items()
}

# Words with a keyboard slip from a keyword ([R-2.3]) ...
FUZZY_KEYWORDS: Final = ("stop", "stopp", "arret", "cancel", "optout", "unsubscribe")
# ... unless they are words of their own.
SAFE_WORDS: Final = _normal(_WORDS["safe_words"].split())
# STOP typed with the keyboard switched to another script.
SLIPS: Final = _normal(_WORDS["slips"])

# Word sequences that say "no more" without a keyword ([R-2.4]): held, and a person decides.
INTENTS: Final = {
    inbound_normalise(words): Intent(kind, language, inbound_normalise(words))
    for kind, table in reversed(_WORDS["intents"].items())
    for language, phrases in reversed(table.items())
    for words in phrases
}
# The same in scripts that write without spaces, so no word boundary can be asked for.
UNSPACED_INTENTS: Final[dict[str, list[str]]] = _WORDS["unspaced_intents"]
# Opt-out verbs of those scripts with the politeness around them ([R-2.2]).
UNSPACED_PHRASES: Final[dict[str, str]] = _WORDS["unspaced_phrases"]
# Negations in front of a phrase turn it round: "don't stop sending me these".
NEGATIONS: Final = _by_language(_WORDS["negations"])
# Words after which a sentence begins anew.
JOINTS: Final = _normal(_WORDS["but"].split())

MAIL_FEET: Final = tuple(sorted(_normal(_WORDS["mail_feet"])))
TAPBACKS: Final = tuple(sorted(_normal(_WORDS["tapbacks"])))

# Whose language a word that several languages share is taken for.
LANGUAGE_OF_COUNTRY: Final = {
    "AO": "pt", "BR": "pt", "MZ": "pt", "PT": "pt", "SK": "sk", "UA": "uk", "JP": "ja",
    "DK": "da", "NO": "nb", "ID": "id", "MY": "ms", "DE": "de", "AT": "de",
}  # fmt: skip
