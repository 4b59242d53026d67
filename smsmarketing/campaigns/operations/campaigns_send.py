"""Schedule, send, and the four ways to stop."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from smsmarketing.campaigns.operations.campaigns_read import CAMPAIGN_TARGET, CAMPAIGN_VERSIONED
from smsmarketing.campaigns.operations.campaigns_state import StateOut, VersionedIn, state_out
from smsmarketing.campaigns.operations.shapes import Schedule, schedule_of
from smsmarketing.campaigns.services.notes import campaign_notify
from smsmarketing.campaigns.services.schedule import campaign_schedule, campaign_unschedule
from smsmarketing.campaigns.services.sending import (
    campaign_pause,
    campaign_resume,
    campaign_stop_remaining,
)
from smsmarketing.campaigns.services.start import campaign_start
from smsmarketing.campaigns.services.test_sends import campaign_test_send
from smsmarketing.gateways.models import Batch
from smsmarketing.gateways.selectors.limits import caps_for
from smsmarketing.operations import registry
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute


class ScheduleIn(VersionedIn):
    send_at_local: str = Field(
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$",
        description="Wall time YYYY-MM-DDTHH:MM in time_zone.",
    )
    time_zone: str = Field(max_length=64, description="IANA zone, e.g. Europe/Berlin.")
    per_minute: int | None = Field(
        default=None, ge=1, le=100_000, description="Batching pace; must equal the approved one."
    )
    notify: list[Annotated[str, Field(max_length=150)]] = Field(
        default_factory=list,
        max_length=20,
        description="User names to notify when it starts and ends.",
    )


class ScheduleOut(StateOut):
    schedule: Schedule = Field(description="The window.")
    gateway: str = Field(description="Gateway that will carry it.")
    frequency_caps_apply: bool = Field(
        description="True for marketing: caps are checked for each message."
    )
    frequency_caps: list[str] = Field(description="The caps, as the approval signed them.")
    notify: list[str] = Field(description="User names that are told when it starts and ends.")


def _schedule(context: Context, data: ScheduleIn) -> ScheduleOut:
    campaign = campaign_schedule(
        context.target,
        local=data.send_at_local,
        zone=data.time_zone,
        per_minute=data.per_minute,
        notify=data.notify,
        now=context.now,
    )
    return ScheduleOut(
        **state_out(context, campaign).model_dump(),
        schedule=schedule_of(campaign),
        gateway=campaign.gateway.name,
        frequency_caps_apply=campaign.purpose == "marketing",
        frequency_caps=[
            f"at most {cap.limit} in {cap.window.total_seconds() / 3600:.0f} hours"
            for cap in caps_for(campaign.brand_id, campaign.purpose)
        ],
        notify=list(campaign.notify),
    )


class ReasonIn(Input):
    campaign_id: int = Field(ge=1, description="Id of the campaign.")
    reason: str = Field(min_length=3, max_length=200, description="Why; kept in the audit log.")


class CancelIn(ReasonIn):
    for_good: bool = Field(
        default=False,
        description="True: cancel the campaign itself too; its approval ends and it cannot be sent any more.",
    )


class CancelOut(StateOut):
    affected: int = Field(description="Recipients that will not be texted at the planned time.")
    owner: str = Field(description="Owner of the campaign.")
    notification_state: str = Field(description="Who was notified.")
    reason: str = Field(description="Reason that was recorded.")


def _cancel_schedule(context: Context, data: CancelIn) -> CancelOut:
    campaign = campaign_unschedule(
        context.target, reason=data.reason, for_good=data.for_good, now=context.now
    )
    told = campaign_notify(
        campaign,
        kind="campaign_cancelled",
        text=f"its schedule was cancelled. {data.reason}",
        now=context.now,
    )
    context.audit_reason = data.reason
    return CancelOut(
        **state_out(context, campaign).model_dump(),
        affected=campaign.approved_recipients or 0,
        owner=campaign.created_by.get_username(),
        notification_state=f"notified: {', '.join(told)}" if told else "nobody to notify",
        reason=data.reason,
    )


class StartOut(StateOut):
    started_at: datetime = Field(description="When the send started, UTC.")
    approved_recipients: int = Field(
        description="Recipients the approval covers; opt-outs, caps and consent are checked again for each message."
    )
    cost_ceiling: str = Field(description="The send stops before it costs more.")


def _send(context: Context, data: VersionedIn) -> StartOut:
    campaign = campaign_start(context.target, now=context.now)
    return StartOut(
        **state_out(context, campaign).model_dump(),
        started_at=campaign.started_at or context.now,
        approved_recipients=campaign.approved_recipients or 0,
        cost_ceiling=f"{campaign.cost_ceiling} {campaign.gateway.currency}",
    )


class PauseIn(Input):
    campaign_id: int = Field(ge=1, description="Id of the campaign.")
    reason: str = Field(default="", max_length=200, description="Why.")


def _pause(context: Context, data: PauseIn) -> StateOut:
    context.audit_reason = data.reason
    return state_out(context, campaign_pause(context.target, reason=data.reason, now=context.now))


def _resume(context: Context, data: PauseIn) -> StateOut:
    context.audit_reason = data.reason
    return state_out(context, campaign_resume(context.target, now=context.now))


class StopOut(StateOut):
    stopped: int = Field(description="Messages that will not be sent.")


def _stop(context: Context, data: ReasonIn) -> StopOut:
    stopped = campaign_stop_remaining(context.target, reason=data.reason, now=context.now)
    context.audit_reason = data.reason
    return StopOut(**state_out(context, context.target).model_dump(), stopped=stopped)


class TestSendIn(Input):
    campaign_id: int = Field(ge=1, description="Id of the campaign.")
    usernames: list[Annotated[str, Field(max_length=150)]] = Field(
        default_factory=list,
        max_length=5,
        description="People of the team to text; default: yourself.",
    )


class TestSendOut(Output):
    batch_id: int = Field(description="Batch of the test; see send_batches.list.")
    sent_to: list[str] = Field(description="User names that will get the text.")
    parts: int = Field(description="SMS parts of each test text.")


def _test_send(context: Context, data: TestSendIn) -> TestSendOut:
    batch: Batch
    batch, names, parts = campaign_test_send(
        context.target, actor=context.actor, usernames=data.usernames, now=context.now
    )
    return TestSendOut(batch_id=batch.pk, sent_to=names, parts=parts)


registry.add(
    Operation(
        key="campaigns.schedule",
        summary="Schedule an approved campaign at a wall time in a zone.",
        description=(
            "The campaign's review is the approval; a window that it does not cover needs a new "
            "one. Past times and DST gaps are refused."
        ),
        kind=Kind.WRITE,
        input=ScheduleIn,
        output=ScheduleOut,
        run=_schedule,
        permission="campaigns.campaign_schedule",
        scope="sms:schedule",
        outbound=True,
        destructive=True,
        requires=("campaigns.get", "cost_preview", "sender_ids.list"),
        target=CAMPAIGN_VERSIONED,
        rest=RestRoute("POST", "/campaigns/{campaign_id}/schedule"),
        group="campaigns",
    ),
    Operation(
        key="campaigns.cancel_schedule",
        summary="Cancel a schedule that has not started; the approval stays, unless it is cancelled for good.",
        description=(
            "Runs at once: the safe direction never waits [R-8.5]. A started campaign is refused;"
            " use campaigns.stop_remaining."
        ),
        kind=Kind.WRITE,
        input=CancelIn,
        output=CancelOut,
        run=_cancel_schedule,
        permission="campaigns.campaign_stop",
        scope="sms:schedule",
        requires=("campaigns.get",),
        target=CAMPAIGN_TARGET,
        rest=RestRoute("POST", "/campaigns/{campaign_id}/cancel_schedule"),
        group="campaigns",
    ),
    Operation(
        key="campaigns.send_approved",
        summary="Start sending an approved campaign now.",
        description=(
            "Only exactly what was approved is sent. Opt-out, consent, caps, quiet hours and the "
            "cost ceiling are checked for each message at the last moment."
        ),
        kind=Kind.WRITE,
        input=VersionedIn,
        output=StartOut,
        run=_send,
        permission="campaigns.campaign_send",
        scope="sms:send",
        outbound=True,
        destructive=True,
        requires=("campaigns.get", "opt_outs.list", "cost_preview"),
        target=CAMPAIGN_VERSIONED,
        rest=RestRoute("POST", "/campaigns/{campaign_id}/send"),
        group="campaigns",
    ),
    Operation(
        key="campaigns.pause",
        summary="Pause a running campaign at once.",
        kind=Kind.WRITE,
        input=PauseIn,
        output=StateOut,
        run=_pause,
        permission="campaigns.campaign_stop",
        scope="sms:send",
        target=CAMPAIGN_TARGET,
        rest=RestRoute("POST", "/campaigns/{campaign_id}/pause"),
        group="campaigns",
    ),
    Operation(
        key="campaigns.resume",
        summary="Resume a paused campaign.",
        kind=Kind.WRITE,
        input=PauseIn,
        output=StateOut,
        run=_resume,
        permission="campaigns.campaign_send",
        scope="sms:send",
        outbound=True,
        destructive=True,
        target=CAMPAIGN_TARGET,
        rest=RestRoute("POST", "/campaigns/{campaign_id}/resume"),
        group="campaigns",
    ),
    Operation(
        key="campaigns.stop_remaining",
        summary="Stop every message of a started campaign that has not been handed over. Cannot be undone.",
        kind=Kind.WRITE,
        input=ReasonIn,
        output=StopOut,
        run=_stop,
        permission="campaigns.campaign_stop",
        scope="sms:send",
        destructive=True,
        target=CAMPAIGN_TARGET,
        rest=RestRoute("POST", "/campaigns/{campaign_id}/stop_remaining"),
        group="campaigns",
    ),
    Operation(
        key="campaigns.test_send",
        summary="Text the campaign to people of your own team, at their registered test phones.",
        description="At most 5 people; never a free number. Counts against the team's quota.",
        kind=Kind.WRITE,
        input=TestSendIn,
        output=TestSendOut,
        run=_test_send,
        permission="campaigns.campaign_test",
        scope="sms:send",
        outbound=True,
        destructive=True,
        requires=("campaigns.get",),
        target=CAMPAIGN_TARGET,
        rest=RestRoute("POST", "/campaigns/{campaign_id}/test_send"),
        group="campaigns",
    ),
)
