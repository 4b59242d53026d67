"""Registrations as people of a team see them."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.utils import timezone

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.gateways.models import Registration
from smsmarketing.gateways.rules.registries import Registry, lacking, registries
from smsmarketing.operations.types import Actor

REGISTRATION_LABEL = "gateways.registration"
APPLY = "sender_id.apply"


def registrations_visible(actor: Actor) -> QuerySet[Registration]:
    """Registrations of the actor's teams."""
    own = Q() if actor.sees_all_teams else Q(team_id__in=actor.team_ids)
    return Registration.objects.filter(own)


def registry_of(registration: Registration) -> Registry:
    """What its registry asks for."""
    return registries()[registration.registry]


def papers_of(registration: Registration) -> list[str]:
    """Kinds of the documents that are there."""
    rows = registration.documents.filter(removed_at=None)
    return list(rows.values_list("kind", flat=True))


def registration_lacking(registration: Registration) -> dict[str, str]:
    """What it still lacks before it may be submitted: field → what to do."""
    found = lacking(
        registry_of(registration),
        company=registration.company_name,
        answers=registration.answers,
        papers=papers_of(registration),
    )
    if not registration.countries:
        found["countries"] = "Name the countries it is for."
    return found


def application_pending(registration: Registration) -> ActionRequest | None:
    """The application that waits for a second person."""
    return ActionRequest.objects.filter(
        operation=APPLY,
        object_type=REGISTRATION_LABEL,
        object_id=str(registration.pk),
        state__in=["pending", "approved", "executing"],
    ).first()


def countries_covered(sender_id: int, *, without: int) -> set[str]:
    """Countries in which another registration of the sender is approved."""
    rows = Registration.objects.filter(sender_id=sender_id, state="approved").exclude(pk=without)
    rows = rows.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
    return {country for found in rows.values_list("countries", flat=True) for country in found}


def registrations_needing(registration: Registration, keys: Iterable[str]) -> list[int]:
    """Approved registrations that stand on this one (a 10DLC campaign on its brand)."""
    rows = Registration.objects.filter(
        brand_id=registration.brand_id, registry__in=list(keys), state="approved"
    )
    return list(rows.order_by("pk").values_list("pk", flat=True))
