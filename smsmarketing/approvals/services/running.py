"""From approved to done: the grant is spent once, in the transaction of its effect."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.rules.limits import drift_found
from smsmarketing.approvals.services.ending import conflict_if_over
from smsmarketing.approvals.services.notes import requester_notify
from smsmarketing.approvals.services.requests import json_plain
from smsmarketing.operations.canonical import canonical_json, sha256_hex
from smsmarketing.operations.errors import ApprovalRequired, Conflict
from smsmarketing.operations.states import row_lock, transition_apply

STUCK_AFTER = timedelta(minutes=2)
"""An execution that has not ended after this long has lost its worker."""
ATTEMPTS_AT_MOST = 5
OUTCOMES = {
    "succeeded": "succeed",
    "partially_succeeded": "succeed_partially",
    "failed": "fail",
}


def request_start(request_id: UUID, *, now: datetime | None = None) -> ActionRequest | None:
    """Take an approved request for execution, or take up one whose worker was lost.

    Returns None when there is nothing to do: it runs elsewhere, was done, ended or expired.
    """
    now = now or timezone.now()
    with transaction.atomic():
        request = row_lock(ActionRequest, request_id)
        if request.state == "approved":
            if request.expires_at <= now or sha256_hex(request.content) != request.content_hash:
                return None
            request.started_at = now
            request.attempts = 1
            transition_apply(request, "execute", save=["started_at", "attempts"])
            return request
        lost = request.started_at is not None and request.started_at <= now - STUCK_AFTER
        if request.state != "executing" or not lost:
            return None
        request.started_at = now
        request.attempts += 1
        request.save(update_fields=["started_at", "attempts"])
        return request


def request_spend(
    request_id: UUID,
    *,
    operation: str,
    user_id: int,
    payload: Mapping[str, Any],
    facts: Mapping[str, Any],
    object_version: int | None,
    now: datetime,
) -> ActionRequest:
    """Spend the grant, in the transaction of the effect: if the effect fails, it is not spent.

    Raises ApprovalRequired for a grant that does not exist, was spent, belongs to somebody or
    something else, or was outgrown (`details["drift"]`, [R-8.3]), and Conflict when the object
    changed since it was approved.
    """
    request = ActionRequest.objects.select_for_update().filter(pk=request_id).first()
    if (
        request is None
        or request.state != "executing"
        or request.executed_at is not None
        or request.operation != operation
        or request.requester_id != user_id
        or canonical_json(request.payload) != canonical_json(payload)
        or sha256_hex(request.content) != request.content_hash
    ):
        raise ApprovalRequired(
            "There is no unspent approval for exactly this. Ask for approval again.",
            action_request_id=request_id,
        )
    if request.object_version is not None and request.object_version != object_version:
        raise Conflict(
            "What was approved has changed since. Read it again, and ask for approval again.",
            action_request_id=request_id,
            details={"stale": True},
        )
    current = json_plain(facts)
    drift = drift_found(request.facts, current, cost_ceiling=request.cost_ceiling)
    if drift:
        raise ApprovalRequired(
            f"More than was approved: {'; '.join(drift.values())}. It waits for approval again.",
            action_request_id=request_id,
            details={"drift": drift, "facts": current},
        )
    request.executed_at = now
    transition_apply(request, "succeed", save=["executed_at"])
    return request


def request_result_keep(request_id: UUID, result: Mapping[str, Any], *, now: datetime) -> None:
    """Keep what the executed operation returned, and tell the asker."""
    with transaction.atomic():
        request = row_lock(ActionRequest, request_id)
        if request.result is not None or request.executed_at is None:
            return
        request.result = json_plain(result)
        request.save(update_fields=["result"])
        requester_notify(
            request, kind="request_done", text=f"{request.title}: done as approved.", now=now
        )


def request_fail(
    request_id: UUID, *, envelope: Mapping[str, Any], reason: str, now: datetime
) -> ActionRequest | None:
    """End an execution that was refused, with the envelope of the refusal. None when it has ended."""
    return _execution_end(request_id, "fail", envelope=envelope, reason=reason, now=now)


def request_outgrow(
    request_id: UUID,
    *,
    envelope: Mapping[str, Any],
    reason: str,
    now: datetime,
    renewed_by: ActionRequest | None,
) -> ActionRequest | None:
    """End an execution because the world outgrew the approval; a new request may have taken over."""
    return _execution_end(
        request_id, "outgrow", envelope=envelope, reason=reason, now=now, renewed_by=renewed_by
    )


def _execution_end(
    request_id: UUID,
    name: str,
    *,
    envelope: Mapping[str, Any],
    reason: str,
    now: datetime,
    renewed_by: ActionRequest | None = None,
) -> ActionRequest | None:
    with transaction.atomic():
        request = row_lock(ActionRequest, request_id)
        if request.state != "executing":
            return None
        request.result = json_plain(envelope)
        request.reason = reason[:300]
        request.renewed_by = renewed_by
        transition_apply(request, name, save=["result", "reason", "renewed_by"])
        requester_notify(
            request, kind=f"request_{request.state}", text=f"{request.title}: {reason}", now=now
        )
        return request


def request_begin(
    request_id: UUID, *, content_hash: str, now: datetime | None = None
) -> ActionRequest:
    """Begin to use the approval of a review, e.g. when a campaign starts. Once only.

    Call it in the transaction that starts the work. Raises ApprovalRequired when the request is not
    approved or covers other content, Conflict when it has expired.
    """
    now = now or timezone.now()
    request = row_lock(ActionRequest, request_id)
    if request.state != "approved" or not constant_time_compare(request.content_hash, content_hash):
        raise ApprovalRequired(
            "There is no approval for exactly this content. Submit it for review again.",
            action_request_id=request.pk,
            details={"state": str(request.state)},
        )
    conflict_if_over(request, now)
    request.started_at = now
    request.executed_at = now
    transition_apply(request, "execute", save=["started_at", "executed_at"])
    return request


def request_finish(
    request_id: UUID,
    *,
    outcome: str,
    result: Mapping[str, Any],
    now: datetime | None = None,
) -> ActionRequest:
    """End what `request_begin` began: `outcome` is succeeded, partially_succeeded or failed.

    `result` holds counts that reconcile. Raises Conflict when it was not executing.
    """
    now = now or timezone.now()
    request = row_lock(ActionRequest, request_id)
    request.result = json_plain(result)
    transition_apply(request, OUTCOMES[outcome], save=["result"])
    word = outcome.replace("_", " ")
    requester_notify(request, kind=f"request_{outcome}", text=f"{request.title}: {word}.", now=now)
    return request


def requests_stuck(*, now: datetime, held_operations_only: Any) -> list[UUID]:
    """Approved requests that no job took, and executions whose worker was lost.

    `held_operations_only(operation)` tells whether the request runs an operation (and is no review).
    """
    late = now - STUCK_AFTER
    waiting = ActionRequest.objects.filter(
        state="approved", decided_at__lte=late, expires_at__gt=now
    )
    lost = ActionRequest.objects.filter(state="executing", executed_at=None, started_at__lte=late)
    found = [*waiting[:100], *lost[:100]]
    return [request.pk for request in found if held_operations_only(request.operation)]
