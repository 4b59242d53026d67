"""Reading events, and finding the contacts that calls about them name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from django.db.models import Exists, OuterRef, QuerySet

from smsmarketing.accounts.selectors import teams_visible
from smsmarketing.contacts.models import Contact, ContactEvent, CustomField, EventSummary, SendState
from smsmarketing.contacts.rules.custom_values import Declared
from smsmarketing.operations.types import Actor


def events_visible(actor: Actor) -> QuerySet[ContactEvent]:
    """Events of the actor's teams."""
    return ContactEvent.objects.filter(team__in=teams_visible(actor))


def events_of(contact: Contact, actor: Actor) -> QuerySet[ContactEvent]:
    """A contact's events that the actor may see, newest first; for its timeline."""
    return events_visible(actor).filter(contact=contact).order_by("-occurred_at", "-id")


def event_summaries_of(contact: Contact, actor: Actor) -> QuerySet[EventSummary]:
    """What the events of a contact sum up to, by kind."""
    rows = EventSummary.objects.filter(contact=contact, team__in=teams_visible(actor))
    return rows.order_by("kind", "pk")


def fields_visible(actor: Actor) -> QuerySet[CustomField]:
    """Custom fields of the actor's teams."""
    return CustomField.objects.filter(team__in=teams_visible(actor))


def fields_declared(team_id: int, applies_to: str = "contact") -> dict[str, Declared]:
    """A team's declarations for contacts, or for events of one kind, by name."""
    rows = CustomField.objects.filter(team_id=team_id, applies_to=applies_to)
    return {
        row.name: Declared(row.name, row.type, tuple(row.choices), row.archived_at is not None)
        for row in rows
    }


def event_fields_declared(team_id: int) -> dict[str, dict[str, Declared]]:
    """A team's declared event properties, by kind and name."""
    kinds = CustomField.objects.filter(team_id=team_id).exclude(applies_to="contact")
    names = kinds.values_list("applies_to", flat=True).distinct()
    return {kind: fields_declared(team_id, kind) for kind in names}


def contacts_of_team(team_id: int) -> QuerySet[Contact]:
    """Contacts with a send state for a brand of the team, erased ones left out."""
    states = SendState.objects.filter(
        brand__team_id=team_id, brand__isnull=False, contact_id=OuterRef("pk")
    )
    return Contact.objects.filter(Exists(states), erased_at=None)


def contacts_named(
    team_id: int,
    *,
    ids: Collection[int] = (),
    phones: Collection[str] = (),
    customer_keys: Collection[str] = (),
) -> tuple[set[int], dict[str, int], dict[str, list[int]]]:
    """Which of these exist in the team: ids, phone (E.164) → id, customer id → ids."""
    rows = contacts_of_team(team_id)
    known = set(rows.filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()
    numbers = (
        {str(phone): pk for phone, pk in rows.filter(phone__in=phones).values_list("phone", "pk")}
        if phones
        else {}
    )
    keys: dict[str, list[int]] = defaultdict(list)
    if customer_keys:
        named = rows.filter(customer_key__in=customer_keys, merged_into=None)
        for key, pk in named.values_list("customer_key", "pk"):
            keys[key].append(pk)
    return known, numbers, keys
