"""What a consent event must hold before it counts ([R-4.1] to [R-4.8]). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

DIRECTIONS: Final = ("granted", "revoked", "expired", "denied")
PURPOSES: Final = ("marketing", "notification", "otp", "night")
# "purchased" is not a value: consent is never inherited from a list that was bought.
BASES: Final = (
    "express",
    "written",
    "soft_opt_in",
    "implied_purchase",
    "implied_inquiry",
    "import",
)
METHODS: Final = (
    "web_form",
    "paper",
    "verbal",
    "keyword_reply",
    "qr",
    "import",
    "api",
    "double_opt_in",
)
# Word of an import or a paper form: a time this close to its recording was made up.
_SECOND_HAND: Final = frozenset({"import", "paper"})
_JUST_NOW: Final = timedelta(minutes=1)
AGE_MAX: Final = timedelta(days=3653)  # ten years
# CASL: implied consent ends two years after a purchase, six months after an inquiry (§4.1).
IMPLIED: Final = {"implied_purchase": timedelta(days=730), "implied_inquiry": timedelta(days=182)}
# GDPR countries (EU, EEA, United Kingdom, Switzerland) and +1: a pre-ticked box is no consent.
_GDPR_TEXT = "AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK"
_GDPR: Final = frozenset(_GDPR_TEXT.split())
BOX_COUNTRIES: Final = tuple(sorted(_GDPR | set(COUNTRY_CODE_TO_REGION_CODE[1])))
"""Where a box that was ticked beforehand is no consent [R-4.4]; the database refuses it too."""


@dataclass(frozen=True, kw_only=True)
class ConsentEvidence:
    """What a person was told and agreed to, as it reached us (compliance §4.2). Times are aware."""

    direction: str = "granted"
    purpose: str = "marketing"
    basis: str = "express"
    method: str = ""
    source_url: str = ""
    form_version: str = ""
    disclosure_text: str = ""
    language: str = ""
    checkbox_default: bool = False
    captured_at: datetime | None = None
    captured_by: str = ""
    ip: str = ""
    user_agent: str = ""
    evidence_file: str = ""
    evidence_file_id: UUID | None = None
    evidence_sha256: str = ""
    sender_scope: str = ""
    hosted_form_version_id: int | None = None
    double_opt_in: Mapping[str, Any] | None = None
    expires_at: datetime | None = None

    def of_purpose(self, purpose: str) -> ConsentEvidence:
        """The same evidence for another purpose."""
        return replace(self, purpose=purpose)


def consent_faults(
    evidence: ConsentEvidence, *, country: str, plus_one: bool, now: datetime
) -> dict[str, str]:
    """Field → what is wrong with it; empty when the event may be recorded.

    `country` is the number's; `plus_one` tells a number of +1 (US, Canada and the Caribbean).
    """
    faults: dict[str, str] = {}
    _choices(evidence, faults)
    _times(evidence, faults, now)
    if evidence.direction == "granted":
        _proof(evidence, faults)
        if evidence.checkbox_default and (plus_one or country in _GDPR):
            faults["checkbox_default"] = (
                "A box that was ticked beforehand is no consent in this country."
            )
    return faults


def consent_expiry(evidence: ConsentEvidence) -> datetime | None:
    """When the consent lapses: as stated, and never later than its basis allows [R-4.7]."""
    term = IMPLIED.get(evidence.basis)
    if term is None or evidence.captured_at is None:
        return evidence.expires_at
    latest = evidence.captured_at + term
    return min(evidence.expires_at, latest) if evidence.expires_at else latest


def _choices(evidence: ConsentEvidence, faults: dict[str, str]) -> None:
    for field, value, known in (
        ("direction", evidence.direction, DIRECTIONS),
        ("purpose", evidence.purpose, PURPOSES),
        ("basis", evidence.basis, BASES),
        ("method", evidence.method, METHODS),
    ):
        if value not in known:
            faults[field] = f"Give one of: {', '.join(known)}."


def _times(evidence: ConsentEvidence, faults: dict[str, str], now: datetime) -> None:
    at = evidence.captured_at
    if at is None:
        faults["captured_at"] = "Say when the person agreed."
        return
    if at > now:
        faults["captured_at"] = "This lies in the future. Say when the person agreed."
    elif evidence.method in _SECOND_HAND and at > now - _JUST_NOW:
        faults["captured_at"] = "This is the time of the recording. Say when the person agreed."
    elif at < now - AGE_MAX:
        faults["captured_at"] = "This is more than 10 years ago. Ask the person again."
    if evidence.expires_at is not None and evidence.expires_at <= at:
        faults["expires_at"] = "This lies before the consent itself."


def _proof(evidence: ConsentEvidence, faults: dict[str, str]) -> None:
    if not evidence.disclosure_text.strip():
        faults["disclosure_text"] = "Give the exact text the person saw."
    if not evidence.source_url and not evidence.evidence_file:
        faults["source_url"] = "Give the address of the form, or an evidence file."
    elif evidence.source_url and not evidence.source_url.startswith(("https://", "http://")):
        faults["source_url"] = "Give a web address that begins with https://."
