"""rates.save: a new price from a moment on; past prices stay as they were."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from smsmarketing.gateways.models import Gateway
from smsmarketing.gateways.operations.shapes import RateRow, rate_row
from smsmarketing.gateways.services import rate_set
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Moment,
    Operation,
    Output,
    RestRoute,
)


class RateSaveIn(Input):
    """Input of rates.save."""

    gateway_id: int = Field(ge=1, description="Gateway.")
    country: str = Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2.")
    price: str = Field(
        pattern=r"^\d{1,6}(\.\d{1,6})?$",
        max_length=13,
        description='Price of one part in the gateway\'s currency, e.g. "0.0385".',
    )
    valid_from: Moment | None = Field(
        default=None, description="From when it holds, UTC; default: now. Not in the past."
    )


class RateSaveOut(Output):
    """Output of rates.save."""

    rate: RateRow = Field(description="The new price.")


def run(context: Context, data: RateSaveIn) -> RateSaveOut:
    """Set the price; the one before ends there."""
    gateway = Gateway.objects.filter(pk=data.gateway_id).first()
    if gateway is None:
        raise NotFound("There is no such gateway.", field_errors={"gateway_id": "Not found."})
    if data.valid_from is not None and data.valid_from < context.now:
        raise InvalidInput(
            "A price cannot change the past.",
            field_errors={"valid_from": "Use a time from now on, or leave it out."},
        )
    rate = rate_set(
        gateway,
        country=data.country,
        price=Decimal(data.price),
        valid_from=data.valid_from,
        now=context.now,
    )
    context.audit_object = ("gateways.rate", str(rate.pk))
    return RateSaveOut(rate=rate_row(rate))


registry.add(
    Operation(
        key="rates.save",
        summary="Set the price of one part for a gateway and country, from a moment on.",
        description="Batches that were released keep the price they were planned with.",
        kind=Kind.WRITE,
        input=RateSaveIn,
        output=RateSaveOut,
        run=run,
        permission="gateways.gateway_edit",
        scope="sms:sender",
        approval=Approval.POLICY,
        requires=("gateways.list",),
        rest=RestRoute("POST", "/rates"),
        group="gateways",
    )
)
