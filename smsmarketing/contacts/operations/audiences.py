"""audiences.list and audiences.save."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import Audience
from smsmarketing.contacts.selectors import audiences_visible
from smsmarketing.contacts.selectors.audiences import AudienceCounts, audience_counts
from smsmarketing.contacts.services import audience_save
from smsmarketing.operations import registry
from smsmarketing.operations.errors import NotFound, PreconditionRequired
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute
from smsmarketing.operations.versions import version_check, version_token


class AudienceListIn(PageInput):
    brand_id: int | None = Field(default=None, ge=1, description="Only audiences of this brand.")
    archived: bool = Field(default=False, description="True: the archived ones instead.")


class AudienceRow(Output):
    audience_id: int = Field(description="Id; use it in segment criteria as audience.")
    name: str = Field(description="Name.")
    description: str = Field(description="Description.")
    brand_id: int = Field(description="Brand.")
    brand: str = Field(description="Brand name.")
    source: str = Field(description="Where its contacts come from.")
    sync_source: str = Field(description="System it is kept in step with; empty for none.")
    synced_at: datetime | None = Field(description="Last synchronisation.")
    members: int = Field(description="Contacts on the list.")
    sendable: int = Field(description="Of these, may be texted marketing now.")
    consent_states: dict[str, int] = Field(
        description="Contacts by consent state; sendable is 'consented'."
    )
    regions: dict[str, int] = Field(description="Contacts by country, most frequent 20.")
    purchase_behaviour: dict[str, int] = Field(
        description="Contacts with an order in the last 30 and 365 days, and ever."
    )
    archived_at: datetime | None = Field(description="Put away since, UTC; null: in use.")
    base_version_token: str = Field(description="Pass to audiences.save and audiences.archive.")


class AudiencePage(Page[AudienceRow]):
    """Audiences of the teams the caller may see."""


def audience_row(audience: Audience, counts: AudienceCounts, context: Context) -> AudienceRow:
    """A list with its counts, as every operation shows it."""
    return AudienceRow(
        audience_id=audience.pk,
        name=audience.name,
        description=audience.description,
        brand_id=audience.brand_id,
        brand=audience.brand.name,
        source=audience.source,
        sync_source=audience.sync_source,
        synced_at=audience.synced_at,
        members=counts.members,
        sendable=counts.sendable,
        consent_states=counts.consent_states,
        regions=counts.countries,
        purchase_behaviour=counts.orders,
        archived_at=audience.archived_at,
        base_version_token=version_token(audience, context.actor),
    )


def _list(context: Context, data: AudienceListIn) -> AudiencePage:
    rows = audiences_visible(context.actor).select_related("brand").order_by("name", "id")
    rows = rows.filter(archived_at__isnull=not data.archived)
    if data.brand_id:
        rows = rows.filter(brand_id=data.brand_id)
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    counts = audience_counts(page, now=context.now)
    return AudiencePage(
        items=[audience_row(audience, counts[audience.pk], context) for audience in page],
        next_cursor=cursor,
    )


class AudienceSaveIn(Input):
    audience_id: int | None = Field(
        default=None, ge=1, description="Existing audience; leave out for a new one."
    )
    base_version_token: str | None = Field(
        default=None, max_length=200, description="From audiences.list; required with audience_id."
    )
    brand_id: int | None = Field(
        default=None, ge=1, description="Brand; required for a new audience."
    )
    name: str = Field(min_length=1, max_length=120, description="Name, unique in the team.")
    description: str | None = Field(
        default=None, max_length=300, description="Description; left out: as it is."
    )
    source: str | None = Field(
        default=None, max_length=80, description="Where its contacts come from; left out: as it is."
    )


def _save(context: Context, data: AudienceSaveIn) -> AudienceRow:
    audience: Audience | None = None
    if data.audience_id is not None:
        rows = audiences_visible(context.actor).select_for_update(of=("self",))
        audience = rows.select_related("brand").filter(pk=data.audience_id).first()
        if audience is None:
            raise NotFound("There is no such audience.")
        version_check(audience, context.actor, data.base_version_token)
    brand_id = audience.brand_id if audience else data.brand_id
    if brand_id is None:
        raise PreconditionRequired(
            "A new audience needs a brand.", field_errors={"brand_id": "Take one from config.get."}
        )
    brand = brands_visible(context.actor).filter(pk=brand_id).first()
    if brand is None:
        raise NotFound("There is no such brand.", field_errors={"brand_id": "Not one of yours."})
    saved = audience_save(
        team_id=brand.team_id,
        brand=brand,
        name=data.name,
        description=data.description,
        source=data.source,
        audience=audience,
        now=context.now,
    )
    context.audit_object = ("contacts.audience", str(saved.pk))
    return audience_row(saved, audience_counts([saved], now=context.now)[saved.pk], context)


registry.add(
    Operation(
        key="audiences.list",
        summary="List audiences with source, consent state, sendable counts, purchase behaviour and regions.",
        kind=Kind.READ,
        input=AudienceListIn,
        output=AudiencePage,
        run=_list,
        permission="contacts.audience_view",
        scope="sms:read",
        requires=("config.get",),
        rest=RestRoute("GET", "/audiences"),
        group="segments",
    ),
    Operation(
        key="audiences.save",
        summary="Create an audience, or change its name and texts.",
        kind=Kind.WRITE,
        input=AudienceSaveIn,
        output=AudienceRow,
        run=_save,
        permission="contacts.contact_edit",
        scope="sms:contacts.write",
        requires=("audiences.list",),
        rest=RestRoute("POST", "/audiences"),
        group="contacts",
    ),
)
