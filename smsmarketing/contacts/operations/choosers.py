"""Contacts, lists, imports and what belongs to them, as people choose them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from smsmarketing.contacts.models import (
    Audience,
    BlockClearing,
    ConsentEvent,
    Contact,
    CustomField,
    ImportFile,
    ImportFolder,
    ImportJob,
    ImportMapping,
    OptInForm,
    Segment,
    Suppression,
)
from smsmarketing.contacts.operations.opt_outs_clear import clearings_visible
from smsmarketing.contacts.phones import hashes_meant
from smsmarketing.contacts.rules.phone import phone_hide, phone_mask
from smsmarketing.contacts.selectors import (
    audiences_visible,
    contacts_visible,
    segments_visible,
    suppressions_visible,
)
from smsmarketing.contacts.selectors.consent import consents_visible
from smsmarketing.contacts.selectors.contacts import (
    contacts_searched,
    folders_visible,
    imports_visible,
    mappings_visible,
)
from smsmarketing.contacts.selectors.events import fields_visible
from smsmarketing.contacts.selectors.opt_in_forms import forms_visible
from smsmarketing.operations import choosers
from smsmarketing.operations.choosers import Chooser
from smsmarketing.operations.text import untrusted_clean
from smsmarketing.operations.types import Actor

WHOLE_NUMBER = "Write a whole number, such as +447…"


def contact_label(row: Contact) -> str:
    """Name, masked number and customer key: enough to know a person by, no number [R-4.12]."""
    name = phone_hide(untrusted_clean(f"{row.first_name} {row.last_name}".strip()), row.phone or "")
    key = phone_hide(untrusted_clean(row.customer_key), row.phone or "")
    number = phone_mask(row.phone) if row.phone else "erased"
    return ", ".join(part for part in (name, number, key) if part)


def _of_number(rows: QuerySet[Any], term: str) -> QuerySet[Any]:
    """Rows of one whole number, by its hash: never of the beginning of one [R-4.13]."""
    return rows.filter(phone_hash__in=hashes_meant(term))


def _suppression(row: Suppression) -> str:
    number = phone_mask(row.phone) if row.phone else "erased"
    brand = row.brand.name if row.brand else "every brand"
    ended = " (ended)" if row.lifted_at else ""
    return f"{number}, {row.reason.replace('_', ' ')}, {brand}, {row.created_at:%Y-%m-%d}{ended}"


def _consent(row: ConsentEvent) -> str:
    at = f"{row.captured_at:%Y-%m-%d %H:%M}"
    return (
        f"{at}, {row.direction} {row.purpose}, {row.brand.name}, by {row.method.replace('_', ' ')}"
    )


def _list(row: Audience | Segment | OptInForm | ImportFolder) -> str:
    return f"{row.name}, {row.brand.name}"


def _import(row: ImportJob) -> str:
    state = row.state.replace("_", " ")
    return f"{row.file_name}, {row.brand.name}, {row.created_at:%Y-%m-%d} ({state})"


def _mapping(row: ImportMapping) -> str:
    return f"{row.name}, for {row.kind.replace('_', ' ')}"


def _upload(row: ImportFile) -> str:
    return f"{row.file_name}, uploaded {row.created_at:%Y-%m-%d %H:%M}"


def _field(row: CustomField) -> str:
    return f"{row.label}, {row.type}" + (" (archived)" if row.archived_at else "")


def _clearing(row: BlockClearing) -> str:
    brand = row.brand.name if row.brand else "every brand"
    return f"{row.created_at:%Y-%m-%d %H:%M}, {row.count} blocks of {brand}"


def _uploads(actor: Actor) -> QuerySet[ImportFile]:
    return ImportFile.objects.filter(uploaded_by=actor.user)


def _branded(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.select_related("brand")


choosers.add(
    Chooser(
        noun="contact",
        fields=("contact_id", "other_contact_id", "contact_ids"),
        visible=contacts_visible,
        label=contact_label,
        find=contacts_searched,
        permission="contacts.contact_view",
        counted="search",
        hint="A whole number, the last four digits and a name, a name, or a customer key.",
    ),
    Chooser(
        noun="suppression",
        fields=("suppression_id", "suppression_ids"),
        visible=lambda actor: _branded(suppressions_visible(actor)),
        label=_suppression,
        find=_of_number,
        permission="contacts.opt_out_view",
        counted="search",
        hint=WHOLE_NUMBER,
    ),
    Chooser(
        noun="consent",
        fields=("consent_event_id",),
        visible=lambda actor: _branded(consents_visible(actor)),
        label=_consent,
        find=_of_number,
        permission="contacts.consent_view",
        counted="search",
        hint=WHOLE_NUMBER,
    ),
    Chooser(
        noun="audience",
        fields=("audience_id",),
        visible=lambda actor: _branded(audiences_visible(actor).filter(archived_at=None)),
        label=_list,
        order=("name", "pk"),
        permission="contacts.audience_view",
    ),
    Chooser(
        noun="segment",
        fields=("segment_id",),
        visible=lambda actor: _branded(segments_visible(actor).filter(archived_at=None)),
        label=_list,
        order=("name", "pk"),
        permission="campaigns.campaign_view",
    ),
    Chooser(
        noun="import",
        fields=("import_id",),
        visible=lambda actor: _branded(imports_visible(actor)),
        label=_import,
        names=("file_name", "brand__name", "state"),
        permission="contacts.import_view",
        hint="Write a part of the file's name, or a state such as done.",
    ),
    Chooser(
        noun="mapping",
        fields=("mapping_id",),
        visible=mappings_visible,
        label=_mapping,
        order=("name", "pk"),
        permission="contacts.import_view",
    ),
    Chooser(
        noun="folder",
        fields=("folder_id",),
        visible=lambda actor: _branded(folders_visible(actor)),
        label=_list,
        order=("name", "pk"),
        permission="contacts.import_view",
    ),
    Chooser(
        noun="upload",
        fields=("upload_id",),
        visible=_uploads,
        label=_upload,
        names=("file_name",),
        order=("-created_at", "-pk"),
        permission="contacts.import_start",
        hint="Write a part of the file's name.",
    ),
    Chooser(
        noun="custom field",
        fields=("field_id",),
        visible=fields_visible,
        label=_field,
        names=("label", "name"),
        order=("label", "pk"),
    ),
    Chooser(
        noun="opt-in form",
        fields=("form_id", "double_opt_in_form_id"),
        visible=lambda actor: _branded(forms_visible(actor)),
        label=_list,
        order=("name", "pk"),
        permission="contacts.form_view",
    ),
    Chooser(
        noun="clearing",
        fields=("clearing_id",),
        visible=lambda actor: _branded(clearings_visible(actor)),
        label=_clearing,
        names=("note",),
        permission="contacts.opt_out_view",
        hint="Write a part of its note.",
    ),
)
