"""Following merges: who took over from a contact, and whom a contact took over."""

from __future__ import annotations

from smsmarketing.contacts.models import Contact

_HOPS = 50


def merged_heir(contact: Contact) -> int | None:
    """The contact in whom this one lives on, through all later merges; None when it was not merged, or
    when that one was erased.
    """
    at, heir = contact.merged_into_id, None
    for _ in range(_HOPS):
        if at is None:
            break
        row = Contact.objects.filter(pk=at, erased_at=None).values_list("merged_into_id").first()
        heir, at = (at, row[0]) if row else (None, None)
    return heir


def merged_ids(contact_id: int) -> list[int]:
    """The contact's id and those of all that were merged into it: what was sent to the person."""
    found = [contact_id]
    wave = found
    for _ in range(_HOPS):
        wave = list(
            Contact.objects.filter(merged_into__in=wave)
            .exclude(pk__in=found)
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        if not wave:
            break
        found = [*found, *wave]
    return found
