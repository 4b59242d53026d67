"""sender_registrations.list and .get: registrations of senders and what they still lack."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from smsmarketing.gateways.models import Registration
from smsmarketing.gateways.operations.sender_registries import RegistryRow, registry_row
from smsmarketing.gateways.rules.registration_words import PENDING, REGISTRATION_WORDS
from smsmarketing.gateways.selectors.registrations import (
    application_pending,
    registration_lacking,
    registrations_visible,
    registry_of,
)
from smsmarketing.operations import registry
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
from smsmarketing.operations.versions import version_token

RegistrationState = Literal[
    "draft",
    "submitted",
    "in_review",
    "approved",
    "rejected",
    "suspended",
    "expired",
    "withdrawn",
]
REGISTRATION_TARGET = Target(
    argument="registration_id", visible=registrations_visible, label="registration"
)


class RegistrationListIn(PageInput):
    """Input of sender_registrations.list."""

    state: RegistrationState | None = Field(default=None, description="Only in this state.")
    sender_id: int | None = Field(default=None, ge=1, description="Only of this sender.")
    country: str | None = Field(
        default=None, pattern="^[A-Z]{2}$", description="Only for this country."
    )


class RegistrationRow(Output):
    """One registration."""

    registration_id: int = Field(description="Id of the registration.")
    sender_id: int | None = Field(description="Sender; null: the registration is the brand's own.")
    sender: str = Field(description="What recipients see; empty for a brand.")
    brand: str = Field(description="Brand name.")
    registry: str = Field(description="Key of the registry, see sender_registries.list.")
    countries: list[str] = Field(description="Countries it is for.")
    state: str = Field(
        description="draft, submitted, in_review, approved, rejected, suspended, expired or withdrawn."
    )
    state_reason: str = Field(description="What was said with the last change.")
    reference: str = Field(description="Number that the registry gave it.")
    changed_at: datetime = Field(description="When it came into this state, UTC.")
    expires_at: datetime | None = Field(description="When the approval ends; null: it does not.")
    next_step: str = Field(description="What people do next with it.")


class RegistrationPage(Page[RegistrationRow]):
    """Registrations of your teams, the newest first."""


class DocumentRow(Output):
    """One document of it."""

    document_id: int = Field(description="Id of the document.")
    kind: str = Field(description="Which paper it is.")
    file_name: str = Field(description="Name it was uploaded under.")
    media_type: str = Field(description="application/pdf, image/png or image/jpeg.")
    size_bytes: int = Field(description="Size in bytes.")
    sha256: str = Field(description="SHA-256 of what was uploaded, hexadecimal.")
    uploaded_by: str = Field(description="Who uploaded it.")
    created_at: datetime = Field(description="When, UTC.")
    removed_at: datetime | None = Field(description="When it was removed; null: it is there.")


class StepRow(Output):
    """One change of state."""

    state: str = Field(description="State it came into.")
    reason: str = Field(description="What was said.")
    said_by: str = Field(description="Who said it; empty: the clock.")
    at: datetime = Field(description="When, UTC.")


class LackRow(Output):
    """One thing that is missing before it may be submitted."""

    field: str = Field(description="Where: company_name, countries, answers.… or documents.…")
    what_to_do: str = Field(description="What to do about it.")


class RegistrationOut(RegistrationRow):
    """Output of sender_registrations.get."""

    company_name: str = Field(description="Company as the registry knows it.")
    answers: dict[str, str] = Field(description="Question → answer.")
    asks: RegistryRow = Field(description="What the registry asks for.")
    lacks: list[LackRow] = Field(description="What is missing before it may be submitted.")
    documents: list[DocumentRow] = Field(description="Papers, the removed ones too.")
    steps: list[StepRow] = Field(description="What happened, the oldest first.")
    waits_for: UUID | None = Field(
        description="The request in which a second person decides on the application; null: none."
    )
    base_version_token: str = Field(description="Pass it back when you change or submit it.")


class RegistrationIn(Input):
    """Input of sender_registrations.get."""

    registration_id: int = Field(
        ge=1, le=2**63 - 1, description="Registration, from sender_registrations.list."
    )


def registration_row(row: Registration) -> RegistrationRow:
    """The registration as lists show it."""
    return RegistrationRow(**_columns(row))


def _columns(row: Registration) -> dict[str, Any]:
    return {
        "registration_id": row.pk,
        "sender_id": row.sender_id,
        "sender": row.sender.value if row.sender is not None else "",
        "brand": row.brand.name,
        "registry": row.registry,
        "countries": list(row.countries),
        "state": str(row.state),
        "state_reason": row.state_reason,
        "reference": row.reference,
        "changed_at": row.changed_at,
        "expires_at": row.expires_at,
        "next_step": REGISTRATION_WORDS[row.state][1],
    }


def run_list(context: Context, data: RegistrationListIn) -> RegistrationPage:
    """Registrations of the actor's teams, the newest first."""
    rows = registrations_visible(context.actor).select_related("sender", "brand")
    if data.state:
        rows = rows.filter(state=data.state)
    if data.sender_id:
        rows = rows.filter(sender_id=data.sender_id)
    if data.country:
        rows = rows.filter(countries__contains=[data.country])
    page, cursor = page_cut(rows.order_by("-id"), data, principal=context.actor.principal)
    return RegistrationPage(items=[registration_row(row) for row in page], next_cursor=cursor)


def run_get(context: Context, data: RegistrationIn) -> RegistrationOut:
    """One registration whole."""
    row: Registration = context.target
    request = application_pending(row)
    shown = _columns(row)
    if request is not None:
        shown["next_step"] = PENDING[1]
    open_ = row.state in {"draft", "rejected"}
    return RegistrationOut(
        **shown,
        company_name=row.company_name,
        answers=row.answers,
        asks=registry_row(registry_of(row)),
        lacks=[
            LackRow(field=field, what_to_do=text)
            for field, text in (registration_lacking(row).items() if open_ else ())
        ],
        documents=[
            DocumentRow(
                document_id=each.pk,
                kind=each.kind,
                file_name=each.file_name,
                media_type=each.media_type,
                size_bytes=each.size_bytes,
                sha256=each.sha256,
                uploaded_by=each.uploaded_by.get_username(),
                created_at=each.created_at,
                removed_at=each.removed_at,
            )
            for each in row.documents.select_related("uploaded_by").order_by("pk")
        ],
        steps=[
            StepRow(state=each.state, reason=each.reason, said_by=each.said_by, at=each.at)
            for each in row.steps.order_by("pk")
        ],
        waits_for=request.pk if request is not None else None,
        base_version_token=version_token(row, context.actor),
    )


registry.add(
    Operation(
        key="sender_registrations.list",
        summary="Registrations of senders with their state, and what people do next.",
        kind=Kind.READ,
        input=RegistrationListIn,
        output=RegistrationPage,
        run=run_list,
        permission="gateways.registration_view",
        scope="sms:read",
        rest=RestRoute("GET", "/sender_registrations"),
        group="gateways",
    )
)
registry.add(
    Operation(
        key="sender_registrations.get",
        summary="One registration: answers, documents, what is missing, and what happened.",
        kind=Kind.READ,
        input=RegistrationIn,
        output=RegistrationOut,
        run=run_get,
        permission="gateways.registration_view",
        scope="sms:read",
        target=REGISTRATION_TARGET,
        requires=("sender_registrations.list",),
        rest=RestRoute("GET", "/sender_registrations/{registration_id}"),
        group="gateways",
    )
)
