"""What was sent to a contact: shown by contacts.get, which lies below and asks through a hook."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.selectors.merged import merged_ids
from smsmarketing.gateways.models import InboundMessage, Message
from smsmarketing.gateways.selectors.visibility import inbound_visible, messages_visible
from smsmarketing.operations.canonical import decimal_text
from smsmarketing.operations.types import Actor

_NEWEST = 20
_PROVED = 500


def contact_history(actor: Actor, contact: Contact) -> list[dict[str, Any]]:
    """The 20 newest messages to a contact, and to those merged into it, that the actor may see."""
    rows = (
        messages_visible(actor)
        .filter(contact_id__in=merged_ids(contact.pk))
        .select_related("batch__brand")
        .order_by("-id")[:_NEWEST]
    )
    return [
        {
            "at": (row.final_at or row.accepted_at or row.handed_at or row.created_at).isoformat(),
            "message_id": row.pk,
            "brand": row.batch.brand.name,
            "purpose": row.batch.purpose,
            "state": row.state,
            "reason": row.reason,
            "parts": row.parts_billed or row.parts,
            "cost": decimal_text(
                row.price_billed
                if row.price_billed is not None
                else (row.parts_billed or row.parts) * row.price
            ),
            "currency": row.batch.currency,
        }
        for row in rows
    ]


def contact_last_message(contact_id: int, brand_id: int) -> dict[str, Any]:
    """The newest text of the brand to the contact: what an opt-out by link answers. Empty: none."""
    row = (
        Message.objects.filter(contact_id=contact_id, batch__brand_id=brand_id)
        .exclude(batch__purpose__in=("reply", "otp"))
        .select_related("batch")
        .order_by("-id")
        .first()
    )
    if row is None:
        return {}
    at = row.accepted_at or row.handed_at or row.created_at
    return {
        "message_id": row.pk,
        "batch_id": row.batch_id,
        "batch": row.batch.label,
        "sent_at": at.isoformat(),
    }


def contact_message_test(contact: str) -> str:
    """SQL that is true when a message was ever made for the contact of this SQL expression."""
    return f"EXISTS (SELECT 1 FROM gateways_message g WHERE g.contact_id = {contact})"  # noqa: S608


def reply_numbers(actor: Actor, inbound_ids: list[int]) -> dict[int, str]:
    """The numbers that wrote these replies, of those the actor may see; empty once erased."""
    return dict(inbound_visible(actor).filter(pk__in=inbound_ids).values_list("pk", "phone"))


def proof_messages(contact: Contact, brand_id: int) -> tuple[int, list[dict[str, Any]]]:
    """How many messages of the brand the contact has, and the newest 500, oldest first, as they
    were sent: for contacts.consent_proof, whose caller sees the brand.
    """
    rows = Message.objects.filter(contact_id=contact.pk, batch__brand_id=brand_id)
    newest = rows.select_related("batch", "batch__sender").order_by("-id")[:_PROVED]
    return rows.count(), [
        {
            "message_id": row.pk,
            "at": (row.handed_at or row.created_at).isoformat(),
            "purpose": row.batch.purpose,
            "batch": row.batch.label,
            "sender": row.batch.sender.value,
            "number": row.phone,
            "state": row.state,
            "reason": row.reason,
            "accepted_at": row.accepted_at.isoformat() if row.accepted_at else None,
            "final_at": row.final_at.isoformat() if row.final_at else None,
            "gateway_message_id": row.gateway_message_id,
            "error_code": row.error_code,
            "body": row.body,
        }
        for row in reversed(newest)
    ]


def contact_replies(contact: Contact, brand_ids: Collection[int]) -> list[dict[str, Any]]:
    """What a contact and those merged into it wrote to these brands, oldest first, at most 1,000."""
    rows = InboundMessage.objects.filter(
        contact_id__in=merged_ids(contact.pk), brand_id__in=list(brand_ids)
    )
    return [
        {
            "reply_id": row.pk,
            "brand_id": row.brand_id,
            "received_at": row.received_at.isoformat(),
            "to": row.to,
            "text": row.text,
            "read_as": row.action,
            "decision": row.decision,
        }
        for row in rows.order_by("pk")[:1000]
    ]
