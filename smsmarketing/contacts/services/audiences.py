"""Lists of contacts, and saved segments."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from smsmarketing.accounts.models import Brand, User
from smsmarketing.contacts.models import Audience, AudienceMember, Segment, SendState
from smsmarketing.contacts.services.states import send_state_refresh
from smsmarketing.operations.errors import Conflict

_REMOVE = """
WITH gone AS (
    DELETE FROM contacts_audiencemember WHERE audience_id = %(audience)s
        AND contact_id = ANY(%(contacts)s) RETURNING *
)
INSERT INTO contacts_formermember (member_id, contact_id, audience_id, added_at, added_by,
    import_job_id, left_at, left_by, undone)
SELECT id, contact_id, audience_id, added_at, added_by, import_job_id, %(now)s, %(by)s, FALSE FROM gone
"""


def audience_save(
    *,
    team_id: int,
    brand: Brand,
    name: str,
    description: str | None = None,
    source: str | None = None,
    sync_source: str | None = None,
    audience: Audience | None = None,
    now: datetime | None = None,
) -> Audience:
    """Create a list, or change the name of a locked one and the texts that are given. Raises Conflict for a name
    that the team already uses.
    """
    try:
        with transaction.atomic():
            if audience is None:
                return Audience.objects.create(
                    team_id=team_id,
                    brand=brand,
                    name=name,
                    description=description or "",
                    source=source or "",
                    sync_source=sync_source or "",
                    created_at=now or timezone.now(),
                )
            audience.name = name
            given = {"description": description, "source": source, "sync_source": sync_source}
            for field, value in given.items():
                if value is not None:
                    setattr(audience, field, value)
            audience.version += 1
            audience.save()
            return audience
    except IntegrityError:
        raise Conflict(
            "The team already has an audience of this name. Choose another name.",
            field_errors={"name": "Choose a name that is not taken."},
        ) from None


def audience_add(
    audience: Audience,
    contact_ids: Collection[int],
    *,
    by: str = "",
    now: datetime | None = None,
) -> int:
    """Put contacts on the list, as `by` asked; returns how many were not on it yet.

    Each gets a send state for the list's brand, so that a plan counts those without consent too.
    """
    before = AudienceMember.objects.filter(audience=audience, contact_id__in=contact_ids).count()
    AudienceMember.objects.bulk_create(
        [
            AudienceMember(
                audience=audience,
                contact_id=contact_id,
                added_at=now or timezone.now(),
                added_by=by[:80],
            )
            for contact_id in sorted(set(contact_ids))
        ],
        ignore_conflicts=True,
    )
    known = SendState.objects.filter(brand_id=audience.brand_id, contact_id__in=contact_ids)
    stateless = set(contact_ids) - set(known.values_list("contact_id", flat=True))
    with transaction.atomic():
        send_state_refresh(stateless, [audience.brand_id], now=now)
    after = AudienceMember.objects.filter(audience=audience, contact_id__in=contact_ids).count()
    return after - before


def audience_remove(
    audience: Audience,
    contact_ids: Collection[int],
    *,
    by: str = "",
    now: datetime | None = None,
) -> int:
    """Take contacts off the list, as `by` asked; returns how many were on it. Consent and opt-outs
    stay, and that they were on the list stays told.
    """
    params: dict[str, Any] = {
        "audience": audience.pk,
        "contacts": sorted(contact_ids),
        "by": by[:80],
        "now": now or timezone.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_REMOVE, params)
        return int(cursor.rowcount)


def audience_archive(
    audience: Audience, *, archived: bool, now: datetime | None = None
) -> Audience:
    """Put a locked list away, or fetch it back. Members and segments that name it stay as they are."""
    if archived is (audience.archived_at is not None):
        state = "archived already" if archived else "not archived"
        raise Conflict(f"The audience is {state}. There is nothing to do.")
    audience.archived_at = (now or timezone.now()) if archived else None
    audience.version += 1
    audience.save(update_fields=["archived_at", "version"])
    return audience


def segment_create(
    *,
    team_id: int,
    brand_id: int,
    name: str,
    criteria: Mapping[str, Any],
    preview: Mapping[str, Any],
    created_by: User,
    now: datetime | None = None,
) -> Segment:
    """Keep previewed criteria under a name. Raises Conflict for a name that the team uses."""
    now = now or timezone.now()
    try:
        with transaction.atomic():
            return Segment.objects.create(
                team_id=team_id,
                brand_id=brand_id,
                name=name,
                criteria=dict(criteria),
                preview=dict(preview),
                previewed_at=now,
                created_by=created_by,
                created_at=now,
            )
    except IntegrityError:
        raise Conflict(
            "The team already has a segment of this name. Choose another name.",
            field_errors={"name": "Choose a name that is not taken."},
        ) from None
