"""Ends of a request before its execution: superseded, cancelled, expired."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from smsmarketing.approvals import subjects
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.selectors import vote_refusal_for
from smsmarketing.approvals.services.notes import requester_notify
from smsmarketing.operations.audit import audit_append_system
from smsmarketing.operations.errors import Conflict, NotPermitted
from smsmarketing.operations.states import row_lock, transition_apply
from smsmarketing.operations.types import Actor

EXPIRE_AT_ONCE = 200
"""Requests that one run of the sweep ends."""


def request_end(
    request: ActionRequest,
    name: str,
    event: str,
    *,
    reason: str,
    now: datetime,
    actor: Actor | None,
) -> ActionRequest:
    """Apply an ending transition to a locked request, run its subject's hook, tell the asker."""
    request.reason = reason[:300]
    request.decided_at = now
    transition_apply(request, name, save=["reason", "decided_at"])
    subject = subjects.find(request.operation)
    hook = subject.hook(event) if subject else None
    if hook is not None:
        hook(request, actor)
    if actor is None or actor.user_id != request.requester_id:
        word = event.replace("_", " ")
        requester_notify(
            request,
            kind=f"request_{event}",
            text=f"{request.title}: {word}. {request.reason}",
            now=now,
        )
    return request


def request_supersede(
    request_id: UUID, reason: str, *, actor: Actor | None = None, now: datetime | None = None
) -> ActionRequest:
    """The content changed, so the request does not cover it any more [R-8.2].

    A request that has ended already stays as it is. Raises Conflict while it is executing.
    """
    request = row_lock(ActionRequest, request_id)
    if request.state not in {"pending", "approved", "executing"}:
        return request
    return request_end(
        request,
        "supersede",
        "superseded",
        reason=reason,
        now=now or timezone.now(),
        actor=actor,
    )


def request_cancel(
    request_id: UUID, *, actor: Actor, reason: str = "", now: datetime | None = None
) -> ActionRequest:
    """Take a request back, by its author or by somebody who may decide; at once [R-8.5].

    Raises NotPermitted for others and Conflict when it is not pending or approved any more.
    """
    request = row_lock(ActionRequest, request_id)
    author = actor.user_id in {request.requester_id, request.requester.owner_id}
    if not author:
        refusal = vote_refusal_for(actor.user, request)
        voted = request.votes.filter(voter=actor.user).exists()
        if not actor.is_session or (refusal is not None and not voted):
            raise NotPermitted("Only the author and people who may decide can cancel a request.")
    return request_end(
        request,
        "cancel",
        "cancelled",
        reason=reason or "Taken back.",
        now=now or timezone.now(),
        actor=actor,
    )


def requests_expire(*, now: datetime | None = None) -> int:
    """End pending and approved requests whose time is over; returns how many.

    Each in a transaction of its own; rows that others work on are left for the next run.
    """
    now = now or timezone.now()
    due = ActionRequest.objects.filter(state__in=["pending", "approved"], expires_at__lte=now)
    ended = 0
    for request_id in list(
        due.order_by("expires_at").values_list("pk", flat=True)[:EXPIRE_AT_ONCE]
    ):
        with transaction.atomic():
            request = due.select_for_update(skip_locked=True).filter(pk=request_id).first()
            if request is None:
                continue
            was = str(request.state)
            reason = (
                "Nobody decided in time."
                if was == "pending"
                else "The approval was not used in time."
            )
            request_end(request, "expire", "expired", reason=reason, now=now, actor=None)
            audit_append_system(
                operation="approvals.expire",
                outcome="expired",
                object_type="approvals.actionrequest",
                object_id=str(request.pk),
                facts={"was": was},
            )
            ended += 1
    return ended


def conflict_if_over(request: ActionRequest, now: datetime) -> None:
    """Refuse work on a request whose time is over although the sweep has not ended it yet."""
    if request.expires_at <= now:
        raise Conflict(
            "This request has expired. Ask again if it is still wanted.",
            details={"state": "expired"},
        )
