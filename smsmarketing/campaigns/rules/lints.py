"""What a text must say before it may go out: who speaks, and how to make them stop.

Rules [R-1.10], [R-2.17], [R-2.18], [R-3.3], [R-5.4]. The checks look at the composed final body, in the
template's own notation, so that nothing is added after counting.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

from smsmarketing.campaigns.rules.template import Template

OPT_OUT_LINK: Final = "opt_out_link"
"""The field that the system fills with each recipient's own opt-out page."""
OPT_OUT_FIELDS: Final = frozenset({"opt_out_link", "opt_out_url", "unsubscribe_link"})

_LINK = re.compile(r"https?://[^\s]+|(?<![\w@.])(?:[a-z0-9-]+\.)+[a-z]{2,}/[^\s]*", re.IGNORECASE)
_STOP_NUMBER = re.compile(r"\bSTOP\b[^\n]{0,20}?\+?\d{4,15}\b", re.IGNORECASE)
_OFFER = re.compile(r"\d\s?%|%\s?\d|\b(?:sale|discount|coupon|promo|voucher)\b", re.IGNORECASE)
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend. An ``error`` blocks review and sending; a ``warning`` is shown."""

    code: str
    severity: Literal["error", "warning"]
    message: str


def body_compose(body: str, opt_out_line: str, *, prefix: str = "") -> str:
    """The final body: a required prefix, the text, and the opt-out line if not already said.

    All three are template text. Nothing may be added later ([R-1.10]).
    """
    composed = body
    if prefix and not _folded(body).startswith(_folded(prefix)):
        composed = f"{prefix} {composed}"
    if opt_out_line.strip() and _folded(opt_out_line) not in _folded(body):
        composed = f"{composed.rstrip()}\n{opt_out_line.strip()}"
    return composed


def template_lint(
    template: Template,
    *,
    brand: str,
    purpose: str,
    opt_out_line: str,
    opt_out_keywords: frozenset[str] = frozenset({"stop"}),
    sender_receives: bool,
) -> tuple[Finding, ...]:
    """Check a parsed final body (see ``body_compose``).

    ``purpose`` is marketing, notification, transactional or otp; ``sender_receives`` tells whether
    replies reach us through this sender; ``opt_out_keywords`` are the words a reply may use.
    """
    findings: list[Finding] = []
    if purpose == "marketing":
        findings += _brand_findings(template, brand)
        findings += _opt_out_findings(
            template, opt_out_line, keywords=opt_out_keywords, sender_receives=sender_receives
        )
    elif _looks_like_marketing(template, opt_out_line):
        findings.append(
            Finding(
                "LOOKS_LIKE_MARKETING",
                "warning",
                "The text holds an offer or an opt-out line and counts as marketing. Set the"
                " purpose to marketing, or take the offer out.",
            )
        )
    unused = sorted(set(template.fields) - set(template.places))
    if unused:
        message = f"Declared but not used: {', '.join(unused)}. Use them or remove them."
        findings.append(Finding("UNUSED_FIELD", "warning", message))
    return tuple(findings)


def _brand_findings(template: Template, brand: str) -> list[Finding]:
    if brand.strip() and _holds_words(template.literal_text, brand):
        return []
    return [
        Finding(
            "BRAND_MISSING",
            "error",
            f"A marketing text must name the brand. Put “{brand}” into it.",
        )
    ]


def _opt_out_findings(
    template: Template, opt_out_line: str, *, keywords: frozenset[str], sender_receives: bool
) -> list[Finding]:
    text = template.literal_text
    link = bool(OPT_OUT_FIELDS & set(template.places))
    line = opt_out_line.strip()
    said = bool(line) and _folded(line) in _folded(template.source)
    if said:
        link = link or bool(_LINK.search(line)) or bool(_STOP_NUMBER.search(line))
    path = link or bool(_STOP_NUMBER.search(text))
    if sender_receives:
        path = path or any(_holds_words(text, keyword) for keyword in keywords)
    if path:
        return []
    if said or any(_holds_words(text, keyword) for keyword in keywords):
        return [
            Finding(
                "NO_OPT_OUT_PATH",
                "error",
                "The sender cannot receive replies, so a reply word is no way out. Give an opt-out"
                " link ({opt_out_link}) or a number to text STOP to.",
            )
        ]
    return [
        Finding(
            "OPT_OUT_MISSING",
            "error",
            "A marketing text must say how to opt out. Add the brand's opt-out line.",
        )
    ]


def _looks_like_marketing(template: Template, opt_out_line: str) -> bool:
    line = opt_out_line.strip()
    if line and _folded(line) in _folded(template.source):
        return True
    return bool(OPT_OUT_FIELDS & set(template.places) or _OFFER.search(template.literal_text))


def _folded(text: str) -> str:
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def _holds_words(text: str, words: str) -> bool:
    """Whether the words stand in the text as whole words ("ACME" is not in "acmeville")."""
    pattern = rf"(?<!\w){re.escape(_folded(words))}(?!\w)"
    return re.search(pattern, _folded(text)) is not None
