"""What gateways adds to the timeline of a contact: messages and replies."""

from __future__ import annotations

from collections.abc import Iterator

from smsmarketing.contacts.selectors.numbers import Person
from smsmarketing.contacts.selectors.timeline import Entry, Mark, before
from smsmarketing.gateways.selectors.visibility import inbound_visible, messages_visible
from smsmarketing.operations.types import Actor


def contact_messages(
    actor: Actor, person: Person, mark: Mark | None, limit: int
) -> Iterator[Entry]:
    """Messages to the person, under former numbers too, and what became of them; not their texts."""
    rows = messages_visible(actor).filter(contact_id__in=person.ids).select_related("batch__brand")
    for row in before(rows, mark, at="created_at", kind="message")[:limit]:
        batch = row.batch
        why = f" ({row.reason.replace('_', ' ')})" if row.reason else ""
        yield Entry(
            row.created_at,
            "message",
            row.pk,
            f"{batch.purpose.capitalize()} text of {batch.brand.name}, {batch.label}:"
            f" {row.state.replace('_', ' ')}{why}.",
            batch.brand.name,
            batch.brand_id,
            {"state": row.state, "batch_id": str(batch.pk), "purpose": batch.purpose},
        )


def contact_replies(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
    """What the person wrote, and what it was taken for."""
    rows = inbound_visible(actor).filter(contact_id__in=person.ids)
    for row in before(rows, mark, at="stored_at", kind="reply")[:limit]:
        said = f"\u201c{row.text[:160]}\u201d" if row.text else "(text removed)"
        yield Entry(
            row.stored_at,
            "reply",
            row.pk,
            f"Wrote {said}, taken for: {row.action.replace('_', ' ')}.",
            "",
            row.brand_id,
            {"action": row.action, "decision": row.decision},
        )
