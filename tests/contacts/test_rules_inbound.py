"""What replies mean (compliance §2.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsmarketing.contacts.rules.inbound import (
    LIST_VERSION,
    Classification,
    inbound_classify,
    inbound_normalise,
)
from smsmarketing.contacts.rules.inbound_words import KEYWORD_ROWS, KeywordRow


def classify(text: str, country: str = "US", **facts: bool) -> Classification:
    return inbound_classify(text, country=country, **facts)


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        " Stop. ",
        '"STOP"',
        "ＳＴＯＰ",
        "ST\u200bOP",
        "STOP!!!",
        "\u202estop\u202c",
        "stóp",
        "STOP ALL",
        "Opt-Out",
        "optout",
        "REVOKE",
        "End",
        "opt out",
        "stopall",
        "Remove",
        "quit",
        "ARRÊT",
        "arret",
        "baja",
        "No más",
        "退订",
        "退訂",
        "TD",
        "İPTAL",
        "ıptal",
        "Стоп",
        "수신거부",
        "ΣΤΟΠ",
        "إلغاء",
        "הסר",
        "ยกเลิก",
        "Nebesiųsti",
        "Rezygnuję",
        "配信停止",
        "từ chối",
        "Odhlásit",
    ],
)
def test_keywords(text: str) -> None:
    """[R-2.1]: the whole message is a keyword, in any country."""
    for country in ("US", "LT", "CN"):
        answer = classify(text, country)
        assert (answer.action, answer.level) == ("opt_out", "exact")


@pytest.mark.parametrize("row", KEYWORD_ROWS, ids=lambda row: f"{row.language}-{row.keyword}")
def test_every_keyword_of_the_table(row: KeywordRow) -> None:
    """[R-2.1]."""
    language, action, keyword, _ = row
    country = "CN" if language == "zh" else "US"
    answer = classify(f"  {keyword}. ", country, opted_out=True)
    assert answer.level == "exact"
    assert answer.action == {"out": "opt_out", "in": "opt_in", "help": "help"}[action]
    assert answer.keyword == answer.normalised


@pytest.mark.parametrize("text", ["T", "r", "Ｔ", "R."])
def test_single_letters_count_in_china_only(text: str) -> None:
    assert classify(text, "CN").action == "opt_out"
    for country in ("US", "KR", "JP", "HK"):
        assert classify(text, country).action == "review"


@pytest.mark.parametrize(
    "text",
    [
        "please stop",
        "Stop texting me",
        "unsubscribe me please",
        "stop sending me these messages",
        "remove me from the list",
        "Please opt out!",
        "STOP STOP STOP",
        "can you stop it please",
        "I would like to unsubscribe",
        "stop por favor",
        "no más mensajes",
        "bitte abmelden",
        "stop svp",
        "请退订",
        "我要退订谢谢",
        "Quit spamming me",
        "cancel my subscription",
        "STOP now",
    ],
)
def test_phrases(text: str) -> None:
    """[R-2.2]: an opt-out verb among fillers, at once, everywhere."""
    for country in ("US", "DE"):
        answer = classify(text, country)
        assert (answer.action, answer.level) == ("opt_out", "phrase")


@pytest.mark.parametrize(
    "text",
    [
        "STPO",
        "SOTP",
        "stip",
        "unsubcribe",
        "S T O P",
        "unsubscribed",
        "un subscribe",
        "s.t.o.p",
        "stpp",
        "cancle",
        "optuot",
        "U N S U B S C R I B E",
        "sttop",
    ],
)
def test_slips(text: str) -> None:
    """[R-2.3]: opt-out for +1; elsewhere marketing is held and a person decides."""
    assert (classify(text).action, classify(text).level) == ("opt_out", "fuzzy")
    assert classify(text, "CA").action == "opt_out"
    assert classify(text, "JM").action == "opt_out"
    assert (classify(text, "DE").action, classify(text, "DE").level) == ("hold_review", "fuzzy")


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("don't text me", "dont text"),
        ("Don’t text me!", "dont text"),
        ("don´t text me", "dont text"),
        ("wrong number", "wrong number"),
        ("sorry you have the wrong number, this is Bob", "wrong number"),
        ("leave me alone", "leave me alone"),
        ("not interested thx", "not interested"),
        ("stop sending me this junk you clowns", "stop sending"),
        ("por favor no más publicidad de su tienda", "no mas"),
        ("pas intéressé", "pas interesse"),
        ("你们别再发了好吗", "别再发"),
    ],
)
def test_intents(text: str, keyword: str) -> None:
    """[R-2.4]: hold marketing, open a review."""
    for country in ("US", "ES"):
        answer = classify(text, country)
        assert (answer.action, answer.level, answer.keyword) == ("hold_review", "intent", keyword)


@pytest.mark.parametrize(
    "text",
    [
        "When does the sale stop?",
        "stop by tomorrow?",
        "I can't stop loving it",
        "end of month?",
        "shop",
        "step",
        "top",
        "store",
        "spot",
        "cancer",
        "arrest",
        "yes please",
        "the end",
        "Is the offer still on?",
        "unstoppable",
        "Unstoppable!",
        "nonstop",
        "stopover",
        "stopwatch",
        "bus stop",
        "weekend",
        "cancellation",
        "unsubscribing fees?",
        "quite",
        "removed?",
        "please don't stop",
        "don't stop sending me these",
        "never stop texting",
        "cancel my order",
        "what does STOP do?",
        "info desk?",
        "helpful",
        "restart",
        "started",
        "informal",
        "helped",
        "T-shirt",
        "R u there",
        "nie wiem",
        "how do I return this",
        "stopping distance",
        "ok",
        "🎉",
        "Can I stop at the shop to remove the item?",
        "🛑 sale over?",
        "thumbs up 👍",
        "",
        " \u200b ",
    ],
)
def test_everything_else_changes_nothing(text: str) -> None:
    """[R-2.5]: never a part of a word, never a word inside a sentence."""
    for country in ("US", "CN", "DE"):
        answer = classify(text, country)
        assert (answer.action, answer.level) == ("review", "none")


@pytest.mark.parametrize("text", ["🛑", "✋", "🚫", "⛔", "⛔️", "✋🏽", " 🛑🛑 🚫 ", "🛑\n"])
def test_refusing_emoji(text: str) -> None:
    """[R-2.6]."""
    assert (classify(text).action, classify(text).level) == ("opt_out", "emoji")


@pytest.mark.parametrize("text", ["START", "unstop", "Unstop.", "subscribe", "ALTA", "onay"])
def test_opt_in(text: str) -> None:
    assert (classify(text).action, classify(text).level) == ("opt_in", "exact")


def test_yes_counts_only_for_those_who_were_asked() -> None:
    assert classify("YES").action == "review"
    assert classify("yes", opted_out=True).action == "opt_in"
    assert classify("Yes!", pending_double_opt_in=True).action == "opt_in"
    assert classify("yes please", pending_double_opt_in=True).action == "review"


@pytest.mark.parametrize("text", ["HELP", "Aide", "info", "Hilfe", "contact", "AYUDA?"])
def test_help(text: str) -> None:
    assert (classify(text).action, classify(text).level) == ("help", "exact")


def test_language_of_shared_words() -> None:
    assert classify("parar", "BR").language == "pt"
    assert classify("parar", "MX").language == "es"
    assert classify("stop", "DK").language == "*"


def test_normalisation() -> None:
    """Compliance §2.2, in its order."""
    assert inbound_normalise("  “Stop—it’s”\u200b ENOUGH!! ") == "stop its enough"
    assert inbound_normalise("ARRÊT İPTAL ıptal ＳＴＯＰ") == "arret iptal iptal stop"
    assert inbound_normalise("ยกเลิก") == "ยกเลิก"
    assert inbound_normalise("!?") == ""


def test_the_proof_names_the_list() -> None:
    """[R-2.20]."""
    assert len(LIST_VERSION) == 12
    answer = classify("Stop!")
    assert (answer.keyword, answer.language, answer.normalised) == ("stop", "*", "stop")


@given(st.text(max_size=300), st.sampled_from(["US", "CN", "DE", "", "ZZ"]))
def test_any_text_has_an_answer(text: str, country: str) -> None:
    answer = classify(text, country)
    assert answer.normalised == inbound_normalise(answer.normalised)
    assert (answer.level == "none") == (answer.action == "review")


@given(
    st.sampled_from(["stop", "end", "quit", "cancel", "info", "start"]),
    st.text("abcxyz", min_size=2),
)
def test_no_part_of_a_word_opts_out(keyword: str, tail: str) -> None:
    """Never substring matching."""
    word = tail + keyword + tail
    assert classify(word).level in ("none", "fuzzy")
    assert classify(f"about {word} today").action == "review"
