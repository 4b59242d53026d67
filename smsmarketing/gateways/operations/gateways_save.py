"""gateways.save: a gateway's settings, always with a second person. Credentials never pass here."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from django.conf import settings
from pydantic import Field

from smsmarketing.gateways import transports
from smsmarketing.gateways.models import Gateway
from smsmarketing.gateways.operations.smpp_shapes import SmppSettings, smpp_address_wrong
from smsmarketing.gateways.services import gateway_create, gateway_update
from smsmarketing.gateways.transports.generic import NAME as GENERIC
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
Network = Annotated[str, Field(min_length=3, max_length=43)]


class GatewaySaveIn(Input):
    """Input of gateways.save."""

    gateway_id: int | None = Field(
        default=None, ge=1, description="Gateway to change; leave out for a new one."
    )
    name: str = Field(min_length=2, max_length=80, description="Name, unique.")
    slug: str = Field(
        min_length=2,
        max_length=50,
        pattern="^[a-z0-9-]+$",
        description="Short name in the webhook address; stays as it is for an existing gateway.",
    )
    transport: str = Field(max_length=24, description="Protocol module, e.g. vertexsms.")
    base_url: str = Field(
        min_length=8,
        max_length=200,
        description="Address of its API: https, without a path; for SMPP smpps://host:port.",
    )
    countries: list[Country] = Field(
        min_length=1, max_length=250, description="Countries it delivers to (ISO 3166-1 alpha-2)."
    )
    currency: str = Field(pattern="^[A-Z]{3}$", description="ISO 4217 code it bills in.")
    messages_per_second: float = Field(gt=0, le=5000, description="Over all workers.")
    in_flight: int = Field(default=64, ge=1, le=512, description="Submits on the wire at once.")
    delivery_report_timeout_hours: int = Field(
        default=72, ge=1, le=720, description="Without a report for so long a message is expired."
    )
    webhook_networks: list[Network] = Field(
        default_factory=list,
        max_length=50,
        description="CIDR blocks its callbacks come from; empty = any, the secret path decides.",
    )
    lookup_price: str | None = Field(
        default=None,
        pattern=r"^\d{1,6}(\.\d{1,6})?$",
        max_length=13,
        description='Price of one number lookup (HLR) in currency, e.g. "0.004"; null when not known.',
    )
    smpp: SmppSettings | None = Field(
        default=None, description="How it speaks SMPP; only for the transport smpp."
    )
    opt_out_push: Literal["none", "whole", "every"] | None = Field(
        default=None,
        description=(
            "Which opt-outs go onto the provider's own blacklist, which knows no brand and no purpose:"
            " none; whole = who refused every text of every brand; every = whoever refused marketing,"
            " one-time codes then stop too: for accounts that send marketing of one brand only."
            " Default: whole for a new gateway, else as it is."
        ),
    )
    answers_stop_itself: bool = Field(
        default=False, description="The provider confirms a STOP itself, so we must not."
    )


class GatewaySaveOut(Output):
    """Output of gateways.save."""

    gateway_id: int = Field(description="Id of the gateway.")
    created: bool = Field(description="True for a new gateway.")
    next_step: str = Field(description="What a person at the server has to do before it can send.")


def run(context: Context, data: GatewaySaveIn) -> GatewaySaveOut:
    """Create or change a gateway, as a second person approved it."""
    _checked(data)
    fields: dict[str, Any] = {
        "name": data.name,
        "base_url": data.base_url,
        "countries": data.countries,
        "rate_per_second": data.messages_per_second,
        "max_in_flight": data.in_flight,
        "dlr_timeout_hours": data.delivery_report_timeout_hours,
        "webhook_ips": data.webhook_networks,
        "handles_stop_replies": data.answers_stop_itself,
    }
    if data.transport in transports.bound_names() and (data.gateway_id is None or data.smpp):
        fields["options"] = (data.smpp or SmppSettings()).options()
    if data.gateway_id is None or "lookup_price" in data.model_fields_set:
        fields["lookup_price"] = Decimal(data.lookup_price) if data.lookup_price else None
    if data.opt_out_push is not None:
        fields["opt_out_push"] = data.opt_out_push
    if data.gateway_id is None:
        _new_checked(data)
        gateway = gateway_create(
            slug=data.slug,
            transport=data.transport,
            currency=data.currency,
            credentials={},
            **fields,
        )
    else:
        gateway = gateway_update(_existing(data), **fields)
    context.audit_object = ("gateways.gateway", str(gateway.pk))
    return GatewaySaveOut(
        gateway_id=gateway.pk,
        created=data.gateway_id is None,
        next_step=(
            f"Run `manage.py gateway_credentials {gateway.slug}` on the server to enter its"
            + (
                " system id and password; `manage.py smpp_supervise` then binds to it."
                if gateway.transport in transports.bound_names()
                else " token and to see its webhook address."
            )
        ),
    )


def facts(context: Context, data: GatewaySaveIn) -> Mapping[str, Any]:
    """What a policy may look at. Nobody is asked to approve what cannot be saved."""
    _checked(data)
    if data.gateway_id is None:
        _new_checked(data)
    return {"countries": sorted(data.countries), "new_gateway": data.gateway_id is None}


def _existing(data: GatewaySaveIn) -> Gateway:
    gateway = (
        Gateway.objects.select_for_update(of=("self",)).filter(pk=data.gateway_id or 0).first()
    )
    if gateway is None:
        raise NotFound("There is no such gateway.", field_errors={"gateway_id": "Not found."})
    fixed = {
        "slug": gateway.slug,
        "transport": gateway.transport,
        "currency": gateway.currency,
    }
    wrong = {
        name: f"It is {value} and stays so; make a new gateway instead."
        for name, value in fixed.items()
        if getattr(data, name) != value
    }
    if wrong:
        raise InvalidInput("These fields of a gateway cannot change.", field_errors=wrong)
    return gateway


def _new_checked(data: GatewaySaveIn) -> None:
    wrong = {}
    if Gateway.objects.filter(slug=data.slug).exists():
        wrong["slug"] = "This short name is taken."
    if Gateway.objects.filter(name=data.name).exists():
        wrong["name"] = "This name is taken."
    if wrong:
        raise InvalidInput("There is such a gateway already.", field_errors=wrong)


def _checked(data: GatewaySaveIn) -> None:
    wrong = {}
    if data.transport not in transports.names():
        wrong["transport"] = f"Use one of: {', '.join(transports.names())}."
    wrong |= _address_wrong(data)
    for block in data.webhook_networks:
        try:
            ipaddress.ip_network(block, strict=False)
        except ValueError:
            wrong["webhook_networks"] = "Use addresses or CIDR blocks like 178.33.133.192/28."
    if data.gateway_id is not None and (
        Gateway.objects.filter(name=data.name).exclude(pk=data.gateway_id).exists()
    ):
        wrong["name"] = "This name is taken."
    if wrong:
        raise InvalidInput("The gateway cannot be saved like this.", field_errors=wrong)


def _address_wrong(data: GatewaySaveIn) -> dict[str, str]:
    if data.transport in transports.bound_names():
        accepted = data.smpp is not None and data.smpp.plain_connection_accepted
        sentence = smpp_address_wrong(data.base_url, plain_accepted=accepted)
        return {"base_url": sentence} if sentence else {}
    wrong = {}
    if not _address_fits(data.base_url, described=data.transport == GENERIC):
        wrong["base_url"] = "Use https://host of the provider, without login or path."
    if data.smpp is not None:
        wrong["smpp"] = "Only a gateway with the transport smpp has SMPP settings."
    return wrong


def _address_fits(address: str, *, described: bool) -> bool:
    """https to a host; plain http only to this machine, and never in production: the token goes
    there. A gateway described as data, such as a Kannel next door, may use it where the operator
    opened the own network; each connection is checked again [R-10.8].
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    if not host or parts.username or parts.query or parts.fragment or parts.path not in {"", "/"}:
        return False
    local = host in {"localhost", "127.0.0.1", "::1"}
    opened = described and settings.INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES
    plain = opened or (local and not settings.PRODUCTION)
    return parts.scheme == "https" or (parts.scheme == "http" and plain)


registry.add(
    Operation(
        key="gateways.save",
        summary="Create or change a gateway; a second person always agrees.",
        description=(
            "Credentials are not part of it: they are entered on the server with"
            " gateway_credentials, so that no request, log or approval ever holds them."
        ),
        kind=Kind.WRITE,
        input=GatewaySaveIn,
        output=GatewaySaveOut,
        run=run,
        facts=facts,
        permission="gateways.gateway_edit",
        scope="sms:sender",
        approval=Approval.ALWAYS,
        requires=("gateways.list",),
        rest=RestRoute("POST", "/gateways"),
        group="gateways",
    )
)
