"""sender_ids.save: register a sender that is ours, always with a second person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.gateways.rules.sender_names import name_alike, protected_names
from smsmarketing.gateways.rules.senders import sender_country_problem, sender_problem
from smsmarketing.gateways.services import (
    sender_create,
    sender_eligibility_set,
    sender_verify,
)
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
)

Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]


class SenderSaveIn(Input):
    """Input of sender_ids.save."""

    brand_id: int = Field(ge=1, description="Brand the sender stands for.")
    value: str = Field(min_length=3, max_length=16, description="What recipients see.")
    kind: Literal["alphanumeric", "msisdn", "shortcode", "tollfree"] = Field(
        description="Names are one-way: people cannot answer them."
    )
    can_receive: bool = Field(
        default=False, description="Whether the provider passes replies to it on to us."
    )
    countries: list[Country] = Field(
        min_length=1,
        max_length=250,
        description="Countries in which the provider confirmed that it may be used.",
    )
    registry: str = Field(
        default="", max_length=40, description="Registry it is in, e.g. SSRS, SSIR, 10DLC."
    )
    restrictions: str = Field(
        default="", max_length=300, description="What it must not be used for."
    )
    evidence: str = Field(
        min_length=10,
        max_length=300,
        description="How you know that it is yours and allowed: contract, ticket, registration.",
    )


class SenderSaveOut(Output):
    """Output of sender_ids.save."""

    sender_id: int = Field(description="Id of the sender.")
    state: str = Field(description="verified: it may be used in the countries given.")


def run(context: Context, data: SenderSaveIn) -> SenderSaveOut:
    """Register the sender as verified; a second person saw the evidence [R-5.8]."""
    brand = _checked(context, data)
    sender = sender_create(
        team=brand.team,
        brand=brand,
        value=data.value,
        kind=data.kind,
        can_receive=data.can_receive,
        registration=data.registry,
        registration_state="registered" if data.registry else "not_required",
        restrictions=data.restrictions,
        now=context.now,
    )
    sender_eligibility_set(sender, dict.fromkeys(data.countries, "allowed"), note=data.evidence)
    sender = sender_verify(sender)
    context.audit_object = ("gateways.senderid", str(sender.pk))
    context.audit_reason = data.evidence
    return SenderSaveOut(sender_id=sender.pk, state=sender.state)


def facts(context: Context, data: SenderSaveIn) -> Mapping[str, Any]:
    """What a policy may look at. Nobody is asked to approve what cannot be a sender."""
    _checked(context, data)
    return {"countries": sorted(data.countries), "brand_id": data.brand_id}


def _checked(context: Context, data: SenderSaveIn) -> Brand:
    """The brand, when sender and brand are fine. Raises NotFound and InvalidInput."""
    brand = brands_visible(context.actor).filter(pk=data.brand_id).first()
    if brand is None:
        raise NotFound("There is no such brand.", field_errors={"brand_id": "Not one of yours."})
    problem = sender_problem(data.value, data.kind)
    if problem:
        raise InvalidInput("This cannot be a sender.", field_errors={"value": problem})
    for country in data.countries:
        problem = sender_country_problem(data.value, data.kind, country)
        if problem:
            raise InvalidInput("This sender cannot be used there.", field_errors={"value": problem})
    named = data.kind == "alphanumeric"
    alike = name_alike(data.value, protected_names(), words=True) if named else ""
    if alike:
        raise InvalidInput(
            f"This name reads like {alike}, which is protected [R-5.5].",
            field_errors={"value": "It needs documents: open a registration with them first."},
            details={"protected": alike},
        )
    return brand


registry.add(
    Operation(
        key="sender_ids.save",
        summary="Register a sender ID that is yours; a second person always agrees.",
        description="The evidence is kept. Registrations at a registry are another operation.",
        kind=Kind.WRITE,
        input=SenderSaveIn,
        output=SenderSaveOut,
        run=run,
        facts=facts,
        permission="gateways.sender_apply",
        scope="sms:sender",
        approval=Approval.ALWAYS,
        requires=("sender_ids.list",),
        rest=RestRoute("POST", "/sender_ids"),
        group="gateways",
    )
)
