"""What a reply means: opt out, opt in, help, or something for a person to read.

Rules [R-2.1] to [R-2.7], compliance §2.2. Only whole messages, whole words and lists decide; no part
of a word ever does ("unstoppable"), and no model is asked ([R-2.7]).
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from smsmarketing.contacts.rules.inbound_slips import slip_keyword
from smsmarketing.contacts.rules.inbound_text import (
    inbound_normalise,
    reply_clauses,
    reply_own_words,
)
from smsmarketing.contacts.rules.inbound_words import (
    AMBIGUOUS_VERBS,
    CHINA_ONLY,
    CONDITIONAL_IN,
    FILLERS,
    INTENTS,
    JOINTS,
    KEEP_ORDERS,
    KEYWORD_ROWS,
    LANGUAGE_OF_COUNTRY,
    LIST_VERSION,
    MAIL_FEET,
    NEGATIONS,
    NEVER_IN_PHRASES,
    TAPBACKS,
    UNSPACED_INTENTS,
    UNSPACED_PHRASES,
    VERBS,
    YES_WORDS,
    Intent,
    KeywordRow,
)
from smsmarketing.contacts.rules.phone import is_plus_one

__all__ = ["LIST_VERSION", "Classification", "inbound_classify", "inbound_normalise"]

Action = Literal["opt_out", "opt_in", "help", "hold_review", "review", "keep_orders"]
Level = Literal["exact", "phrase", "fuzzy", "intent", "emoji", "none"]

_ACTIONS: Final[dict[str, Action]] = {"out": "opt_out", "in": "opt_in", "help": "help"}
# Stop sign, raised hand, prohibited, no entry, with skin tones and variation selectors ([R-2.6]).
_REFUSING_EMOJI = re.compile(
    "(?:[\U0001f6d1\u270b\U0001f6ab\u26d4][\U0001f3fb-\U0001f3ff\ufe0f]*\\s*)+"
)
_QUOTE_MARK = re.compile('["“„«「『”]')
_REACH = 5  # words in which a negation is looked for before an intent
# What may stand between a negation and the verb that it turns round: "don't want you to stop texting".
_BRIDGES = frozenset(
    {"want", "wish", "need", "you", "u", "to", "ever", "please", "really", "just", "going"}
    | {"would", "like", "me", "us", "them"}
)


@dataclass(frozen=True, slots=True)
class Classification:
    """What a reply means and why.

    ``action``: opt_out and opt_in take effect at once; keep_orders narrows the opt-out just made;
    hold_review stops marketing to the number and asks a person; review changes nothing. ``level``
    says which rule matched, ``keyword`` which word or phrase (normalised), ``language`` whose it is
    ("*" any, "" none).
    """

    action: Action
    level: Level
    keyword: str
    language: str
    normalised: str


def inbound_classify(
    text: str,
    *,
    country: str,
    pending_double_opt_in: bool = False,
    opted_out: bool = False,
    scope_asked: bool = False,
    names: Collection[str] = (),
) -> Classification:
    """Classify one inbound message; never raises.

    ``country`` (ISO alpha-2 of the sender's number) decides on single letters (+86) and on spelling
    slips (+1). ``pending_double_opt_in`` and ``opted_out`` make YES an opt-in; ``scope_asked``, that
    the person was asked what to keep, makes ORDERS an answer and YES none. ``names`` (of the person
    and of the brand) may stand beside an opt-out word: "STOP John".
    """
    if _REFUSING_EMOJI.fullmatch("".join(text.split())):
        return Classification("opt_out", "emoji", text.strip()[:16], "*", "")
    if _is_reaction(text):
        return Classification("review", "none", "", "", inbound_normalise(text))
    own = reply_own_words(text, MAIL_FEET)
    normalised = inbound_normalise(own)
    if not normalised:
        return Classification("review", "none", "", "", "")
    if scope_asked and normalised in KEEP_ORDERS:
        return Classification("keep_orders", "exact", normalised, "*", normalised)
    if pending_double_opt_in and normalised in YES_WORDS:
        return Classification("opt_in", "exact", normalised, "", normalised)
    yes_counts = pending_double_opt_in or (opted_out and not scope_asked)
    known = frozenset(word for name in names for word in inbound_normalise(name).split())
    return (
        _exact(normalised, country, yes_counts=yes_counts)
        or _phrase(normalised, country, known, asked="?" in own or "？" in own)
        or _fuzzy(normalised, country)
        or _intent(own, normalised)
        or Classification("review", "none", "", "", normalised)
    )


def _is_reaction(text: str) -> bool:
    """ "Liked “Reply STOP to end”": a phone quotes our own words."""
    mark = _QUOTE_MARK.search(text)
    return mark is not None and inbound_normalise(text[: mark.start()]).startswith(TAPBACKS)


def _keywords(rows: Iterable[KeywordRow]) -> dict[str, list[KeywordRow]]:
    by_keyword: dict[str, list[KeywordRow]] = {}
    for row in rows:
        by_keyword.setdefault(inbound_normalise(row.keyword), []).append(row)
    return by_keyword


_KEYWORDS: Final = _keywords(KEYWORD_ROWS)
_OUT_KEYWORDS: Final = frozenset(
    keyword for keyword, rows in _KEYWORDS.items() if rows[0].action == "out"
)
_NEVER: Final = frozenset(inbound_normalise(word) for word in NEVER_IN_PHRASES)


def _verb_languages() -> dict[str, tuple[str, ...]]:
    languages: dict[str, list[str]] = {}
    for keyword in _OUT_KEYWORDS - _NEVER:
        languages.setdefault(keyword, []).extend(row.language for row in _KEYWORDS[keyword])
    for language, verbs in VERBS.items():
        for verb in verbs:
            languages.setdefault(verb, []).append(language)
    return {verb: tuple(dict.fromkeys(spoken)) for verb, spoken in languages.items()}


_VERB_LANGUAGES: Final = _verb_languages()
# Longest first, so that "opt out" is taken before "out" could be a filler.
_VERBS: Final = sorted(_VERB_LANGUAGES, key=lambda verb: (-len(verb.split()), verb))
_VERB_WORDS: Final = frozenset(word for verb in _VERBS for word in verb.split())
_UNIVERSE: Final = _VERB_WORDS.union(*FILLERS.values())
# The languages in which the rest of a phrase may be, by the language of the verb.
_COUSINS: Final = {"ms": ("id",), "nb": ("nb", "da"), "da": ("da", "nb"), "sk": ("sk", "cs")}
_UNSPACED_PHRASE_PATTERNS: Final = {
    language: re.compile(
        re.sub(r"[^(?:|)*]+", lambda found: inbound_normalise(found.group()), pattern)
    )
    for language, pattern in UNSPACED_PHRASES.items()
}
_INTENT_PATTERN: Final = re.compile(
    rf"(?<!\S)({'|'.join(re.escape(words) for words in sorted(INTENTS, key=len, reverse=True))})(?!\S)"
)
_UNSPACED_INTENTS: Final = {
    inbound_normalise(words): language
    for language, phrases in UNSPACED_INTENTS.items()
    for words in phrases
}


def _exact(normalised: str, country: str, *, yes_counts: bool) -> Classification | None:
    """Level 1: the message is a keyword ([R-2.1])."""
    rows = _KEYWORDS.get(normalised)
    if rows is None:
        return None
    if normalised in CHINA_ONLY and country != "CN":
        return None
    if normalised in CONDITIONAL_IN and not yes_counts:
        return None
    language = _language([row.language for row in rows], country)
    return Classification(_ACTIONS[rows[0].action], "exact", normalised, language, normalised)


def _language(languages: Collection[str], country: str) -> str:
    spoken = LANGUAGE_OF_COUNTRY.get(country, "")
    if "*" in languages:
        return "*"
    return spoken if spoken in languages else next(iter(languages))


def _phrase(
    normalised: str, country: str, names: frozenset[str], *, asked: bool
) -> Classification | None:
    """Level 2: an opt-out verb among filler words only ([R-2.2])."""
    joined = normalised.replace(" ", "")
    for language, pattern in _UNSPACED_PHRASE_PATTERNS.items():
        unspaced = pattern.fullmatch(joined)
        if unspaced:
            return Classification("opt_out", "phrase", unspaced.group(1), language, normalised)
    words = normalised.split()
    if not all(word in _UNIVERSE or word in names for word in words):
        return None
    verb = _verb_among_fillers(words, names)
    if verb is None:
        return None
    language = _language(_VERB_LANGUAGES[verb], country)
    if asked and verb in AMBIGUOUS_VERBS:
        return Classification("hold_review", "intent", verb, language, normalised)
    return Classification("opt_out", "phrase", verb, language, normalised)


def _verb_among_fillers(words: list[str], names: frozenset[str]) -> str | None:
    """The first verb whose surroundings are fillers of its own language, English, or names."""
    present = set(words)
    for verb in _VERBS:
        parts = verb.split()
        if not present.issuperset(parts):
            continue
        for start in range(len(words) - len(parts) + 1):
            if words[start : start + len(parts)] == parts:
                rest = frozenset(words[:start] + words[start + len(parts) :]) - names
                if _all_fillers(rest, _VERB_LANGUAGES[verb]):
                    return verb
    return None


def _all_fillers(rest: frozenset[str], languages: Collection[str]) -> bool:
    spoken = [cousin for code in languages for cousin in _COUSINS.get(code, (code,))]
    if "*" in languages or not rest:
        spoken = list(FILLERS)
    return any(
        all(
            word in FILLERS.get(code, ())
            or word in FILLERS["en"]
            or word in VERBS.get(code, ())
            or word in _OUT_KEYWORDS - _NEVER
            for word in rest
        )
        for code in ("en", *spoken)
    )


def _fuzzy(normalised: str, country: str) -> Classification | None:
    """Level 3: one word a slip away from a keyword, or a keyword spelled with spaces ([R-2.3])."""
    words = normalised.split()
    keyword = slip_keyword(words, _OUT_KEYWORDS)
    if keyword is None and 1 < len(words) <= 6:
        strange = [word for word in words if word not in FILLERS["en"]]
        if len(strange) == 1 and strange[0] not in _VERB_WORDS:
            keyword = slip_keyword(strange, _OUT_KEYWORDS)
    if keyword is None:
        return None
    action: Action = "opt_out" if is_plus_one(country) else "hold_review"
    return Classification(action, "fuzzy", keyword, "*", normalised)


def _intent(own: str, normalised: str) -> Classification | None:
    """Level 4: words that ask to be left in peace, anywhere in the message ([R-2.4])."""
    clauses = reply_clauses(own, JOINTS)
    for clause in clauses:
        for found in _INTENT_PATTERN.finditer(clause):
            intent = INTENTS[found.group(1)]
            if not _negated(clause[: found.start()].split(), intent):
                return Classification(
                    "hold_review", "intent", intent.words, intent.language, normalised
                )
    joined = normalised.replace(" ", "")
    for words, language in _UNSPACED_INTENTS.items():
        if words in joined:
            return Classification("hold_review", "intent", words, language, normalised)
    verb = _alone(own, clauses)
    if verb is not None:
        return Classification("hold_review", "intent", verb, "", normalised)
    return None


def _negated(before: list[str], intent: Intent) -> bool:
    """ "please don't stop texting": turned round. An intent that is a negation itself is not."""
    negations = NEGATIONS.get(intent.language, frozenset())
    if intent.words.split()[0] in negations:
        return False
    for word in reversed(before[-_REACH:]):
        if word in negations:
            return True
        if word not in _BRIDGES:
            return False
    return False


def _alone(own: str, clauses: list[str]) -> str | None:
    """An unmistakable opt-out as a sentence of its own beside others: "STOP. Who is this?" """
    for clause in (clauses[:1] + clauses[-1:]) if len(clauses) > 1 else []:
        verb = clause if clause in _VERB_LANGUAGES else None
        words = clause.split()
        if verb is None and all(word in _UNIVERSE for word in words):
            verb = _verb_among_fillers(words, frozenset())
        if verb is not None and verb not in AMBIGUOUS_VERBS:
            return verb
    # "STOP John": shouted in front of a word or two that are not.
    first, *rest = own.split() or [""]
    shouted = inbound_normalise(first)
    if first.isupper() and shouted in _VERB_LANGUAGES and 0 < len(rest) <= 3:
        quiet = not any(word.isupper() and len(word) > 1 for word in rest)
        if quiet and shouted not in AMBIGUOUS_VERBS and "?" not in own:
            return shouted
    return None
