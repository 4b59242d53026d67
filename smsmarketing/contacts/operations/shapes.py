"""Output shapes of contacts. The number is masked here as everywhere: contacts.reveal alone gives it
whole, with a reason [R-4.12].
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.rules.phone import phone_hide, phone_mask
from smsmarketing.contacts.services import trash_kept
from smsmarketing.operations.text import untrusted, untrusted_clean
from smsmarketing.operations.types import Output, UntrustedText


class ContactRow(Output):
    """One contact in a list."""

    contact_id: int = Field(description="Id of the contact.")
    phone: str = Field(description="Masked number; contacts.reveal gives it. erased: none is left.")
    name: UntrustedText = Field(description="First and last name.")
    country: str = Field(description="ISO 3166-1 alpha-2, from the number.")
    region: str = Field(description="ISO 3166-2 subdivision, empty when unknown.")
    language: str = Field(description="BCP 47.")
    line_type: str = Field(description="mobile, fixed_line, fixed_line_or_mobile, voip, ...")
    tags: list[str] = Field(description="Tags.")
    customer_key: str = Field(description="Customer id in the CRM or shop.")
    customer_group: str = Field(description="Customer group in the CRM or shop, empty when none.")
    sendable_for: list[int] = Field(description="Brand ids that may send marketing to it now.")
    not_sendable: dict[int, str] = Field(description="Brand id → first reason against marketing.")
    last_sent_at: datetime | None = Field(description="Last marketing send of any visible brand.")


def contact_row(contact: Contact, states: list[Any]) -> ContactRow:
    """The row of a contact with its send states for the caller's brands. Its number is masked in
    texts too: people put it into names, and shops use it as a customer's key.
    """
    phone = contact.phone or ""
    name = f"{contact.first_name} {contact.last_name}".strip()
    sent = [state.recent[0] for state in states if state.recent]
    return ContactRow(
        contact_id=contact.pk,
        phone=phone_mask(phone) if phone else "erased",
        name=untrusted(phone_hide(name, phone), "contact_field"),
        country=contact.country,
        region=contact.region,
        language=contact.language,
        line_type=contact.line_type,
        tags=[phone_hide(tag, phone) for tag in contact.tags],
        customer_key=phone_hide(contact.customer_key, phone),
        customer_group=phone_hide(untrusted_clean(contact.customer_group), phone),
        sendable_for=[state.brand_id for state in states if state.marketing_reason is None],
        not_sendable={
            state.brand_id: state.marketing_reason
            for state in states
            if state.marketing_reason is not None
        },
        last_sent_at=max(sent) if sent else None,
    )


def erased_after(contact: Contact) -> datetime | None:
    """When the trash erases it; a merged contact stays as long as the one that took over."""
    if contact.trashed_at is None or contact.merged_into_id is not None:
        return None
    return contact.trashed_at + trash_kept()


def merge_note(heir: int | None) -> str:
    """What a merge did with a contact, for people and agents; empty without one."""
    if heir is None:
        return ""
    return (
        f"This contact was merged: contact {heir} took over its lists, events and fields. Use that id"
        " from now on. The number and its consent stayed here; contacts.restore takes them into use"
        " again."
    )
