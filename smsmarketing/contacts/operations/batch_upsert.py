"""contacts.batch_upsert: up to a hundred contacts in one call, one result for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from django.db import transaction
from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.operations.upsert import ContactFields, brand_of, upsert_apply
from smsmarketing.contacts.rules.phone import PhoneError, phone_parse
from smsmarketing.contacts.selectors import contacts_visible
from smsmarketing.contacts.services.locks import numbers_lock
from smsmarketing.operations import registry
from smsmarketing.operations.errors import Conflict, InvalidInput, OperationError
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
)
from smsmarketing.operations.versions import version_token

MOST_ITEMS = 100


class BatchUpsertIn(Input):
    brand_id: int = Field(ge=1, description="Brand the contacts belong to; consent is per brand.")
    source: str = Field(min_length=1, max_length=80, description="Where this comes from.")
    items: list[ContactFields] = Field(
        min_length=1, max_length=MOST_ITEMS, description="The contacts, 1 to 100."
    )
    if_version_missing: Literal["refuse", "only_fill_blanks"] = Field(
        default="refuse",
        description=(
            "For an existing contact without base_version_token: refuse it, or fill only what is empty."
        ),
    )
    all_or_nothing: bool = Field(
        default=False, description="True: one refused contact refuses the whole call."
    )


class BatchUpsertItem(Output):
    """What became of one contact."""

    position: int = Field(description="Place in items, from 0.")
    result: Literal["created", "changed", "unchanged", "refused"] = Field(
        description="What was done."
    )
    contact_id: int | None = Field(description="The contact; null when refused.")
    changed: list[str] = Field(description="Fields that changed.")
    in_trash: bool = Field(
        description="True: stored, but the contact is in the trash; contacts.restore brings it back."
    )
    consent_recorded: bool = Field(description="True when consent evidence was added.")
    base_version_token: str | None = Field(description="Token of the contact as it is now.")
    code: str = Field(description="Error code when refused, else empty.")
    message: str = Field(description="What to do when refused, else empty.")
    field_errors: dict[str, str] = Field(description="Fields to mend when refused.")


class BatchUpsertOut(Output):
    created: int = Field(description="New contacts.")
    changed: int = Field(description="Contacts that changed.")
    unchanged: int = Field(description="Contacts that were so already.")
    refused: int = Field(description="Items that were refused; nothing of them was stored.")
    items: list[BatchUpsertItem] = Field(
        description="One result for each, in the order of the input."
    )


def _batch(context: Context, data: BatchUpsertIn) -> BatchUpsertOut:
    brand = brand_of(context, data.brand_id)
    found = {item.position: item for item in _results(context, data, brand)}
    items = [found[position] for position in range(len(data.items))]
    if data.all_or_nothing:
        _all_check(items)
    tally = {
        word: sum(item.result == word for item in items)
        for word in ("created", "changed", "unchanged", "refused")
    }
    context.audit_facts = {**tally, "consents": sum(item.consent_recorded for item in items)}
    return BatchUpsertOut(items=items, **tally)


def _results(context: Context, data: BatchUpsertIn, brand: Brand) -> Iterator[BatchUpsertItem]:
    """Each item in a savepoint of its own; rows are locked by id first, then new ones are made in
    the order of their numbers, so that two calls with the same people never wait for each other in
    a circle.
    """
    phones = [_e164(item) for item in data.items]
    rows = contacts_visible(context.actor).filter(phone__in=[phone for phone in phones if phone])
    by_phone: dict[str | None, int] = dict(rows.values_list("phone", "pk"))
    ids = [
        item.contact_id or by_phone.get(phone)
        for item, phone in zip(data.items, phones, strict=True)
    ]
    numbers_lock([phone for phone in phones if phone])  # before contacts' rows, as a STOP does
    wanted = sorted({pk for pk in ids if pk})
    list(Contact.objects.select_for_update().filter(pk__in=wanted).order_by("pk").values("pk"))
    seen: set[int | str] = set()
    order = sorted(range(len(ids)), key=lambda at: (ids[at] or 2**63, phones[at] or "", at))
    for position in order:
        who = ids[position] or phones[position]
        try:
            if who is not None and who in seen:  # only the first that was stored counts
                raise Conflict(
                    "This call names the person twice. Put everything into one item.",
                    field_errors={"phone": "Already in this call."},
                )
            with transaction.atomic():
                yield _one(context, data, data.items[position], position, brand)
            if who is not None:
                seen.add(who)
        except OperationError as exc:
            yield _refused(position, exc)


def _one(
    context: Context, data: BatchUpsertIn, item: ContactFields, position: int, brand: Brand
) -> BatchUpsertItem:
    done = upsert_apply(
        context,
        item,
        brand=brand,
        source=data.source,
        fill_blanks=data.if_version_missing == "only_fill_blanks",
    )
    word: Any = "created" if done.created else "changed" if done.changed else "unchanged"
    return BatchUpsertItem(
        position=position,
        result="changed" if word == "unchanged" and item.consent else word,
        contact_id=done.contact.pk,
        changed=list(done.changed),
        in_trash=done.contact.trashed_at is not None,
        consent_recorded=item.consent is not None,
        base_version_token=version_token(done.contact, context.actor),
        code="",
        message="",
        field_errors={},
    )


def _refused(position: int, exc: OperationError) -> BatchUpsertItem:
    return BatchUpsertItem(
        position=position,
        result="refused",
        contact_id=None,
        changed=[],
        in_trash=False,
        consent_recorded=False,
        base_version_token=None,
        code=exc.code,
        message=exc.message,
        field_errors=exc.field_errors,
    )


def _all_check(items: list[BatchUpsertItem]) -> None:
    wrong = {
        f"items.{item.position}.{field or 'phone'}": text
        for item in items
        if item.result == "refused"
        for field, text in (item.field_errors or {"": item.message}).items()
    }
    if wrong:
        raise InvalidInput(
            "Not every contact can be saved, so none was. Mend the fields named here, or repeat"
            " with all_or_nothing false.",
            field_errors=wrong,
        )


def _e164(item: ContactFields) -> str | None:
    try:
        return phone_parse(item.phone, item.country).e164 if item.phone else None
    except PhoneError:
        return None


def _facts(context: Context, data: BatchUpsertIn) -> dict[str, Any]:
    brand_of(context, data.brand_id)
    consents = [item.consent for item in data.items if item.consent]
    return {
        "contacts": len(data.items),
        "consent_changes": sum(consent.direction == "granted" for consent in consents),
        "cross_system": any(item.crm_keys for item in data.items),
        "by_agent": context.actor.is_agent,
    }


registry.add(
    Operation(
        key="contacts.batch_upsert",
        summary="Create or change up to 100 contacts; each has its own result.",
        description=(
            "Only named fields change. An existing contact needs its base_version_token from contacts.get; without it "
            "choose whether to refuse it or to fill only blanks. Consent needs evidence for each; an opt-out stands."
        ),
        kind=Kind.WRITE,
        input=BatchUpsertIn,
        output=BatchUpsertOut,
        run=_batch,
        permission="contacts.contact_edit",
        scope="sms:contacts.write",
        requires=("contacts.get", "contacts.search"),
        approval=Approval.POLICY,
        facts=_facts,
        rest=RestRoute("POST", "/contacts/batch"),
        group="contacts",
    )
)
