"""Segments: the list, the page of one, and the builder with its preview."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from smsmarketing.accounts.selectors import person_name
from smsmarketing.campaigns.admin.calls import (
    KEY_FIELD,
    answer_tell,
    key_new,
    key_of,
    page_call,
    search_of,
)
from smsmarketing.campaigns.admin.segment_builder import SAVE, Builder
from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.rules.segment_starts import STARTS
from smsmarketing.contacts.criteria import criteria_parse, criteria_words
from smsmarketing.contacts.models import Segment
from smsmarketing.contacts.selectors import segments_visible
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.surfaces.admin import OperationAdmin
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.types import Actor
from smsmarketing.operations.versions import version_token

PAGE_SIZE = 25
_BODY_MAX = 200_000

if admin.site.is_registered(Segment):
    admin.site.unregister(Segment)


@admin.register(Segment)
class SegmentAdmin(OperationAdmin):
    """Saved criteria of one's teams. The builder makes and changes them."""

    view_permission = "contacts.segment_view"
    icon = "filter_alt"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Segments of the person's teams."""
        return segments_visible(actor)

    def get_urls(self) -> list[URLPattern]:
        """The builder comes before the admin's own patterns."""
        view = self.admin_site.admin_view
        own = [
            path("build/", view(self.build), name="segments_build"),
            path("count/", view(self.count), name="segments_count"),
            path("<int:pk>/archive/", view(self.archive), name="segments_archive"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Newest first, with the counts of the preview."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        actor = admin_actor(request)
        archived = request.GET.get("archived") == "1"
        rows = self.visible(actor).filter(archived_at__isnull=not archived)
        rows = rows.select_related("brand", "created_by").order_by("-id")
        search = search_of(request)
        if search:
            rows = rows.filter(name__icontains=search)
        page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Segments",
            "opts": self.model._meta,
            "page": page,
            "search": search,
            "archived": archived,
            "starts": STARTS.items(),
            "may_save": actor.may(SAVE),
        }
        return TemplateResponse(request, "admin/campaigns/segment_list.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """What the segment means, and the campaigns that use it."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        actor = admin_actor(request)
        rows = self.visible(actor).select_related("brand", "created_by")
        segment = rows.filter(pk=object_id).first() if object_id.isdecimal() else None
        if segment is None:
            raise Http404("There is no such segment, or it is not for you.")
        context = {
            **self.admin_site.each_context(request),
            "title": segment.name,
            "opts": self.model._meta,
            "original": segment,
            "segment": segment,
            "owner": person_name(segment.created_by),
            "criteria": json.dumps(segment.criteria, indent=2, ensure_ascii=False),
            "words": _words(segment),
            "token": version_token(segment, actor),
            "key_field": KEY_FIELD,
            "idempotency_key": key_new(),
            "cost": (
                segment.preview.get("estimated_cost"),
                segment.preview.get("currency", ""),
            ),
            "campaigns": Campaign.objects.filter(segment=segment).order_by("-id")[:20],
            "may_edit": actor.may("campaigns.campaign_edit"),
            "may_save": actor.may(SAVE),
        }
        return TemplateResponse(request, "admin/campaigns/segment_page.html", context)

    def build(self, request: HttpRequest) -> HttpResponse:
        """GET shows the builder; POST adds a row, switches to JSON, previews, or saves what was previewed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = Builder(request, admin_actor(request))
        if request.method == "POST":
            done = form.post()
            if done is not None:
                return done
        else:
            form.fill()
        context = {
            **self.admin_site.each_context(request),
            "title": f"Change {form.edited.name}" if form.edited else "New segment",
            "opts": self.model._meta,
            "key_field": KEY_FIELD,
            **form.context(),
        }
        return TemplateResponse(
            request, "admin/campaigns/segment_build.html", context, status=form.answer.status
        )

    def count(self, request: HttpRequest) -> HttpResponse:
        """The live figures of the builder, as JSON. A refusal is an answer too."""
        if request.method != "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        try:
            payload = json.loads(request.body) if len(request.body) <= _BODY_MAX else None
        except (ValueError, RecursionError):
            payload = None
        if not isinstance(payload, dict):
            return JsonResponse({"error": "This cannot be read.", "errors": {}})
        answer = page_call(request, "segments.count", payload)
        if answer.error is not None:
            return JsonResponse({"error": answer.error.message, "errors": answer.errors})
        found = answer.result
        return JsonResponse(
            {
                "words": found.criteria_in_words[:1].upper() + found.criteria_in_words[1:],
                "matched": found.matched,
                "consented": found.consented,
                "conditions": [row.model_dump() for row in found.conditions],
            }
        )

    def archive(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Put a segment away, or take it back."""
        if request.method != "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        restore = request.POST.get("restore") == "1"
        payload = {
            "segment_id": pk,
            "base_version_token": request.POST.get("base_version_token", "")[:200],
            "restore": restore,
        }
        answer = page_call(request, "segments.archive", payload, idempotency_key=key_of(request))
        done = "The segment is offered again." if restore else "The segment is in the archive."
        answer_tell(request, answer, done)
        return HttpResponseRedirect(reverse("admin:contacts_segment_change", args=[pk]))


def _words(segment: Segment) -> str:
    """The criteria as a sentence today; as they were saved when something in them is gone."""
    try:
        parsed = criteria_parse(
            segment.criteria, brand_id=segment.brand_id, team_ids=[segment.team_id]
        )
        return criteria_words(parsed)
    except InvalidInput as error:
        return f"{segment.preview.get('criteria_in_words', '')} ({error.message})"
