"""The words of ``inbound``: keywords from the packaged table, and the lists around them.

Keywords of every language count everywhere, because people answer in their own. Sources:
compliance §2.1 and ``optout_keywords.csv`` (which names the source of each word).
"""

import csv
import hashlib
from pathlib import Path
from typing import Final, NamedTuple

_FILE = Path(__file__).resolve().parent.parent / "data" / "optout_keywords.csv"


class KeywordRow(NamedTuple):
    """One row as written; ``action`` is out, in or help."""

    language: str
    action: str
    keyword: str
    status: str


def _rows() -> tuple[KeywordRow, ...]:
    with _FILE.open(encoding="utf-8", newline="") as file:
        return tuple(
            KeywordRow(row["lang"], row["action"], row["keyword"], row["status"])
            for row in csv.DictReader(file)
        )


KEYWORD_ROWS: Final = _rows()

# Kept with every opt-out as proof of what was matched against ([R-2.20]).
LIST_VERSION: Final = hashlib.sha256(_FILE.read_bytes()).hexdigest()[:12]

# "回T退订": one letter is an answer in mainland China only; elsewhere R is "reply", T is a typo.
CHINA_ONLY: Final = frozenset({"t", "r"})
# Counts only for somebody who is opted out or was asked to confirm.
CONDITIONAL_IN: Final = frozenset({"yes"})
# Whole messages only: with words around them they mean something else ("the end", "nie wiem").
NEVER_IN_PHRASES: Final = frozenset({"t", "r", "td", "end", "nie", "ret", "alto", "取消", "停止"})

# Words that may surround an opt-out verb without changing what it means ([R-2.2]).
# English; Spanish, Portuguese, Italian, French; German, Dutch, Nordic, Baltic, Polish.
_FILLERS = """
please pls plz kindly now immediately asap just i id want would like to you your u ur can could
will me my mine us it this these those that the a all any from of off and with text texts texting
txt txts msg msgs message messages messaging sms sending send sent receiving receive getting
get contacting contact number phone cell list lists database mailing subscription marketing
ads notifications alerts updates consent permission spam spamming thanks thank ok okay hi hello
por favor ya gracias quiero darme dar de la los las mensajes mas obrigado quero receber mensagens
per favore grazie messaggi svp sil vous te plait merci les des ces moi vos
bitte danke mich vom von den die nachrichten newsletter aub alsjeblieft alstublieft bedankt berichten
tack takk tak prosze dziekuje prasau aciu ludzu paldies palun
"""
FILLERS: Final = frozenset(_FILLERS.split())

# Words with a keyboard slip from a keyword ([R-2.3]) ...
FUZZY_KEYWORDS: Final = ("stop", "stopp", "arret", "cancel", "optout", "unsubscribe")
# ... unless they are words of their own.
_SAFE_WORDS = """
shop step top store spot stomp stoop strop slop stow atop swop stoup stob stoke sloop scop
arrest arrets garret barret carat karat cancer cancan chancel subscribe resubscribe option
"""
SAFE_WORDS: Final = frozenset(_SAFE_WORDS.split())

# Word sequences that say "no more" without a keyword ([R-2.4]): held, and a person decides.
INTENTS: Final = (
    # English
    "dont text", "do not text", "dont message", "do not message", "dont contact",
    "do not contact", "dont send", "do not send", "dont call", "never text", "quit texting",
    "stop texting", "stop messaging", "stop sending", "stop contacting", "stop spamming",
    "leave me alone", "wrong number", "wrong person", "not interested", "no interest",
    "no more texts", "no more messages", "no more sms", "take me off", "remove me",
    "remove my number", "delete my number", "lose my number", "unsubscribe me", "opt me out",
    "never signed up", "didnt sign up", "did not sign up", "dont want these",
    "do not want these", "dont want your", "do not want your", "go away", "this is harassment",
    # Spanish, Portuguese, Italian, French
    "no mas", "no me escriban", "no me manden", "no me envien", "no me interesa", "dejen de",
    "numero equivocado", "dejenme en paz", "nao quero", "nao me mande", "numero errado",
    "numero sbagliato", "non mi interessa", "non voglio", "ne plus recevoir", "mauvais numero",
    "pas interesse", "pas interessee", "arretez de", "laissez moi tranquille", "desinscrivez moi",
    # German, Dutch, Polish
    "lass mich in ruhe", "lassen sie mich in ruhe", "falsche nummer", "kein interesse",
    "keine sms mehr", "keine nachrichten mehr", "verkeerd nummer", "geen interesse",
    "nie pisz", "zly numer", "pomylka", "nie jestem zainteresowany",
)  # fmt: skip
# The same in scripts that write without spaces, so no word boundary can be asked for.
UNSPACED_INTENTS: Final = (
    "不要再发", "别再发", "不要再發", "別再發", "不要发", "别发", "打错", "打錯", "不感兴趣", "不感興趣",
    "送らないで", "いりません", "興味ありません",
)  # fmt: skip
# Opt-out verbs of those scripts with the politeness around them ([R-2.2]).
UNSPACED_PHRASE: Final = (
    "(?:请|請|我要|我想|我|麻烦|麻煩|帮我|幫我)*"
    "(退订|退訂|拒收|取消订阅|取消訂閱|停止发送|停止發送|配信停止)"
    "(?:短信|簡訊|信息|消息|谢谢|謝謝|してください|お願いします|希望|吧|了)*"
)
# Negations in front of a phrase turn it round: "don't stop sending me these".
NEGATIONS: Final = ("dont", "not", "never", "cant", "wont")

# Whose language a word that several languages share is taken for.
LANGUAGE_OF_COUNTRY: Final = {
    "AO": "pt", "BR": "pt", "MZ": "pt", "PT": "pt", "SK": "sk", "UA": "uk", "JP": "ja",
    "DK": "da", "NO": "nb", "ID": "id", "MY": "ms", "DE": "de", "AT": "de",
}  # fmt: skip
