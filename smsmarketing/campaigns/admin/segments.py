"""Segments: the list, the page of one, and the builder with its preview."""

from __future__ import annotations

import json
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
    LOOK_BELOW,
    Answer,
    answer_tell,
    key_new,
    key_of,
    page_call,
    search_of,
)
from smsmarketing.campaigns.admin.copy_form import whole
from smsmarketing.campaigns.admin.criteria_form import (
    AGES,
    GROUPS_MAX,
    KINDS,
    OPERATORS,
    ROWS_MAX,
    TYPES,
    Group,
    Row,
    errors_place,
    groups_of,
    groups_read,
    tree_build,
)
from smsmarketing.campaigns.admin.steps import missing_words
from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.selectors import brands_usable, gateways_usable
from smsmarketing.contacts.models import Segment
from smsmarketing.contacts.selectors import audiences_visible, segments_visible
from smsmarketing.gateways.selectors.visibility import senders_visible
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.surfaces.admin import OperationAdmin
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.types import Actor

PAGE_SIZE = 25
SAVE = "campaigns.segment_save"
CHOICES = ("brand_id", "gateway_id", "sender_id", "purpose", "parts_per_message")

if admin.site.is_registered(Segment):
    admin.site.unregister(Segment)


@admin.register(Segment)
class SegmentAdmin(OperationAdmin):
    """Saved criteria of one's teams. The builder makes new ones; a saved one never changes."""

    view_permission = "contacts.segment_view"
    icon = "filter_alt"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Segments of the person's teams."""
        return segments_visible(actor)

    def get_urls(self) -> list[URLPattern]:
        """The builder comes before the admin's own patterns."""
        own = [path("build/", self.admin_site.admin_view(self.build), name="segments_build")]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Newest first, with the counts of the preview."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        actor = admin_actor(request)
        rows = self.visible(actor).select_related("brand", "created_by").order_by("-id")
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
        form = _Builder(request, admin_actor(request))
        if request.method == "POST":
            done = form.post()
            if done is not None:
                return done
        else:
            form.fill()
        context = {
            **self.admin_site.each_context(request),
            "title": "New segment",
            "opts": self.model._meta,
            "key_field": KEY_FIELD,
            **form.context(),
        }
        return TemplateResponse(
            request, "admin/campaigns/segment_build.html", context, status=form.answer.status
        )


class _Builder:
    """What stands in the builder, and what the last button did."""

    def __init__(self, request: HttpRequest, actor: Actor) -> None:
        self.request = request
        self.actor = actor
        self.values = {"purpose": "marketing", "parts_per_message": "1", "name": ""}
        self.joiner = "all"
        self.groups: list[Group] = []
        self.json = ""
        self.raw = False
        self.key = key_new()
        self.answer = Answer()
        self.preview: Any = None
        self.previewed = ""
        self.note = ""

    def fill(self) -> None:
        """A new builder, or one that starts from a saved segment."""
        for name, rows in (("brand_id", brands_usable(self.actor)),):
            found = list(rows.order_by("pk").values_list("pk", flat=True)[:2])
            self.values[name] = str(found[0]) if len(found) == 1 else ""
        start = self.request.GET.get("from", "")
        segment = (
            segments_visible(self.actor).filter(pk=start).first() if start.isdecimal() else None
        )
        if segment is not None:
            self.values |= {"brand_id": str(segment.brand_id), "name": f"{segment.name} (copy)"}
            self._tree_show(segment.criteria)

    def post(self) -> HttpResponse | None:
        """Do what the pressed button says; a response when a segment was saved."""
        data = self.request.POST
        for name in (*CHOICES, "name"):
            self.values[name] = data.get(name, "").strip()
        self.joiner = data.get("joiner", "all")
        self.raw = data.get("mode") == "json"
        self.json = data.get("criteria_json", "")
        self.groups = groups_read(data)
        self.key = key_of(self.request) or self.key
        do = data.get("do", "preview")
        if do == "add_group" and len(self.groups) < GROUPS_MAX:
            self.groups.append(Group())
        elif do == "json" and not self.raw:
            self.raw, self.json = True, json.dumps(self._tree(), indent=2, ensure_ascii=False)
        elif do == "rows":
            self._rows_again()
        elif do == "save":
            return self._save(data.get("segment_preview_id", ""), data.get("previewed", ""))
        elif do == "preview":
            self._preview()
        return None

    def context(self) -> dict[str, Any]:
        """What the template gets."""
        errors = dict(self.answer.errors)
        left = errors_place(self.groups, errors) if not self.raw else list(errors.values())
        message = self.answer.error.message if self.answer.error else ""
        if message and errors and len(left) < len(errors):
            message = LOOK_BELOW
        return {
            "values": self.values,
            "joiner": self.joiner,
            "groups": _shown(self.groups),
            "raw": self.raw,
            "criteria_json": self.json,
            "kinds": KINDS,
            "operators": OPERATORS,
            "ages": AGES,
            "types": TYPES,
            "more_groups": len(self.groups or [1]) < GROUPS_MAX,
            "errors": errors,
            "on_top": [message, *[text for text in left if text not in message]] if message else [],
            "note": self.note,
            "result": self.preview,
            "previewed": self.previewed,
            "idempotency_key": self.key,
            "save_refused": "" if self.actor.may(SAVE) else missing_words("Save as segment", SAVE),
            "brands": brands_usable(self.actor).order_by("name"),
            "audiences": audiences_visible(self.actor).select_related("brand").order_by("name"),
            "gateways": gateways_usable(self.actor).order_by("name"),
            "senders": senders_visible(self.actor).filter(state="verified").order_by("value"),
        }

    def _tree(self) -> Any:
        """The criteria of the form. Raises InvalidInput for text that is no JSON."""
        if not self.raw:
            return tree_build(self.groups, self.joiner)
        try:
            return json.loads(self.json)
        except (ValueError, RecursionError) as exc:
            text = f"This is not valid JSON: {exc}"
            raise InvalidInput(
                "The criteria cannot be read.", field_errors={"criteria": text}
            ) from None

    def _rows_again(self) -> None:
        try:
            self._tree_show(self._tree())
        except InvalidInput as error:
            self.answer = Answer(error=error, errors=dict(error.field_errors))

    def _tree_show(self, tree: Any) -> None:
        found = groups_of(tree) if isinstance(tree, dict) and tree else ([], "all")
        if found is None:
            self.raw, self.json = True, json.dumps(tree, indent=2, ensure_ascii=False)
            self.note = "These criteria are deeper than the form can show, so they stay as JSON."
            return
        self.groups, self.joiner = found
        self.raw = False

    def _preview(self) -> None:
        try:
            tree = self._tree()
        except InvalidInput as error:
            self.answer = Answer(error=error, errors=dict(error.field_errors))
            return
        if not tree and not self.raw:
            self.answer = Answer(
                error=InvalidInput("Add at least one condition, for example a list.")
            )
            return
        payload: dict[str, Any] = {"criteria": tree}
        for name in CHOICES:
            if self.values[name]:
                value = self.values[name]
                payload[name] = value if name == "purpose" else whole(value)
        self.answer = page_call(self.request, "segments.preview", payload)
        self.preview = self.answer.result
        self.previewed = self._stamp(tree) if self.preview else ""

    def _save(self, preview_id: str, previewed: str) -> HttpResponse | None:
        """Save what the last preview showed; other conditions than those are previewed first."""
        try:
            tree = self._tree()
        except InvalidInput as error:
            self.answer = Answer(error=error, errors=dict(error.field_errors))
            return None
        if not preview_id or previewed != self._stamp(tree):
            self._preview()
            if self.preview:
                self.note = "The conditions differ from the last preview. These are the figures now: look, then save."
            return None
        answer = page_call(
            self.request,
            "segments.create",
            {"segment_preview_id": preview_id, "name": self.values["name"]},
            idempotency_key=self.key,
        )
        if not answer.ok:
            self._preview()
            self.answer, self.key = answer, key_new()
            return None
        answer_tell(self.request, answer, "The segment is saved.")
        if answer.result is None:
            return HttpResponseRedirect(reverse("admin:contacts_segment_changelist"))
        return HttpResponseRedirect(
            reverse("admin:contacts_segment_change", args=[answer.result.segment_id])
        )

    def _stamp(self, tree: Any) -> str:
        """What a preview was made of, to notice when it no longer fits."""
        chosen = [self.values.get(name, "") for name in CHOICES[:1]]
        return json.dumps([chosen, tree], sort_keys=True, ensure_ascii=False)


def _shown(groups: list[Group]) -> list[tuple[int, Group, list[tuple[str, Row]]]]:
    """Groups with their numbers, rows with the prefix of their inputs, and one empty row in each group."""
    found = []
    for number, group in enumerate(groups or [Group()]):
        rows = group.rows if len(group.rows) >= ROWS_MAX else [*group.rows, Row()]
        found.append(
            (number, group, [(f"g{number}-r{index}-", row) for index, row in enumerate(rows)])
        )
    return found
