"""A corpus of replies in 33 languages, written by hand: what is missed, and what is taken wrongly."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsmarketing.contacts.rules.inbound import Classification, inbound_classify
from smsmarketing.contacts.rules.inbound_words import FILLERS, INTENTS, NEGATIONS, SAFE_WORDS, VERBS

ACTIONS = {
    "out": "opt_out",
    "hold": "hold_review",
    "none": "review",
    "help": "help",
    "in": "opt_in",
}


class Reply(NamedTuple):
    language: str
    country: str
    wanted: str
    text: str


def _corpus() -> list[Reply]:
    path = Path(__file__).parent / "data" / "replies.tsv"
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        language, country, wanted, text = line.split("\t")
        rows.append(Reply(language, country, ACTIONS[wanted], text.replace("\\n", "\n")))
    return rows


CORPUS = _corpus()


def classify(reply: Reply) -> Classification:
    return inbound_classify(reply.text, country=reply.country)


def test_the_corpus_is_wide() -> None:
    assert len(CORPUS) >= 390
    assert len({reply.language for reply in CORPUS}) >= 30
    assert min(Counter(reply.wanted for reply in CORPUS).values()) >= 4


def test_false_positives_and_negatives() -> None:
    """No refusal is left in the inbox, nothing friendly is stopped [R-2.4], [R-2.5]."""
    stops = {"opt_out", "hold_review"}
    missed = [r for r in CORPUS if r.wanted in stops and classify(r).action not in stops]
    wrong = [r for r in CORPUS if r.wanted not in stops and classify(r).action in stops]
    weak = [r for r in CORPUS if r.wanted == "opt_out" and classify(r).action == "hold_review"]
    strong = [r for r in CORPUS if r.wanted == "hold_review" and classify(r).action == "opt_out"]
    refusals = sum(r.wanted in stops for r in CORPUS)
    print(
        f"\n{len(CORPUS)} replies, {refusals} refusals: missed {len(missed)}, "
        f"stopped wrongly {len(wrong)} of {len(CORPUS) - refusals}, held instead of opted out "
        f"{len(weak)}, opted out instead of held {len(strong)}"
    )
    assert (missed, wrong, weak, strong) == ([], [], [], [])


@pytest.mark.parametrize("action", ["help", "opt_in"])
def test_help_and_start_of_the_corpus(action: str) -> None:
    assert all(classify(r).action == action for r in CORPUS if r.wanted == action)


FRIENDLY = (
    """
the stop was great|stop motion film|I have to stop here|Please stop at my house|cancel culture
cancel the order please|remove the pickles|the end is near|quit my job lol|STOP BY TOMORROW
STOP THE CAR|Stopping by|stop being so cheap lol|dont ever stop texting me|I get off at 5
please send me the list|nope|talla baja|sair hoje|vou parar|parar no sinal|seis unidades|return
iptal ettim randevuyu|ich melde mich|lass mich in der liste|nie teraz|取消订单|contact lens
start my order|help me|aide soignante|I love to stop and shop|never stop sending|join us tomorrow
I can't unsubscribe, the link is broken|I did not unsubscribe, why no texts?|stop motion?
doorstop|stopgap|pit stop|full stop|stoplight|nonstop flights|backstop|The show must not stop
no me dejen de enviar|kan ik stoppen met betalen in termijnen|Stoppelbart|stoprocent
je m'arrête chez vous demain|on s'arrête où|n'arrêtez pas vos offres|cancela la cita del lunes
Можно отменить заказ|стоп-сигнал купить|остановка где|μπορώ να σταματήσω στο μαγαζί
""".strip()
    .replace("\n", "|")
    .split("|")
)


@pytest.mark.parametrize("text", FRIENDLY)
def test_what_only_looks_like_a_stop(text: str) -> None:
    """[R-2.5]: a word inside a sentence, or inside another word, is no keyword."""
    for country in ("US", "DE", "CN"):
        assert inbound_classify(text, country=country).action == "review"


@pytest.mark.parametrize(
    "text",
    [
        "STOP\n\nSent from my iPhone",
        "Stop\n--\nBob Miller\nSales",
        "> Acme: sale today\n> Reply STOP to end\n\nstop",
        "stop\nOn Mon, 2 Nov 2026 at 10:00, Acme <a@acme.example> wrote:\n> sale",
        "STOP\nGesendet von meinem iPhone",
    ],
)
def test_what_a_phone_adds_is_no_part_of_the_answer(text: str) -> None:
    assert inbound_classify(text, country="DE").level == "exact"


@pytest.mark.parametrize("text", ["Liked “STOP”", "Gefällt „Antworte STOPP“", 'Loved "Reply STOP"'])
def test_a_reaction_quotes_our_words_and_not_theirs(text: str) -> None:
    assert inbound_classify(text, country="US").action == "review"


def test_a_name_beside_stop_is_no_other_message() -> None:
    known = inbound_classify("STOP, John Smith", country="US", names=("John", "Smith"))
    assert (known.action, known.level) == ("opt_out", "phrase")
    assert inbound_classify("stop Acme", country="US", names=("Acme",)).action == "opt_out"
    assert inbound_classify("STOP John", country="US").action == "hold_review"


@pytest.mark.parametrize(
    "text", ["STOOOP", "stopstop", "ЅТОР", "5TOP", "ыещз", "plz stpo txting me"]
)
def test_slips_of_other_kinds(text: str) -> None:
    """[R-2.3]: repeated and look-alike letters, another keyboard."""
    assert inbound_classify(text, country="US").level == "fuzzy"
    assert inbound_classify(text, country="DE").action == "hold_review"


@pytest.mark.parametrize("text", ["Can I cancel?", "remove me?"])
def test_a_question_with_a_verb_of_two_meanings_is_asked_about(text: str) -> None:
    assert inbound_classify(text, country="US").action == "hold_review"


def test_the_answer_to_the_scope_question() -> None:
    """[R-2.14]: ORDERS narrows, and YES to it opts nobody in again."""
    assert inbound_classify("Orders!", country="US", scope_asked=True).action == "keep_orders"
    assert inbound_classify("pedidos", country="US", scope_asked=True).action == "keep_orders"
    assert inbound_classify("ORDERS", country="US").action == "review"
    asked = inbound_classify("YES", country="US", opted_out=True, scope_asked=True)
    assert asked.action == "review"


@pytest.mark.parametrize("text", ["ja", "Oui", "sí", "да", "はい", "evet", "TAK"])
def test_yes_in_other_languages_counts_where_it_was_asked_for(text: str) -> None:
    assert inbound_classify(text, country="DE", pending_double_opt_in=True).action == "opt_in"
    assert inbound_classify(text, country="DE", opted_out=True).action == "review"


def test_the_word_lists_are_sound() -> None:
    """No filler is a negation, no safe word an opt-out, no intent a single common word."""
    for language, words in FILLERS.items():
        assert not words & NEGATIONS.get(language, frozenset()), language
    assert not any(SAFE_WORDS & verbs for verbs in VERBS.values())
    assert all(len(words) >= 3 for words in INTENTS)


WORDS = sorted(FILLERS["en"] | {"the", "my", "sale", "order", "tomorrow", "love", "shop", "by"})


@given(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), st.sampled_from(["US", "DE"]))
def test_fillers_alone_opt_nobody_out(text: str, country: str) -> None:
    assert inbound_classify(text, country=country).action in ("review", "hold_review", "help")


@given(
    st.sampled_from(["stop", "unsubscribe", "cancel", "arret", "baja", "стоп", "ΣΤΟΠ"]),
    st.sampled_from(["s", "over", "ing", "able", "ed", "ish", "ка"]),
)
def test_no_longer_word_is_a_keyword(keyword: str, tail: str) -> None:
    answer = inbound_classify(f"my {keyword}{tail} today", country="DE")
    assert answer.level in ("none", "fuzzy")
    assert answer.action != "opt_out"
