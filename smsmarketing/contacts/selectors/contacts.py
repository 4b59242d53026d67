"""Which contacts, audiences and segments a person may see."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import (
    Audience,
    Contact,
    EvidenceFile,
    ExportFile,
    ImportFolder,
    ImportJob,
    ImportMapping,
    Segment,
    SendState,
)
from smsmarketing.contacts.rules.phone import PhoneError, phone_parse
from smsmarketing.operations.types import Actor


def contacts_visible(actor: Actor) -> QuerySet[Contact]:
    """Contacts with a send state for a brand of the actor's teams."""
    return contacts_seen(actor).filter(erased_at=None)


def contacts_seen(actor: Actor) -> QuerySet[Contact]:
    """The same with those that were erased since: of them only that may be told."""
    states = SendState.objects.filter(
        brand__in=brands_visible(actor), contact_id=OuterRef("pk")
    ).values("contact_id")
    return Contact.objects.filter(Exists(states))


def contacts_named(beginning: str) -> Q:
    """Contacts whose first or last name begins with this, in any case.

    Without the names that are empty, as the indexes of both names are.
    """
    first = Q(first_name__istartswith=beginning) & ~Q(first_name="")
    return first | Q(last_name__istartswith=beginning) & ~Q(last_name="")


def contacts_searched(rows: QuerySet[Contact], term: str) -> QuerySet[Contact]:
    """Of these contacts those that a person means: a whole number, its last four digits with a name, a
    name, or a customer key; never by the beginning of a number [R-4.13].
    """
    try:
        return rows.filter(phone=phone_parse(term).e164)
    except PhoneError:
        pass
    digits, _, name = term.partition(" ")
    if digits.isdecimal() and len(digits) == 4 and name.strip():
        rows, term = rows.filter(phone__endswith=digits), name.strip()
    elif term.lstrip("+").isdecimal() and len(term) < 8:
        return rows.filter(customer_key=term)
    # The key's own index is without empty ones, as `term` is.
    key = Q(customer_key=term) & ~Q(customer_key="")
    return rows.filter(contacts_named(term) | key)


_COUNTRIES = """
WITH RECURSIVE found AS (
    (SELECT country FROM contacts_contact ORDER BY country LIMIT 1)
    UNION ALL
    SELECT (SELECT c.country FROM contacts_contact c WHERE c.country > f.country
        ORDER BY c.country LIMIT 1)
    FROM found f WHERE f.country IS NOT NULL
)
SELECT country FROM found WHERE country IS NOT NULL
"""


def countries_present() -> list[str]:
    """The countries of all contacts; a step in the index for each country, not a read of each row."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTRIES)
        return [str(row[0]) for row in cursor.fetchall()]


def contacts_shared(actor: Actor, contact_ids: Collection[int]) -> bool:
    """Whether one of the contacts is also on the books of a brand that the actor may not see.

    A contact is one row for all teams: what takes the person away from everybody (trash, merge,
    erasure) is for those who see everybody that is concerned.
    """
    others = SendState.objects.filter(contact_id__in=contact_ids)
    return others.exclude(brand__in=brands_visible(actor)).exists()


def audiences_visible(actor: Actor) -> QuerySet[Audience]:
    """Audiences of the actor's teams."""
    return _of_teams(Audience.objects.all(), actor)


def segments_visible(actor: Actor) -> QuerySet[Segment]:
    """Segments of the actor's teams."""
    return _of_teams(Segment.objects.all(), actor)


def imports_visible(actor: Actor) -> QuerySet[ImportJob]:
    """Imports of the actor's teams."""
    return _of_teams(ImportJob.objects.all(), actor)


def mappings_visible(actor: Actor) -> QuerySet[ImportMapping]:
    """Saved column mappings of the actor's teams."""
    return _of_teams(ImportMapping.objects.all(), actor)


def folders_visible(actor: Actor) -> QuerySet[ImportFolder]:
    """Watched folders of the actor's teams."""
    return _of_teams(ImportFolder.objects.all(), actor)


def evidence_visible(actor: Actor) -> QuerySet[EvidenceFile]:
    """Documents that the actor uploaded."""
    return EvidenceFile.objects.filter(uploaded_by=actor.user)


def exports_visible(actor: Actor) -> QuerySet[ExportFile]:
    """Files the actor asked for, as long as they still work in all teams whose data is in them."""
    own = ExportFile.objects.filter(requested_by=actor.user)
    return (
        own if actor.sees_all_teams else own.filter(team_ids__contained_by=sorted(actor.team_ids))
    )


def _of_teams(rows: QuerySet[Any], actor: Actor) -> QuerySet[Any]:
    return rows if actor.sees_all_teams else rows.filter(team_id__in=actor.team_ids)
