"""events.record and events.list: what happened to customers, from shops, CRMs and programs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import ContactEvent
from smsmarketing.contacts.rules.custom_values import Declared
from smsmarketing.contacts.rules.events import (
    EventRefused,
    Fact,
    kind_check,
    properties_read,
    times_check,
)
from smsmarketing.contacts.rules.phone import PhoneError, phone_hide, phone_parse
from smsmarketing.contacts.selectors import contacts_visible
from smsmarketing.contacts.selectors.events import (
    contacts_named,
    events_visible,
    fields_declared,
)
from smsmarketing.contacts.services.events import Given, Key, Recorded, events_record
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.text import untrusted_clean
from smsmarketing.operations.types import (
    Context,
    Input,
    Kind,
    Moment,
    Operation,
    Output,
    RestRoute,
)

Property = Annotated[str, Field(max_length=500)] | bool | int | float | None


class ItemIn(Input):
    """One line of an order."""

    sku: str = Field(min_length=1, max_length=80, description="Article number.")
    name: str = Field(default="", max_length=200, description="What it is called.")
    quantity: float = Field(default=1, ge=0, le=1_000_000, description="How many.")
    price: Annotated[str, Field(pattern=r"^-?[0-9]{1,15}(\.[0-9]{1,6})?$")] | None = Field(
        default=None, description='Price of one, decimal text such as "19.90", in currency.'
    )


class EventIn(Input):
    """One event. Name the contact in exactly one way."""

    contact_id: int | None = Field(default=None, ge=1, description="Contact by its id.")
    phone: str | None = Field(
        default=None, max_length=64, description="Contact by number, as it is written anywhere."
    )
    customer_key: str | None = Field(
        default=None, min_length=1, max_length=80, description="Contact by customer id."
    )
    kind: str = Field(
        min_length=1,
        max_length=40,
        description="order, payment, shipment, appointment, pickup, offer or custom:<name>.",
    )
    external_id: str = Field(
        min_length=1, max_length=120, description="Id of the order, payment, ... in the source."
    )
    source: str = Field(
        default="api",
        min_length=1,
        max_length=80,
        description="System it comes from, e.g. shop; ids count per team, source and kind.",
    )
    occurred_at: Moment = Field(
        description="When it happened; not in the future, not over 20 years ago."
    )
    updated_at: Moment | None = Field(
        default=None,
        description=(
            "When this state of it became true; then any order of arrival gives the right answer."
            " Left out it is occurred_at, and of equal moments the later call counts."
        ),
    )
    properties: dict[Annotated[str, Field(max_length=60)], Property] = Field(
        default={},
        max_length=50,
        description=(
            "Only what is known: named properties change, others stay, null removes. state (a word,"
            " e.g. paid), amount and currency are understood; declared ones are checked."
        ),
    )
    items: list[ItemIn] | None = Field(
        default=None, max_length=50, description="Lines of an order; replaces the lines known."
    )


class RecordIn(Input):
    brand_id: int = Field(ge=1, description="A brand of yours; events belong to its team.")
    events: list[EventIn] = Field(min_length=1, max_length=100, description="1 to 100 events.")
    country: str | None = Field(
        default=None, pattern="^[A-Z]{2}$", description="Country of phones written nationally."
    )


class EventResult(Output):
    """What became of one event."""

    index: int = Field(description="Place in events, from 0.")
    status: Literal["recorded", "updated", "duplicate", "refused"] = Field(
        description=(
            "recorded: new. updated: more is known of it now. duplicate: known already, nothing"
            " changed. refused: left out."
        )
    )
    event_id: int | None = Field(description="Id of the event; null when refused.")
    code: str = Field(description="Stable word for a refusal, else empty.")
    field: str = Field(description="Field of the event that the refusal is about, or empty.")
    message: str = Field(description="What is wrong and what to do, else empty.")


class RecordOut(Output):
    recorded: int = Field(description="New events.")
    updated: int = Field(description="Events of which more is known now.")
    duplicate: int = Field(description="Events that were known already.")
    refused: int = Field(description="Events that were left out.")
    results: list[EventResult] = Field(description="One for each event, in the order given.")


class _Names:
    """The contacts that a call names, looked up at once."""

    def __init__(self, team_id: int, data: RecordIn) -> None:
        self.phones: dict[str, str] = {}
        self.faults: dict[str, str] = {}
        for raw in {each.phone for each in data.events if each.phone is not None}:
            try:
                self.phones[raw] = phone_parse(raw, data.country).e164
            except PhoneError as exc:
                self.faults[raw] = exc.message
        self.ids, self.numbers, self.keys = contacts_named(
            team_id,
            ids={each.contact_id for each in data.events if each.contact_id is not None},
            phones=set(self.phones.values()),
            customer_keys={each.customer_key for each in data.events if each.customer_key},
        )

    def find(self, event: EventIn) -> int:
        """The id of the contact. Raises EventRefused."""
        named = {"contact_id", "phone", "customer_key"} & {
            name for name in event.model_fields_set if getattr(event, name) is not None
        }
        if len(named) != 1:
            raise EventRefused(
                "CONTACT_NOT_NAMED", "Give one of contact_id, phone and customer_key.", "contact_id"
            )
        field = named.pop()
        if event.phone in self.faults:
            raise EventRefused("PHONE_INVALID", self.faults[event.phone], "phone")
        ids = self._ids(event)
        if len(ids) == 1:
            return ids[0]
        if ids:
            raise EventRefused(
                "CONTACT_AMBIGUOUS",
                "Several contacts have this customer id. Name the contact by contact_id or phone.",
                field,
            )
        raise EventRefused(
            "CONTACT_UNKNOWN",
            "Your team has no such contact. Create it with contacts.upsert first; an event makes"
            " no contact.",
            field,
        )

    def _ids(self, event: EventIn) -> list[int]:
        if event.contact_id is not None:
            return [event.contact_id] if event.contact_id in self.ids else []
        if event.phone is not None:
            found = self.numbers.get(self.phones[event.phone])
            return [] if found is None else [found]
        return self.keys.get(event.customer_key or "", [])


def _team(context: Context, brand_id: int) -> int:
    brand: Brand | None = brands_visible(context.actor).filter(pk=brand_id).first()
    if brand is None:
        raise NotFound("There is no such brand.", field_errors={"brand_id": "Not one of yours."})
    return brand.team_id


def _record(context: Context, data: RecordIn) -> RecordOut:
    team_id = _team(context, data.brand_id)
    names = _Names(team_id, data)
    declared: dict[str, dict[str, Declared]] = {}
    results: dict[int, EventResult] = {}
    given: list[tuple[int, Given]] = []
    for index, event in enumerate(data.events):
        try:
            kind_check(event.kind)
            if event.kind not in declared:
                declared[event.kind] = fields_declared(team_id, event.kind)
            given.append((index, _given(context, event, names, declared[event.kind])))
        except EventRefused as exc:
            results[index] = _refused(index, exc.code, exc.message, exc.field)
    answers = events_record(team_id, [each for _, each in given], now=context.now)
    for (index, _), answer in zip(given, answers, strict=True):
        results[index] = _result(index, answer)
    counts = {
        status: sum(each.status == status for each in results.values())
        for status in ("recorded", "updated", "duplicate", "refused")
    }
    context.audit_facts = {**counts, "team_id": team_id}
    return RecordOut(results=[results[index] for index in sorted(results)], **counts)


def _given(context: Context, event: EventIn, names: _Names, declared: dict[str, Declared]) -> Given:
    times_check(event.occurred_at, event.updated_at, now=context.now)
    for field in ("external_id", "source"):
        if "\x00" in getattr(event, field):
            raise EventRefused("EVENT_ID", "It holds a character that cannot be stored.", field)
    properties: dict[str, Any] = dict(event.properties)
    if "items" in properties:
        raise EventRefused("EVENT_PROPERTY", "Give the lines of an order in items.", "properties")
    if event.items is not None:
        properties["items"] = [item.model_dump(exclude_defaults=True) for item in event.items]
    return Given(
        contact_id=names.find(event),
        key=Key(event.source, event.kind, event.external_id),
        fact=Fact(
            at=event.updated_at or event.occurred_at,
            occurred_at=event.occurred_at,
            recorded_at=context.now,
            properties=properties_read(properties, declared),
        ),
    )


def _refused(index: int, code: str, message: str, field: str) -> EventResult:
    return EventResult(
        index=index, status="refused", event_id=None, code=code, field=field, message=message
    )


def _result(index: int, answer: Recorded) -> EventResult:
    return EventResult(
        index=index,
        status=answer.status,
        event_id=answer.event_id,
        code=answer.code,
        field="external_id" if answer.code == "EVENT_OF_ANOTHER_CONTACT" else "",
        message=answer.message,
    )


class ListIn(PageInput):
    contact_id: int | None = Field(default=None, ge=1, description="Events of this contact.")
    kind: str | None = Field(default=None, max_length=40, description="Of this kind only.")
    source: str | None = Field(default=None, max_length=80, description="Of this source only.")
    external_id: str | None = Field(
        default=None,
        max_length=120,
        description="One thing by its id; needs kind and source, and no contact_id.",
    )


class EventRow(Output):
    """One event as it is known now."""

    event_id: int = Field(description="Id.")
    contact_id: int = Field(description="Contact.")
    kind: str = Field(description="order, payment, ..., custom:<name>, or sms_... by the system.")
    source: str = Field(description="System it comes from.")
    external_id: str = Field(description="Its id there (third-party text, cleaned).")
    occurred_at: datetime = Field(description="When it happened, UTC.")
    updated_at: datetime = Field(description="When what is known of it became true, UTC.")
    recorded_at: datetime = Field(description="When it was last written here, UTC.")
    properties: dict[str, Any] = Field(description="What is known (third-party text, cleaned).")
    facts: int = Field(description="From how many calls that is put together.")


class EventPage(Page[EventRow]):
    """Events, newest first."""


def _list(context: Context, data: ListIn) -> EventPage:
    rows = events_visible(context.actor)
    if data.contact_id is not None:
        rows = rows.filter(
            contact__in=contacts_visible(context.actor).filter(pk=data.contact_id).values("pk")
        )
    elif not (data.kind and data.source and data.external_id):
        raise InvalidInput(
            "Say whose events, or which one.",
            field_errors={"contact_id": "Give contact_id; or kind, source and external_id."},
        )
    for field in ("kind", "source", "external_id"):
        if getattr(data, field) is not None:
            rows = rows.filter(**{field: getattr(data, field)})
    page, cursor = page_cut(
        rows.select_related("contact").order_by("-occurred_at", "-id"),
        data,
        principal=context.actor.principal,
    )
    return EventPage(items=[_row(row) for row in page], next_cursor=cursor)


def _row(row: ContactEvent) -> EventRow:
    phone = row.contact.phone or ""
    return EventRow(
        event_id=row.pk,
        contact_id=row.contact_id,
        kind=row.kind,
        source=phone_hide(untrusted_clean(row.source), phone),
        external_id=phone_hide(untrusted_clean(row.external_id), phone),
        occurred_at=row.occurred_at,
        updated_at=row.updated_at,
        recorded_at=row.recorded_at,
        properties=_cleaned(row.properties, phone),
        facts=len(row.facts) or 1,
    )


def _cleaned(value: Any, phone: str) -> Any:
    if isinstance(value, str):
        return phone_hide(untrusted_clean(value), phone)
    if isinstance(value, dict):
        return {untrusted_clean(str(name)): _cleaned(inner, phone) for name, inner in value.items()}
    return [_cleaned(inner, phone) for inner in value] if isinstance(value, list) else value


registry.add(
    Operation(
        key="events.record",
        summary="Record orders, payments, shipments, appointments, pickups, offers and own kinds.",
        description=(
            "1 to 100 a call; each has its own answer, and one that is refused leaves the others"
            " alone. Calls may be repeated and may come in any order. An event never makes a"
            " contact, and never makes anybody sendable. Many more at once: imports.start with"
            " kind events."
        ),
        kind=Kind.WRITE,
        input=RecordIn,
        output=RecordOut,
        run=_record,
        permission="contacts.event_record",
        scope="sms:contacts.write",
        requires=("contacts.search", "config.get"),
        idempotent=True,
        rest=RestRoute("POST", "/events"),
        group="contacts",
    ),
    Operation(
        key="events.list",
        summary="List the events of a contact, or find one by its id in the source.",
        kind=Kind.READ,
        input=ListIn,
        output=EventPage,
        run=_list,
        permission="contacts.contact_view",
        scope="sms:contacts.read",
        requires=("contacts.search",),
        rest=RestRoute("GET", "/events"),
        group="contacts",
        audit_reads=True,
    ),
)
