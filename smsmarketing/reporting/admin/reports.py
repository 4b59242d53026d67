"""The report of a campaign as a page, and the list of campaigns that have one."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from smsmarketing.campaigns.admin.calls import page_call
from smsmarketing.campaigns.admin.progress import parts_of, progress_listed
from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.plan import REASONS
from smsmarketing.campaigns.selectors import campaigns_visible
from smsmarketing.gateways.rules.messages import SKIP_REASONS
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.reporting.admin.chart import chart_of

PAGE_SIZE = 25
VIEW = "campaigns.report_view"
ENDS = (
    "delivered",
    "undelivered",
    "failed",
    "expired",
    "rejected",
    "skipped",
    "stopped",
    "unknown",
    "quarantined",
)
RECEIPTED = frozenset({"delivered", "accepted", "undelivered", "expired", "rejected"})
WAITING = {"quiet_hours": "Quiet hours on the recipient's clock"}
ERROR_CLASSES = {
    "auth": "The gateway refused our login",
    "account": "The gateway account cannot send (blocked or out of money)",
    "throttle": "The gateway asked to go slower",
    "soft": "The phone could not be reached for now",
    "hard": "The number cannot receive texts",
    "optout": "The recipient opted out at the carrier",
    "content": "The carrier refused the text",
    "sender": "The sender is not allowed there",
    "duplicate": "The gateway had it already",
    "ambiguous": "Nobody knows whether the gateway took it",
}


@require_safe
def report_list(request: HttpRequest) -> HttpResponse:
    """Campaigns that have started, newest first."""
    actor = admin_actor(request)
    if not actor.may(VIEW):
        raise PermissionDenied
    rows = (
        campaigns_visible(actor).filter(started_at__isnull=False).select_related("brand", "gateway")
    )
    page = Paginator(rows.order_by("-started_at", "-id"), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    campaigns = list(page.object_list)
    progress = progress_listed(campaigns)
    context = {
        **admin.site.each_context(request),
        "title": "Campaign reports",
        "page": page,
        "rows": [
            {
                "campaign": campaign,
                "planned": progress[campaign.pk].planned,
                "delivered": progress[campaign.pk].by_state.get("delivered", 0),
                "parts": parts_of(progress[campaign.pk].by_state),
            }
            for campaign in campaigns
        ],
    }
    return TemplateResponse(request, "admin/reporting/report_list.html", context)


@require_safe
def report_page(request: HttpRequest, pk: int) -> HttpResponse:
    """What became of one campaign, to the unit."""
    actor = admin_actor(request)
    if not actor.may(VIEW):
        raise PermissionDenied
    campaign = (
        campaigns_visible(actor).select_related("brand", "gateway", "segment").filter(pk=pk).first()
    )
    if campaign is None:
        raise Http404("There is no such campaign, or it is not for you.")
    per = "day" if request.GET.get("per") == "day" else "hour"
    answer = page_call(request, "campaign_reports.get", {"campaign_id": pk, "per": per})
    if answer.error is not None:
        raise PermissionDenied(answer.error.message)
    report = answer.result
    context = {
        **admin.site.each_context(request),
        "title": f"Report: {campaign.name}",
        "opts": Campaign._meta,
        "original": campaign,
        "campaign": campaign,
        "report": report,
        "per": per,
        "funnel": _funnel(report),
        "reasons": _reasons(report),
        "left_out": sum(report.left_out.values()),
        "failures": [
            {
                "words": ERROR_CLASSES.get(row.error_class, "Other"),
                "code": row.error_code,
                "count": row.count,
            }
            for row in report.failures
        ],
        "unmeasured": [
            ("Clicks", report.clicks.why),
            ("Conversions", report.conversions.why),
            ("Revenue", report.revenue.why),
        ],
        "chart": chart_of(report.time_trends, per=per),
    }
    return TemplateResponse(request, "admin/reporting/report_page.html", context)


def _funnel(report: Any) -> list[dict[str, Any]]:
    """Every end and what is open, with its share; the counts add up to planned."""
    planned = report.delivery.planned
    rows = []
    for state in (*ENDS, "open"):
        count = getattr(report.delivery, state)
        if count or state in {"delivered", "open"}:
            rows.append(
                {
                    "state": state,
                    "count": count,
                    "percent": f"{100 * count / planned:.2f}" if planned else "0",
                    "meaning": report.definitions.get(
                        state,
                        "Still waiting, held, on the wire, or accepted without a receipt.",
                    ),
                }
            )
    return rows


def _reasons(report: Any) -> list[dict[str, Any]]:
    """Why messages were skipped, held or stopped, in words."""
    counts = {f"skipped/{reason}": n for reason, n in report.skipped_by_reason.items()}
    counts |= report.other_reasons
    rows = []
    for key, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        state, _, reason = key.partition("/")
        if state in RECEIPTED:
            continue  # what carriers answered stands among the errors
        words = (
            WAITING.get(reason)
            or SKIP_REASONS.get(reason)
            or REASONS.get(reason)
            or reason.replace("_", " ")
        )
        rows.append({"state": state, "words": words, "count": count})
    return rows
