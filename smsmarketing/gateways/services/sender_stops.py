"""Stopping a sender pauses what uses it; only people lift it [R-5.10].

The sender's new state and the pause of every batch that waits or runs commit together. A wave takes
its batch's lock before it marks messages, and so does the pause: after the commit nothing is handed
over that was not on the wire already, which is at most one wave (the gateway's `max_in_flight`)
for each worker that runs the batch. A batch that is released meanwhile stops at its first wave.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from django.db.models import Q
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.approvals.services.notes import NOTIFIED_AT_MOST, person_tell
from smsmarketing.gateways.models import Batch, SenderId
from smsmarketing.gateways.services.batches import batch_lock, batch_pause
from smsmarketing.gateways.services.ends import dated_end, dated_remind
from smsmarketing.operations.states import row_lock, transition_apply
from smsmarketing.webhooks.services import webhook_emit

_STOPPED: Final = {"suspend": "suspended", "expire": "expired"}


def sender_stop(
    sender: SenderId | int, *, how: Literal["suspend", "expire"], reason: str, now: datetime
) -> tuple[SenderId, int]:
    """verified → suspended or expired, and pause every batch that uses it; returns how many.

    The caller opened the transaction. Raises Conflict when the sender is not verified. Automatic
    answers to people who wrote are no batch that is paused: a STOP is always confirmed.
    """
    held = row_lock(SenderId, sender.pk if isinstance(sender, SenderId) else sender)
    held.state_reason = reason[:300]
    held.version += 1
    transition_apply(held, how, save=["state_reason", "version"])
    why = f"The sender {held.value} is {_STOPPED[how]}. {reason}"[:200]
    paused = 0
    using = Batch.objects.filter(sender=held, state__in=["ready", "sending"])
    for batch_id in using.exclude(purpose="reply").order_by("pk").values_list("pk", flat=True):
        batch = batch_lock(batch_id)
        if batch.state in {"ready", "sending"}:
            batch_pause(batch, reason=why)
            paused += 1
    _tell(held, paused=paused, now=now)
    return held, paused


def sender_lift(sender: SenderId, *, expires_at: datetime | None, now: datetime) -> SenderId:
    """suspended or expired → verified; what was paused stays so until people resume it.

    Raises Conflict for any other state. The caller opened the transaction.
    """
    held = row_lock(SenderId, sender.pk)
    held.state_reason = ""
    held.expires_at = expires_at
    held.reminded_days = None
    held.version += 1
    transition_apply(held, "lift", save=["state_reason", "expires_at", "reminded_days", "version"])
    return held


def senders_expire(*, now: datetime | None = None) -> int:
    """Stop senders whose time is over and remind of those whose time comes; returns how many stopped.

    A reminder is told once for 30, 7 and 1 days before.
    """
    moment = now or timezone.now()

    def end(held: SenderId, at: datetime) -> int:
        said = f"Its registration ended on {at:%-d %B %Y}."
        return sender_stop(held, how="expire", reason=said, now=moment)[1]

    def tell(held: SenderId, ends: datetime) -> None:
        text = (
            f"The registration of sender {held.value} ends on {ends:%-d %B %Y}. Renew it: "
            "on that day everything that uses it is paused."
        )
        for person in sender_people(held.team_id):
            person_tell(
                person, kind="sender_expires", text=text, url=sender_url(held.pk), now=moment
            )

    stopped = dated_end(
        SenderId, state="verified", end=end, operation="gateways.senders_expire", now=moment
    )
    dated_remind(SenderId, state="verified", tell=tell, now=moment)
    return stopped


def sender_people(team_id: int) -> list[User]:
    """Who looks after the senders of a team."""
    people = User.objects.filter(
        Q(is_superuser=True) | Q(roles__permissions__contains=["gateways.sender_apply"]),
        is_active=True,
        is_agent=False,
        teams=team_id,
    )
    return list(people.distinct().order_by("pk")[:NOTIFIED_AT_MOST])


def sender_url(pk: int) -> str:
    """Where the admin shows it; empty where there is no admin."""
    try:
        return reverse("admin:gateways_senderid_change", args=[pk])
    except NoReverseMatch:
        return ""


def _tell(sender: SenderId, *, paused: int, now: datetime) -> None:
    text = (
        f"The sender {sender.value} is {sender.state}: {sender.state_reason} {paused} "
        f"{'send is' if paused == 1 else 'sends are'} paused. Lifting it takes a second person."
    )
    for person in sender_people(sender.team_id):
        person_tell(person, kind="sender_stopped", text=text, url=sender_url(sender.pk), now=now)
    webhook_emit(
        [sender.team_id],
        "sender.stopped",
        {
            "sender_id": sender.pk,
            "sender_kind": sender.kind,
            "state": str(sender.state),
            "batches_paused": paused,
        },
        at=now,
    )
