"""The ordered checks for one person and one campaign, before and after the send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from smsmarketing.campaigns.models import Campaign, Decision
from smsmarketing.campaigns.plan import REASONS, SENDABLE
from smsmarketing.campaigns.plan.audience import quiet_mode_of, statement_for
from smsmarketing.campaigns.services.content import campaign_fit, plan_request
from smsmarketing.contacts.criteria import criteria_compile
from smsmarketing.contacts.models import Contact, SendState
from smsmarketing.contacts.rules.phone import phone_mask
from smsmarketing.gateways.models import Batch, Message
from smsmarketing.gateways.rules.messages import CLOSED
from smsmarketing.gateways.rules.quiet_hours import Held, window_check
from smsmarketing.gateways.selectors.limits import caps_for
from smsmarketing.gateways.selectors.rates import rates_current
from smsmarketing.gateways.selectors.senders import sender_verdicts

_SAME_MOMENT = timedelta(seconds=1)
"""The slot of a message in the history is taken with its hand-over."""


@dataclass(frozen=True)
class Check:
    """One check with its value in words; `passed` None = not reached."""

    check: str
    passed: bool | None
    value: str
    at: datetime | None = None


@dataclass(frozen=True)
class Explanation:
    phone: str
    verdict: str
    decision: str
    message_state: str | None
    checks: list[Check]


def explain(campaign: Campaign, contact: Contact, *, now: datetime) -> Explanation:
    """Why this contact did, did not, or would get this campaign."""
    batch_ids = list(campaign.sends.filter(kind="main").values_list("batch_id", flat=True))
    message = Message.objects.filter(contact_id=contact.pk, batch_id__in=batch_ids).first()
    gone = Batch.objects.filter(pk__in=batch_ids, numbers_removed_at__isnull=False).first()
    if message is None and gone is not None:
        return _forgotten(contact, gone)
    stored = Decision.objects.filter(campaign=campaign, contact_id=contact.pk).first()
    decision = stored.reason if stored else _decision_now(campaign, contact, now)
    checks = [_segment_check(campaign, decision, now)] if message is None else []
    checks += _checks(campaign, contact, now, message.handed_at if message else None)
    if message is None and decision.startswith("variable_"):
        checks.append(Check("Text fits the person", False, REASONS[decision], now))
    state = message.state if message else None
    if message is not None:
        decision = SENDABLE
        checks += _message_checks(message)
    elif stored is not None:
        words = REASONS.get(stored.reason, stored.reason)
        checks.append(Check("Decision when the campaign started", False, words, stored.decided_at))
    return Explanation(
        phone=phone_mask(contact.phone) if contact.phone else "erased",
        verdict=_verdict(campaign, decision, message, written=bool(batch_ids)),
        decision=decision,
        message_state=state,
        checks=checks,
    )


def _forgotten(contact: Contact, batch: Batch) -> Explanation:
    """After 13 months nobody can say any more who was in a campaign [R-4.14]."""
    value = "It is kept for 13 months; totals, consent and opt-outs stay."
    return Explanation(
        phone=phone_mask(contact.phone) if contact.phone else "erased",
        verdict="Who got this campaign was removed when its time was over; only totals are left.",
        decision="forgotten",
        message_state=None,
        checks=[Check("Recipients still known", None, value, batch.numbers_removed_at)],
    )


def _segment_check(campaign: Campaign, decision: str, now: datetime) -> Check:
    return Check(
        "Matches the segment", decision != "not_in_segment", str(campaign.segment.name), now
    )


def _decision_now(campaign: Campaign, contact: Contact, now: datetime) -> str:
    """The plan's own statement, narrowed to one contact."""
    request = plan_request(campaign, campaign_fit(campaign), now=now)
    rates = rates_current(campaign.gateway, None, now)
    statement = statement_for(request, rates, criteria_compile(request.criteria, now=request.now))
    sql, params = statement.rows()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT decision FROM ({sql}) d WHERE contact_id = %s",  # noqa: S608 - fixed pieces
            [*params, contact.pk],
        )
        row = cursor.fetchone()
    return str(row[0]) if row else "not_in_segment"


def _checks(
    campaign: Campaign, contact: Contact, now: datetime, handed_at: datetime | None
) -> list[Check]:
    state = SendState.objects.filter(contact=contact, brand=campaign.brand).first()
    reason = _reason(campaign, state, now)
    country = contact.country
    verdict = sender_verdicts(
        campaign.sender, gateway=campaign.gateway, purpose=campaign.purpose, countries=[country]
    )[country]
    rate = rates_current(campaign.gateway, None, now).get(country)
    checks = [
        Check("Known to the brand", state is not None, campaign.brand.name, now),
        Check(
            "Consent and opt-out", not reason, REASONS.get(reason, reason) or "May be texted", now
        ),
        Check(
            "Gateway serves the country",
            country in campaign.gateway.countries,
            f"{campaign.gateway.name}, {country}",
            now,
        ),
        Check(
            "Sender ID allowed there",
            verdict.status == "allowed",
            f"{campaign.sender.value}: {verdict.status}. {verdict.why} {verdict.next_step}".strip(
                ". "
            ),
            now,
        ),
        Check(
            "Price known",
            rate is not None,
            f"{rate.price} {rate.currency} a part" if rate else "none",
            now,
        ),
    ]
    if campaign.purpose == "marketing":
        checks += _cap_checks(campaign, state, now, handed_at)
        checks.append(_hours_check(campaign, contact, handed_at or now))
    return checks


def _reason(campaign: Campaign, state: SendState | None, now: datetime) -> str:
    if state is None:
        return "no_consent"
    if campaign.purpose != "marketing":
        return state.transactional_reason or ""
    if state.marketing_reason:
        return state.marketing_reason
    ends = state.consent_expires_at
    return "consent_expired" if ends is not None and ends <= now else ""


def _cap_checks(
    campaign: Campaign, state: SendState | None, now: datetime, handed_at: datetime | None
) -> list[Check]:
    """Caps as they stood: at the hand-over without the message itself, or now."""
    sent = state.recent if state else []
    now = handed_at or now
    recent = [at for at in sent if at < now - _SAME_MOMENT] if handed_at else sent
    out = []
    for cap in caps_for(campaign.brand_id, campaign.purpose):
        count = sum(1 for at in recent if now - at < cap.window)
        text = f"{count} of {cap.limit} in {cap.window.total_seconds() / 3600:.0f} hours"
        out.append(Check("Frequency cap", count < cap.limit, text, now))
    return out


def _hours_check(campaign: Campaign, contact: Contact, now: datetime) -> Check:
    answer = window_check(
        now,
        phone=contact.phone or "",
        country=contact.country,
        subdivision=contact.region,
        explicit_zone=contact.time_zone if contact.time_zone_source != "number" else "",
        mode=quiet_mode_of(campaign.quiet_mode),
    )
    if isinstance(answer, Held):
        until = answer.until.isoformat(timespec="minutes") if answer.until else "a known time zone"
        return Check("Quiet hours on the recipient's clock", False, f"held until {until}", now)
    return Check("Quiet hours on the recipient's clock", True, "open now", now)


def _message_checks(message: Message) -> list[Check]:
    """The way of the message; a step that was not reached has no verdict."""
    words = message.state + (
        f" ({message.reason or message.error_code})" if message.reason or message.error_code else ""
    )
    return [
        Check("Planned", True, f"{message.parts} parts, {message.encoding}", message.created_at),
        Check(
            "Handed to the gateway",
            True if message.handed_at else None,
            f"attempt {message.attempt}" if message.handed_at else "not yet",
            message.handed_at,
        ),
        Check(
            "Accepted by the gateway",
            True if message.accepted_at else None,
            message.gateway_message_id or ("yes" if message.accepted_at else "not yet"),
            message.accepted_at,
        ),
        Check(
            "Final state",
            message.state == "delivered" if message.state in CLOSED else None,
            words,
            message.final_at,
        ),
    ]


def _verdict(campaign: Campaign, decision: str, message: Message | None, *, written: bool) -> str:
    if message is not None:
        words = {
            "delivered": "The person got it.",
            "queued": "It waits to be sent.",
            "held": "It is held until the recipient's quiet hours end.",
            "handing_over": "It is being handed to the gateway.",
            "accepted": "The gateway took it; no receipt yet. That is not a delivery.",
            "unknown": "Whether the gateway took it is unknown; it is not sent again by itself.",
            "stopped": "It was stopped before it was sent.",
        }
        return words.get(
            message.state,
            f"It was not delivered: {message.reason or message.error_code or message.state}.",
        )
    if decision == "not_in_segment":
        return "The person does not match the segment's criteria."
    reason = REASONS.get(decision, decision).lower()
    if written:
        return (
            "The person joined the audience after the campaign had started."
            if decision == SENDABLE
            else f"The person did not get it: {reason}."
        )
    if campaign.finished_at is not None or campaign.state in {"rejected", "cancelled"}:
        return f"Nobody got it: the campaign is {campaign.state} and has no messages."
    if decision == SENDABLE:
        return "The person would get it if the campaign started now."
    return f"The person would not get it: {reason}."
