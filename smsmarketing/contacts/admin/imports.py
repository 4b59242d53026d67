"""Imports in the admin: the list, the wizard (upload, columns, dry run, confirm) and the live page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.admin.import_calls import started_tell
from smsmarketing.contacts.admin.import_form import MappingForm
from smsmarketing.contacts.admin.import_rejects import rejects_response
from smsmarketing.contacts.admin.import_undo import may_undo, undo_page
from smsmarketing.contacts.models import ImportFile, ImportJob
from smsmarketing.contacts.operations.import_shapes import import_out
from smsmarketing.contacts.operations.import_undo import undo_words
from smsmarketing.contacts.rules.import_fields import KINDS
from smsmarketing.contacts.rules.import_files import SIZE_MAX
from smsmarketing.contacts.selectors import imports_visible
from smsmarketing.contacts.services.imports import upload_record, upload_size_check
from smsmarketing.operations import registry
from smsmarketing.operations.access import access_check
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.surfaces.admin import OperationAdmin
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.surfaces.admin.calls import page_call
from smsmarketing.operations.types import Actor

START = "contacts.import_start"
OPEN = ("uploaded", "running", "undoing")
PHASE_WORDS = {
    "": "waiting for a worker",
    "reading": "reading the file",
    "comparing": "comparing with the contacts",
    "checked": "comparing with the contacts",
    "merging": "bringing the rows in",
    "trashing": "taking new contacts to the trash",
    "returned": "taking contacts back to the trash",
    "consents": "ending the recorded consents",
    "fields": "giving earlier values back",
    "members": "taking contacts off the list",
    "states": "checking who knows the brand",
}
_BLOCK = 2**20


_RESULT = {
    "create": "new",
    "change": "changed",
    "unchanged": "unchanged",
    "repeated": "said again",
    "rejected": "rejected",
}


@admin.register(ImportJob)
class ImportJobAdmin(OperationAdmin):
    """Imports of the person's teams."""

    view_permission = "contacts.import_view"
    icon = "upload_file"
    list_display = (
        "file_name",
        "kind_words",
        "state",
        "brand",
        "rows",
        "result",
        "created_by",
        "created_at",
    )
    list_filter = ("state", "kind")
    search_fields = ("file_name",)
    ordering = ("-id",)
    change_list_template = "admin/contacts/import_list.html"

    def visible(self, actor: Actor) -> Any:
        """Imports of the person's teams."""
        return imports_visible(actor).select_related("brand", "created_by")

    @admin.display(description="Kind", ordering="kind")
    def kind_words(self, row: ImportJob) -> str:
        """In words."""
        return str(row.kind).replace("_", "-")

    @admin.display(description="Rows")
    def rows(self, row: ImportJob) -> str:
        """Rows with content."""
        return f"{row.counts.get('rows', 0):,}"

    @admin.display(description="Result")
    def result(self, row: ImportJob) -> str:
        """In short."""
        if row.error_message:
            return str(row.error_message)[:80]
        return ", ".join(
            f"{row.counts[word]:,} {said}" for word, said in _RESULT.items() if row.counts.get(word)
        )

    def get_urls(self) -> list[URLPattern]:
        """The wizard's pages come before the admin's own patterns."""
        wrap = self.admin_site.admin_view
        return [
            path("new/", wrap(self.upload_page), name="contacts_import_new"),
            path("new/<uuid:upload_id>/", wrap(self.mapping_page), name="contacts_import_mapping"),
            path("<int:pk>/progress/", wrap(self.progress), name="contacts_import_progress"),
            path("<int:pk>/undo/", wrap(self.undo_page), name="contacts_import_undo"),
            path("<int:pk>/rejected.csv", wrap(self.rejects), name="contacts_import_rejects"),
            *super().get_urls(),
        ]

    @property
    def upload_page(self) -> Any:
        """The form token is checked behind the size: reading it would read the whole body."""

        @csrf_exempt
        def page(request: HttpRequest) -> HttpResponse:
            if request.method == "POST":
                try:
                    upload_size_check(request.META.get("CONTENT_LENGTH") or "0")
                except OperationError as exc:
                    # The person is not even looked up: that would check the form token, too.
                    return render(
                        request,
                        "admin/contacts/import_too_large.html",
                        {"message": exc.message},
                        status=exc.http_status,
                    )
            return csrf_protect(self._upload)(request)

        return page

    def _upload(self, request: HttpRequest) -> HttpResponse:
        _allowed(request)
        if request.method != "POST":
            return self._upload_form(request, None)
        file = request.FILES.get("file")
        try:
            if file is None:
                return self._upload_form(request, None, missing=True)
            upload = upload_record(
                admin_actor(request), file.chunks(_BLOCK), file.name or "upload.csv"
            )
        except OperationError as exc:
            return self._upload_form(request, exc)
        kind = request.POST.get("kind", "")
        kind = kind if kind in KINDS else "contacts"
        address = reverse("admin:contacts_import_mapping", args=[upload.pk])
        brand = request.POST.get("brand_id", "")
        query = f"?kind={kind}" + (f"&brand_id={brand}" if brand.isdecimal() else "")
        return HttpResponseRedirect(address + query)

    def _upload_form(
        self,
        request: HttpRequest,
        error: OperationError | None,
        *,
        missing: bool = False,
    ) -> HttpResponse:
        given = request.POST
        context = {
            **self.admin_site.each_context(request),
            "title": "Import a file",
            "opts": self.model._meta,
            "error": "Choose a file first." if missing else (error.message if error else ""),
            "brands": brands_visible(admin_actor(request)).order_by("name"),
            "brand_id": given.get("brand_id", ""),
            "kind": given.get("kind", "contacts"),
            "size_max": SIZE_MAX // 2**20,
        }
        status = error.http_status if error else (422 if missing else 200)
        return TemplateResponse(
            request, "admin/contacts/import_upload.html", context, status=status
        )

    def mapping_page(self, request: HttpRequest, upload_id: UUID) -> HttpResponse:
        """How the file is read: columns, encoding, consent evidence. POST makes the dry run."""
        _allowed(request)
        actor = admin_actor(request)
        upload = ImportFile.objects.filter(pk=upload_id, uploaded_by=actor.user).first()
        if upload is None:
            raise Http404("There is no such upload of yours.")
        form = MappingForm(request, actor, upload)
        if request.method == "POST" and not form.look_error:
            job_id = form.send()
            if job_id is not None:
                return HttpResponseRedirect(
                    reverse("admin:contacts_importjob_change", args=[job_id])
                )
        context = {
            **self.admin_site.each_context(request),
            "title": f"Columns of {upload.file_name}",
            "opts": self.model._meta,
            **form.context(),
        }
        return TemplateResponse(
            request, "admin/contacts/import_mapping.html", context, status=form.status
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Dry run, progress or result of one import. POST confirms the dry run."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        job = self._job(request, object_id)
        if request.method == "POST":
            answer = page_call(request, "imports.start", {"import_id": job.pk})
            started_tell(request, answer)
            return HttpResponseRedirect(request.path)
        shown = import_out(job)
        context = {
            **self.admin_site.each_context(request),
            "title": job.file_name,
            "opts": self.model._meta,
            "job": job,
            "shown": shown,
            "open": job.state in OPEN,
            "phase_words": PHASE_WORDS.get(job.phase, job.phase),
            "may_start": admin_actor(request).may(START),
            "may_undo": may_undo(job, admin_actor(request)),
            "undo_words": undo_words(job.undo_counts) if job.undo_counts else [],
            "audience": job.audience,
            "consent": job.options.get("consent"),
            "by_row": any(name.startswith("consent.") for name in job.mapping.values()),
            "silent": _silent(job),
        }
        return TemplateResponse(request, "admin/contacts/import_page.html", context)

    def undo_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What an undo would do, in words, and the button that does it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return undo_page(self, request, self._job(request, str(pk)))

    def progress(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The live figures, for the page's script."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        shown = import_out(self._job(request, str(pk)))
        body = {"state": shown.state, "phase": shown.phase, "percent": shown.percent}
        return JsonResponse({**body, "counts": shown.counts.model_dump()})

    def rejects(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The rejected rows as a file: whole for who uploaded them, else with the numbers masked."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        job = self._job(request, str(pk))
        actor = admin_actor(request)
        if job.created_by_id != actor.user_id and not actor.may("contacts.phone_view"):
            raise PermissionDenied
        return rejects_response(job, actor)

    def _job(self, request: HttpRequest, object_id: str) -> ImportJob:
        rows = self.visible(admin_actor(request)).select_related("audience", "upload")
        job = rows.filter(pk=object_id).first() if object_id.isdecimal() else None
        if job is None:
            raise Http404("There is no such import, or it is not for you.")
        found: ImportJob = job
        return found


def _allowed(request: HttpRequest) -> None:
    try:
        access_check(registry.get("imports.preview"), admin_actor(request))
    except OperationError as exc:
        raise PermissionDenied(exc.message) from None


def _silent(job: ImportJob) -> bool:
    """Whether a job that should be worked on shows no sign of life: the worker is probably not up."""
    if job.state not in OPEN:
        return False
    last = job.heartbeat_at or job.started_at or job.created_at
    return (timezone.now() - last).total_seconds() > 30
