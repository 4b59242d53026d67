"""The contact that an operation is about, and what is said of one that was erased."""

from __future__ import annotations

from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.selectors import contacts_visible
from smsmarketing.contacts.selectors.contacts import contacts_seen
from smsmarketing.operations.errors import Erased
from smsmarketing.operations.types import Context, Target

CONTACT_TARGET = Target(argument="contact_id", visible=contacts_visible, label="contact")
READ_TARGET = Target(argument="contact_id", visible=contacts_seen, label="contact")
"""For reads that tell an erased contact from one that never was, see `contact_read`."""


def contact_read(context: Context) -> Contact:
    """The contact of a call with READ_TARGET. Raises Erased for one that was erased [R-4.9]."""
    contact: Contact = context.target
    if contact.erased_at is not None:
        raise Erased(
            f"This person was erased on {contact.erased_at:%-d %B %Y}. Only the proof of their opt-outs"
            " is kept, under a keyed hash of the number. Take the id out of your own records;"
            " contacts.erasures tells of the case.",
            field_errors={"contact_id": "Erased."},
            details={"erased_at": contact.erased_at.isoformat()},
        )
    return contact
