"""The life of a registration: drafted, submitted by two people, answered, and what follows of it.

Every transition comes from a person who names the evidence, or from the clock [R-5.8]. A draft is
never approved: approved is reached only from what was submitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from smsmarketing.accounts.models import Brand, User
from smsmarketing.gateways.models import Registration, RegistrationStep, SenderId
from smsmarketing.gateways.rules.registries import (
    Registry,
    answers_problem,
    countries_problem,
)
from smsmarketing.gateways.rules.senders import sender_country_problem
from smsmarketing.gateways.selectors.registrations import registration_lacking, registry_of
from smsmarketing.operations.errors import Conflict, InvalidInput
from smsmarketing.operations.states import row_lock, transition_apply

_UNDER_WAY = ("draft", "submitted", "in_review", "rejected")
_EDITABLE = ("draft", "rejected")


def registration_create(
    *,
    brand: Brand,
    sender: SenderId | None,
    registry: Registry,
    created_by: User,
    now: datetime,
) -> Registration:
    """An empty draft. Raises InvalidInput for a sender that the registry does not take, and Conflict
    when one is under way already.
    """
    if (sender is None) != (registry.scope == "brand"):
        raise InvalidInput(
            "This registry registers brands." if sender else "Say which sender it is for.",
            field_errors={
                "sender_id": "Leave the sender out." if sender else "Name a sender of the brand."
            },
        )
    if sender is not None and sender.kind not in registry.kinds:
        raise InvalidInput(
            f"{registry.key} does not take this kind of sender.",
            field_errors={"registry": f"It registers: {', '.join(registry.kinds)}."},
        )
    if registry.key != "GATEWAY":
        rows = Registration.objects.filter(
            brand=brand, sender=sender, registry=registry.key, state__in=_UNDER_WAY
        )
        known = rows.first()
        if known is not None:
            raise Conflict(
                f"A registration at {registry.key} is under way already: number {known.pk}, {known.state}. Go on "
                "with that one.",
                details={"registration_id": known.pk, "state": str(known.state)},
            )
    row = Registration.objects.create(
        team_id=brand.team_id,
        brand=brand,
        sender=sender,
        registry=registry.key,
        countries=list(registry.countries),
        created_by=created_by,
        changed_at=now,
        created_at=now,
    )
    _step(row, "", said_by=created_by.get_username(), now=now)
    return row


def registration_fill(
    registration: Registration,
    *,
    company_name: str | None = None,
    countries: Iterable[str] | None = None,
    answers: Mapping[str, str] | None = None,
) -> Registration:
    """Write answers into a draft, or into one that was refused; what is not given stays.

    Raises Conflict in any other state, and InvalidInput for what the registry does not ask or takes
    otherwise.
    """
    held = row_lock(Registration, registration.pk)
    editable_check(held)
    registry = registry_of(held)
    given = {key: value.strip() for key, value in (answers or {}).items()}
    wrong = answers_problem(registry, given)
    if countries is not None:
        problem = countries_problem(registry, countries) or _syntax_problem(held, countries)
        if problem:
            wrong["countries"] = problem
        held.countries = sorted(set(countries))
    if wrong:
        raise InvalidInput("The registration was not saved.", field_errors=wrong)
    if company_name is not None:
        held.company_name = company_name.strip()
    kept = {**held.answers, **given}
    held.answers = {key: value for key, value in kept.items() if value}
    held.version += 1
    held.save(update_fields=["countries", "company_name", "answers", "version"])
    return held


def editable_check(registration: Registration) -> None:
    """Raises Conflict when answers and documents are not open any more."""
    if registration.state not in _EDITABLE:
        word = str(registration.state).replace("_", " ")
        raise Conflict(
            f"This registration is {word}: what was submitted stays as it is. Withdraw it and open another one "
            "to change something.",
            details={"state": str(registration.state)},
        )


def submit_check(registration: Registration) -> None:
    """Raises Conflict and InvalidInput for what may not be submitted, saying what is missing."""
    editable_check(registration)
    registry = registry_of(registration)
    missing = registration_lacking(registration)
    problem = countries_problem(registry, registration.countries) or _syntax_problem(
        registration, registration.countries
    )
    if problem:
        missing["countries"] = problem
    if missing:
        raise InvalidInput(
            f"The registration is not complete: {' '.join(list(missing.values())[:6])}",
            field_errors=missing,
        )
    if registry.needs and not _needed(registration, registry.needs):
        raise Conflict(
            f"{registry.key} needs an approved {registry.needs} of the same brand first. Open a registration "
            f"at {registry.needs} and have its approval recorded.",
            details={"needs": registry.needs},
        )


def registration_submit(
    registration: Registration, *, submitted_by: User, reason: str, now: datetime
) -> Registration:
    """draft or rejected → submitted; a sender that is a draft is submitted with it [R-5.9]."""
    held = row_lock(Registration, registration.pk)
    submit_check(held)
    held.submitted_by, held.submitted_at = submitted_by, now
    _move(
        held,
        "submit",
        reason=reason,
        said_by=submitted_by.get_username(),
        now=now,
        save=("submitted_by", "submitted_at"),
    )
    if held.sender_id is not None:
        sender = row_lock(SenderId, held.sender_id)
        name = {"draft": "submit", "rejected": "resubmit"}.get(str(sender.state))
        if name:
            sender.version += 1
            sender.state_reason = ""
            transition_apply(sender, name, save=["version", "state_reason"])
    return held


def registration_answered(
    registration: Registration,
    *,
    state: str,
    evidence: str,
    said_by: str,
    now: datetime,
    reference: str = "",
    expires_at: datetime | None = None,
) -> Registration:
    """What the registry said: in_review, approved or rejected.

    An approval verifies a sender that waits for it. A refusal refuses the sender, unless another
    registration of it is under way or approved. Raises Conflict for what was never submitted.
    """
    held = row_lock(Registration, registration.pk)
    if state == "approved" and registry_of(held).needs:
        _standing_check(held)
    held.reference = reference or held.reference
    held.expires_at, held.reminded_days = (
        (expires_at, None) if state == "approved" else (held.expires_at, held.reminded_days)
    )
    if state == "approved":
        held.approved_at = now
    name = {"in_review": "review", "approved": "approve", "rejected": "reject"}[state]
    saved = ("reference", "expires_at", "reminded_days", "approved_at")
    _move(held, name, reason=evidence, said_by=said_by, now=now, save=saved)
    if held.sender_id is not None and state != "in_review":
        _sender_follows(held, state, evidence)
    return held


def registration_end(
    held: Registration, name: str, *, reason: str, said_by: str, now: datetime
) -> None:
    """A locked one is suspended, expired or withdrawn; what that stops is registration_stop's."""
    _move(held, name, reason=reason, said_by=said_by, now=now)


def _sender_follows(registration: Registration, state: str, evidence: str) -> None:
    sender = row_lock(SenderId, registration.sender_id)
    if sender.state not in {"submitted", "pending_confirmation"}:
        return
    others = Registration.objects.filter(sender=sender).exclude(pk=registration.pk)
    if (
        state == "rejected"
        and others.filter(state__in=["submitted", "in_review", "approved"]).exists()
    ):
        return
    sender.version += 1
    sender.state_reason = evidence[:300] if state == "rejected" else ""
    name = "verify" if state == "approved" else "reject"
    transition_apply(sender, name, save=["version", "state_reason"])


def _standing_check(registration: Registration) -> None:
    registry = registry_of(registration)
    if not _needed(registration, registry.needs):
        raise Conflict(
            f"Its {registry.needs} is not approved. Record that one's approval first.",
            details={"needs": registry.needs},
        )


def _needed(registration: Registration, key: str) -> bool:
    rows = Registration.objects.filter(
        brand_id=registration.brand_id, registry=key, state="approved"
    )
    return rows.exists()


def _syntax_problem(registration: Registration, countries: Iterable[str]) -> str:
    """Nobody registers a name that the country's syntax rules out [R-5.1]."""
    sender = registration.sender
    if sender is None:
        return ""
    found = (sender_country_problem(sender.value, sender.kind, each) for each in countries)
    return next((problem for problem in found if problem), "")


def _move(
    held: Registration,
    name: str,
    *,
    reason: str,
    said_by: str,
    now: datetime,
    save: Iterable[str] = (),
) -> None:
    held.state_reason = reason[:300]
    held.changed_at = now
    held.version += 1
    transition_apply(held, name, save={"state_reason", "changed_at", "version", *save})
    _step(held, reason, said_by=said_by, now=now)


def _step(held: Registration, reason: str, *, said_by: str, now: datetime) -> None:
    RegistrationStep.objects.create(
        registration=held, state=str(held.state), reason=reason[:300], said_by=said_by, at=now
    )
