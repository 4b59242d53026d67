"""frequency_caps.get: how often a person may be written to (000-06)."""

from __future__ import annotations

from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.gateways.rules.caps import PER_CAMPAIGN_LIMIT
from smsmarketing.gateways.selectors import Cap, caps_for
from smsmarketing.operations import registry
from smsmarketing.operations.errors import NotFound
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute

_DAY, _WEEK = 24, 168


class CapsIn(Input):
    """Input of frequency_caps.get."""

    brand_id: int | None = Field(default=None, ge=1, description="Only this brand.")


class CapRow(Output):
    """A limit in a rolling window."""

    window_hours: int = Field(description="Length of the rolling window in hours.")
    limit: int = Field(description="Messages a person may get in it.")


class BrandCaps(Output):
    """The caps of a brand, per recipient."""

    brand_id: int = Field(description="Brand.")
    brand: str = Field(description="Brand name.")
    daily: int | None = Field(description="Marketing messages in 24 hours; null for no limit.")
    weekly: int | None = Field(description="Marketing messages in 7 days; null for no limit.")
    marketing: list[CapRow] = Field(description="All marketing caps, narrowest first.")
    per_campaign: int = Field(description="Messages of one campaign to one person.")
    transactional: list[CapRow] = Field(description="Caps of transactional messages.")


class CapsOut(Output):
    """Output of frequency_caps.get."""

    brands: list[BrandCaps] = Field(description="Brands of your teams, by name.")
    counted: str = Field(description="What counts against a cap, and when.")


def run(context: Context, data: CapsIn) -> CapsOut:
    """The caps in force for each brand of the caller."""
    brands = brands_visible(context.actor).order_by("name")
    if data.brand_id is not None:
        brands = brands.filter(pk=data.brand_id)
        if not brands.exists():
            raise NotFound("There is no such brand.", field_errors={"brand_id": "Not yours."})
    return CapsOut(
        brands=[_row(brand) for brand in brands[:200]],
        counted=(
            "Marketing messages handed to a gateway, per person and brand, over all campaigns,"
            " resends and automations, in rolling windows. A message that was refused, or certainly"
            " not delivered, gives its place back. One-time codes and answers are not counted."
        ),
    )


def _row(brand: Brand) -> BrandCaps:
    marketing = _rows(caps_for(brand, "marketing"))
    by_window = {row.window_hours: row.limit for row in marketing}
    return BrandCaps(
        brand_id=brand.pk,
        brand=brand.name,
        daily=by_window.get(_DAY),
        weekly=by_window.get(_WEEK),
        marketing=marketing,
        per_campaign=PER_CAMPAIGN_LIMIT,
        transactional=_rows(caps_for(brand, "transactional")),
    )


def _rows(caps: list[Cap]) -> list[CapRow]:
    return [
        CapRow(window_hours=int(cap.window.total_seconds() // 3600), limit=cap.limit)
        for cap in caps
    ]


registry.add(
    Operation(
        key="frequency_caps.get",
        summary="Read frequency caps: daily, weekly, per campaign and transactional.",
        description="Every production send applies them at the moment of sending.",
        kind=Kind.READ,
        input=CapsIn,
        output=CapsOut,
        run=run,
        permission="gateways.cap_view",
        scope="sms:read",
        requires=("config.get",),
        rest=RestRoute("GET", "/frequency_caps"),
        group="settings",
    )
)
