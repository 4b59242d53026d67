"""The first page of the admin: what waits for this person, what runs, what is left."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from smsmarketing.accounts.selectors import teams_visible
from smsmarketing.approvals.selectors import notifications_unread, requests_waiting
from smsmarketing.campaigns.admin.progress import parts_of
from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.operations.shapes import progress_of
from smsmarketing.campaigns.selectors import campaigns_visible
from smsmarketing.contacts.rules.phone import phone_mask
from smsmarketing.contacts.selectors.suppressions import suppressions_visible
from smsmarketing.gateways.selectors import batch_counts, batches_visible, counts_by_state
from smsmarketing.gateways.selectors.limits import quota_current, quota_left
from smsmarketing.operations import registry
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.surfaces.admin.links import CATALOGUE_PAGE, call_url
from smsmarketing.operations.types import Actor

SHOWN = 6
_BACK = Q(state__in=["changes_requested", "rejected", "failed"]) | (
    Q(state__in=["draft", "paused"]) & ~Q(hold_reason="")
)


def dashboard_context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Adds what templates/admin/index.html shows (UNFOLD["DASHBOARD_CALLBACK"])."""
    try:
        actor = admin_actor(request)
    except PermissionDenied:
        return context
    context["title"] = "Home"
    context["desk"] = {
        "waiting": _waiting(actor),
        "back": _back(actor),
        "running": _running(actor),
        "coming": _coming(actor),
        "today": _today(actor),
        "quotas": _quotas(actor) if actor.may("gateways.quota_view") else [],
        "opt_outs": _opt_outs(actor) if actor.may("contacts.opt_out_view") else None,
        "notes": notifications_unread(actor.user, limit=5),
        "may_edit": actor.may("campaigns.campaign_edit"),
        "may_save_segment": actor.may("campaigns.segment_save"),
        "may_import": actor.may("contacts.import_start"),
        "contacts_url": first_url("admin:contacts_contact_changelist", operation="contacts.search"),
        "new": not campaigns_visible(actor).exists(),
    }
    return context


def first_url(*names: str, operation: str = "") -> str:
    """The first page that exists, else the form of an operation, else the catalogue."""
    for name in names:
        try:
            return reverse(name)
        except NoReverseMatch:
            continue
    if operation and registry.find(operation) is not None:
        return call_url(operation)
    return reverse(CATALOGUE_PAGE)


def _waiting(actor: Actor) -> dict[str, Any]:
    """Requests this person can decide on, the oldest first."""
    rows = requests_waiting(actor)
    return {"count": rows.count(), "rows": list(rows[:SHOWN])}


def _back(actor: Actor) -> dict[str, Any]:
    """The person's campaigns, and those of their agents, that came back with a reason."""
    own = Q(created_by=actor.user) | Q(created_by__owner=actor.user)
    since = timezone.now() - timedelta(days=30)
    rows = (
        campaigns_visible(actor).filter(own, _BACK, updated_at__gte=since).order_by("-updated_at")
    )
    return {"count": rows.count(), "rows": list(rows[:SHOWN])}


def _running(actor: Actor) -> dict[str, Any]:
    """Campaigns that are being sent, with their progress."""
    rows = campaigns_visible(actor).filter(state__in=["sending", "paused"]).order_by("-started_at")
    shown: list[Campaign] = list(rows[:SHOWN])
    progress = progress_of(shown)
    return {
        "count": rows.count(),
        "rows": [
            {
                "campaign": campaign,
                "planned": progress[campaign.pk].planned,
                "delivered": progress[campaign.pk].by_state.get("delivered", 0),
                "parts": parts_of(progress[campaign.pk].by_state),
            }
            for campaign in shown
        ],
    }


def _coming(actor: Actor) -> dict[str, Any]:
    """What starts by itself, and what is approved and waits for somebody to start it."""
    rows = campaigns_visible(actor).filter(state__in=["scheduled", "approved"])
    return {
        "count": rows.count(),
        "rows": list(rows.order_by("scheduled_at", "-updated_at")[:SHOWN]),
    }


def _today(actor: Actor) -> dict[str, Any]:
    """Messages written since midnight on the person's clock, by state."""
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    batches = batches_visible(actor).filter(created_at__gte=midnight).values_list("pk", flat=True)
    total: dict[str, int] = {}
    for counts in batch_counts(list(batches)).values():
        for state, count in counts_by_state(counts).items():
            total[state] = total.get(state, 0) + count
    return {
        "parts": parts_of(total),
        "total": sum(total.values()),
        "url": first_url("admin:gateways_batch_changelist", operation="send_batches.list"),
        "messages_url": first_url("admin:gateways_message_changelist")
        if actor.may("gateways.message_view")
        else "",
    }


def _quotas(actor: Actor) -> list[dict[str, Any]]:
    """What each team may still send and spend this month."""
    now = timezone.now()
    found = []
    for team in teams_visible(actor)[:8]:
        quota = quota_current(team, now)
        if quota is None:
            continue
        parts, money = quota_left(quota)
        used = quota.message_limit - parts
        percent = 100 * used / quota.message_limit if quota.message_limit else 100
        found.append(
            {
                "team": team,
                "parts": parts,
                "limit": quota.message_limit,
                "money": (money, quota.currency),
                "money_limit": (quota.money_limit, quota.currency),
                "percent": f"{percent:.1f}",
                "url": first_url("admin:gateways_quota_changelist", operation="quotas.get"),
            }
        )
    return found


def _opt_outs(actor: Actor) -> dict[str, Any]:
    """The newest opt-outs, numbers masked, and how many there were in a day and a week."""
    now = timezone.now()
    rows = suppressions_visible(actor).filter(reason__in=["opt_out", "complaint"], lifted_at=None)
    counts = rows.filter(created_at__gte=now - timedelta(days=7)).aggregate(
        week=Count("pk"), day=Count("pk", filter=Q(created_at__gte=now - timedelta(days=1)))
    )
    newest = rows.select_related("brand").order_by("-created_at", "-id")[:SHOWN]
    return {
        **counts,
        "rows": [
            {
                "phone": phone_mask(row.phone) if row.phone else "erased",
                "brand": row.brand.name if row.brand else "all brands",
                "source": row.source.replace("_", " "),
                "at": row.created_at,
            }
            for row in newest
        ],
        "url": first_url("admin:contacts_suppression_changelist", operation="opt_outs.list"),
    }
