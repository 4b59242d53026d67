"""Stopping a sender pauses what uses it; only people lift it [R-5.10].

The sender's new state and the pause of every batch that waits or runs commit together. A wave takes
its batch's lock before it marks messages, and so does the pause: after the commit nothing is handed
over that was not on the wire already, which is at most one wave (the gateway's `max_in_flight`)
for each worker that runs the batch. A batch that is released meanwhile stops at its first wave.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal

from django.db import transaction
from django.db.models import Q
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.approvals.services.notes import NOTIFIED_AT_MOST, person_tell
from smsmarketing.gateways.models import Batch, SenderId
from smsmarketing.gateways.services.batches import batch_lock, batch_pause
from smsmarketing.operations.audit import audit_append_system
from smsmarketing.operations.states import row_lock, transition_apply
from smsmarketing.webhooks.services import webhook_emit

REMIND_DAYS: Final = (1, 7, 30)
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
    over = SenderId.objects.filter(state="verified", expires_at__lte=moment)
    stopped = 0
    for pk in list(over.order_by("pk").values_list("pk", flat=True)[:200]):
        with transaction.atomic():
            held = row_lock(SenderId, pk)
            if held.state != "verified" or held.expires_at is None or held.expires_at > moment:
                continue
            said = f"Its registration ended on {held.expires_at:%-d %B %Y}."
            _, paused = sender_stop(held, how="expire", reason=said, now=moment)
            audit_append_system(
                operation="gateways.senders_expire",
                outcome="done",
                object_type="gateways.senderid",
                object_id=str(pk),
                facts={"batches_paused": paused},
            )
            stopped += 1
    _remind(moment)
    return stopped


def _remind(now: datetime) -> None:
    soon = SenderId.objects.filter(
        state="verified",
        expires_at__gt=now,
        expires_at__lte=now + timedelta(days=max(REMIND_DAYS)),
    )
    for pk in list(soon.order_by("expires_at", "pk").values_list("pk", flat=True)[:200]):
        with transaction.atomic():
            held = row_lock(SenderId, pk)
            if held.expires_at is None or held.state != "verified":
                continue
            due = next(
                (days for days in REMIND_DAYS if held.expires_at <= now + timedelta(days=days)),
                None,
            )
            if due is None or (held.reminded_days is not None and held.reminded_days <= due):
                continue
            held.reminded_days = due
            held.save(update_fields=["reminded_days"])
            text = (
                f"The registration of sender {held.value} ends on {held.expires_at:%-d %B %Y}. Renew it: "
                "on that day everything that uses it is paused."
            )
            for person in sender_people(held.team_id):
                person_tell(
                    person, kind="sender_expires", text=text, url=sender_url(held.pk), now=now
                )


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
