"""sender_rules.list, .save and .forbid: where which kind of sender may be used [R-5.6]."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from django.db.models import Q
from pydantic import Field

from smsmarketing.gateways.models import Gateway, SenderRule
from smsmarketing.gateways.selectors import gateways_visible
from smsmarketing.gateways.services.sender_rules import sender_rule_set
from smsmarketing.operations import registry
from smsmarketing.operations.errors import NotFound
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
)

SenderKind = Literal["alphanumeric", "msisdn", "shortcode", "tollfree"]
RulePurpose = Literal["marketing", "transactional", "notification", "otp"]


class RuleListIn(PageInput):
    """Input of sender_rules.list."""

    country: str | None = Field(
        default=None, pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2."
    )
    kind: SenderKind | None = Field(default=None, description="Only rules about this kind.")
    gateway_id: int | None = Field(
        default=None,
        ge=1,
        description="Only rules that hold at this gateway, the general included.",
    )
    by_people: bool | None = Field(
        default=None, description="true: only what people set against the table."
    )


class RuleRow(Output):
    """One rule in force."""

    rule_id: int = Field(description="Id of the rule.")
    country: str = Field(description="ISO 3166-1 alpha-2.")
    kind: str = Field(description="alphanumeric, msisdn, shortcode or tollfree.")
    gateway: str = Field(description="Gateway; empty: every one.")
    purpose: str = Field(description="Purpose; empty: every one.")
    status: str = Field(description="allowed, register, forbidden or unknown.")
    binding: bool = Field(description="True: a word about one sender does not lift it.")
    registry: str = Field(description="Registry it asks for; empty: the gateway's own list.")
    replacement: str = Field(description="What recipients see instead; empty: nothing else.")
    note: str = Field(description="Conditions, as the source says them.")
    source: str = Field(description="Where it is from.")
    as_of: date = Field(description="How old the source is.")
    by_people: bool = Field(description="True when people set it against the table.")
    reason: str = Field(description="Why they did; empty for the table.")
    set_by: str = Field(description="Who did; empty for the table.")


class RulePage(Page[RuleRow]):
    """Rules in force; the most specific one holds, people's before the table's."""


def run_list(context: Context, data: RuleListIn) -> RulePage:
    """Rules in force, by country and kind."""
    rows = SenderRule.objects.filter(retired_at=None).select_related("gateway")
    if data.country:
        rows = rows.filter(country=data.country)
    if data.kind:
        rows = rows.filter(kind=data.kind)
    if data.gateway_id:
        rows = rows.filter(Q(gateway=None) | Q(gateway_id=data.gateway_id))
    if data.by_people is not None:
        rows = rows.filter(by_people=data.by_people)
    rows = rows.order_by("country", "kind", "id")
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    return RulePage(items=[_row(row) for row in page], next_cursor=cursor)


def _row(rule: SenderRule) -> RuleRow:
    return RuleRow(
        rule_id=rule.pk,
        country=rule.country,
        kind=rule.kind,
        gateway=rule.gateway.name if rule.gateway is not None else "",
        purpose=rule.purpose,
        status=rule.status,
        binding=rule.binding,
        registry=rule.registry,
        replacement=rule.replacement,
        note=rule.note,
        source=rule.source,
        as_of=rule.as_of,
        by_people=rule.by_people,
        reason=rule.reason,
        set_by=rule.set_by,
    )


class RuleKeyIn(Input):
    """Which rule is meant."""

    country: str = Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2.")
    kind: SenderKind = Field(description="Kind of sender.")
    gateway_id: int | None = Field(
        default=None, ge=1, description="Only at this gateway; leave out for every one."
    )
    purpose: RulePurpose | None = Field(
        default=None, description="Only for this purpose; leave out for every one."
    )
    reason: str = Field(
        min_length=10,
        max_length=300,
        description="Why, and on whose word: ticket, contract, letter of the regulator.",
    )


class RuleSaveIn(RuleKeyIn):
    """Input of sender_rules.save."""

    status: Literal["allowed", "register", "forbidden", "unknown", "as_table"] = Field(
        description="What holds from now on; as_table takes back what people set before."
    )
    registry: str = Field(
        default="",
        max_length=12,
        pattern="^[A-Z0-9]*$",
        description="Registry that is asked for, e.g. SSIR; with status register.",
    )
    replacement: str = Field(
        default="", max_length=60, description="What recipients see instead, if anything."
    )


class RuleSaveOut(Output):
    """Output of sender_rules.save and sender_rules.forbid."""

    rule_id: int | None = Field(description="Id of the rule; null when the table holds again.")
    status: str = Field(description="What holds now; as_table when people say nothing any more.")


def _gateway(context: Context, data: RuleKeyIn) -> Gateway | None:
    if data.gateway_id is None:
        return None
    gateway = gateways_visible(context.actor).filter(pk=data.gateway_id).first()
    if gateway is None:
        raise NotFound("There is no such gateway.", field_errors={"gateway_id": "Not found."})
    return gateway


def run_save(context: Context, data: RuleSaveIn) -> RuleSaveOut:
    """Put it in force; a second person read the reason."""
    return _set(context, data, data.status, data.registry, data.replacement)


def run_forbid(context: Context, data: RuleKeyIn) -> RuleSaveOut:
    """Close a country at once: nobody has to agree to less."""
    return _set(context, data, "forbidden", "", "")


def _set(
    context: Context, data: RuleKeyIn, status: str, registry_key: str, replacement: str
) -> RuleSaveOut:
    rule = sender_rule_set(
        country=data.country,
        kind=data.kind,
        gateway=_gateway(context, data),
        purpose=data.purpose or "",
        status=status,
        registry=registry_key,
        replacement=replacement,
        reason=data.reason,
        set_by=context.actor.user.get_username(),
        now=context.now,
    )
    context.audit_object = ("gateways.senderrule", str(rule.pk) if rule is not None else "")
    context.audit_reason = data.reason
    context.audit_facts = {"country": data.country, "kind": data.kind, "status": status}
    return RuleSaveOut(
        rule_id=rule.pk if rule is not None else None,
        status=rule.status if rule is not None else "as_table",
    )


def facts(context: Context, data: RuleSaveIn) -> Mapping[str, Any]:
    """What a policy may look at; a gateway that is not there is refused before anybody is asked."""
    _gateway(context, data)
    return {"countries": [data.country], "status": data.status}


def shown(context: Context, data: RuleSaveIn) -> Mapping[str, Any]:
    """What holds today, for whoever decides."""
    rows = SenderRule.objects.filter(country=data.country, kind=data.kind, retired_at=None)
    held = [f"{'people' if row.by_people else 'table'}: {row.status}. {row.note}" for row in rows]
    gateway = _gateway(context, data)
    return {
        "gateway": gateway.name if gateway is not None else "every gateway",
        "holds_today": "; ".join(held) or "nothing is known",
    }


registry.add(
    Operation(
        key="sender_rules.list",
        summary="Where which kind of sender may be used, with source and date.",
        description="The most specific rule holds; sender_ids.eligibility says what follows for a sender.",
        kind=Kind.READ,
        input=RuleListIn,
        output=RulePage,
        run=run_list,
        permission="gateways.sender_view",
        scope="sms:read",
        rest=RestRoute("GET", "/sender_rules"),
        group="gateways",
    )
)
registry.add(
    Operation(
        key="sender_rules.save",
        summary="Override the country table for a kind of sender; a second person always agrees.",
        description="Holds for every team. To close a country at once use sender_rules.forbid.",
        kind=Kind.WRITE,
        input=RuleSaveIn,
        output=RuleSaveOut,
        run=run_save,
        facts=facts,
        shown=shown,
        permission="gateways.sender_rules_edit",
        scope="sms:sender",
        approval=Approval.ALWAYS,
        requires=("sender_rules.list",),
        rest=RestRoute("POST", "/sender_rules"),
        group="gateways",
    )
)
registry.add(
    Operation(
        key="sender_rules.forbid",
        summary="Close a country for a kind of sender at once, for every team.",
        description="Running sends leave the country out from their next wave on.",
        kind=Kind.WRITE,
        input=RuleKeyIn,
        output=RuleSaveOut,
        run=run_forbid,
        permission="gateways.sender_rules_edit",
        scope="sms:sender",
        requires=("sender_rules.list",),
        rest=RestRoute("POST", "/sender_rules/forbid"),
        group="gateways",
    )
)
