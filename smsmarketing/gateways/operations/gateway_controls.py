"""gateways.balance, gateways.sync_rates, gateways.sync_status: what providers are asked for, and how
old the answers are. No call waits for a provider: jobs ask, rows keep the answer.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from django.db.models import Count
from pydantic import Field

from smsmarketing.gateways.models import Gateway, GatewayListing, GatewaySync
from smsmarketing.gateways.selectors import gateways_visible
from smsmarketing.gateways.services.syncing import sync_kinds, sync_request
from smsmarketing.operations import registry
from smsmarketing.operations.canonical import decimal_text
from smsmarketing.operations.errors import Conflict, GatewayRejected, GatewayUnavailable
from smsmarketing.operations.jobs import enqueue
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import (
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
    Target,
)

FRESH = timedelta(seconds=60)
RUN = "gateways.syncs_run"


class BalanceIn(Input):
    """Input of gateways.balance."""

    gateway_id: int = Field(ge=1, description="Id from gateways.list.")
    refresh: bool = Field(
        default=True,
        description="Ask the provider again when the figure is older than a minute; read it a moment later.",
    )


class BalanceOut(Output):
    """Output of gateways.balance."""

    gateway_id: int = Field(description="Gateway.")
    amount: str | None = Field(description="What is left, as a decimal; null: never told yet.")
    unit: str = Field(description="ISO 4217 code, or points.")
    read_at: datetime | None = Field(description="When the provider told it, UTC.")
    age_seconds: int | None = Field(description="Seconds since then.")
    refreshing: bool = Field(description="True: the provider is being asked; call again shortly.")


def balance(context: Context, data: BalanceIn) -> BalanceOut:
    """The figure with its age; an old one is read again by a job."""
    gateway: Gateway = context.target
    _able(gateway, "balance", "its balance")
    old = gateway.balance_at is None or context.now - gateway.balance_at > FRESH
    if old and gateway.balance_at is None:
        _told(GatewaySync.objects.filter(gateway=gateway, kind="balance").first())
    refreshing = data.refresh and old
    if refreshing:
        sync_request(gateway, "balance", now=context.now)
        enqueue(RUN)
    age = int((context.now - gateway.balance_at).total_seconds()) if gateway.balance_at else None
    return BalanceOut(
        gateway_id=gateway.pk,
        amount=decimal_text(gateway.balance) if gateway.balance is not None else None,
        unit=gateway.balance_unit or gateway.currency,
        read_at=gateway.balance_at,
        age_seconds=age,
        refreshing=refreshing,
    )


def _able(gateway: Gateway, kind: str, what: str) -> None:
    if kind not in sync_kinds(gateway):
        raise Conflict(
            f"The provider of {gateway.name} documents no way to read {what}. Look at its own pages."
        )


def _told(row: GatewaySync | None) -> None:
    """What the last try came to, when there is nothing else to show."""
    if row is None or row.failed_at is None:
        return
    unclear = row.error_code.startswith(("net_", "http_5")) or row.error_code in (
        "http_429",
        "unreadable",
    )
    error = GatewayUnavailable if unclear else GatewayRejected
    raise error(row.error, gateway_error_code=row.error_code)


class SyncRatesIn(Input):
    """Input of gateways.sync_rates."""

    gateway_id: int = Field(ge=1, description="Id from gateways.list.")


class SyncRatesOut(Output):
    """Output of gateways.sync_rates."""

    gateway_id: int = Field(description="Gateway.")
    requested_at: datetime = Field(description="When it was asked for, UTC.")
    last_ok_at: datetime | None = Field(description="The last time prices were taken, UTC.")
    next_step: str = Field(description="Where to see what came of it.")


def sync_rates(context: Context, data: SyncRatesIn) -> SyncRatesOut:
    """Have the prices read by a job."""
    gateway: Gateway = context.target
    _able(gateway, "rates", "its prices. Load them with rates.import")
    if not gateway.credentials:
        raise Conflict(
            f"{gateway.name} has no credentials. Enter them with manage.py gateway_credentials"
            f" {gateway.slug}."
        )
    row = sync_request(gateway, "rates", now=context.now)
    enqueue(RUN)
    return SyncRatesOut(
        gateway_id=gateway.pk,
        requested_at=context.now,
        last_ok_at=row.ok_at,
        next_step="gateways.sync_status says how it went, rates.get has the prices.",
    )


class SyncStatusIn(PageInput):
    """Input of gateways.sync_status."""

    gateway_id: int | None = Field(default=None, ge=1, description="Only this gateway.")
    kind: Literal["balance", "rates", "opt_outs"] | None = Field(
        default=None, description="Only this."
    )


class SyncRow(Output):
    """One thing that is read from a provider."""

    gateway_id: int = Field(description="Gateway.")
    gateway: str = Field(description="Its name.")
    kind: str = Field(description="balance, rates or opt_outs.")
    ok_at: datetime | None = Field(description="Last success, UTC.")
    age_seconds: int | None = Field(description="Seconds since the last success.")
    due_at: datetime = Field(description="When it is read next, UTC.")
    error_code: str = Field(description="Code of the last failure; empty after a success.")
    error: str = Field(description="What went wrong, and what to do.")
    counts: dict[str, str] = Field(description="What the last success brought.")
    told: dict[str, int] = Field(
        description="For opt_outs: numbers by state on the provider's own list, e.g. synced, failed."
    )


class SyncPage(Page[SyncRow]):
    """What is read from providers."""


def sync_status(context: Context, data: SyncStatusIn) -> SyncPage:
    """By gateway and kind."""
    rows = (
        GatewaySync.objects.filter(gateway__in=gateways_visible(context.actor))
        .select_related("gateway")
        .order_by("gateway_id", "kind", "pk")
    )
    if data.gateway_id is not None:
        rows = rows.filter(gateway_id=data.gateway_id)
    if data.kind is not None:
        rows = rows.filter(kind=data.kind)
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    told: dict[int, dict[str, int]] = {}
    wanted = [row.gateway_id for row in page if row.kind == "opt_outs"]
    found = GatewayListing.objects.filter(gateway_id__in=wanted).values_list("gateway_id", "state")
    for gateway_id, state, count in found.annotate(count=Count("pk")).order_by():
        told.setdefault(gateway_id, {})[state] = count
    return SyncPage(
        items=[
            SyncRow(
                gateway_id=row.gateway_id,
                gateway=row.gateway.name,
                kind=row.kind,
                ok_at=row.ok_at,
                age_seconds=(int((context.now - row.ok_at).total_seconds()) if row.ok_at else None),
                due_at=row.due_at,
                error_code=row.error_code,
                error=row.error,
                counts={name: str(value) for name, value in row.counts.items()},
                told=told.get(row.gateway_id, {}) if row.kind == "opt_outs" else {},
            )
            for row in page
        ],
        next_cursor=cursor,
    )


_GATEWAY = Target(argument="gateway_id", visible=gateways_visible, label="gateway")

registry.add(
    Operation(
        key="gateways.balance",
        summary="Read what is left on the account at the provider, with the age of the figure.",
        description="The provider is asked by a job; call again when refreshing is true.",
        kind=Kind.READ,
        input=BalanceIn,
        output=BalanceOut,
        run=balance,
        permission="gateways.gateway_view",
        scope="sms:read",
        requires=("gateways.list",),
        target=_GATEWAY,
        rest=RestRoute("GET", "/gateways/{gateway_id}/balance"),
        group="gateways",
    ),
    Operation(
        key="gateways.sync_rates",
        summary="Read the provider's prices now; they are read once a day by themselves.",
        description=(
            "Only prices of countries that the gateway delivers to are taken, from now on; what was in"
            " force stays as it was."
        ),
        kind=Kind.WRITE,
        input=SyncRatesIn,
        output=SyncRatesOut,
        run=sync_rates,
        permission="gateways.money_edit",
        scope="sms:sender",
        requires=("rates.get",),
        idempotent=True,
        target=_GATEWAY,
        rest=RestRoute("POST", "/gateways/{gateway_id}/sync_rates"),
        group="gateways",
    ),
    Operation(
        key="gateways.sync_status",
        summary="See when balances, prices and opt-out lists were read from providers, and how it went.",
        description="Also how many opt-outs of ours are on each provider's own list.",
        kind=Kind.READ,
        input=SyncStatusIn,
        output=SyncPage,
        run=sync_status,
        permission="gateways.gateway_view",
        scope="sms:read",
        requires=("gateways.list",),
        rest=RestRoute("GET", "/gateways/syncs"),
        group="gateways",
    ),
)
