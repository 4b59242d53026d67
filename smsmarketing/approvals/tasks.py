"""Background work of approvals: running what people approved, and ending what nobody decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from celery import shared_task
from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import ApiToken
from smsmarketing.accounts.selectors import actor_for_user
from smsmarketing.approvals import services, subjects
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.policies import policies_match
from smsmarketing.approvals.services.running import ATTEMPTS_AT_MOST
from smsmarketing.operations import jobs
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import NotPermitted, OperationError
from smsmarketing.operations.types import Actor, Done, Surface

logger = structlog.get_logger("smsmarketing.approvals")

BEAT = {"approvals.sweep": timedelta(minutes=1)}
"""Task name to how often beat starts it."""


@shared_task(name="approvals.run_request")
def run_request(request_id: str) -> None:
    """Run the frozen call of an approved request, once, as its asker with the rights of today."""
    request_run(UUID(request_id))


@shared_task(name="approvals.sweep")
def sweep() -> None:
    """End requests whose time is over, and take up work that was lost. Safe to run twice."""
    now = timezone.now()
    services.requests_expire(now=now)
    for request_id in services.requests_stuck(
        now=now, held_operations_only=lambda operation: subjects.find(operation) is None
    ):
        jobs.enqueue("approvals.run_request", request_id=str(request_id))


def request_run(request_id: UUID) -> None:
    """What the job does; a second delivery of the same job changes nothing."""
    now = timezone.now()
    request = services.request_start(request_id, now=now)
    if request is None:
        return
    try:
        actor = _asker(request)
        outcome = execute(
            request.operation,
            request.payload,
            actor=actor,
            idempotency_key=f"approval-{request.pk}",
            grant=request.pk,
        )
    except OperationError as exc:
        _refused(request, exc, now)
        return
    if isinstance(outcome, Done):
        services.request_result_keep(
            request.pk, outcome.result.model_dump(mode="json"), now=timezone.now()
        )


def _asker(request: ActionRequest) -> Actor:
    """The asker with the rights they have now. Raises NotPermitted when their token was revoked."""
    token_id = request.requester_token_id
    if token_id is not None:
        token = ApiToken.objects.filter(pk=token_id).first()
        if token is None or token.revoked_at is not None:
            raise NotPermitted(
                "The API token that asked for this was revoked, so it is not run. Ask again."
            )
    actor = actor_for_user(
        request.requester, surface=Surface.SYSTEM, request_id=f"approval-{request.pk}"
    )
    return _as_asked(actor, request)


def _as_asked(actor: Actor, request: ActionRequest) -> Actor:
    """Who asked in person did so; a person who became an agent since asks for nothing in person."""
    return replace(actor, asked_in_person=request.requester_in_person and not actor.is_agent)


def _refused(request: ActionRequest, exc: OperationError, now: datetime) -> None:
    """Try again later, hold anew, or fail: what the refusal asks for."""
    logger.info("approved_request_refused", action_request_id=str(request.pk), result=exc.code)
    if _worth_repeating(exc) and request.attempts < ATTEMPTS_AT_MOST:
        return  # it stays executing; the sweep takes it up again
    envelope = exc.envelope(f"approval-{request.pk}")
    if "drift" in exc.details:
        _outgrown(request, exc, envelope, now)
        return
    if exc.code == "VERSION_CONFLICT" or exc.details.get("stale"):
        services.request_outgrow(
            request.pk,
            envelope=envelope,
            reason="What was approved has changed since. Ask again.",
            now=now,
            renewed_by=None,
        )
        return
    services.request_fail(request.pk, envelope=envelope, reason=exc.message, now=now)


def _outgrown(
    request: ActionRequest, exc: OperationError, envelope: dict[str, Any], now: datetime
) -> None:
    """End the request, and put the same call before people again with the facts of today."""
    with transaction.atomic():
        renewed = None
        try:
            with transaction.atomic():
                renewed = _renewed(request, exc.details["facts"], now)
        except OperationError as refusal:
            # The window is over, or somebody else's request for the object waits: no renewal then.
            logger.info("request_not_renewed", action_request_id=str(request.pk), code=refusal.code)
        services.request_outgrow(
            request.pk, envelope=envelope, reason=exc.message, now=now, renewed_by=renewed
        )


def _worth_repeating(exc: OperationError) -> bool:
    return exc.code == "INTERNAL" or exc.retryable or exc.retry_after_s is not None


def _renewed(request: ActionRequest, facts: dict[str, Any], now: datetime) -> ActionRequest:
    """The same call, waiting again with the facts of today [R-8.3]."""
    cost = facts.get("cost_ceiling", facts.get("cost"))
    return services.request_create(
        operation=request.operation,
        actor=_asker_of_renewal(request),
        title=request.title,
        payload=request.payload,
        content={**request.content, "facts": facts, "outgrew": str(request.content_hash)},
        facts=facts,
        policies=policies_match(request.operation, facts),
        team_id=request.team_id,
        object_type=request.object_type,
        object_id=request.object_id,
        object_version=request.object_version,
        cost_ceiling=None if cost is None else Decimal(str(cost)),
        currency=request.currency,
        expires_at=request.window_ends_at,
        now=now,
    )


def _asker_of_renewal(request: ActionRequest) -> Actor:
    actor = actor_for_user(request.requester, surface=Surface(request.requester_surface))
    return replace(_as_asked(actor, request), token_id=request.requester_token_id)
