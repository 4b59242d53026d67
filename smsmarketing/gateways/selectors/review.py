"""Replies that wait for a person: which, in what order, and what was said around them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, QuerySet, Value, When

from smsmarketing.gateways.models import InboundMessage, Message
from smsmarketing.gateways.selectors.visibility import inbound_visible, messages_visible
from smsmarketing.operations.types import Actor

WAITING_ACTIONS = ("hold_review", "review")
TEXT_REMOVED = "(text removed: its time was over)"
_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a conversation."""

    at: datetime
    ours: bool
    text: str
    note: str
    inbound_id: int | None = None


def replies_waiting(actor: Actor) -> QuerySet[InboundMessage]:
    """What waits for a decision: held numbers first, the oldest first."""
    return (
        inbound_visible(actor)
        .filter(reviewed_at=None, action__in=WAITING_ACTIONS)
        .annotate(rank=Case(When(action="hold_review", then=Value(0)), default=Value(1)))
        .order_by("rank", "stored_at", "id")
    )


def reply_conversation(actor: Actor, message: InboundMessage) -> list[Line]:
    """What was written to and by this number, newest first, within what the actor may see."""
    lines = [
        Line(
            at=row.stored_at,
            ours=False,
            text=row.text,
            note=row.decision or row.action,
            inbound_id=row.pk,
        )
        for row in inbound_visible(actor)
        .filter(phone_hash=message.phone_hash)
        .order_by("-stored_at", "-id")[:_SHOWN]
    ]
    lines += [
        Line(at=row.created_at, ours=True, text=row.body or TEXT_REMOVED, note=row.state)
        for row in _sent(actor, message)[:_SHOWN]
    ]
    return sorted(lines, key=lambda line: line.at, reverse=True)[:_SHOWN]


def reply_answers(actor: Actor, message: InboundMessage) -> Message | None:
    """The last text we sent before the reply came."""
    return _sent(actor, message).filter(created_at__lte=message.stored_at).first()


def _sent(actor: Actor, message: InboundMessage) -> QuerySet[Message]:
    rows = messages_visible(actor).select_related("batch").order_by("-id")
    if message.contact_id is None:
        return rows.none()
    return rows.filter(contact_id=message.contact_id)
