"""Sender ids and where they may be used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import Brand, Team
from smsmarketing.gateways.models import SenderEligibility, SenderId
from smsmarketing.gateways.rules.sender_names import name_alike
from smsmarketing.gateways.rules.senders import PLAIN_CHARACTERS, sender_problem
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.states import row_lock, transition_apply


def sender_create(
    *,
    team: Team,
    brand: Brand,
    value: str,
    kind: str,
    can_receive: bool = False,
    registration: str = "",
    registration_state: str = "not_required",
    restrictions: str = "",
    characters: str = PLAIN_CHARACTERS,
    now: datetime | None = None,
) -> SenderId:
    """A sender in state draft. Raises InvalidInput for bad syntax [R-5.1], for a receiving
    alphanumeric sender [R-5.4], and for one that exists already, or reads like another team's
    [R-5.5]. `characters`: what its gateway lets a name hold.
    """
    problem = sender_problem(value, kind, characters=characters)
    if problem:
        raise InvalidInput("This cannot be a sender.", field_errors={"value": problem})
    if kind == "alphanumeric" and can_receive:
        raise InvalidInput(
            "An alphanumeric sender cannot receive replies.",
            field_errors={"can_receive": "Use false; people need another way to opt out."},
        )
    if SenderId.objects.filter(value__iexact=value).exists():
        raise InvalidInput(
            "This sender exists already.",
            field_errors={"value": "Choose another sender; upper and lower case are the same."},
        )
    others = SenderId.objects.filter(kind="alphanumeric").exclude(team=team)
    alike = (
        name_alike(value, others.values_list("value", flat=True).iterator())
        if kind == "alphanumeric"
        else ""
    )
    if alike:
        raise InvalidInput(
            "This sender reads like one that another team holds.",
            field_errors={"value": "Choose a name that cannot be taken for somebody else's."},
        )
    return SenderId.objects.create(
        team=team,
        brand=brand,
        value=value,
        kind=kind,
        can_receive=can_receive,
        registration=registration,
        registration_state=registration_state,
        restrictions=restrictions,
        created_at=now or timezone.now(),
    )


def sender_verify(sender: SenderId) -> SenderId:
    """draft → submitted → verified, on the word of a second person [R-5.8]."""
    with transaction.atomic():
        held = row_lock(SenderId, sender.pk)
        transition_apply(held, "submit")
        held.version += 1
        transition_apply(held, "verify", save=["version"])
    return held


def sender_eligibility_set(
    sender: SenderId, statuses: Mapping[str, str], *, note: str = ""
) -> None:
    """Set country → allowed, register, forbidden or unknown; other countries stay. `note`: on whose
    word.
    """
    with transaction.atomic():
        for country, status in statuses.items():
            SenderEligibility.objects.update_or_create(
                sender=sender,
                country=country.upper(),
                defaults={"status": status, "note": note[:200]},
            )
