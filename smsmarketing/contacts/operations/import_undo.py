"""imports.undo_preview and imports.undo: taking a whole import back, without ever taking a "no" back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import Field

from smsmarketing.contacts.models import ImportJob
from smsmarketing.contacts.operations.import_shapes import ImportOut, import_out
from smsmarketing.contacts.selectors import imports_visible
from smsmarketing.contacts.services import imports
from smsmarketing.operations import registry
from smsmarketing.operations.previews import preview_read, preview_store, preview_take
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

PREVIEW_KIND = "import_undo"
_TTL = timedelta(minutes=30)


class UndoPreviewIn(Input):
    import_id: int = Field(ge=1, description="An import that has ended.")


class UndoIn(Input):
    import_id: int = Field(ge=1, description="The import that was previewed.")
    undo_preview_id: UUID = Field(description="From imports.undo_preview; single use.")
    reason: str = Field(
        min_length=3, max_length=300, description="Why it is undone; kept in the audit log."
    )


class UndoCounts(Output):
    """What an undo does, or has done, in numbers."""

    trashed: int = Field(default=0, description="New contacts that go to the trash.")
    kept_messaged: int = Field(default=0, description="New contacts kept: a message was made.")
    kept_events: int = Field(default=0, description="New contacts kept: an order or other event.")
    kept_consent: int = Field(default=0, description="New contacts kept: consent from elsewhere.")
    kept_listed: int = Field(default=0, description="New contacts kept: on another list.")
    kept_other_brand: int = Field(default=0, description="New contacts kept: of another brand too.")
    kept_edited: int = Field(
        default=0, description="New contacts kept: changed or opted out since."
    )
    kept_gone: int = Field(
        default=0, description="Contacts erased, merged or in the trash already."
    )
    contacts_restored: int = Field(default=0, description="Contacts whose fields go back.")
    fields_restored: int = Field(default=0, description="Field values that go back.")
    fields_kept: int = Field(
        default=0, description="Field values kept: somebody changed them since."
    )
    consents_voided: int = Field(default=0, description="Consents of the import that end.")
    consents_restated: int = Field(
        default=0, description="Of these people, how many had an earlier consent: it holds again."
    )
    members_removed: int = Field(default=0, description="Contacts that leave the import's list.")
    states_removed: int = Field(
        default=0, description="Contacts that are no longer known to the brand."
    )
    contacts_estimated: int = Field(
        default=0, description="1 when the field counts are scaled up from 20,000 contacts."
    )


class UndoPreviewOut(Output):
    undo_preview_id: UUID = Field(description="Pass to imports.undo within 30 minutes; single use.")
    import_id: int = Field(description="The import.")
    file_name: str = Field(description="Its file.")
    counts: UndoCounts = Field(description="What would be restored, kept and why.")
    in_words: list[str] = Field(description="The same as sentences.")
    later_imports: list[int] = Field(
        description="Later imports for the brand; their unchanged rows may name the same people."
    )
    undo_until: datetime = Field(description="The last moment for an undo, UTC.")


_SENTENCES = (
    ("trashed", "{} new contacts go to the trash."),
    ("kept_messaged", "{} new contacts stay: messages were made for them since."),
    ("kept_events", "{} new contacts stay: orders or other events are known of them."),
    ("kept_consent", "{} new contacts stay: they gave consent elsewhere."),
    ("kept_listed", "{} new contacts stay: they are on another list."),
    ("kept_other_brand", "{} new contacts stay: another brand knows them too."),
    ("kept_edited", "{} new contacts stay: they were changed, or opted out, since."),
    ("kept_gone", "{} contacts were erased, merged or trashed since; nothing is done about them."),
    ("contacts_restored", "{} contacts get their earlier values back."),
    ("fields_restored", "{} field values go back."),
    ("fields_kept", "{} field values stay: somebody changed them since."),
    ("consents_voided", "{} consents that the import recorded end; the ledger keeps both entries."),
    ("consents_restated", "{} people had agreed before: that consent holds again."),
    ("members_removed", "{} contacts leave the list of the import."),
    ("states_removed", "{} contacts are no longer known to the brand."),
)
OPT_OUTS_STAY = "Opt-outs stay: who said no, in this file or since, is not texted."


def undo_words(counts: dict[str, int]) -> list[str]:
    """What an undo does, as sentences for people."""
    said = [text.format(f"{counts[name]:,}") for name, text in _SENTENCES if counts.get(name)]
    return [*(said or ["There is nothing left to take back."]), OPT_OUTS_STAY]


def _preview(context: Context, data: UndoPreviewIn) -> UndoPreviewOut:
    job: ImportJob = context.target
    imports.undo_check(job, now=context.now)
    counts = imports.undo_forecast(job)
    later = ImportJob.objects.filter(
        brand_id=job.brand_id, kind="contacts", state__in=("running", "done"), pk__gt=job.pk
    )
    preview_id = preview_store(
        context, PREVIEW_KIND, payload={"import_id": job.pk}, result={"counts": counts}, ttl=_TTL
    )
    return UndoPreviewOut(
        undo_preview_id=preview_id,
        import_id=job.pk,
        file_name=job.file_name,
        counts=UndoCounts(**counts),
        in_words=undo_words(counts),
        later_imports=list(later.order_by("pk").values_list("pk", flat=True)[:20]),
        undo_until=imports.undo_until(job) or context.now,
    )


def _undo(context: Context, data: UndoIn) -> ImportOut:
    job: ImportJob = context.target
    preview_take(
        context,
        PREVIEW_KIND,
        data.undo_preview_id,
        tool="imports.undo_preview",
        argument="undo_preview_id",
        payload={"import_id": job.pk},
    )
    context.audit_reason = data.reason
    return import_out(imports.undo_start(job, by=context.actor.user, now=context.now))


def _counts(context: Context, data: UndoIn) -> dict[str, int]:
    record = preview_read(
        context,
        PREVIEW_KIND,
        data.undo_preview_id,
        tool="imports.undo_preview",
        argument="undo_preview_id",
    )
    return dict(record.result["counts"])


def _facts(context: Context, data: UndoIn) -> dict[str, Any]:
    imports.undo_check(context.target, now=context.now)
    counts = _counts(context, data)
    return {
        "contacts": counts.get("trashed", 0) + counts.get("contacts_restored", 0),
        "consents": counts.get("consents_voided", 0),
    }


def _shown(context: Context, data: UndoIn) -> dict[str, Any]:
    job: ImportJob = context.target
    return {
        "file": job.file_name,
        "imported": job.counts,
        "the_undo_would": undo_words(_counts(context, data)),
    }


_TARGET = Target(argument="import_id", visible=imports_visible, label="import")

registry.add(
    Operation(
        key="imports.undo_preview",
        summary="What undoing an import would restore, keep and why, in numbers.",
        description=(
            "Changes nothing. Values that somebody changed after the import stay; contacts with"
            " messages, events or consent from elsewhere stay; opt-outs always stay."
        ),
        kind=Kind.PREVIEW,
        input=UndoPreviewIn,
        output=UndoPreviewOut,
        run=_preview,
        target=_TARGET,
        permission="contacts.import_start",
        scope="sms:contacts.write",
        requires=("imports.status",),
        rest=RestRoute("POST", "/imports/{import_id}/undo-preview"),
        group="contacts",
    ),
    Operation(
        key="imports.undo",
        summary="Undo a whole import; a worker does it, imports.status follows it.",
        description=(
            "Restores what nobody changed since, takes new contacts to the trash when nothing else"
            " happened to them, ends the consents it recorded. Never lifts an opt-out."
        ),
        kind=Kind.WRITE,
        input=UndoIn,
        output=ImportOut,
        run=_undo,
        facts=_facts,
        shown=_shown,
        target=_TARGET,
        permission="contacts.import_start",
        scope="sms:contacts.write",
        requires=("imports.undo_preview",),
        approval=Approval.POLICY,
        destructive=True,
        rest=RestRoute("POST", "/imports/{import_id}/undo"),
        group="contacts",
    ),
)
