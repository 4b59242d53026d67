"""Templates: the list, the versions of one with what changed, and the form for a new version."""

from __future__ import annotations

import difflib
import re
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from smsmarketing.accounts.selectors import person_name
from smsmarketing.campaigns.admin.calls import (
    KEY_FIELD,
    Answer,
    answer_tell,
    errors_split,
    key_new,
    key_of,
    page_call,
    search_of,
)
from smsmarketing.campaigns.admin.copy_form import (
    FieldRow,
    fit_call,
    fit_panel,
    fit_view,
    message_read,
    replaced,
    rows_complete,
    rows_of,
    rows_read,
    rows_shown,
    whole,
)
from smsmarketing.campaigns.admin.steps import missing_words
from smsmarketing.campaigns.models import Template, TemplateVersion
from smsmarketing.campaigns.selectors import brands_usable, templates_visible
from smsmarketing.operations.errors import VersionConflict
from smsmarketing.operations.surfaces.admin import OperationAdmin
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.types import Actor
from smsmarketing.operations.versions import version_token

PAGE_SIZE = 25
SAVE = "campaigns.template_save"
USE_CASES = {
    "promotion": "Promotion",
    "reminder": "Reminder",
    "transactional": "Transactional",
    "otp": "One-time code",
}
TEXTS = ("name", "brand_id", "use_case", "language", "message", "opt_out_line", "change_note")
_WORDS = re.compile(r"\s+|\{\w+\}|\w+|[^\w\s]")


@admin.register(Template)
class TemplateAdmin(OperationAdmin):
    """Texts of one's teams. A change is always a new version."""

    view_permission = "campaigns.template_view"
    icon = "article"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Templates of the person's teams."""
        return templates_visible(actor)

    def get_urls(self) -> list[URLPattern]:
        """Own pages come before the admin's own patterns."""
        guard = self.admin_site.admin_view
        own = [
            path("new/", guard(self.new), name="campaigns_template_new"),
            path("<int:pk>/version/", guard(self.version), name="campaigns_template_version"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """By name, each with its newest version."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        actor = admin_actor(request)
        rows = self.visible(actor).select_related("brand").prefetch_related("versions")
        search, use_case = search_of(request), request.GET.get("use", "")
        if search:
            rows = rows.filter(name__icontains=search)
        if use_case in USE_CASES:
            rows = rows.filter(use_case=use_case)
        page = Paginator(rows.order_by("name", "pk"), PAGE_SIZE).get_page(request.GET.get("page"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Templates",
            "opts": self.model._meta,
            "page": page,
            "rows": [
                (row, max(row.versions.all(), key=lambda version: version.number, default=None))
                for row in page.object_list
            ],
            "search": search,
            "use_case": use_case,
            "use_cases": USE_CASES,
            "may_save": actor.may(SAVE),
        }
        return TemplateResponse(request, "admin/campaigns/template_list.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Every version, newest first, with what differs from the one before, or between two chosen ones."""
        if request.method not in {"GET", "HEAD"}:
            raise PermissionDenied
        template = self.template_or_404(request, object_id)
        actor = admin_actor(request)
        versions = list(template.versions.select_related("created_by").order_by("-number"))
        newest = versions[0] if versions else None
        preview: dict[str, Any] = {}
        if newest is not None:
            preview = fit_panel(
                request,
                brand_id=template.brand_id,
                message=with_opt_out(newest.body, newest.opt_out_line),
                fields=newest.fields,
                purpose=_purpose(template.use_case),
            )
        context = {
            **self.admin_site.each_context(request),
            "title": template.name,
            "opts": self.model._meta,
            "original": template,
            "template": template,
            "use_case": USE_CASES.get(template.use_case, template.use_case),
            "newest": newest,
            "preview": preview,
            "sender": template.brand.name_in_texts,
            "history": _history(versions),
            "versions": versions,
            "compared": _compared(request, versions),
            "may_save": actor.may(SAVE),
            "may_edit": actor.may("campaigns.campaign_edit"),
            "save_refused": "" if actor.may(SAVE) else missing_words("New version", SAVE),
        }
        return TemplateResponse(request, "admin/campaigns/template_page.html", context)

    def new(self, request: HttpRequest) -> HttpResponse:
        """A new template."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._form(request, None)

    def version(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A new version of a template."""
        return self._form(request, self.template_or_404(request, pk))

    def template_or_404(self, request: HttpRequest, pk: Any) -> Template:
        """A template the person may see."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.visible(admin_actor(request)).select_related("brand")
        found = rows.filter(pk=pk).first() if str(pk).isdecimal() else None
        if found is None:
            raise Http404("There is no such template, or it is not for you.")
        template: Template = found
        return template

    def _form(self, request: HttpRequest, template: Template | None) -> HttpResponse:
        actor = admin_actor(request)
        form = _Form(request, actor, template)
        if request.method == "POST":
            done = form.post()
            if done is not None:
                return done
        else:
            form.fill()
        context = {
            **self.admin_site.each_context(request),
            "title": f"New version: {template.name}" if template else "New template",
            "opts": self.model._meta,
            "original": template,
            "template": template,
            "refused": "" if actor.may(SAVE) else missing_words("Save", SAVE),
            "brands": brands_usable(actor).order_by("name"),
            "use_cases": USE_CASES,
            "key_field": KEY_FIELD,
            **form.context(),
        }
        return TemplateResponse(
            request, "admin/campaigns/template_form.html", context, status=form.answer.status
        )


class _Form:
    """What stands in the form of a version."""

    def __init__(self, request: HttpRequest, actor: Actor, template: Template | None) -> None:
        self.request = request
        self.actor = actor
        self.template = template
        self.values: dict[str, str] = dict.fromkeys(TEXTS, "")
        self.rows: list[FieldRow] = []
        self.official = False
        self.token = version_token(template, actor) if template else ""
        self.key = key_new()
        self.answer = Answer()

    def fill(self) -> None:
        """Open with the newest version's text."""
        self.values |= {"use_case": "promotion", "language": "en"}
        brands = list(brands_usable(self.actor).values_list("pk", flat=True)[:2])
        if len(brands) == 1:
            self.values["brand_id"] = str(brands[0])
        if self.template is None:
            return
        self.values |= {
            "name": self.template.name,
            "brand_id": str(self.template.brand_id),
            "use_case": self.template.use_case,
        }
        newest = self.template.versions.order_by("-number").first()
        if newest is not None:
            self.values |= {
                "message": newest.body,
                "language": newest.language,
                "opt_out_line": newest.opt_out_line,
            }
            self.rows = rows_of(newest.fields)

    def post(self) -> HttpResponse | None:
        """Preview, replace characters, or save; a response when it was saved."""
        data = self.request.POST
        for name in TEXTS:
            self.values[name] = (
                data.get(name, "").strip() if name != "message" else message_read(data)
            )
        if self.template is not None:
            self.values["brand_id"] = str(self.template.brand_id)
        self.rows = rows_read(data)
        self.official = "official" in data
        self.key = key_of(self.request) or self.key
        do = data.get("do", "save")
        if do == "preview":
            self.rows = rows_complete(self.rows, self.values["message"])
            return None
        if do == "replace":
            self.values["message"] = replaced(self.values["message"], self._fit())
            return None
        if do != "save_over":
            self.token = data.get("base_version_token", "")
        return self._save()

    def context(self) -> dict[str, Any]:
        """What the template gets."""
        at_fields, on_top = errors_split(self.answer, (*TEXTS, "body", "fields"))
        if "body" in at_fields:
            at_fields.setdefault("message", at_fields["body"])
        return {
            "values": self.values,
            "rows": rows_shown(self.rows, self.answer.errors),
            "official": self.official,
            "errors": at_fields,
            "on_top": on_top,
            "stale": isinstance(self.answer.error, VersionConflict),
            "token": self.token,
            "idempotency_key": self.key,
            "preview": fit_view(self._fit(), self._fields()),
            "purpose": _purpose(self.values["use_case"]),
        }

    def _save(self) -> HttpResponse | None:
        payload: dict[str, Any] = {
            "body": self.values["message"],
            "fields": [row.payload() for row in self.rows],
            "official": self.official,
        }
        for name in ("name", "use_case", "language", "opt_out_line", "change_note"):
            if self.values[name]:
                payload[name] = self.values[name]
        if self.template is not None:
            payload |= {"template_id": self.template.pk, "base_version_token": self.token}
        elif self.values["brand_id"]:
            payload["brand_id"] = whole(self.values["brand_id"])
        self.answer = page_call(self.request, "templates.save", payload, idempotency_key=self.key)
        if not self.answer.ok:
            self.rows = rows_complete(self.rows, self.values["message"])
            self.key = key_new()
            return None
        answer_tell(self.request, self.answer, "The version is saved.")
        pk = self.template.pk if self.template else getattr(self.answer.result, "template_id", None)
        if pk is None:
            return HttpResponseRedirect(reverse("admin:campaigns_template_changelist"))
        return HttpResponseRedirect(reverse("admin:campaigns_template_change", args=[pk]))

    def _fields(self) -> list[dict[str, Any]]:
        return [row.payload() for row in rows_complete(self.rows, self.values["message"])]

    def _fit(self) -> Answer:
        return fit_call(
            self.request,
            brand_id=self.values["brand_id"],
            message=with_opt_out(self.values["message"], self.values["opt_out_line"]),
            fields=self._fields(),
            purpose=_purpose(self.values["use_case"]),
        )


def with_opt_out(text: str, line: str) -> str:
    """The text with the version's own opt-out line, as it is composed when it is sent."""
    return f"{text}\n{line}" if line and line not in text else text


def _purpose(use_case: str) -> str:
    return "marketing" if use_case == "promotion" else "transactional"


def _history(versions: list[TemplateVersion]) -> list[dict[str, Any]]:
    """Each version with the difference from the one before it."""
    return [
        {
            "version": version,
            "by": person_name(version.created_by),
            "diff": text_diff(before.body, version.body) if before else [("same", version.body)],
            "fields": ", ".join(
                f"{{{field['name']}}} up to {field['max_chars']}" for field in version.fields
            ),
        }
        for version, before in zip(versions, [*versions[1:], None], strict=True)
    ]


def _compared(request: HttpRequest, versions: list[TemplateVersion]) -> dict[str, Any] | None:
    """Two chosen versions side by side."""
    by_number = {str(version.number): version for version in versions}
    old = by_number.get(request.GET.get("from", ""))
    new = by_number.get(request.GET.get("to", ""))
    if old is None or new is None:
        return None
    return {"old": old, "new": new, "diff": text_diff(old.body, new.body)}


def text_diff(old: str, new: str) -> list[tuple[str, str]]:
    """Runs of `same`, `gone` and `new` text, word by word."""
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    runs: list[tuple[str, str]] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        if kind == "equal":
            runs.append(("same", "".join(before[a:b])))
            continue
        if a != b:
            runs.append(("gone", "".join(before[a:b])))
        if c != d:
            runs.append(("new", "".join(after[c:d])))
    return runs
