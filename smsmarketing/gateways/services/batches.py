"""The life of a batch: created, filled, released, paused, resumed, stopped, finished."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection
from django.utils import timezone

from smsmarketing.accounts.models import Brand, Team
from smsmarketing.gateways.models import Batch, BatchSlice, Gateway, SenderId
from smsmarketing.gateways.rules.messages import OPEN, SENDABLE
from smsmarketing.gateways.rules.runs import run_task
from smsmarketing.gateways.services.approval import batch_gate_check
from smsmarketing.gateways.services.settlement import (
    batch_estimate,
    batch_reserve,
    batch_settle,
)
from smsmarketing.operations.errors import (
    BudgetExceeded,
    Conflict,
    GatewayUnavailable,
    InvalidInput,
    SenderNotEligible,
)
from smsmarketing.operations.jobs import enqueue
from smsmarketing.operations.states import row_lock, transition_apply

_STOP_MESSAGES = """
UPDATE gateways_message SET state = 'stopped', reason = %s, held_until = NULL, final_at = %s
WHERE batch_id = %s AND state = ANY(%s)
"""


def batch_create(
    *,
    team: Team,
    brand: Brand,
    sender: SenderId,
    gateway: Gateway,
    label: str,
    purpose: str,
    cost_ceiling: Decimal,
    currency: str,
    action_request_id: UUID | None = None,
    content_hash: str = "",
    quiet_mode: str = "strict",
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    per_minute: int | None = None,
    routes: Collection[Gateway] = (),
    now: datetime | None = None,
) -> Batch:
    """An empty batch in state building; fill it with `messages_copy`, then `batch_release` it.

    `routes` are other gateways that may carry its messages. Raises InvalidInput when sender or brand
    belong to another team, or the currency is not that of every gateway.
    """
    wrong = {}
    if sender.team_id != team.pk or sender.brand_id != brand.pk:
        wrong["sender_id"] = "Choose a sender of this team and brand."
    if brand.team_id != team.pk:
        wrong["brand_id"] = "Choose a brand of this team."
    if currency != gateway.currency:
        wrong["currency"] = f"This gateway bills in {gateway.currency}."
    if any(each.currency != currency for each in routes):
        wrong["routes"] = f"A gateway may help out only if it bills in {currency}."
    if per_minute is not None and per_minute < 1:
        wrong["per_minute"] = "Use at least 1 message a minute, or leave it empty."
    if wrong:
        raise InvalidInput("The batch cannot be made like this.", field_errors=wrong)
    return Batch.objects.create(
        team=team,
        brand=brand,
        sender=sender,
        gateway=gateway,
        label=label[:160],
        purpose=purpose,
        action_request_id=action_request_id,
        content_hash=content_hash,
        quiet_mode=quiet_mode,
        not_before=not_before,
        not_after=not_after,
        per_minute=per_minute,
        route_ids=sorted({each.pk for each in routes} - {gateway.pk}),
        cost_ceiling=cost_ceiling,
        currency=currency,
        created_at=now or timezone.now(),
    )


def batch_lock(batch: Batch | int) -> Batch:
    """The batch, locked until the end of the transaction."""
    return row_lock(Batch, batch.pk if isinstance(batch, Batch) else batch)


def batch_release(batch: Batch, *, now: datetime | None = None) -> Batch:
    """building → ready: approved, affordable, reserved; a worker takes it up after the commit.

    Raises ApprovalRequired, SenderNotEligible, GatewayUnavailable, QuotaExceeded, BudgetExceeded,
    InvalidInput (no messages) or Conflict (not building). The reservation and its ledger entry are
    written in the caller's transaction.
    """
    moment = now or timezone.now()
    held = batch_lock(batch)
    if held.state != "building":
        raise Conflict(
            f"This batch is {held.state} and was released before.", details={"state": held.state}
        )
    estimate = batch_estimate(held)
    if estimate.messages == 0 or estimate.messages != held.planned:
        raise InvalidInput("This batch has no messages, so there is nothing to send.")
    batch_gate_check(held)
    _road_check(held)
    if estimate.money > held.cost_ceiling:
        raise BudgetExceeded(
            f"The messages cost {estimate.money:f} {held.currency}, the approved ceiling is"
            f" {held.cost_ceiling:f}. Approve a higher ceiling or send to fewer people.",
            details={"needed": f"{estimate.money:f}", "ceiling": f"{held.cost_ceiling:f}"},
        )
    batch_reserve(held, estimate, now=moment)
    held.version += 1
    transition_apply(
        held,
        "make_ready",
        save=[
            "quota",
            "brand_quota",
            "exchange_rate",
            "exchange_source",
            "parts_reserved",
            "money_reserved",
            "version",
        ],
    )
    enqueue(run_task(held.purpose), batch_id=held.pk)
    return held


def batch_pause(batch: Batch, *, reason: str = "") -> Batch:
    """Nothing more is handed over after this commits; what is on the wire is still recorded.

    Raises Conflict unless ready or sending. Safe direction: needs no approval [R-8.5].
    """
    held = batch_lock(batch)
    held.hold_reason = reason[:200]
    held.version += 1
    transition_apply(held, "pause", save=["hold_reason", "version"])
    return held


def batch_resume(batch: Batch, *, now: datetime | None = None) -> Batch:
    """paused → sending, approved and able as ever. Raises Conflict, ApprovalRequired and the
    refusals of sender and gateway.
    """
    held = batch_lock(batch)
    batch_gate_check(held)
    _road_check(held)
    held.hold_reason = ""
    held.version += 1
    held.started_at = held.started_at or now or timezone.now()
    transition_apply(held, "resume", save=["hold_reason", "version", "started_at"])
    enqueue(run_task(held.purpose), batch_id=held.pk)
    return held


def batch_stop(batch: Batch, *, reason: str = "stopped", now: datetime | None = None) -> Batch:
    """Stop all that was not handed over, in one statement, and release its money.

    What is on the wire or accepted runs to its end and is reported [R-8.6]. Raises Conflict when
    the batch is already done or stopped.
    """
    moment = now or timezone.now()
    held = batch_lock(batch)
    held.hold_reason = reason[:200]
    held.version += 1
    held.finished_at = moment
    transition_apply(held, "stop", save=["hold_reason", "version", "finished_at"])
    with connection.cursor() as cursor:
        cursor.execute(
            _STOP_MESSAGES, [reason[:32], moment, held.pk, sorted(SENDABLE | {"quarantined"})]
        )
    BatchSlice.objects.filter(batch=held, state__in=["ready", "quarantined"]).update(state="done")
    batch_settle(held, now=moment)
    held.refresh_from_db()
    return held


def batch_finish_if_complete(batch: Batch, *, now: datetime | None = None) -> bool:
    """sending → done when no message is open, and release what is left of the reservation.

    `unknown` and `quarantined` count as closed: explained ends that people see (docs/adr/0020).
    Returns whether the batch is done now.
    """
    moment = now or timezone.now()
    held = batch_lock(batch)
    if held.state != "sending" or held.messages.filter(state__in=OPEN).exists():
        return False
    held.finished_at = moment
    held.handed_over_at = held.handed_over_at or moment
    held.version += 1
    transition_apply(held, "finish", save=["finished_at", "handed_over_at", "version"])
    batch_settle(held, now=moment)
    return True


def _road_check(batch: Batch) -> None:
    if batch.purpose != "reply" and batch.sender.state != "verified":
        raise SenderNotEligible(
            f"The sender is {batch.sender.state.replace('_', ' ')}. {batch.sender.state_reason} "
            "Settle it with sender_ids.lift, or use another sender.",
            field_errors={"sender_id": "Not verified."},
        )
    if batch.gateway.state == "disabled":
        raise GatewayUnavailable(
            "The gateway is disabled. Enable it, or choose another gateway.",
            field_errors={"gateway_id": "Disabled."},
        )
