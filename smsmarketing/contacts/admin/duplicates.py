"""The pages about duplicates: groups of contacts that are alike, and two of them side by side."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from smsmarketing.contacts.admin.import_calls import started_tell
from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.selectors.events import fields_visible
from smsmarketing.operations import registry
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.surfaces.admin.calls import page_call
from smsmarketing.operations.surfaces.admin.links import callable_by
from smsmarketing.operations.types import Actor, Done

WAYS = (
    ("customer_key", "The same customer id, capitals aside"),
    ("crm_key", "The same id in another system"),
    ("name_and_field", "The same name and the same custom field"),
)
TAKEABLE = {
    "first_name": "First name",
    "last_name": "Last name",
    "language": "Language",
    "region": "Region",
    "time_zone": "Time zone",
    "customer_key": "Customer id",
    "customer_group": "Customer group",
    "custom": "Custom fields",
    "crm_keys": "Ids in other systems",
}


def may_merge(actor: Actor) -> bool:
    """Whether the pages are offered."""
    return callable_by(registry.get("contacts.merge"), actor)


def merge_button(contact: Contact, actor: Actor) -> list[dict[str, Any]]:
    """The button of a contact's page."""
    if contact.trashed_at is not None or not may_merge(actor):
        return []
    return [
        {
            "label": "Merge with a duplicate",
            "title": registry.get("contacts.merge_preview").summary,
            "url": reverse("admin:contacts_merge", args=[contact.pk]),
            "danger": False,
            "icon": "merge",
        }
    ]


def duplicates_page(admin: Any, request: HttpRequest) -> HttpResponse:
    """GET: the groups of one way of being alike."""
    actor = admin_actor(request)
    if not may_merge(actor):
        raise PermissionDenied
    by = request.GET.get("by") or "customer_key"
    asked: dict[str, Any] = {"by": by}
    if by == "name_and_field":
        asked["custom_field"] = request.GET.get("custom_field") or None
    if cursor := request.GET.get("cursor"):
        asked["cursor"] = cursor
    names = fields_visible(actor).filter(applies_to="contact", archived_at=None)
    waits = by == "name_and_field" and not asked["custom_field"]
    answer = None if waits else page_call(request, "contacts.duplicates", asked)
    refused = answer if isinstance(answer, OperationError) else None
    context = {
        **admin.admin_site.each_context(request),
        "title": "Suspected duplicates",
        "opts": admin.model._meta,
        "ways": WAYS,
        "by": by,
        "custom_field": asked.get("custom_field") or "",
        "names": sorted(set(names.values_list("name", flat=True))),
        "found": answer.result if isinstance(answer, Done) else None,
        "error": _said(refused),
    }
    status = refused.http_status if refused else 200
    return TemplateResponse(request, "admin/contacts/duplicates.html", context, status=status)


def merge_page(admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """GET shows what a merge would do, or asks for the other contact; POST merges."""
    actor = admin_actor(request)
    if not may_merge(actor):
        raise PermissionDenied
    sent = request.POST if request.method == "POST" else request.GET
    other = sent.get("other", "").strip()
    asked: dict[str, Any] = {
        "contact_id": pk,
        "other_contact_id": other,
        "take": [name for name in sent.getlist("take") if name in TAKEABLE],
    }
    error, status = "", 200
    if request.method == "POST":
        tokens = {
            name: sent.get(name, "") for name in ("base_version_token", "other_version_token")
        }
        answer = page_call(request, "contacts.merge", {**asked, **tokens})
        if isinstance(answer, Done):
            messages.success(request, f"Contact {other} was merged into this one.")
        elif not isinstance(answer, OperationError):
            started_tell(request, answer)
        if not isinstance(answer, OperationError):
            return HttpResponseRedirect(reverse("admin:contacts_contact_change", args=[pk]))
        error, status = _said(answer), answer.http_status
    context = {
        **admin.admin_site.each_context(request),
        "title": "Merge two contacts",
        "opts": admin.model._meta,
        "pk": pk,
        "other": other,
        "takeable": [(name, label, name in asked["take"]) for name, label in TAKEABLE.items()],
        "preview": None,
        "suggested": [],
    }
    key, what = ("contacts.merge_preview", asked) if other else _suggestion(pk)
    shown = page_call(request, key, what)
    if isinstance(shown, OperationError):
        error, status = error or _said(shown), shown.http_status
    elif isinstance(shown, Done):
        result: Any = shown.result
        if other:
            context["preview"] = result
            context["fields"] = [(_label(field.name), field) for field in result.fields]
        else:
            context["suggested"] = [
                row for group in result.items for row in group.contacts if row.contact_id != pk
            ]
    context["error"] = error
    return TemplateResponse(request, "admin/contacts/merge.html", context, status=status)


def _label(name: str) -> str:
    field, _, key = name.partition(".")
    return f"{TAKEABLE.get(field, field)}: {key}" if key else TAKEABLE.get(field, field)


def _suggestion(pk: int) -> tuple[str, dict[str, Any]]:
    return "contacts.duplicates", {"contact_id": pk}


def _said(error: OperationError | None) -> str:
    return "" if error is None else " ".join([error.message, *error.field_errors.values()])
