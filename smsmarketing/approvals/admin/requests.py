"""The list of requests and the approval page. Both read; deciding is a POST that runs an operation."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Case, IntegerField, Value, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from smsmarketing.accounts.selectors import person_name
from smsmarketing.approvals import subjects
from smsmarketing.approvals.admin.content import GENERIC_TEMPLATE, content_view, facts_view
from smsmarketing.approvals.admin.words import (
    TONES,
    ago,
    money_words,
    number_words,
    span_words,
    state_words,
)
from smsmarketing.approvals.models import ActionRequest, OwnerNotification
from smsmarketing.approvals.rules.voting import APPROVE
from smsmarketing.approvals.selectors import (
    OPEN_STATES,
    requests_visible,
    requests_waiting,
    self_approval_open,
    undecidable_words,
    vote_refusal_for,
    voters_possible,
)
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.surfaces.admin import OperationAdmin
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.surfaces.calls import operation_call
from smsmarketing.operations.types import Actor

PAGE_SIZE = 30
TABS = {
    "waiting": "Waiting for you",
    "open": "All open",
    "mine": "Yours",
    "all": "Everything",
}
_CALLS: dict[str, tuple[str, str]] = {
    "approve": ("action_requests.approve", "Approved. Thank you."),
    "reject": ("action_requests.reject", "Rejected. The author was told why."),
    "request_changes": ("action_requests.reject", "Sent back. The author was told what to change."),
    "cancel": ("action_requests.cancel", "Taken back."),
}
"""Button -> (operation, what the person reads afterwards)."""


@admin.register(ActionRequest)
class ActionRequestAdmin(OperationAdmin):
    """Requests for approval."""

    view_permission = "approvals.request_view"
    icon = "how_to_vote"

    def visible(self, actor: Actor) -> Any:
        """Own requests and those the person may decide on."""
        return requests_visible(actor)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Pending ones first, the oldest of them on top."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        actor, now = admin_actor(request), timezone.now()
        waiting = requests_waiting(actor).count()
        tab = request.GET.get("show") or ("waiting" if waiting else "open")
        rows = _tab_rows(actor, tab if tab in TABS else "open")
        page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Requests for approval",
            "opts": self.model._meta,
            "tabs": TABS.items(),
            "tab": tab,
            "waiting": waiting,
            "page": page,
            "rows": [_row_view(row, now) for row in page.object_list],
        }
        return TemplateResponse(request, "admin/approvals/actionrequest/list.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """GET shows everything the hash covers; POST decides through an operation."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        actor = admin_actor(request)
        row = requests_visible(actor).filter(pk=_uuid(object_id)).first()
        if row is None:
            raise Http404("There is no such request, or it is not for you.")
        if request.method == "POST":
            return self._decided(request, row, actor)
        return self._page(request, row, actor)

    def _decided(self, request: HttpRequest, row: ActionRequest, actor: Actor) -> HttpResponse:
        decision = request.POST.get("decision", "")
        if decision not in _CALLS:
            raise Http404("There is no such decision.")
        key, done = _CALLS[decision]
        payload: dict[str, Any] = {
            "action_request_id": str(row.pk),
            "reason": request.POST.get("reason", "").strip(),
        }
        if decision != "cancel":
            payload["content_hash"] = request.POST.get("content_hash", "")
        if decision in {"reject", "request_changes"}:
            payload["verdict"] = decision
        try:
            operation_call(key, payload, actor=actor)
        except OperationError as error:
            row.refresh_from_db()
            return self._page(request, row, actor, error=error, decision=decision)
        messages.success(request, done)
        return HttpResponseRedirect(_page_url(row))

    def _page(
        self,
        request: HttpRequest,
        row: ActionRequest,
        actor: Actor,
        *,
        error: OperationError | None = None,
        decision: str = "",
    ) -> HttpResponse:
        OwnerNotification.objects.filter(user=actor.user, url=_page_url(row), read_at=None).update(
            read_at=timezone.now()
        )
        context = {
            **self.admin_site.each_context(request),
            **page_context(row, actor, now=timezone.now()),
            "opts": self.model._meta,
            "error": error,
            "reason": request.POST.get("reason", ""),
            "decision": decision,
        }
        return TemplateResponse(
            request,
            "admin/approvals/actionrequest/page.html",
            context,
            status=error.http_status if error else 200,
        )


def page_context(row: ActionRequest, actor: Actor, *, now: datetime) -> dict[str, Any]:
    """Everything the approval page shows about one request to one person."""
    subject = subjects.find(row.operation)
    template = subject.template if subject and subject.template else GENERIC_TEMPLATE
    state = str(row.state)
    pending = state == "pending" and row.expires_at > now
    current = subject.current_hash(row) if pending and subject and subject.current_hash else ""
    changed = bool(current) and current != row.content_hash
    refusal = vote_refusal_for(actor.user, row) if pending else None
    votes = list(row.votes.select_related("voter"))
    author = actor.user_id in {row.requester_id, row.requester.owner_id}
    open_still = state in {"pending", "approved"}
    return {
        "title": row.title,
        "row": row,
        "state": state_words(state),
        "tone": TONES[state],
        "pending": pending,
        "changed": changed,
        "may_vote": pending and refusal is None and not changed,
        "refusal": refusal,
        "self_approval": pending and self_approval_open(actor.user, row),
        "author": author,
        "may_cancel": open_still and (author or (pending and refusal is None)),
        "requester": person_name(row.requester),
        "asked": ago(row.created_at, now),
        "expires": ago(row.expires_at, now) if open_still else "",
        "through": _through(row),
        "approvals": sum(1 for vote in votes if vote.verdict == APPROVE),
        "votes": [
            {
                "who": person_name(vote.voter),
                "verdict": state_words(vote.verdict),
                "tone": "good" if vote.verdict == APPROVE else "bad",
                "reason": vote.reason,
                "when": ago(vote.created_at, now),
                "same": vote.content_hash == row.content_hash,
            }
            for vote in votes
        ],
        "stuck": undecidable_words(row) if pending else "",
        "voters": [person_name(person) for person in voters_possible(row)] if pending else [],
        "policies": row.policies,
        "facts": facts_view(row),
        "content_template": template,
        "view": content_view(row, template),
        "error_kept": (row.result or {}).get("error"),
        "renewed_url": _page_url(row.renewed_by) if row.renewed_by else "",
    }


def _tab_rows(actor: Actor, tab: str) -> Any:
    if tab == "waiting":
        return requests_waiting(actor).prefetch_related("votes")
    rows = requests_visible(actor)
    if tab == "open":
        rows = rows.filter(state__in=OPEN_STATES)
    if tab == "mine":
        rows = rows.filter(requester=actor.user)
    first = Case(
        When(state="pending", then=Value(0)),
        When(state__in=("approved", "executing"), then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    return (
        rows.annotate(first=first).order_by("first", "-created_at", "pk").prefetch_related("votes")
    )


def _row_view(row: ActionRequest, now: datetime) -> dict[str, Any]:
    recipients = row.facts.get("recipients")
    approvals = sum(1 for vote in row.votes.all() if vote.verdict == APPROVE)
    state = str(row.state)
    return {
        "url": _page_url(row),
        "title": row.title,
        "state": state_words(state),
        "tone": TONES[state],
        "requester": person_name(row.requester),
        "through": _through(row),
        "team": row.team.name if row.team else "",
        "age": span_words(now - row.created_at),
        "expires": ago(row.expires_at, now) if state in {"pending", "approved"} else "",
        "recipients": "" if recipients is None else number_words(recipients),
        "cost": "" if row.cost_ceiling is None else money_words(row.cost_ceiling, row.currency),
        "approvals": f"{approvals} of {row.approvers_needed}",
    }


def _through(row: ActionRequest) -> str:
    """How it was asked: agents and programs are named, the browser is not."""
    ways = {"mcp": "through an agent", "rest": "through the API", "cli": "on the command line"}
    return ways.get(row.requester_surface, "")


def _page_url(row: ActionRequest) -> str:
    return reverse("admin:approvals_actionrequest_change", args=[row.pk])


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as exc:
        raise Http404("There is no such request.") from exc
