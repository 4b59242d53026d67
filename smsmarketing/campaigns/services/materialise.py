"""From a started campaign to its messages, once, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from smsmarketing.campaigns.models import Campaign, CampaignSend
from smsmarketing.campaigns.plan.materialise import (
    FrozenPlan,
    PartsExceeded,
    decisions_store,
    messages_write,
    plan_freeze,
)
from smsmarketing.campaigns.plan.text import RowRenderer
from smsmarketing.campaigns.rules.template import VariableError
from smsmarketing.campaigns.services.approval import (
    approval_forget,
    campaign_lock,
    execution_end,
    request_of,
)
from smsmarketing.campaigns.services.content import (
    RECIPIENTS_TOLERANCE,
    campaign_fit,
    plan_request,
)
from smsmarketing.campaigns.services.copy import split_mode_of
from smsmarketing.campaigns.services.notes import campaign_notify
from smsmarketing.contacts.rules.opt_out_links import link_purpose
from smsmarketing.contacts.selectors.opt_out_links import link_maker
from smsmarketing.gateways.models import Batch, Gateway
from smsmarketing.gateways.selectors.routes import gateways_allowed
from smsmarketing.gateways.services import (
    batch_create,
    batch_pause,
    batch_release,
)
from smsmarketing.operations.audit import audit_append_system
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.states import transition_apply

MOST_TRIES = 20
"""Lost workers and crashes that a materialisation survives before it is given up and people are told."""


class CampaignHeld(Exception):
    """The send cannot go on as approved; the text says why, for people."""


class CampaignGone(Exception):
    """The campaign was stopped while its messages were being written: they must not come into being."""


HOLDING = (CampaignHeld, PartsExceeded, OperationError, VariableError)
"""What sends a started campaign back to its author: it would not go out as it was approved."""


def materialise_begin(campaign_id: int) -> bool:
    """Count a try of a campaign that waits for its messages; False when there is nothing to do.

    In a transaction of its own, so that a try that kills its worker is counted too.
    """
    if not _materialise_lock(campaign_id):
        return False
    campaign = campaign_lock(campaign_id)
    if not _waits(campaign):
        return False
    if campaign.materialise_tries >= MOST_TRIES:
        _give_up(campaign, now=timezone.now())
        return False
    campaign.materialise_tries += 1
    campaign.save(update_fields=["materialise_tries"])
    return True


def campaign_materialise(campaign_id: int) -> None:
    """Turn a started campaign into messages, once, in one transaction that the caller opened.

    Drift guards run here on real counts [R-8.3]. Safe to run twice: an advisory lock and the existing main send end
    the second run. The campaign's row is locked only at the end, so people can pause or stop it meanwhile: a pause is
    passed on to the batch, a stop raises CampaignGone, which undoes everything. Raises what is in HOLDING.
    """
    if not _materialise_lock(campaign_id):
        return
    campaign = Campaign.objects.select_related(
        "brand", "sender", "gateway", "segment", "team", "template_version"
    ).get(pk=campaign_id)
    if not _waits(campaign):
        return
    now = timezone.now()
    fit = campaign_fit(campaign)
    renderer = RowRenderer(
        fit.template,
        split_mode=split_mode_of(campaign.gateway),
        link=link_maker(campaign.brand_id, link_purpose(campaign.purpose)),
    )
    others = _others(campaign)
    frozen = plan_freeze(plan_request(campaign, fit, now=now, among=others), renderer)
    drift_check(campaign, frozen)
    batch = _batch(campaign, others)
    planned = messages_write(batch, renderer, frozen, parts_worst=fit.parts_worst)
    left_out = decisions_store(campaign, frozen, now=now)
    _release(campaign_id, batch, now=now)
    audit_append_system(
        operation="campaigns.materialise",
        outcome="done",
        object_type="campaigns.campaign",
        object_id=str(campaign.pk),
        facts={"planned": planned, "left_out": left_out, "batch_id": batch.pk},
    )


def drift_check(campaign: Campaign, frozen: FrozenPlan) -> None:
    """The audience may only shrink, within a tolerance [R-8.3]. Raises CampaignHeld."""
    approved = campaign.approved_recipients or 0
    if frozen.sendable > int(approved * RECIPIENTS_TOLERANCE):
        raise CampaignHeld(
            f"The audience grew to {frozen.sendable}; {approved} were approved (5 % more is tolerated)."
        )
    if frozen.sendable == 0:
        raise CampaignHeld(
            "Nobody in the audience can be sent to any more; see the exclusion reasons of cost_preview."
        )
    request = request_of(campaign)
    known = (request.facts.get("countries") if request is not None else None) or ()
    added = sorted(set(frozen.countries) - set(known))
    if added:
        raise CampaignHeld(
            f"Countries that were not approved joined the audience: {', '.join(added)}."
        )


def _others(campaign: Campaign) -> list[Gateway]:
    """Gateways that routes let help out today, of those the approval named."""
    request = request_of(campaign)
    approved = set((request.content.get("route_gateways") if request is not None else None) or ())
    allowed = gateways_allowed(campaign.gateway, purpose=campaign.purpose, sender=campaign.sender)
    return [each for each in allowed if each.pk in approved]


def _batch(campaign: Campaign, others: Collection[Gateway]) -> Batch:
    return batch_create(
        team=campaign.team,
        brand=campaign.brand,
        sender=campaign.sender,
        gateway=campaign.gateway,
        label=campaign.name,
        purpose=campaign.purpose,
        action_request_id=campaign.action_request_id,
        content_hash=campaign.content_hash,
        quiet_mode=campaign.quiet_mode,
        per_minute=campaign.per_minute,
        cost_ceiling=campaign.cost_ceiling or Decimal(0),
        currency=campaign.gateway.currency,
        routes=others,
    )


def _release(campaign_id: int, batch: Batch, *, now: datetime) -> None:
    """Let the batch go, under the campaign's lock: whoever steers the campaign comes before or after this."""
    campaign = campaign_lock(campaign_id)
    if campaign.state not in {"sending", "paused"}:
        raise CampaignGone
    CampaignSend.objects.create(campaign=campaign, batch=batch, kind="main")
    batch_release(batch, now=now)
    if campaign.state == "paused":
        batch_pause(batch, reason="The campaign was paused before its messages were ready.")


def campaign_hold(campaign_id: int, reason: str) -> None:
    """After a refused materialisation: back to draft with the reason; the approval is used up."""
    now = timezone.now()
    campaign = campaign_lock(campaign_id)
    if not _waits(campaign):
        return
    execution_end(campaign, outcome="failed", result={"reason": reason})
    campaign.hold_reason = reason[:300]
    campaign.updated_at = now
    campaign.version += 1
    transition_apply(
        campaign,
        "withdraw",
        save={"hold_reason", "updated_at", "version", *approval_forget(campaign)},
    )
    campaign_notify(
        campaign, kind="campaign_not_started", text=f"it was not sent. {reason}", now=now
    )
    _audit(campaign, "held", reason)


def _give_up(campaign: Campaign, *, now: datetime) -> None:
    reason = "Its messages could not be written down, again and again. Nothing was sent; tell an administrator."
    execution_end(campaign, outcome="failed", result={"reason": reason})
    campaign.hold_reason = reason
    campaign.updated_at = campaign.finished_at = now
    campaign.version += 1
    transition_apply(campaign, "fail", save={"hold_reason", "updated_at", "finished_at", "version"})
    campaign_notify(campaign, kind="campaign_failed", text=reason, now=now)
    _audit(campaign, "failed", reason)


def hold_reason_of(error: Exception) -> str:
    """What people read when a start did not work out."""
    return error.message if isinstance(error, OperationError) else str(error)


def _audit(campaign: Campaign, outcome: str, reason: str) -> None:
    audit_append_system(
        operation="campaigns.materialise",
        outcome=outcome,
        object_type="campaigns.campaign",
        object_id=str(campaign.pk),
        facts={"reason": reason[:200]},
    )


def _waits(campaign: Campaign) -> bool:
    """Whether the campaign has been started and has no messages yet."""
    return (
        campaign.state in {"sending", "paused"} and not campaign.sends.filter(kind="main").exists()
    )


def _materialise_lock(campaign_id: int) -> bool:
    """One materialisation of a campaign at a time, without holding the campaign's row while it runs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [0x5EED, campaign_id])
        return bool(cursor.fetchone()[0])
