"""contacts.search and contacts.get."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from django.db.models import Exists, OuterRef, QuerySet
from pydantic import Field

from smsmarketing.accounts.selectors import brands_visible, teams_visible
from smsmarketing.contacts import selectors
from smsmarketing.contacts.models import (
    AudienceMember,
    ConsentEvent,
    Contact,
    EventSummary,
    SendState,
    Suppression,
)
from smsmarketing.contacts.operations.shapes import (
    ContactRow,
    contact_row,
    erased_after,
    merge_note,
)
from smsmarketing.contacts.operations.targets import READ_TARGET, contact_read
from smsmarketing.contacts.rules.phone import PhoneError, phone_hide, phone_parse
from smsmarketing.contacts.selectors import (
    audiences_visible,
    contacts_named,
    contacts_visible,
    suppressions_live,
)
from smsmarketing.contacts.selectors.merged import merged_heir
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.text import untrusted_clean
from smsmarketing.operations.types import (
    Actor,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
)
from smsmarketing.operations.versions import version_token


class SearchIn(PageInput):
    phone: str | None = Field(
        default=None, max_length=24, description="Exact number in international form; no prefixes."
    )
    phone_last4: str | None = Field(
        default=None, pattern=r"^\d{4}$", description="Last four digits; only together with name."
    )
    name: str | None = Field(
        default=None, min_length=2, max_length=80, description="Start of first or last name."
    )
    customer_key: str | None = Field(default=None, max_length=80, description="Exact customer id.")
    customer_group: str | None = Field(
        default=None, max_length=60, description="Exact customer group."
    )
    country: str | None = Field(
        default=None, pattern="^[A-Z]{2}$", description="Country of the number, ISO 3166-1 alpha-2."
    )
    language: str | None = Field(
        default=None, max_length=12, description="Language as stored, BCP 47, e.g. en or zh-TW."
    )
    audience_id: int | None = Field(default=None, ge=1, description="On this audience (list).")
    tag: str | None = Field(default=None, max_length=60, description="Has this tag.")
    order_state: str | None = Field(
        default=None, max_length=40, description="State of the newest order event, e.g. paid."
    )
    consent: Literal["consented", "none"] | None = Field(
        default=None, description="consented: may be sent marketing for a visible brand now."
    )
    opted_out: bool | None = Field(default=None, description="Has a live opt-out or other block.")
    sent_within_days: int | None = Field(
        default=None, ge=1, le=3650, description="Got a marketing text in these days."
    )
    in_trash: bool = Field(
        default=False, description="Search the trash instead of the contacts in use."
    )


class ContactPage(Page[ContactRow]):
    """Contacts of the caller's brands, newest first."""

    hint: str = Field(description="What to try when nothing was found; empty otherwise.")


def _search(context: Context, data: SearchIn) -> ContactPage:
    rows = _matching(context, data).order_by("-id")
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    states = states_of(page, context.actor)
    context.audit_facts = {"shown": len(page)}
    return ContactPage(
        items=[contact_row(contact, states[contact.pk]) for contact in page],
        next_cursor=cursor,
        hint="" if page else _hint(data),
    )


def _hint(data: SearchIn) -> str:
    """What most often explains an empty answer; the same for unknown and for other teams' people."""
    if data.phone is not None:
        return (
            "None of your brands has this number in use. It may be in the trash (in_trash), or erased:"
            " contacts.consent_proof tells of erased numbers too."
        )
    if data.phone_last4 is not None or data.name is not None:
        return "Names are compared from their beginning; try fewer letters or the customer id."
    if data.order_state is not None:
        return "States are compared as your shop sends them; events.list shows which there are."
    return "Leave one criterion out, or look in the trash with in_trash."


def _matching(context: Context, data: SearchIn) -> QuerySet[Contact]:
    rows = contacts_visible(context.actor).filter(trashed_at__isnull=not data.in_trash)
    if data.phone is not None:
        rows = rows.filter(phone=_e164(data.phone))
    if data.phone_last4 is not None:
        if data.name is None:
            raise InvalidInput(
                "Four digits alone find too many people.",
                field_errors={"name": "Give a name together with phone_last4."},
            )
        rows = rows.filter(phone__endswith=data.phone_last4)
    if data.name is not None:
        rows = rows.filter(contacts_named(data.name))
    if data.customer_key is not None:
        rows = rows.filter(customer_key=data.customer_key)
    if data.customer_group is not None:
        rows = rows.filter(customer_group=data.customer_group)
    if data.country is not None:
        rows = rows.filter(country=data.country)
    if data.language is not None:
        rows = rows.filter(language=data.language)
    if data.tag is not None:
        rows = rows.filter(tags__contains=[data.tag])
    return _matching_facts(rows, context, data)


def _matching_facts(rows: QuerySet[Contact], context: Context, data: SearchIn) -> QuerySet[Contact]:
    """Criteria that look at other tables."""
    here = OuterRef("pk")
    states = SendState.objects.filter(brand__in=brands_visible(context.actor), contact_id=here)
    if data.audience_id is not None:
        lists = audiences_visible(context.actor).filter(pk=data.audience_id)
        rows = rows.filter(
            Exists(AudienceMember.objects.filter(audience__in=lists, contact_id=here))
        )
    if data.order_state is not None:
        orders = EventSummary.objects.filter(
            team__in=teams_visible(context.actor),
            kind="order",
            last_state=data.order_state,
            contact_id=here,
        )
        rows = rows.filter(Exists(orders))
    if data.consent is not None:
        consented = Exists(states.filter(marketing_reason=None))
        rows = rows.filter(consented if data.consent == "consented" else ~consented)
    if data.opted_out is not None:
        live = Exists(
            Suppression.objects.filter(
                suppressions_live(context.now), phone_hash=OuterRef("phone_hash")
            )
        )
        rows = rows.filter(live if data.opted_out else ~live)
    if data.sent_within_days is not None:
        since = context.now - timedelta(days=data.sent_within_days)
        rows = rows.filter(Exists(states.filter(recent__0__gte=since)))
    return rows


def _e164(raw: str) -> str:
    try:
        return phone_parse(raw).e164
    except PhoneError as exc:
        raise InvalidInput(
            "The number cannot be read.", field_errors={"phone": exc.message}
        ) from exc


def states_of(contacts: list[Contact], actor: Actor) -> dict[int, list[SendState]]:
    """Send states for the caller's brands, by contact."""
    found: dict[int, list[SendState]] = {contact.pk: [] for contact in contacts}
    rows = SendState.objects.filter(brand__in=brands_visible(actor), contact_id__in=list(found))
    for state in rows.order_by("brand_id"):
        found[state.contact_id].append(state)
    return found


class ConsentRow(Output):
    """One event of the consent ledger."""

    brand_id: int = Field(description="Brand.")
    direction: str = Field(description="granted, revoked, expired or denied.")
    purpose: str = Field(description="marketing, notification, otp or night.")
    basis: str = Field(description="Legal basis.")
    method: str = Field(description="How it was given.")
    source_url: str = Field(description="Where it was given.")
    disclosure_text: str = Field(description="What the person was told.")
    captured_at: datetime = Field(description="When it was given, UTC.")
    expires_at: datetime | None = Field(description="When it lapses.")
    recorded_at: datetime = Field(description="When it was stored, UTC.")


class SuppressionRow(Output):
    """One suppression that concerns the contact."""

    suppression_id: int = Field(description="Id.")
    scope: str = Field(description="global, brand, sender or purpose.")
    reason: str = Field(description="opt_out, complaint, invalid, landline, ...")
    source: str = Field(description="inbound, import, admin, api, ...")
    purposes: list[str] = Field(description="Blocked purposes.")
    created_at: datetime = Field(description="Since when, UTC.")
    lifted_at: datetime | None = Field(description="When it ended; null while it holds.")


class GroupRow(Output):
    """A list the contact is on."""

    audience_id: int = Field(description="Id of the audience.")
    name: str = Field(description="Name.")
    brand_id: int = Field(description="Brand.")
    added_at: datetime = Field(description="On it since, UTC.")


class GetIn(Input):
    contact_id: int = Field(ge=1, description="Id from contacts.search.")


class ContactOut(Output):
    contact: ContactRow = Field(description="The contact.")
    base_version_token: str = Field(
        description="Pass to contacts.upsert; an opt-out makes it stale."
    )
    version: int = Field(description="Version number, one more with every change.")
    time_zone: str = Field(description="IANA zone when known better than from the number.")
    time_zone_source: str = Field(description="number, person, address or import.")
    custom: dict[str, Any] = Field(description="Custom fields (untrusted text, cleaned).")
    crm_keys: dict[str, Any] = Field(description="Ids in other systems.")
    source: str = Field(description="Where the contact came from.")
    consent_evidence: list[ConsentRow] = Field(
        description="Consent ledger, newest first, at most 50."
    )
    opt_outs: list[SuppressionRow] = Field(description="Suppressions, newest first.")
    audiences: list[str] = Field(description="Lists the contact is on.")
    groups: list[GroupRow] = Field(description="The same lists with their ids, by name.")
    trashed_at: datetime | None = Field(description="In the trash since, UTC; null: in use.")
    erased_after: datetime | None = Field(
        description="When the trash erases it for good, UTC; contacts.restore brings it back before."
    )
    merged_into: int | None = Field(
        description="The contact that took over from this one, after a merge; read that one instead."
    )
    merge_note: str = Field(description="What a merge did with this contact; empty when none did.")
    send_history: list[dict[str, Any]] = Field(description="Newest messages, newest first.")
    created_at: datetime = Field(description="Created, UTC.")
    updated_at: datetime = Field(description="Changed, UTC.")


def _get(context: Context, data: GetIn) -> ContactOut:
    return contact_out(contact_read(context), context.actor)


def contact_out(contact: Contact, actor: Actor) -> ContactOut:
    """Everything about one contact that the caller may see."""
    brands = brands_visible(actor)
    consents = ConsentEvent.objects.filter(contact=contact, brand__in=brands)
    blocks = selectors.suppressions_visible(actor).filter(phone_hash=contact.phone_hash)
    groups = groups_of(contact, actor)
    provider = selectors.history_provider
    heir = merged_heir(contact)
    return ContactOut(
        contact=contact_row(contact, states_of([contact], actor)[contact.pk]),
        base_version_token=version_token(contact, actor),
        version=contact.version,
        time_zone=contact.time_zone,
        time_zone_source=contact.time_zone_source,
        custom=_cleaned(contact.custom, contact),
        crm_keys=_cleaned(contact.crm_keys, contact),
        source=phone_hide(contact.source, contact.phone or ""),
        consent_evidence=[
            _consent(event) for event in consents.order_by("-captured_at", "-id")[:50]
        ],
        opt_outs=[suppression_row(row) for row in blocks.order_by("-created_at", "-id")[:50]],
        audiences=[group.name for group in groups],
        groups=groups,
        trashed_at=contact.trashed_at,
        erased_after=erased_after(contact),
        merged_into=heir,
        merge_note=merge_note(heir),
        send_history=provider(actor, contact) if provider else [],
        created_at=contact.created_at,
        updated_at=contact.updated_at,
    )


def groups_of(contact: Contact, actor: Actor) -> list[GroupRow]:
    """The lists of the caller's teams that the contact is on, by name; at most 100."""
    rows = AudienceMember.objects.filter(contact=contact, audience__in=audiences_visible(actor))
    return [
        GroupRow(
            audience_id=row.audience_id,
            name=row.audience.name,
            brand_id=row.audience.brand_id,
            added_at=row.added_at,
        )
        for row in rows.select_related("audience").order_by("audience__name")[:100]
    ]


def _cleaned(values: dict[str, Any], contact: Contact) -> dict[str, Any]:
    """Third-party values, cleaned, and without the number: shops use it as a customer's key."""
    phone = contact.phone or ""
    return {
        key: phone_hide(untrusted_clean(value), phone) if isinstance(value, str) else value
        for key, value in values.items()
    }


def _consent(event: ConsentEvent) -> ConsentRow:
    return ConsentRow(
        brand_id=event.brand_id,
        direction=event.direction,
        purpose=event.purpose,
        basis=event.basis,
        method=event.method,
        source_url=event.source_url,
        disclosure_text=event.disclosure_text,
        captured_at=event.captured_at,
        expires_at=event.expires_at,
        recorded_at=event.recorded_at,
    )


def suppression_row(row: Suppression) -> SuppressionRow:
    return SuppressionRow(
        suppression_id=row.pk,
        scope=row.scope,
        reason=row.reason,
        source=row.source,
        purposes=list(row.purposes),
        created_at=row.created_at,
        lifted_at=row.lifted_at,
    )


registry.add(
    Operation(
        key="contacts.search",
        summary=(
            "Find contacts by exact phone, name, customer id or group, list, tag, order state, consent, "
            "opt-out or send history."
        ),
        description=(
            "Numbers come masked; contacts.reveal gives them, with a reason. No search by the beginning"
            " of a number."
        ),
        kind=Kind.READ,
        input=SearchIn,
        output=ContactPage,
        run=_search,
        permission="contacts.contact_view",
        scope="sms:contacts.read",
        requires=("audiences.list",),
        rest=RestRoute("GET", "/contacts"),
        group="contacts",
        audit_reads=True,
        person_limit="search",
    ),
    Operation(
        key="contacts.get",
        summary=(
            "Read one contact: number (masked), consent evidence, opt-outs, language, region, "
            "send history, version."
        ),
        kind=Kind.READ,
        input=GetIn,
        output=ContactOut,
        run=_get,
        permission="contacts.contact_view",
        scope="sms:contacts.read",
        requires=("contacts.search",),
        target=READ_TARGET,
        rest=RestRoute("GET", "/contacts/{contact_id}"),
        group="contacts",
        audit_reads=True,
    ),
)
