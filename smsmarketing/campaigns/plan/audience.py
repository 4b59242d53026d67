"""Counting an audience: how many are sendable, by country, and why the others are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from smsmarketing.campaigns.plan.statement import SENDABLE, DecisionStatement, decision_statement
from smsmarketing.contacts.criteria import (
    CompiledSQL,
    Criteria,
    criteria_compile,
    rows_bounded,
)
from smsmarketing.gateways.models import Gateway, Rate, SenderId
from smsmarketing.gateways.rules.eligibility import Verdict
from smsmarketing.gateways.rules.quiet_hours import Held, window_check
from smsmarketing.gateways.rules.quiet_table import Mode
from smsmarketing.gateways.selectors.limits import caps_for
from smsmarketing.gateways.selectors.routes import rates_dearest
from smsmarketing.gateways.selectors.senders import sender_eligibility, sender_verdicts


@dataclass(frozen=True, kw_only=True)
class PlanRequest:
    """What a plan is made for. `gateway` and `sender` decide which countries can be reached and what they cost."""

    criteria: Criteria
    brand_id: int
    purpose: str
    gateway: Gateway
    sender: SenderId | None
    now: datetime
    quiet_mode: Mode = "default"
    conditions: tuple[tuple[str, str], ...] = ()
    others: tuple[Gateway, ...] = ()
    """Gateways that routes let help out: what is dearest among them is reserved."""


@dataclass(frozen=True, kw_only=True)
class AudiencePlan:
    """Counts over one moment of the database. `matched` is the sum of all decisions, to the unit."""

    matched: int
    sendable: int
    excluded: dict[str, int]
    sendable_by_country: dict[str, int]
    excluded_by_country: dict[str, dict[str, int]]
    overlap_removed: int
    rates: Mapping[str, Rate]
    statement: DecisionStatement
    sender: Mapping[str, Verdict] = field(default_factory=dict)
    """Country of the audience → whether the sender may be used there; empty without a sender."""
    held_now: int | None = None
    held_until: list[tuple[datetime, int]] = field(default_factory=list)
    held_without_zone: int = 0


_MODES: dict[str, Mode] = {"default": "default", "normal": "normal"}


def quiet_mode_of(word: str) -> Mode:
    """The quiet-hours mode a campaign stores as a word [R-3.7]; anything else is the strict one."""
    return _MODES.get(word, "strict")


def plan_rates(request: PlanRequest) -> dict[str, Rate]:
    """What a part may cost at most by country: on the dearest gateway that may carry it."""
    return rates_dearest(
        request.gateway,
        request.others,
        purpose=request.purpose,
        sender=request.sender,
        at=request.now,
    )


def statement_for(
    request: PlanRequest, rates: Mapping[str, Rate], compiled: CompiledSQL
) -> DecisionStatement:
    """The decision statement with today's countries, rates and caps filled in."""
    served = set(request.gateway.countries)
    if request.sender is None:
        eligible = served
    else:
        eligible = {
            country
            for country, status in sender_eligibility(
                request.sender, gateway=request.gateway, purpose=request.purpose
            ).items()
            if status == "allowed"
        }
    return decision_statement(
        criteria=compiled,
        brand_id=request.brand_id,
        purpose=request.purpose,
        served=served,
        eligible=eligible,
        rated=set(rates),
        caps=caps_for(request.brand_id, request.purpose),
        now=request.now,
        conditions=request.conditions,
    )


def _counts(statement: DecisionStatement, seconds: float | None) -> list[tuple[Any, ...]]:
    sql, params = statement.counts()
    if seconds is not None:
        return rows_bounded(sql, params, seconds=seconds)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def audience_plan(
    request: PlanRequest, *, with_hours: bool = False, seconds: float | None = None
) -> AudiencePlan:
    """Count the audience. With `with_hours`, also count who would be held by quiet hours if sent now [R-3.8].

    With `seconds`, a segment that costs too much is refused (InvalidInput) instead of counted; what people have
    approved is always counted.
    """
    rates = plan_rates(request)
    statement = statement_for(request, rates, criteria_compile(request.criteria, now=request.now))
    excluded: Counter[str] = Counter()
    sendable: Counter[str] = Counter()
    excluded_by_country: dict[str, dict[str, int]] = {}
    for country, decision, count in _counts(statement, seconds):
        if decision == SENDABLE:
            sendable[country] += count
        else:
            excluded[decision] += count
            excluded_by_country.setdefault(country, {})[decision] = count
    total = sum(sendable.values())
    held: dict[str, Any] = _held(request, statement) if with_hours and total else {}
    return AudiencePlan(
        matched=total + sum(excluded.values()),
        sendable=total,
        excluded=dict(sorted(excluded.items())),
        sendable_by_country=dict(sorted(sendable.items())),
        excluded_by_country=excluded_by_country,
        overlap_removed=_overlap(request.criteria.audience_ids),
        rates=rates,
        statement=statement,
        sender=_verdicts(request, {*sendable, *excluded_by_country}),
        **held,
    )


def _verdicts(request: PlanRequest, countries: set[str]) -> dict[str, Verdict]:
    """What holds for the sender in the countries of the audience, with reasons in words [R-5.6]."""
    if request.sender is None:
        return {}
    found = sender_verdicts(
        request.sender, gateway=request.gateway, purpose=request.purpose, countries=countries
    )
    return {country: found[country] for country in sorted(countries)}


def _overlap(audience_ids: tuple[int, ...]) -> int:
    """Entries removed because the same phone is in more than one of the chosen audiences."""
    if len(audience_ids) < 2:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) - count(DISTINCT contact_id) FROM contacts_audiencemember WHERE audience_id = ANY(%s)",
            [list(audience_ids)],
        )
        return int(cursor.fetchone()[0])


_CLOCK_COLUMNS = (
    "c.phone",
    "c.region",
    "CASE WHEN c.time_zone_source <> 'number' THEN c.time_zone ELSE '' END AS zone",
)


def _held(request: PlanRequest, statement: DecisionStatement) -> dict[str, Any]:
    """Who could not be texted at this moment, by the time their window opens.

    One look per distinct clock (country, region, known zone, area code), not per contact.
    """
    if request.purpose != "marketing":
        return {"held_now": 0}
    rows, params = statement.rows(_CLOCK_COLUMNS)
    sql = f"""
        SELECT min(d.phone), d.country, d.region, d.zone, count(*)
        FROM ({rows}) d WHERE d.decision = '{SENDABLE}'
        GROUP BY d.country, d.region, d.zone,
                 left(d.phone, CASE WHEN d.phone LIKE '+1%%' THEN 5 ELSE 4 END)
    """
    waiting: Counter[datetime] = Counter()
    without_zone = 0
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        groups = cursor.fetchall()
    for phone, country, region, zone, count in groups:
        answer = window_check(
            request.now,
            phone=phone,
            country=country,
            subdivision=region,
            explicit_zone=zone,
            mode=request.quiet_mode,
        )
        if isinstance(answer, Held):
            if answer.until is None:
                without_zone += count
            else:
                waiting[answer.until] += count
    held = sum(waiting.values()) + without_zone
    return {
        "held_now": held,
        "held_until": sorted(waiting.items()),
        "held_without_zone": without_zone,
    }
