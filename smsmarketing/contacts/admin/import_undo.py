"""The page that shows what undoing an import would do, and does it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from smsmarketing.contacts.admin.import_calls import started_tell
from smsmarketing.contacts.models import ImportJob
from smsmarketing.contacts.services.imports import undo_check
from smsmarketing.operations import registry
from smsmarketing.operations.access import access_check
from smsmarketing.operations.errors import Conflict, OperationError
from smsmarketing.operations.surfaces.admin.calls import page_call
from smsmarketing.operations.types import Actor, Done


def may_undo(job: ImportJob, actor: Actor) -> bool:
    """Whether the page offers the undo."""
    try:
        undo_check(job, now=timezone.now())
        access_check(registry.get("imports.undo"), actor)
    except (Conflict, OperationError):
        return False
    return True


def undo_page(admin: Any, request: HttpRequest, job: ImportJob) -> HttpResponse:
    """GET shows the forecast; POST undoes what was forecast."""
    error = ""
    status = 200
    address = reverse("admin:contacts_importjob_change", args=[job.pk])
    if request.method == "POST":
        asked = {
            "import_id": job.pk,
            "undo_preview_id": request.POST.get("undo_preview_id", ""),
            "reason": request.POST.get("reason", "").strip(),
        }
        answer = page_call(request, "imports.undo", asked)
        if not isinstance(answer, OperationError):
            if isinstance(answer, Done):
                messages.success(request, "The undo has started. You may leave this page.")
            else:
                started_tell(request, answer)
            return HttpResponseRedirect(address)
        error, status = answer.message, answer.http_status
    preview = page_call(request, "imports.undo_preview", {"import_id": job.pk})
    if isinstance(preview, OperationError):
        error, status = error or preview.message, preview.http_status
    context = {
        **admin.admin_site.each_context(request),
        "title": f"Undo the import of {job.file_name}",
        "opts": admin.model._meta,
        "job": job,
        "preview": preview.result if isinstance(preview, Done) else None,
        "error": error,
        "reason": request.POST.get("reason", ""),
    }
    return TemplateResponse(request, "admin/contacts/import_undo.html", context, status=status)
