"""sender_ids.list: registered and pending senders, and where they may be used (000-02)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.db.models import Exists, OuterRef
from pydantic import Field

from smsmarketing.gateways.models import Registration, SenderEligibility, SenderId
from smsmarketing.gateways.rules.sender_words import STATE_WORDS
from smsmarketing.gateways.selectors import senders_visible
from smsmarketing.operations import registry
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import Context, Kind, Operation, Output, RestRoute


class SenderListIn(PageInput):
    """Input of sender_ids.list."""

    state: (
        Literal[
            "draft",
            "submitted",
            "pending_confirmation",
            "verified",
            "rejected",
            "suspended",
            "expired",
        ]
        | None
    ) = Field(default=None, description="Only senders in this state.")
    brand_id: int | None = Field(default=None, ge=1, description="Only senders of this brand.")
    country: str | None = Field(
        default=None,
        pattern="^[A-Z]{2}$",
        description="Only senders that are allowed in this country.",
    )


class Region(Output):
    """Whether a sender may be used in a country."""

    country: str = Field(description="ISO 3166-1 alpha-2.")
    status: str = Field(description="allowed, register, forbidden or unknown.")
    note: str = Field(description="Condition or remark.")


class SenderRow(Output):
    """One sender ID."""

    sender_id: int = Field(description="Id of the sender.")
    value: str = Field(description="What recipients see.")
    kind: str = Field(description="alphanumeric, msisdn, shortcode or tollfree.")
    state: str = Field(description="Only `verified` may be used for production sends.")
    state_reason: str = Field(description="Why it is refused, suspended or expired; else empty.")
    next_step: str = Field(description="What people do next with it.")
    expires_at: datetime | None = Field(
        description="When its registration ends, UTC; null: it does not."
    )
    usable: bool = Field(description="Verified, and allowed in at least one country.")
    registry: str = Field(description="Registry it must be in, e.g. SSRS, SSIR, 10DLC.")
    registry_status: str = Field(description="Status there; not_required when none is needed.")
    regions: list[Region] = Field(
        description="Countries with their status; a country that is missing is unknown: not usable."
    )
    team_id: int = Field(description="Team it belongs to.")
    brand_id: int = Field(description="Brand it belongs to.")
    brand: str = Field(description="Brand name.")
    restrictions: str = Field(description="What it must not be used for.")
    can_receive: bool = Field(
        description="Whether people can reply; if not, texts need another opt-out path."
    )


class SenderPage(Page[SenderRow]):
    """Senders of your teams."""


def run(context: Context, data: SenderListIn) -> SenderPage:
    """The senders of the actor's teams, by value."""
    rows = senders_visible(context.actor).select_related("brand").order_by("value", "id")
    rows = rows.prefetch_related("eligibility", "registrations")
    if data.state:
        rows = rows.filter(state=data.state)
    if data.brand_id:
        rows = rows.filter(brand_id=data.brand_id)
    if data.country:
        said = SenderEligibility.objects.filter(
            sender=OuterRef("pk"), country=data.country, status="allowed"
        )
        held = Registration.objects.filter(
            sender=OuterRef("pk"), state="approved", countries__contains=[data.country]
        )
        rows = rows.filter(Exists(said) | Exists(held))
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    return SenderPage(items=[_row(row) for row in page], next_cursor=cursor)


def _row(sender: SenderId) -> SenderRow:
    regions = sorted(_regions(sender), key=lambda row: row.country)
    return SenderRow(
        sender_id=sender.pk,
        value=sender.value,
        kind=sender.kind,
        state=sender.state,
        state_reason=sender.state_reason,
        next_step=STATE_WORDS[sender.state][1],
        expires_at=sender.expires_at,
        usable=sender.state == "verified" and any(row.status == "allowed" for row in regions),
        registry=sender.registration,
        registry_status=sender.registration_state,
        regions=regions,
        team_id=sender.team_id,
        brand_id=sender.brand_id,
        brand=sender.brand.name,
        restrictions=sender.restrictions,
        can_receive=sender.can_receive,
    )


def _regions(sender: SenderId) -> list[Region]:
    """What people said of it, and the countries of its approved registrations."""
    found = {
        row.country: Region(country=row.country, status=row.status, note=row.note)
        for row in sender.eligibility.all()
    }
    for held in sender.registrations.all():
        if held.state == "approved":
            for country in held.countries:
                note = f"Registered: {held.registry} {held.reference}".strip()
                found[country] = Region(country=country, status="allowed", note=note)
    return list(found.values())


registry.add(
    Operation(
        key="sender_ids.list",
        summary="List sender IDs: registration, regions, brand, restrictions.",
        description=(
            "An unverified or region-ineligible sender must not be used for production sends; the"
            " system refuses it."
        ),
        kind=Kind.READ,
        input=SenderListIn,
        output=SenderPage,
        run=run,
        permission="gateways.sender_view",
        scope="sms:read",
        requires=("config.get",),
        rest=RestRoute("GET", "/sender_ids"),
        group="gateways",
    )
)
