"""The trash: a contact that is out of every list, count and plan, and can still come back."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.services.states import send_state_refresh
from smsmarketing.operations.errors import Conflict


def trash_kept() -> timedelta:
    """How long a contact stays in the trash before it is erased."""
    return timedelta(days=settings.CONTACT_TRASH_DAYS)


def contact_trash(
    contact: Contact, *, merged_into: Contact | None = None, now: datetime | None = None
) -> Contact:
    """Put a contact in the trash: not sendable from this commit on, and erased after a while.

    Consent, suppressions, lists and history stay with it. In the caller's transaction. Raises
    Conflict for one that is there already.
    """
    now = now or timezone.now()
    row = Contact.objects.select_for_update().get(pk=contact.pk)
    if row.trashed_at is not None or row.erased_at is not None:
        raise Conflict("The contact is in the trash already. There is nothing to do.")
    row.trashed_at = now
    row.merged_into = merged_into
    row.version += 1
    row.updated_at = now
    row.save(update_fields=["trashed_at", "merged_into", "version", "updated_at"])
    send_state_refresh([row.pk], now=now)
    return row


def contact_restore(contact: Contact, *, now: datetime | None = None) -> Contact:
    """Take a contact out of the trash as it was; what may be sent is derived again from its consent
    and its suppressions [R-2.16], so that one who opted out stays so.

    What a merge moved away stays where it is. Raises Conflict for one that is not in the trash.
    """
    now = now or timezone.now()
    row = Contact.objects.select_for_update().get(pk=contact.pk)
    if row.trashed_at is None or row.erased_at is not None:
        raise Conflict("The contact is not in the trash. There is nothing to restore.")
    row.trashed_at = None
    row.merged_into = None
    row.version += 1
    row.updated_at = now
    row.save(update_fields=["trashed_at", "merged_into", "version", "updated_at"])
    send_state_refresh([row.pk], now=now)
    return row
