"""routes.save: let a gateway carry messages of a country; a second person always agrees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from smsmarketing.gateways.models import Gateway, Route, SenderId
from smsmarketing.gateways.selectors import rates_current
from smsmarketing.gateways.selectors.senders import sender_verdicts
from smsmarketing.gateways.selectors.visibility import senders_visible
from smsmarketing.gateways.services.routes import route_save
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


class RouteSaveIn(Input):
    """Input of routes.save. The same country, purpose, sender and gateway are the same route."""

    country: str = Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2.")
    purpose: Literal["", "marketing", "notification", "transactional", "otp"] = Field(
        default="", description="Only messages of this purpose; empty for every purpose."
    )
    sender_id: int | None = Field(
        default=None, ge=1, description="Only messages of this sender; leave out for every sender."
    )
    gateway_id: int = Field(ge=1, description="Gateway that may carry them.")
    weight: int = Field(
        ge=0,
        le=100,
        description="Share against the campaign's own gateway, which has 100; 0 = only when"
        " others cannot.",
    )
    active: bool = Field(default=True, description="False switches the route off.")


class RouteSaveOut(Output):
    """Output of routes.save."""

    route_id: int = Field(description="Id of the route.")
    created: bool = Field(description="True for a new route.")
    note: str = Field(description="What it applies to.")


def run(context: Context, data: RouteSaveIn) -> RouteSaveOut:
    """Save the route, as a second person approved it."""
    gateway, sender = _checked(context, data)
    route, created = route_save(
        country=data.country,
        purpose=data.purpose,
        sender=sender,
        gateway=gateway,
        weight=data.weight,
        active=data.active,
        now=context.now,
    )
    context.audit_object = ("gateways.route", str(route.pk))
    return RouteSaveOut(
        route_id=route.pk,
        created=created,
        note="It counts for campaigns that are put to review from now on.",
    )


def facts(context: Context, data: RouteSaveIn) -> Mapping[str, Any]:
    """Nobody is asked to approve what could never be used."""
    gateway, _ = _checked(context, data)
    return {"countries": [data.country], "gateway": gateway.name}


def _checked(context: Context, data: RouteSaveIn) -> tuple[Gateway, SenderId | None]:
    gateway = Gateway.objects.filter(pk=data.gateway_id).first()
    if gateway is None:
        raise NotFound("There is no such gateway.", field_errors={"gateway_id": "Not found."})
    sender = None
    if data.sender_id is not None:
        sender = senders_visible(context.actor).filter(pk=data.sender_id).first()
        if sender is None:
            raise NotFound("There is no such sender.", field_errors={"sender_id": "Not found."})
    known = Route.objects.filter(
        country=data.country, purpose=data.purpose, sender=sender, gateway=gateway
    )
    if not data.active and known.exists():
        return gateway, sender  # what could not be used any more may still be switched off
    wrong = {}
    if data.country not in gateway.countries:
        wrong["country"] = f"{gateway.name} does not deliver there; change the gateway first."
    elif not rates_current(gateway, [data.country], context.now):
        wrong["country"] = f"{gateway.name} has no price there; load its rates first."
    if sender is not None:
        purpose = data.purpose or "marketing"
        verdict = sender_verdicts(
            sender, gateway=gateway, purpose=purpose, countries=[data.country]
        )[data.country]
        if verdict.status != "allowed":
            wrong["sender_id"] = f"{sender.value} may not be used there: {verdict.sentence}"
    if wrong:
        raise InvalidInput("This route could never be used.", field_errors=wrong)
    return gateway, sender


registry.add(
    Operation(
        key="routes.save",
        summary="Let a gateway carry messages of a country, or stop it; a second person agrees.",
        description=(
            "Weights split the traffic; 0 makes a gateway take over only when others fail."
            " Campaigns already approved keep the gateways that were approved with them; one that"
            " is switched off here is not used any more."
        ),
        kind=Kind.WRITE,
        input=RouteSaveIn,
        output=RouteSaveOut,
        run=run,
        facts=facts,
        permission="gateways.gateway_edit",
        scope="sms:sender",
        approval=Approval.ALWAYS,
        requires=("routes.list",),
        rest=RestRoute("POST", "/routes"),
        group="gateways",
    )
)
