"""routes.pin, routes.unpin and gateways.breaker: a person's hand on the traffic, with a reason."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from django.db import IntegrityError, transaction
from pydantic import Field

from smsmarketing.gateways.models import Gateway
from smsmarketing.gateways.services.breakers import breaker_set
from smsmarketing.gateways.services.routes import pin_lift, pin_set
from smsmarketing.operations import registry
from smsmarketing.operations.errors import Conflict, InvalidInput, NotFound
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute

Purpose = Literal["", "marketing", "notification", "transactional", "otp"]
_REASON = "Why, for the audit and whoever comes next."


class PinIn(Input):
    """Input of routes.pin."""

    country: str = Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2.")
    purpose: Purpose = Field(default="", description="Only this purpose; empty for all.")
    gateway_id: int = Field(ge=1, description="Gateway that alone is to be used.")
    hours: int = Field(ge=1, le=168, description="For how long; it ends by itself.")
    reason: str = Field(min_length=3, max_length=200, description=_REASON)


class PinOut(Output):
    """Output of routes.pin."""

    pin_id: int = Field(description="Id of the pin.")
    expires_at: datetime = Field(description="When it ends by itself, UTC.")


class UnpinIn(Input):
    """Input of routes.unpin."""

    country: str = Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2.")
    purpose: Purpose = Field(default="", description="The purpose that was pinned.")
    reason: str = Field(min_length=3, max_length=200, description=_REASON)


class UnpinOut(Output):
    """Output of routes.unpin."""

    gateway_id: int = Field(description="Gateway that was pinned.")


class BreakerIn(Input):
    """Input of gateways.breaker."""

    gateway_id: int = Field(ge=1, description="Gateway.")
    country: str = Field(
        default="", pattern="^([A-Z]{2})?$", description="Only there; empty for the whole gateway."
    )
    action: Literal["open", "close"] = Field(
        description="open: send nothing there until a person closes it. close: send again."
    )
    reason: str = Field(min_length=3, max_length=200, description=_REASON)


class BreakerOut(Output):
    """Output of gateways.breaker."""

    breaker: str = Field(description="closed or open.")


def pin(context: Context, data: PinIn) -> PinOut:
    """Pin; batches keep to the gateways they were approved with, also here."""
    gateway = _gateway(data.gateway_id)
    if data.country not in gateway.countries or gateway.state == "disabled":
        raise InvalidInput(
            "Nothing would be sent there.",
            field_errors={"gateway_id": f"{gateway.name} does not deliver to {data.country} now."},
        )
    try:
        with transaction.atomic():
            made = pin_set(
                country=data.country,
                purpose=data.purpose,
                gateway=gateway,
                reason=data.reason,
                user=context.actor.user,
                expires_at=context.now + timedelta(hours=data.hours),
                now=context.now,
            )
    except IntegrityError:
        raise Conflict("Somebody pinned this country just now. Look at routes.list.") from None
    context.audit_object = ("gateways.routepin", str(made.pk))
    context.audit_reason = data.reason
    return PinOut(pin_id=made.pk, expires_at=made.expires_at)


def unpin(context: Context, data: UnpinIn) -> UnpinOut:
    """Weights and health decide again."""
    lifted = pin_lift(country=data.country, purpose=data.purpose, now=context.now)
    if lifted is None:
        raise NotFound("This country is not pinned.", field_errors={"country": "No pin in force."})
    context.audit_object = ("gateways.routepin", str(lifted.pk))
    context.audit_reason = data.reason
    return UnpinOut(gateway_id=lifted.gateway_id)


def breaker(context: Context, data: BreakerIn) -> BreakerOut:
    """Open or close; workers see it within a second."""
    gateway = _gateway(data.gateway_id)
    if data.country and data.country not in gateway.countries:
        raise InvalidInput(
            "There is nothing to open or close.",
            field_errors={"country": f"{gateway.name} does not deliver there."},
        )
    row = breaker_set(
        gateway.pk,
        data.country,
        opened=data.action == "open",
        reason=data.reason,
        now=context.now,
    )
    context.audit_object = ("gateways.routehealth", str(row.pk))
    context.audit_reason = data.reason
    return BreakerOut(breaker=row.breaker)


def _gateway(gateway_id: int) -> Gateway:
    gateway = Gateway.objects.filter(pk=gateway_id).first()
    if gateway is None:
        raise NotFound("There is no such gateway.", field_errors={"gateway_id": "Not found."})
    return gateway


registry.add(
    Operation(
        key="routes.pin",
        summary="Keep a country on one gateway for some hours, whatever weights and health say.",
        description=(
            "There is no failover while it holds: messages wait when the gateway rests. Only"
            " batches that were approved with this gateway follow it."
        ),
        kind=Kind.WRITE,
        input=PinIn,
        output=PinOut,
        run=pin,
        permission="gateways.route_steer",
        scope="sms:sender",
        requires=("routes.list",),
        rest=RestRoute("POST", "/routes/pins"),
        group="gateways",
    )
)
registry.add(
    Operation(
        key="routes.unpin",
        summary="End a pin: weights and health decide again.",
        description="A pin also ends by itself; see pinned_until in routes.list.",
        kind=Kind.WRITE,
        input=UnpinIn,
        output=UnpinOut,
        run=unpin,
        permission="gateways.route_steer",
        scope="sms:sender",
        requires=("routes.list",),
        rest=RestRoute("POST", "/routes/pins/lift"),
        group="gateways",
    )
)
registry.add(
    Operation(
        key="gateways.breaker",
        summary="Stop sending to a gateway, there or everywhere, or let it send again.",
        description=(
            "One that a person opened stays open until a person closes it. Messages go to other"
            " approved gateways, or wait."
        ),
        kind=Kind.WRITE,
        input=BreakerIn,
        output=BreakerOut,
        run=breaker,
        permission="gateways.route_steer",
        scope="sms:sender",
        requires=("routes.list",),
        rest=RestRoute("POST", "/gateways/{gateway_id}/breaker"),
        group="gateways",
    )
)
