"""Contacts: a list with masked numbers, and a page with consent, opt-outs and lists of one person."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.admin.duplicates import (
    duplicates_page,
    may_merge,
    merge_button,
    merge_page,
)
from smsmarketing.contacts.admin.erased import erased_page
from smsmarketing.contacts.admin.lists import (
    AudienceFilter,
    CappedPaginator,
    CountryFilter,
    StateFilter,
    TrashFilter,
    search_allowed,
)
from smsmarketing.contacts.admin.suppressions import REASON_WORDS as SUPPRESSION_WORDS
from smsmarketing.contacts.admin.suppressions import SOURCE_WORDS
from smsmarketing.contacts.models import ConsentEvent, Contact, SendState, Suppression
from smsmarketing.contacts.rules.lifting import lift_words
from smsmarketing.contacts.rules.phone import phone_hide, phone_mask
from smsmarketing.contacts.rules.proof_words import word_of
from smsmarketing.contacts.selectors import (
    audiences_visible,
    contacts_visible,
    suppressions_visible,
)
from smsmarketing.contacts.selectors.contacts import contacts_searched, contacts_seen
from smsmarketing.contacts.selectors.merged import merged_heir
from smsmarketing.contacts.selectors.numbers import number_spans, spans_q, suppression_then
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.surfaces.admin.calls import page_call
from smsmarketing.operations.surfaces.admin.links import call_url
from smsmarketing.operations.text import untrusted_clean
from smsmarketing.operations.types import Actor, Done
from smsmarketing.operations.versions import version_token

REASON_WORDS = {
    None: "may be texted",
    "opted_out": "opted out",
    "no_consent": "no consent",
    "consent_incomplete": "consent incomplete",
    "consent_expired": "consent expired",
    "complaint": "complained",
    "blocked": "blocked",
    "legal": "on a legal register",
    "reassigned": "number has a new owner",
    "invalid": "invalid number",
    "landline": "landline",
    "unreachable": "unreachable",
    "on_hold": "on hold until a person decides",
    "trashed": "in the trash",
}

KEY = "contacts.timeline"
NEXT_STEPS = {
    "opted_out": "Only the person can end it, by writing START or by a new consent.",
    "no_consent": "Record the consent with Change, or import it with its evidence.",
    "consent_incomplete": "Record the consent again with the text that was shown and where.",
    "consent_expired": "Ask the person for a new consent.",
    "complaint": "Nobody may text. Compliance decides on a lift.",
    "blocked": "Your own block: see it below; compliance can lift it.",
    "legal": "Nobody may text. Compliance decides on a lift.",
    "reassigned": "Ask the person for the present number.",
    "invalid": "Ask the person for the present number.",
    "landline": "Ask the person for a mobile number.",
    "unreachable": "It is tried again when the block runs out.",
    "on_hold": "Decide the reply under Replies to decide.",
    "trashed": "Restore the contact first.",
}
"""What one can do about a reason."""


def _id(row: Contact, actor: Actor) -> dict[str, Any]:
    return {"contact_id": row.pk}


def _upsert_fields(row: Contact, actor: Actor) -> dict[str, Any]:
    return {"contact_id": row.pk, "base_version_token": version_token(row, actor)}


def _proof_fields(row: Contact, actor: Actor) -> dict[str, Any]:
    """The brand is filled in when there is only one it can be."""
    brands = {state.brand_id for state in getattr(row, "own_states", [])}
    return {"contact_id": row.pk, **({"brand_id": brands.pop()} if len(brands) == 1 else {})}


@admin.register(Contact)
class ContactAdmin(OperationAdmin):
    """Contacts of the person's brands."""

    view_permission = "contacts.contact_view"
    icon = "contacts"
    paginator = CappedPaginator
    list_display = (
        "number",
        "person",
        "country",
        "language",
        "tag_words",
        "marketing",
        "updated_at",
    )
    list_filter = (StateFilter, CountryFilter, AudienceFilter, TrashFilter)
    ordering = ("-id",)
    search_fields = ("customer_key",)
    search_help_text = (
        "A whole number (+447…), a name, a customer id, or the last four digits with a name."
    )
    list_operations = (
        OperationButton(key="contacts.upsert", label="Add a contact", icon="add"),
        OperationButton(key="contacts.opt_out", label="Opt a number out", icon="block"),
        OperationButton(
            key="contacts.export",
            label="Export",
            icon="download",
            leads_to="admin:contacts_exportfile_changelist",
        ),
    )
    change_list_template = "admin/contacts/contact_list.html"
    operation_buttons = (
        OperationButton(key="contacts.upsert", label="Change", icon="edit", initial=_upsert_fields),
        OperationButton(
            key="contacts.opt_out",
            label="Opt out",
            icon="block",
            initial=lambda row, actor: {"contact_id": row.pk},
        ),
        OperationButton(
            key="contacts.delete",
            label="Move to trash",
            icon="delete",
            when=lambda row: row.trashed_at is None,
        ),
        OperationButton(key="contacts.erase", label="Erase", icon="delete_forever", initial=_id),
        OperationButton(
            key="contacts.reveal",
            label="Reveal number",
            icon="visibility",
            when=lambda row: row.phone is not None,
            initial=lambda row, actor: {"contact_ids": row.pk},
        ),
        OperationButton(
            key="contacts.restore",
            label="Restore",
            icon="restore_from_trash",
            when=lambda row: row.trashed_at is not None,
        ),
        OperationButton(
            key="contacts.export_person",
            label="Export everything",
            icon="download",
            initial=_id,
            leads_to="admin:contacts_exportfile_changelist",
        ),
        OperationButton(
            key="contacts.consent_proof",
            label="Proof pack",
            icon="gavel",
            initial=_proof_fields,
            leads_to="admin:contacts_exportfile_changelist",
        ),
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Contacts with a send state for a brand of the person."""
        states = SendState.objects.filter(brand__in=brands_visible(actor)).select_related("brand")
        return contacts_visible(actor).prefetch_related(
            Prefetch("send_states", queryset=states, to_attr="own_states")
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The list, with the way to the import."""
        actor = admin_actor(request)
        more = {
            "may_import": actor.may("contacts.import_start"),
            "may_merge": may_merge(actor),
        }
        return super().changelist_view(request, {**(extra_context or {}), **more})

    def get_urls(self) -> list[URLPattern]:
        """The pages about duplicates come before the admin's own patterns."""
        wrap = self.admin_site.admin_view
        return [
            path("duplicates/", wrap(self.duplicates), name="contacts_duplicates"),
            path("<int:pk>/merge/", wrap(self.merge), name="contacts_merge"),
            *super().get_urls(),
        ]

    def duplicates(self, request: HttpRequest) -> HttpResponse:
        """Contacts that may be one person."""
        return duplicates_page(self, request)

    def merge(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Two contacts side by side."""
        return merge_page(self, request, pk)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Exact number, or last four digits with a name; never the beginning of a number [R-4.13]."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if not search_allowed(request):
            return queryset.none(), False
        return contacts_searched(queryset, term), False

    @admin.display(description="Number")
    def number(self, row: Contact) -> str:
        """Masked [R-4.12]."""
        return phone_mask(row.phone) if row.phone else "erased"

    @admin.display(description="Name")
    def person(self, row: Contact) -> str:
        """Cleaned: names come from outside."""
        name = untrusted_clean(f"{row.first_name} {row.last_name}".strip())
        return phone_hide(name, row.phone or "") or "—"

    @admin.display(description="Tags")
    def tag_words(self, row: Contact) -> str:
        """All tags."""
        return phone_hide(untrusted_clean(", ".join(row.tags)), row.phone or "") or "—"

    @admin.display(description="Marketing")
    def marketing(self, row: Contact) -> str:
        """By brand."""
        states = getattr(row, "own_states", [])
        return "; ".join(
            f"{state.brand.name}: {REASON_WORDS.get(state.marketing_reason, state.marketing_reason)}"
            for state in states
        )

    def _gone(self, request: HttpRequest, object_id: str, actor: Actor) -> HttpResponse:
        """The page of a person who was erased; Http404 for every other id."""
        seen = contacts_seen(actor).filter(pk=object_id) if object_id.isdecimal() else None
        erased = seen.first() if seen is not None else None
        if erased is None:
            raise Http404("There is no such contact, or it is not for you.")
        return erased_page(self, request, erased, actor)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Everything known of one person, and why they may or may not be texted."""
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied
        actor = admin_actor(request)
        rows = self.visible(actor)
        contact = rows.filter(pk=object_id).first() if object_id.isdecimal() else None
        if contact is None:
            return self._gone(request, object_id, actor)
        context = {
            **self.admin_site.each_context(request),
            "title": self.person(contact) if self.person(contact) != "—" else self.number(contact),
            "opts": self.model._meta,
            "contact": contact,
            "number": self.number(contact),
            "name": self.person(contact),
            "tag_words": self.tag_words(contact),
            "line": word_of("line_type", contact.line_type),
            **{
                name: phone_hide(untrusted_clean(getattr(contact, name)), contact.phone or "")
                for name in ("customer_key", "customer_group", "source")
            },
            "states": [
                (
                    state.brand,
                    REASON_WORDS.get(state.marketing_reason),
                    REASON_WORDS.get(state.transactional_reason),
                    state,
                    NEXT_STEPS.get(state.marketing_reason or "", ""),
                )
                for state in contact.own_states
            ],
            "consents": self._consents(contact, actor),
            "suppressions": self._suppressions(contact, actor),
            "audiences": audiences_visible(actor).filter(members__contact=contact).order_by("name"),
            "custom": [
                (key, phone_hide(untrusted_clean(str(value)), contact.phone or ""))
                for key, value in contact.custom.items()
            ],
            "operation_buttons": [
                *self.buttons_for(request, contact),
                *merge_button(contact, actor),
            ],
            "heir": merged_heir(contact),
            **self._story(request, contact),
        }
        return TemplateResponse(request, "admin/contacts/contact.html", context)

    def _story(self, request: HttpRequest, contact: Contact) -> dict[str, Any]:
        """A page of the timeline; an old or foreign mark begins with the newest again."""
        payload = {"contact_id": contact.pk, "limit": 25}
        cursor = request.GET.get("older", "")
        answer = page_call(request, KEY, {**payload, **({"cursor": cursor} if cursor else {})})
        if isinstance(answer, OperationError) and cursor:
            answer, cursor = page_call(request, KEY, payload), ""
        shown = answer.result.model_dump() if isinstance(answer, Done) else {}
        return {
            "story": shown.get("items", []),
            "older": shown.get("next_cursor") or "",
            "paged": bool(cursor),
        }

    def _suppressions(
        self, contact: Contact, actor: Actor
    ) -> list[tuple[Suppression, str, str, str, bool]]:
        """Newest first, with reason, source and who may end it in words, and whether it is of the
        number the contact has now.
        """
        spans = number_spans([contact])
        own = spans_q(spans, begun="created_at", ended=("lifted_at", "expires_at"))
        rows = suppressions_visible(actor).filter(own).select_related("brand", "lift")
        return [
            (
                suppression_then(row, spans),
                SUPPRESSION_WORDS[row.reason],
                SOURCE_WORDS[row.source],
                lift_words(row.reason),
                bytes(row.phone_hash) == bytes(contact.phone_hash),
            )
            for row in rows.order_by("-id")[:50]
        ]

    def _consents(
        self, contact: Contact, actor: Actor
    ) -> list[tuple[ConsentEvent, str, str, str, bool]]:
        """Newest first, with direction and method in words, the way to its document, and whether the
        event is of the number the contact has now [R-4.3].
        """
        files = reverse("admin:contacts_exportfile_changelist")
        may = actor.may("contacts.person_export")
        events = ConsentEvent.objects.filter(contact=contact, brand__in=brands_visible(actor))
        newest = events.select_related("brand").order_by("-captured_at", "-id")[:50]
        return [
            (
                event,
                word_of("direction", event.direction),
                f"{event.basis}, {event.method}".replace("_", " "),
                call_url("consent.document", next_url=files, consent_event_id=event.pk)
                if may and event.evidence_file_id
                else "",
                bytes(event.phone_hash) == bytes(contact.phone_hash),
            )
            for event in newest
        ]
