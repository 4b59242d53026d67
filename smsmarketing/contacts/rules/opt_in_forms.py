"""What the wording of an opt-in form must say before it may be published (compliance §4.1). Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

FORM_PURPOSES: Final = ("marketing", "notification", "night")
FORM_FIELDS: Final = ("first_name", "last_name")
# A word that tells how often, and one that tells what it costs, in the languages of our pages. A
# text in another language is asked for the programme's own frequency words and for nothing about
# rates, which only North American carriers want.
_OFTEN: Final = {
    "en": r"frequency|var(y|ies)|(a|per|each|every) (day|week|month|year)|/ ?(day|week|mo)|(daily|weekly|monthly)",
    "de": r"häufigkeit|(pro|je|im|in der) (tag|woche|monat|jahr)|/ ?(tag|woche|monat)|(täglich|wöchentlich|monatlich)",
    "fr": r"fréquence|par (jour|semaine|mois|an)\b|/ ?(jour|semaine|mois)",
    "es": r"frecuencia|(al|por|a la|cada) (día|semana|mes|año)|/ ?(semana|mes)",
    "it": r"frequenza|(al|per|a|alla|ogni) ?(giorno|settimana|mese|anno)|/ ?(settimana|mese)",
    "nl": r"frequentie|per (dag|week|maand|jaar)|/ ?(week|maand)",
    "pt": r"frequência|(por|ao|a cada) (dia|semana|mês|ano)|/ ?(semana|mês)",
    "pl": r"częstotliwość|(na|w) (dzień|tydzień|tygodniu|miesiąc|miesiącu|rok)|miesięcznie|tygodniowo",
}
_RATES: Final = {
    "en": r"\brates?\b|\bcosts?\b|\bcharges?\b|\bfree\b",
    "de": r"kosten|gebühr|tarif|entgelt",
    "fr": r"tarif|frais|coût|gratuit|surtax",
    "es": r"tarifa|coste|costo|cargo|gratis|gratuit",
    "it": r"tariff|costi|costo|addebit|gratuit",
    "nl": r"kosten|tarief|tarieven|gratis",
    "pt": r"tarifa|custo|cobran|grátis|gratuit",
    "pl": r"koszt|opłat|stawk|bezpłat",
}
_BUNDLED: Final = re.compile(
    r"(accept|agree to|akzeptiere|acepto|accepte|accetto)[^.]{0,60}"
    r"(terms (and|&) conditions|terms of (use|service)|\bagb\b|conditions générales|términos)",
    re.IGNORECASE,
)
_HOST: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(\.(?!-)[a-z0-9-]{1,63})*\.?", re.IGNORECASE)


def disclosure_faults(text: str, *, brand: str, language: str, frequency: str) -> dict[str, str]:
    """Field → what the wording lacks; empty when it may be published.

    The law and the carriers want the brand, how often, what it costs and how to stop in the text
    beside the box, and consent that is not bundled with terms [R-4.4], [R-4.6].
    """
    lacks: list[str] = []
    base = language.split("-")[0].lower()
    if brand.casefold() not in text.casefold():
        lacks.append(f"Name the brand as people know it: {brand}.")
    if not re.search(r"\bSTOP\b", text):
        lacks.append("Say how to end it, with the word STOP in capitals.")
    often = _OFTEN.get(base)
    said = frequency.casefold() in text.casefold()
    if not said and not (often and re.search(often, text, re.IGNORECASE)):
        lacks.append(f"Say how often people are texted, for example: {frequency}.")
    if base in _RATES and not re.search(_RATES[base], text, re.IGNORECASE):
        lacks.append("Say what it costs, for example: Message and data rates may apply.")
    if _BUNDLED.search(text):
        lacks.append("Ask for the consent alone; do not bundle it with terms and conditions.")
    return {"disclosure_text": " ".join(lacks)} if lacks else {}


def disclosure_hints(text: str) -> list[str]:
    """What is better said as well; refuses nothing."""
    hints = []
    if not re.search(r"\bHELP\b", text):
        hints.append("Carriers in North America want HELP named too.")
    if not re.search(r"https?://", text):
        hints.append("Add the addresses of your terms and your privacy notice.")
    if not re.search(r"condition of (any )?purchase|not required", text, re.IGNORECASE):
        hints.append("In the United States say that consent is not a condition of purchase.")
    return hints


def origin_fault(origin: str) -> str:
    """What is wrong with an origin that may show the form; empty when it is one."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return "Give a web address such as https://shop.example."
    local = parts.hostname in ("localhost", "127.0.0.1")
    whole = f"{parts.scheme}://{parts.hostname or ''}" + (f":{port}" if port else "")
    if not parts.hostname or not _HOST.fullmatch(parts.hostname) or whole != origin.lower():
        return "Give the site only, such as https://shop.example, without a path."
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        return "Use https://."
    return ""


def words_faults(values: Collection[str], known: Collection[str]) -> str:
    """Which of the values are not known."""
    unknown = sorted(set(values) - set(known))
    return f"Unknown: {', '.join(unknown)}. Known are: {', '.join(known)}." if unknown else ""
