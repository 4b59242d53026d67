"""sender_registrations.save and sender_id.apply: drafting a registration, and submitting it (000-42)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.gateways.models import Registration, SenderId
from smsmarketing.gateways.rules.registration_words import REGISTRATION_WORDS
from smsmarketing.gateways.rules.registries import Registry, registries, registry_find
from smsmarketing.gateways.rules.sender_names import name_alike, protected_names
from smsmarketing.gateways.selectors import senders_visible
from smsmarketing.gateways.selectors.registrations import (
    application_pending,
    papers_of,
    registration_lacking,
    registrations_visible,
    registry_of,
)
from smsmarketing.gateways.services import sender_create
from smsmarketing.gateways.services.registration_stops import registration_event
from smsmarketing.gateways.services.registrations import (
    registration_create,
    registration_fill,
    registration_submit,
    submit_check,
)
from smsmarketing.operations import registry
from smsmarketing.operations.errors import Conflict, InvalidInput, NotFound
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
    Target,
)
from smsmarketing.operations.versions import version_token

Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]
Key = Annotated[str, Field(max_length=40)]
Answer = Annotated[str, Field(max_length=2000)]
VERSIONED = Target(
    argument="registration_id",
    visible=registrations_visible,
    label="registration",
    versioned=True,
)


class RegistrationFields(Input):
    """What a registry is told; what is left out stays as it is."""

    company_name: str | None = Field(
        default=None, max_length=160, description="Company as the registry knows it."
    )
    countries: list[Country] | None = Field(
        default=None,
        min_length=1,
        max_length=60,
        description="Countries; default: all that the registry is for.",
    )
    answers: dict[Key, Answer] | None = Field(
        default=None,
        max_length=40,
        description="Question → answer, see sender_registries.list; an empty answer takes it back.",
    )


class RegistrationSaveIn(RegistrationFields):
    """Input of sender_registrations.save."""

    registration_id: int | None = Field(
        default=None, ge=1, le=2**63 - 1, description="The draft to change; leave out to open one."
    )
    base_version_token: str | None = Field(
        default=None,
        max_length=200,
        description="From sender_registrations.get; with registration_id.",
    )
    registry: str | None = Field(
        default=None,
        max_length=20,
        description="Key from sender_registries.list; needed to open one.",
    )
    brand_id: int | None = Field(
        default=None, ge=1, le=2**63 - 1, description="Brand; needed to open one."
    )
    sender_id: int | None = Field(
        default=None, ge=1, le=2**63 - 1, description="Sender of the brand that exists already."
    )
    value: str | None = Field(
        default=None,
        min_length=3,
        max_length=16,
        description="A new sender instead: what recipients shall see. It starts as a draft.",
    )
    kind: str = Field(
        default="alphanumeric",
        pattern="^(alphanumeric|msisdn|shortcode|tollfree)$",
        description="Kind of the new sender.",
    )
    can_receive: bool = Field(
        default=False, description="Whether replies to the new sender reach us."
    )


class RegistrationSaved(Output):
    """Output of sender_registrations.save and sender_id.apply."""

    registration_id: int = Field(description="Id of the registration.")
    sender_id: int | None = Field(description="Its sender; null for a brand's own.")
    state: str = Field(description="State now.")
    lacks: list[str] = Field(description="What is still missing before applying.")
    next_step: str = Field(description="What people do next.")
    base_version_token: str = Field(description="Pass it back with the next change.")


def run_save(context: Context, data: RegistrationSaveIn) -> RegistrationSaved:
    """Open a draft or change one; nothing is submitted by it."""
    row: Registration | None = context.target
    if row is None:
        row = _opened(context, data)
        context.audit_object = ("gateways.registration", str(row.pk))
    else:
        application_check(row)
    row = registration_fill(
        row, company_name=data.company_name, countries=data.countries, answers=data.answers
    )
    return _saved(context, row)


def _opened(context: Context, data: RegistrationSaveIn) -> Registration:
    found = registry_find(data.registry or "")
    if found is None:
        raise InvalidInput(
            "There is no such registry.",
            field_errors={"registry": f"Use one of: {', '.join(registries())}."},
        )
    brand = brands_visible(context.actor).filter(pk=data.brand_id or 0).first()
    if brand is None:
        raise NotFound("There is no such brand.", field_errors={"brand_id": "Not one of yours."})
    sender = _sender(context, data, brand, found) if found.scope == "sender" else None
    if found.scope == "brand" and (data.sender_id or data.value):
        raise InvalidInput(
            f"{found.key} registers the brand.",
            field_errors={"sender_id": "Leave the sender out."},
        )
    return registration_create(
        brand=brand, sender=sender, registry=found, created_by=context.actor.user, now=context.now
    )


def _sender(context: Context, data: RegistrationSaveIn, brand: Brand, found: Registry) -> SenderId:
    if data.sender_id is not None:
        rows = senders_visible(context.actor).filter(brand=brand)
        sender = rows.filter(pk=data.sender_id).first()
        if sender is None:
            raise NotFound(
                "There is no such sender.", field_errors={"sender_id": "None of this brand."}
            )
        return sender
    if not data.value:
        raise InvalidInput(
            "Say which sender it is for.",
            field_errors={"sender_id": "Choose a sender, or name a new one in value."},
        )
    if data.kind not in found.kinds:
        raise InvalidInput(
            f"{found.key} does not take this kind of sender.",
            field_errors={"kind": f"It registers: {', '.join(found.kinds)}."},
        )
    return sender_create(
        team=brand.team,
        brand=brand,
        value=data.value,
        kind=data.kind,
        can_receive=data.can_receive,
        now=context.now,
    )


def application_check(row: Registration) -> None:
    """What a second person is reading is not changed under them."""
    request = application_pending(row)
    if request is not None:
        raise Conflict(
            "A second person is asked about this application. Cancel that request first, then change it.",
            action_request_id=request.pk,
        )


def _saved(context: Context, row: Registration) -> RegistrationSaved:
    open_ = row.state in {"draft", "rejected"}
    lacks = list(registration_lacking(row).values()) if open_ else []
    step = REGISTRATION_WORDS[row.state][1]
    if open_ and not lacks:
        step = "It is complete: submit it with sender_id.apply."
    return RegistrationSaved(
        registration_id=row.pk,
        sender_id=row.sender_id,
        state=str(row.state),
        lacks=lacks,
        next_step=step,
        base_version_token=version_token(row, context.actor),
    )


class ApplyIn(RegistrationFields):
    """Input of sender_id.apply."""

    registration_id: int = Field(
        ge=1, le=2**63 - 1, description="Registration, from sender_registrations.save."
    )
    base_version_token: str = Field(
        max_length=200, description="From sender_registrations.get: what was read is submitted."
    )
    reason: str = Field(
        min_length=10,
        max_length=300,
        description="What the sender is for, and why the company may use it.",
    )


def run_apply(context: Context, data: ApplyIn) -> RegistrationSaved:
    """Submit it: a second person read the answers and the documents [R-5.9]."""
    row = _applied(context, data)
    row = registration_submit(
        row, submitted_by=context.actor.user, reason=data.reason, now=context.now
    )
    registration_event(row, now=context.now)
    context.audit_reason = data.reason
    return _saved(context, row)


def _applied(context: Context, data: ApplyIn) -> Registration:
    row: Registration = context.target
    if any(part is not None for part in (data.company_name, data.countries, data.answers)):
        row = registration_fill(
            row, company_name=data.company_name, countries=data.countries, answers=data.answers
        )
    return row


def facts(context: Context, data: ApplyIn) -> Mapping[str, Any]:
    """What a policy may look at. Nobody is asked to agree to what is not complete."""
    row = _as_asked(context, data)
    submit_check(row)
    _documents_check(row)
    return {"countries": list(row.countries), "state": str(row.state)}


def shown(context: Context, data: ApplyIn) -> Mapping[str, Any]:
    """What is said in the company's name, for whoever decides."""
    row = _as_asked(context, data)
    asked = {each.key: each.label for each in registry_of(row).questions}
    papers = row.documents.filter(removed_at=None).order_by("pk")
    return {
        "sender": row.sender.value if row.sender is not None else "",
        "registry": registry_of(row).title,
        "countries": ", ".join(row.countries),
        "brand": row.brand.name,
        "company_name": row.company_name,
        "company_is_the_brand": _same(row.company_name, row.brand.name, row.team.name),
        "answers": [f"{asked.get(key, key)}: {value}" for key, value in row.answers.items()],
        "documents": [f"{each.kind}: {each.file_name} ({each.sha256[:12]})" for each in papers],
    }


def _as_asked(context: Context, data: ApplyIn) -> Registration:
    """The row with the changes that the call brings, without writing them."""
    row: Registration = context.target
    row = (
        registrations_visible(context.actor)
        .select_related("sender", "brand", "team")
        .get(pk=row.pk)
    )
    if data.company_name is not None:
        row.company_name = data.company_name.strip()
    if data.countries is not None:
        row.countries = sorted(set(data.countries))
    if data.answers is not None:
        kept = {**row.answers, **{key: text.strip() for key, text in data.answers.items()}}
        row.answers = {key: text for key, text in kept.items() if text}
    return row


def _documents_check(row: Registration) -> None:
    """A protected name is applied for with a document that shows the right to it [R-5.5]."""
    sender = row.sender
    if sender is None or sender.kind != "alphanumeric" or papers_of(row):
        return
    alike = name_alike(sender.value, protected_names(), words=True)
    if alike:
        raise InvalidInput(
            f"This name reads like {alike}, which is protected. Add a document that shows that the company "
            "may use it.",
            field_errors={"documents.other": "Add the letter of the owner of the name."},
            details={"protected": alike},
        )


def _same(company: str, *names: str) -> bool:
    return any(name.casefold() in company.casefold() for name in names if name)


registry.add(
    Operation(
        key="sender_registrations.save",
        summary="Open or change the draft of a sender's registration at a registry.",
        description="Submits nothing. Add documents with sender_registrations.document_add, then apply.",
        kind=Kind.WRITE,
        input=RegistrationSaveIn,
        output=RegistrationSaved,
        run=run_save,
        permission="gateways.registration_edit",
        scope="sms:sender",
        target=VERSIONED,
        requires=("sender_registries.list", "sender_registrations.get"),
        rest=RestRoute("POST", "/sender_registrations"),
        group="gateways",
    )
)
registry.add(
    Operation(
        key="sender_id.apply",
        summary="Submit the registration of a sender: brand, company, use case, regions, documents.",
        description=(
            "A second person always reads it first. Do not submit a false brand or a company that you"
            " may not speak for; reason, documents and version are kept."
        ),
        kind=Kind.WRITE,
        input=ApplyIn,
        output=RegistrationSaved,
        run=run_apply,
        facts=facts,
        shown=shown,
        permission="gateways.registration_edit",
        scope="sms:sender",
        approval=Approval.ALWAYS,
        target=VERSIONED,
        requires=("sender_ids.list", "approval_policies.list", "sender_registrations.get"),
        rest=RestRoute("POST", "/sender_registrations/{registration_id}/apply"),
        group="gateways",
    )
)
