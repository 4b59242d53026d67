"""The list of campaigns and the page of one: state, text, audience, cost, progress, and who got it."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from smsmarketing.accounts.selectors import person_name
from smsmarketing.campaigns.admin import actions, composer
from smsmarketing.campaigns.admin.actions import text_panel
from smsmarketing.campaigns.admin.calls import Answer, errors_split, page_call, search_of
from smsmarketing.campaigns.admin.copy_form import fit_posted
from smsmarketing.campaigns.admin.progress import parts_of, progress_listed, progress_view
from smsmarketing.campaigns.admin.steps import banner_of, due_words, request_of
from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.selectors import campaigns_visible
from smsmarketing.campaigns.templatetags.desk import state_words
from smsmarketing.gateways.rules.messages import MEANINGS
from smsmarketing.operations.surfaces.admin import OperationAdmin
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.types import Actor

PAGE_SIZE = 25
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?[+-]\d\d:\d\d")
AMOUNTS = ("expected", "worst", "ceiling")
TABS: dict[str, tuple[str, tuple[str, ...]]] = {
    "all": ("All", ()),
    "work": ("Being written", ("draft", "changes_requested")),
    "review": ("In review", ("in_review",)),
    "ready": ("Ready", ("approved", "scheduled")),
    "running": ("Running", ("sending", "paused")),
    "done": ("Done", ("sent", "stopped", "rejected", "cancelled", "failed")),
}
_EMPTY = {
    "all": "Nobody has written a campaign yet. Save a segment, then compose the first one.",
    "work": "No draft is open.",
    "review": "No campaign waits for an approver.",
    "ready": "Nothing is approved and waiting to be sent.",
    "running": "Nothing is being sent at the moment.",
    "done": "No campaign has ended yet.",
}


@admin.register(Campaign)
class CampaignAdmin(OperationAdmin):
    """Campaigns of one's teams."""

    view_permission = "campaigns.campaign_view"
    icon = "campaign"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Campaigns of the person's teams."""
        return campaigns_visible(actor)

    def get_urls(self) -> list[URLPattern]:
        """The pages of their own come first: the admin's own patterns catch everything."""
        guard = self.admin_site.admin_view
        own = [
            path("compose/", guard(self.compose), name="campaigns_compose"),
            path("fit.json", guard(self.fit), name="campaigns_fit"),
            path("<int:pk>/edit/", guard(self.edit), name="campaigns_campaign_edit"),
            path("<int:pk>/do/<str:verb>/", guard(self.act), name="campaigns_campaign_act"),
            path("<int:pk>/progress.json", guard(self.progress), name="campaigns_progress"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Newest first, in tabs by what is to be done, with search by name."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        actor = admin_actor(request)
        tab = request.GET.get("show", "all")
        tab = tab if tab in TABS else "all"
        rows = self.visible(actor).select_related(
            "brand", "segment", "gateway", "created_by__owner", "team"
        )
        search = search_of(request)
        if search:
            rows = rows.filter(Q(name__icontains=search) | Q(segment__name__icontains=search))
        if request.GET.get("mine"):
            rows = rows.filter(created_by=actor.user)
        counts = {key: _in_tab(rows, key).count() for key in TABS}
        page = Paginator(_in_tab(rows, tab).order_by("-id"), PAGE_SIZE).get_page(
            request.GET.get("page")
        )
        context = {
            **self.admin_site.each_context(request),
            "title": "Campaigns",
            "opts": self.model._meta,
            "tabs": [(key, TABS[key][0], counts[key]) for key in TABS],
            "tab": tab,
            "search": search,
            "mine": bool(request.GET.get("mine")),
            "page": page,
            "rows": _row_views(list(page.object_list)),
            "empty": _EMPTY[tab],
            "may_edit": actor.may("campaigns.campaign_edit"),
        }
        return TemplateResponse(request, "admin/campaigns/campaign_list.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """GET shows the campaign. POST asks (cost, dead numbers, or why somebody got it)."""
        campaign = self.campaign_or_404(request, object_id)
        if request.method != "POST":
            return self._page(request, campaign)
        if request.POST.get("do") == "cost":
            return self._page(
                request,
                campaign,
                cost=page_call(request, "cost_preview", {"campaign_id": campaign.pk}),
            )
        if request.POST.get("do") == "numbers":
            answer = page_call(request, "numbers.hygiene_preview", {"campaign_id": campaign.pk})
            return self._page(request, campaign, numbers=answer)
        if request.POST.get("do") == "explain":
            phone = request.POST.get("phone", "").strip()
            cleaned = "".join(c for c in phone if c not in " -()./\u00a0")
            payload = {"campaign_id": campaign.pk, "phone": cleaned}
            return self._page(
                request, campaign, why=page_call(request, "messages.explain", payload), phone=phone
            )
        raise PermissionDenied

    @method_decorator(never_cache)
    def progress(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The progress part of the page, for the script that refreshes it."""
        campaign = self.campaign_or_404(request, pk)
        answer = page_call(request, "campaigns.get", {"campaign_id": campaign.pk})
        if answer.error is not None:
            return JsonResponse(answer.error.envelope(), status=answer.status)
        progress = progress_view(campaign, answer.result.sends)
        context = {"progress": progress, "campaign": campaign}
        return JsonResponse(
            {
                "state": answer.result.state,
                "running": progress["running"],
                "html": render_to_string("admin/campaigns/progress.html", context),
            }
        )

    def fit(self, request: HttpRequest) -> HttpResponse:
        """The preview panel for the text that is being typed."""
        if request.method != "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            "preview": fit_posted(request),
            "sender": request.POST.get("sender_words", ""),
            "editable": True,
        }
        return JsonResponse({"html": render_to_string("admin/campaigns/fit.html", context)})

    def compose(self, request: HttpRequest) -> HttpResponse:
        """A new draft on one page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return composer.compose_page(request, self.admin_site, None)

    def edit(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Change a campaign that has not started."""
        campaign = self.campaign_or_404(request, pk)
        return composer.compose_page(request, self.admin_site, campaign)

    def act(self, request: HttpRequest, pk: int, verb: str) -> HttpResponse:
        """The page of one step: what will happen, and the button that does it."""
        campaign = self.campaign_or_404(request, pk)
        return actions.action_page(request, self.admin_site, campaign, verb)

    def campaign_or_404(self, request: HttpRequest, pk: Any) -> Campaign:
        """A campaign the person may see."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.visible(admin_actor(request)).select_related(
            "brand",
            "segment",
            "sender",
            "gateway",
            "created_by__owner",
            "team",
            "template_version",
        )
        found = rows.filter(pk=pk).first() if str(pk).isdecimal() else None
        if found is None:
            raise Http404("There is no such campaign, or it is not for you.")
        campaign: Campaign = found
        return campaign

    def _page(
        self,
        request: HttpRequest,
        campaign: Campaign,
        *,
        cost: Answer | None = None,
        numbers: Answer | None = None,
        why: Answer | None = None,
        phone: str = "",
    ) -> HttpResponse:
        read = page_call(request, "campaigns.get", {"campaign_id": campaign.pk})
        if read.error is not None:
            raise PermissionDenied(read.error.message)
        actor = admin_actor(request)
        asked = next((answer for answer in (cost, numbers, why) if answer is not None), Answer())
        context = {
            **self.admin_site.each_context(request),
            "title": campaign.name,
            "opts": self.model._meta,
            "original": campaign,
            "campaign": campaign,
            "out": read.result,
            "owner": owner_words(campaign),
            "due": due_words(campaign),
            "quiet": composer.QUIET_WORDS.get(campaign.quiet_mode, campaign.quiet_mode),
            "ceiling": (campaign.cost_ceiling, campaign.gateway.currency),
            "banner": banner_of(campaign, actor),
            "preview": text_panel(request, campaign, message=read.result.final_message),
            "sender": campaign.sender.value,
            "progress": progress_view(campaign, read.result.sends) if campaign.started_at else None,
            "request_row": request_of(campaign, actor),
            "frozen": _frozen(campaign, actor),
            "counted": {
                name: (campaign.cost_preview.get(name), campaign.cost_preview.get("currency", ""))
                for name in AMOUNTS
            },
            "cost": cost.result if cost else None,
            "cost_errors": errors_split(cost, ())[1] if cost else [],
            "numbers": numbers.result if numbers else None,
            "numbers_errors": errors_split(numbers, ())[1] if numbers else [],
            "may_cost": actor.may("campaigns.cost_view"),
            "why": why.result if why else None,
            "checks": _checks(why.result) if why and why.result else [],
            "why_errors": errors_split(why, ())[1] if why else [],
            "may_explain": actor.may("campaigns.campaign_view"),
            "phone": phone,
            "test_sends": campaign.sends.filter(kind="test")
            .select_related("batch")
            .order_by("-id")[:3],
            "now": timezone.now(),
        }
        return TemplateResponse(
            request, "admin/campaigns/campaign_page.html", context, status=asked.status
        )


def _checks(explained: Any) -> list[dict[str, Any]]:
    """The checks, with instants inside their texts on the person's clock."""
    return [
        {
            "check": check.check,
            # What has not happened yet is no failure.
            "passed": None if check.at is None and not check.passed else check.passed,
            "value": _value_words(_INSTANT.sub(_local_text, check.value)),
            "at": check.at,
        }
        for check in explained.checks
    ]


def _value_words(value: str) -> str:
    """A message's state in words, where the value begins with one."""
    state, space, rest = value.partition(" ")
    return state_words(state) + space + rest if state in MEANINGS else value


def _local_text(found: re.Match[str]) -> str:
    return timezone.localtime(datetime.fromisoformat(found[0])).strftime("%Y-%m-%d %H:%M")


def _in_tab(rows: QuerySet[Any], tab: str) -> QuerySet[Any]:
    states = TABS[tab][1]
    return rows.filter(state__in=states) if states else rows


def _row_views(campaigns: list[Campaign]) -> list[dict[str, Any]]:
    """What the list shows of each campaign."""
    progress = progress_listed(campaigns)
    rows = []
    for campaign in campaigns:
        sends = progress[campaign.pk]
        preview = campaign.cost_preview or {}
        recipients = sends.planned or campaign.approved_recipients or preview.get("recipients")
        cost = preview.get("expected")
        rows.append(
            {
                "campaign": campaign,
                "owner": owner_words(campaign),
                "due": due_words(campaign),
                "recipients": recipients,
                "cost": (cost, preview.get("currency", "")) if cost is not None else None,
                "ceiling": None
                if campaign.cost_ceiling is None
                else (campaign.cost_ceiling, campaign.gateway.currency),
                "parts": parts_of(sends.by_state),
                "delivered": sends.by_state.get("delivered", 0),
            }
        )
    return rows


def owner_words(campaign: Campaign) -> str:
    """Who made it; an agent is named with the person who answers for it."""
    author = campaign.created_by
    if author.is_agent and author.owner is not None:
        return f"{person_name(author)}, an agent of {person_name(author.owner)}"
    return person_name(author)


def _frozen(campaign: Campaign, actor: Actor) -> dict[str, Any] | None:
    """Audience and cost as they were put to review, while that review counts and may be seen."""
    if campaign.action_request_id is None:
        return None
    request = request_of(campaign, actor)
    if request is None or request.pk != campaign.action_request_id:
        return None
    content: dict[str, Any] = json.loads(json.dumps(request.content))
    cost = content.get("cost", {})
    amounts = {name: (cost.get(name), cost.get("currency", "")) for name in AMOUNTS}
    return {"audience": content.get("audience", {}), **amounts}
