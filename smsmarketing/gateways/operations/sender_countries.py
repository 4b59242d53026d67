"""sender_ids.eligibility and sender_ids.countries_save: where one sender may be used [R-5.6]."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from smsmarketing.gateways.models import Gateway, SenderId
from smsmarketing.gateways.operations.sender_rules import RulePurpose
from smsmarketing.gateways.rules.eligibility import Verdict
from smsmarketing.gateways.rules.senders import sender_country_problem
from smsmarketing.gateways.selectors import gateways_visible, senders_visible
from smsmarketing.gateways.selectors.senders import sender_verdicts
from smsmarketing.gateways.services import sender_eligibility_set
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
    Target,
)

Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]
SENDER_TARGET = Target(argument="sender_id", visible=senders_visible, label="sender")


class EligibilityIn(Input):
    """Input of sender_ids.eligibility."""

    sender_id: int = Field(ge=1, description="Sender, from sender_ids.list.")
    gateway_id: int | None = Field(
        default=None, ge=1, description="At this gateway; leave out for what holds at every one."
    )
    purpose: RulePurpose = Field(default="marketing", description="What the texts are for.")
    countries: list[Country] = Field(
        default_factory=list,
        max_length=250,
        description="Countries to ask about besides the sender's own; default: the gateway's.",
    )


class EligibilityRow(Output):
    """One country."""

    country: str = Field(description="ISO 3166-1 alpha-2.")
    status: str = Field(description="allowed, register, forbidden or unknown; only allowed sends.")
    why: str = Field(description="The reason; empty when it is allowed.")
    next_step: str = Field(description="What to do; empty when it is allowed.")
    registry: str = Field(description="Registry the country asks for; empty: none that is named.")
    shown_as: str = Field(description="What recipients see instead; empty: the sender itself.")
    rules: str = Field(description="What the country asks of texts and senders.")
    source: str = Field(description="Where the country's rule is from; empty: there is none.")
    source_date: date | None = Field(description="How old that source is.")


class EligibilityOut(Output):
    """Output of sender_ids.eligibility."""

    sender: str = Field(description="What recipients see.")
    state: str = Field(description="State of the sender; only `verified` sends at all.")
    gateway: str = Field(description="Gateway; empty: what holds at every one.")
    countries: list[EligibilityRow] = Field(description="By country.")


def run_eligibility(context: Context, data: EligibilityIn) -> EligibilityOut:
    """The decision that preview, plan and dispatch use, with its reasons."""
    sender: SenderId = context.target
    gateway = _gateway(context, data.gateway_id)
    asked = data.countries or (list(gateway.countries) if gateway is not None else [])
    found = sender_verdicts(sender, gateway=gateway, purpose=data.purpose, countries=asked)
    return EligibilityOut(
        sender=sender.value,
        state=sender.state,
        gateway=gateway.name if gateway is not None else "",
        countries=[_row(verdict) for verdict in found.values()],
    )


def _row(verdict: Verdict) -> EligibilityRow:
    return EligibilityRow(
        country=verdict.country,
        status=verdict.status,
        why=verdict.why,
        next_step=verdict.next_step,
        registry=verdict.registry,
        shown_as=verdict.replacement,
        rules=verdict.note,
        source=verdict.source,
        source_date=verdict.as_of,
    )


def _gateway(context: Context, gateway_id: int | None) -> Gateway | None:
    if gateway_id is None:
        return None
    gateway = gateways_visible(context.actor).filter(pk=gateway_id).first()
    if gateway is None:
        raise NotFound("There is no such gateway.", field_errors={"gateway_id": "Not found."})
    return gateway


class CountriesSaveIn(Input):
    """Input of sender_ids.countries_save."""

    sender_id: int = Field(ge=1, description="Sender, from sender_ids.list.")
    countries: list[Country] = Field(min_length=1, max_length=250, description="Countries.")
    status: Literal["allowed", "register", "forbidden"] = Field(
        description="allowed: the provider confirmed it; register: it still has to be; forbidden: not there."
    )
    evidence: str = Field(
        min_length=10, max_length=200, description="How you know: contract, ticket, registration."
    )


class CountriesSaveOut(Output):
    """Output of sender_ids.countries_save."""

    sender_id: int = Field(description="Id of the sender.")
    countries: list[EligibilityRow] = Field(
        description="What holds in these countries now, at every gateway, for marketing."
    )


def run_save(context: Context, data: CountriesSaveIn) -> CountriesSaveOut:
    """Write down what was confirmed; the evidence stays with it."""
    sender: SenderId = context.target
    _syntax_check(sender, data)
    sender_eligibility_set(sender, dict.fromkeys(data.countries, data.status), note=data.evidence)
    context.audit_reason = data.evidence
    found = sender_verdicts(sender, countries=data.countries)
    return CountriesSaveOut(
        sender_id=sender.pk,
        countries=[_row(found[country]) for country in sorted(set(data.countries))],
    )


def facts(context: Context, data: CountriesSaveIn) -> Mapping[str, Any]:
    """What a policy may look at."""
    _syntax_check(context.target, data)
    return {"countries": sorted(set(data.countries)), "status": data.status}


def shown(context: Context, data: CountriesSaveIn) -> Mapping[str, Any]:
    """What the country table says, for whoever decides."""
    sender: SenderId = context.target
    found = sender_verdicts(sender, countries=data.countries)
    return {
        "sender": sender.value,
        "the_table_says": [
            f"{country}: {found[country].note or found[country].why or found[country].status}"
            for country in sorted(set(data.countries))
        ][:40],
    }


def _syntax_check(sender: SenderId, data: CountriesSaveIn) -> None:
    """Nobody is asked to agree to what the country's syntax rules out [R-5.1]."""
    if data.status == "forbidden":
        return
    for country in data.countries:
        problem = sender_country_problem(sender.value, sender.kind, country)
        if problem:
            raise InvalidInput(
                "This sender cannot be used there.", field_errors={"countries": problem}
            )


registry.add(
    Operation(
        key="sender_ids.eligibility",
        summary="Where a sender may be used, why not elsewhere, and what to do about it.",
        description="The same decision as in previews and at the moment of sending.",
        kind=Kind.READ,
        input=EligibilityIn,
        output=EligibilityOut,
        run=run_eligibility,
        permission="gateways.sender_view",
        scope="sms:read",
        target=SENDER_TARGET,
        requires=("sender_ids.list",),
        rest=RestRoute("GET", "/sender_ids/{sender_id}/eligibility"),
        group="gateways",
    )
)
registry.add(
    Operation(
        key="sender_ids.countries_save",
        summary="Say in which countries the provider confirmed a sender; a second person agrees.",
        description="Where the table's rule is binding it takes a registration besides.",
        kind=Kind.WRITE,
        input=CountriesSaveIn,
        output=CountriesSaveOut,
        run=run_save,
        facts=facts,
        shown=shown,
        permission="gateways.sender_apply",
        scope="sms:sender",
        approval=Approval.ALWAYS,
        target=SENDER_TARGET,
        requires=("sender_ids.eligibility",),
        rest=RestRoute("POST", "/sender_ids/{sender_id}/countries"),
        group="gateways",
    )
)
