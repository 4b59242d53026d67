"""Why a number was, or was not, sendable at a moment: one ordered list of checks. Pure.

It says in words and values what `services.states.state_statement` says in SQL for now: the trash,
then suppressions, then the consent event that counts, then the line [R-4.1].
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from smsmarketing.contacts.rules.phone import TEXTABLE_LINE_TYPES
from smsmarketing.contacts.rules.proof_words import time_text, word_of
from smsmarketing.contacts.rules.suppressions import HARD_REASONS, IN_TRASH, STATE_REASONS

ERASED: Final = "erased"
_NO: Final = ("revoked", "denied")
_RANK: Final = {reason: rank for rank, reason in enumerate(STATE_REASONS)}


@dataclass(frozen=True, kw_only=True)
class ConsentFact:
    """A row of the consent ledger."""

    id: int
    number: str
    direction: str
    purpose: str
    captured_at: datetime
    recorded_at: datetime
    expires_at: datetime | None = None
    disclosure_text: str = ""
    method: str = ""
    source: str = ""
    """Where it was given: the address, or the evidence file."""


@dataclass(frozen=True, kw_only=True)
class SuppressionFact:
    """A row of the suppression list."""

    id: int
    scope: str
    reason: str
    brand_id: int | None
    purposes: Sequence[str]
    created_at: datetime
    expires_at: datetime | None = None
    lifted_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class NumberFact:
    """The number at the moment: `id` tells its consents, `gone` that its contact was then `trashed`
    or `erased`.
    """

    id: str
    line_type: str = "unknown"
    gone: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question that was asked, what was found, and whether it stood in the way."""

    name: str
    passed: bool
    found: str
    rule: str
    rows: tuple[int, ...] = ()
    """Ids of the rows it looked at."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`reason` is the first check that failed, in the words of a send state; empty: sendable."""

    sendable: bool
    reason: str
    checks: tuple[Check, ...]


def consent_counting(
    consents: Iterable[ConsentFact], *, number: str, purpose: str, at: datetime
) -> ConsentFact | None:
    """The event that counted at `at`: the newest by when the person spoke, of those that had been
    recorded by then for this very number [R-4.3]. At one instant the person's "no" stands before a
    "yes", and an end that the system wrote by its place in the ledger: `CONSENT_NEWEST`.
    """
    held = [
        event
        for event in consents
        if event.number == number
        and event.purpose == purpose
        and event.captured_at <= at
        and event.recorded_at <= at
    ]
    key = [(event.captured_at, event.direction in _NO, event.id) for event in held]
    return held[key.index(max(key))] if held else None


def suppressions_covering(
    suppressions: Iterable[SuppressionFact], *, brand_id: int, purpose: str, at: datetime
) -> list[SuppressionFact]:
    """Those that stood against the purpose at `at`, gravest first. One of a single sender stands
    against that sender only and is not among them.
    """
    found = [
        row
        for row in suppressions
        if row.scope != "sender"
        and row.created_at <= at
        and (row.lifted_at is None or row.lifted_at > at)
        and (row.expires_at is None or row.expires_at > at)
        and row.brand_id in (None, brand_id)
        and (
            row.scope == "global"
            or row.reason in HARD_REASONS
            or not row.purposes
            or purpose in row.purposes
        )
    ]
    return sorted(found, key=lambda row: (_RANK.get(row.reason, len(_RANK)), row.id))


def sendable_at(
    number: NumberFact,
    consents: Iterable[ConsentFact],
    suppressions: Iterable[SuppressionFact],
    *,
    brand_id: int,
    purpose: str,
    at: datetime,
) -> Verdict:
    """The verdict for a brand, a purpose and a moment, with every check in the order of the system.

    All checks are made and shown, also behind the first that failed. Marketing needs consent; for
    the other purposes the system asks for none, and the consent checks are left out. Of an erased
    person the "no" is told first: it outlives the profile [R-4.9], which nobody can look at again.
    """
    against = suppressions_covering(suppressions, brand_id=brand_id, purpose=purpose, at=at)
    outcomes = [_suppression_check(against)]
    kept = _contact_check(number)
    if number.gone != ERASED:
        outcomes.insert(0, kept)
    if purpose == "marketing":
        event = consent_counting(consents, number=number.id, purpose=purpose, at=at)
        outcomes += _consent_checks(event, at)
    outcomes.append(_line_check(number))
    if number.gone == ERASED:
        outcomes.append(kept)
    reason = next((word for check, word in outcomes if not check.passed), "")
    return Verdict(sendable=not reason, reason=reason, checks=tuple(check for check, _ in outcomes))


def _contact_check(number: NumberFact) -> tuple[Check, str]:
    found = {
        "": "neither in the trash nor erased",
        IN_TRASH: "the contact was in the trash",
        ERASED: "the profile was erased; the number is known by its fingerprint only",
    }[number.gone]
    check = Check(name="contact", passed=not number.gone, found=found, rule="R-4.9")
    return check, number.gone


def _suppression_check(against: Sequence[SuppressionFact]) -> tuple[Check, str]:
    if not against:
        return Check(name="suppression", passed=True, found="no live suppression", rule="R-4.1"), ""
    found = "; ".join(
        f"{word_of('reason', row.reason)} {word_of('scope', row.scope)}, no. {row.id}"
        for row in against
    )
    check = Check(
        name="suppression",
        passed=False,
        found=found,
        rule="R-2.9",
        rows=tuple(row.id for row in against),
    )
    return check, STATE_REASONS.get(against[0].reason, next(reversed(STATE_REASONS.values())))


def _consent_checks(event: ConsentFact | None, at: datetime) -> list[tuple[Check, str]]:
    rows = (event.id,) if event else ()
    granted = event is not None and event.direction == "granted"
    found = "none is on record"
    if event is not None:
        said = word_of("direction", event.direction)
        found = f"{said}, no. {event.id}, {_text(event.captured_at)}"
    checks = [
        (
            Check(name="consent_granted", passed=granted, found=found, rule="R-4.1", rows=rows),
            "no_consent",
        )
    ]
    if event is None or not granted:
        return checks
    live = event.expires_at is None or event.expires_at > at
    lapse = f"lapses {_text(event.expires_at)}" if event.expires_at else "does not lapse"
    missing = [
        name
        for name, value in (
            ("text shown", event.disclosure_text),
            ("method", event.method),
            ("source or evidence file", event.source),
        )
        if not value
    ]
    whole = f"missing: {', '.join(missing)}" if missing else "text, time, method and source"
    return [
        *checks,
        (
            Check(name="consent_unexpired", passed=live, found=lapse, rule="R-4.7", rows=rows),
            "consent_expired",
        ),
        (
            Check(
                name="consent_complete", passed=not missing, found=whole, rule="R-4.1", rows=rows
            ),
            "consent_incomplete",
        ),
    ]


def _line_check(number: NumberFact) -> tuple[Check, str]:
    found, word = word_of("line_type", number.line_type), ""
    if number.line_type not in {*TEXTABLE_LINE_TYPES, "unknown"}:
        word = "landline" if number.line_type == "fixed_line" else "invalid"
    return Check(name="line", passed=not word, found=found, rule="R-4.1"), word


def _text(moment: datetime | None) -> str:
    return time_text(moment.isoformat()) if moment else ""
