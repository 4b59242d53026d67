"""A registration that ends stops its sender in its countries, and pauses what uses it [R-5.10].

The new state and the pause of every batch that still has messages to those countries commit
together; see sender_stops for why nothing leaves after that. Scheduled campaigns follow within a
minute (campaigns.senders_watch).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from smsmarketing.approvals.services.notes import person_tell
from smsmarketing.gateways.models import Batch, Message, Registration
from smsmarketing.gateways.rules.messages import SENDABLE
from smsmarketing.gateways.rules.registries import registries
from smsmarketing.gateways.selectors.registrations import (
    countries_covered,
    registrations_needing,
)
from smsmarketing.gateways.services.batches import batch_lock, batch_pause
from smsmarketing.gateways.services.ends import dated_end, dated_remind
from smsmarketing.gateways.services.registrations import registration_end
from smsmarketing.gateways.services.sender_stops import sender_people
from smsmarketing.operations.states import row_lock
from smsmarketing.webhooks.services import webhook_emit

TRANSITIONS: Final = {"suspended": "suspend", "expired": "expire", "withdrawn": "withdraw"}


def registration_stop(
    registration: Registration | int, *, state: str, reason: str, said_by: str, now: datetime
) -> tuple[Registration, int]:
    """suspended, expired or withdrawn; pauses what uses it. Returns it and how many sends paused.

    The caller opened the transaction. Raises Conflict from a state that does not allow it. What
    stands on it (a 10DLC campaign on its brand) is suspended with it.
    """
    pk = registration.pk if isinstance(registration, Registration) else registration
    held = row_lock(Registration, pk)
    was_approved = held.state == "approved"
    registration_end(held, TRANSITIONS[state], reason=reason, said_by=said_by, now=now)
    if not was_approved:
        return held, 0
    paused = _pause(held, reason) if held.sender_id is not None else 0
    keys = [row.key for row in registries().values() if row.needs == held.registry]
    for other in registrations_needing(held, keys):
        said = f"Its {held.registry} is {state}. {reason}"
        _, more = registration_stop(other, state="suspended", reason=said, said_by=said_by, now=now)
        paused += more
    _tell(held, paused=paused, now=now)
    return held, paused


def _pause(held: Registration, reason: str) -> int:
    sender_id = held.sender_id
    if sender_id is None:
        return 0
    lost = set(held.countries) - countries_covered(sender_id, without=held.pk)
    if not lost:
        return 0
    where = ", ".join(sorted(lost))
    why = f"The {held.registry} registration is {held.state} in {where}; a resume leaves that out. {reason}"
    using = Batch.objects.filter(sender_id=sender_id, state__in=["ready", "sending"])
    paused = 0
    for pk in using.exclude(purpose="reply").order_by("pk").values_list("pk", flat=True):
        batch = batch_lock(pk)
        left = Message.objects.filter(batch=batch, state__in=SENDABLE, country__in=lost)
        if batch.state in {"ready", "sending"} and left.exists():
            batch_pause(batch, reason=why[:200])
            paused += 1
    return paused


def registrations_expire(*, now: datetime | None = None) -> int:
    """End approved registrations whose time is over, remind of those whose time comes; how many ended."""
    moment = now or timezone.now()

    def end(held: Registration, at: datetime) -> int:
        said = f"It ended on {at:%-d %B %Y}."
        return registration_stop(held, state="expired", reason=said, said_by="", now=moment)[1]

    def tell(held: Registration, ends: datetime) -> None:
        text = (
            f"The {held.registry} registration of {held.sender or held.brand} ends on {ends:%-d %B %Y}. "
            "Renew it: on that day what uses it there is paused."
        )
        people_tell(held, kind="registration_ends", text=text, now=moment)

    ended = dated_end(
        Registration,
        state="approved",
        end=end,
        operation="gateways.registrations_expire",
        now=moment,
    )
    dated_remind(Registration, state="approved", tell=tell, now=moment)
    return ended


def people_tell(held: Registration, *, kind: str, text: str, now: datetime) -> None:
    """Tell who looks after senders in the team, and who submitted it."""
    people = {person.pk: person for person in sender_people(held.team_id)}
    if held.submitted_by is not None and held.submitted_by.is_active:
        people[held.submitted_by.pk] = held.submitted_by
    for person in people.values():
        person_tell(person, kind=kind, text=text, url=registration_url(held.pk), now=now)


def registration_event(held: Registration, *, now: datetime, paused: int = 0) -> None:
    """Tell the team's other systems of the new state [R-5.10]."""
    webhook_emit(
        [held.team_id],
        "sender.registration",
        {
            "registration_id": held.pk,
            "sender_id": held.sender_id,
            "registry": held.registry,
            "countries": list(held.countries),
            "state": str(held.state),
            "batches_paused": paused,
        },
        at=now,
    )


def _tell(held: Registration, *, paused: int, now: datetime) -> None:
    text = (
        f"The {held.registry} registration of {held.sender or held.brand} is {held.state}: {held.state_reason} "
        f"{paused} {'send is' if paused == 1 else 'sends are'} paused."
    )
    people_tell(held, kind="registration_stopped", text=text, now=now)
    registration_event(held, now=now, paused=paused)


def registration_url(pk: int) -> str:
    """Where the admin shows it; empty where there is no admin."""
    try:
        return reverse("admin:gateways_registration_change", args=[pk])
    except NoReverseMatch:
        return ""
