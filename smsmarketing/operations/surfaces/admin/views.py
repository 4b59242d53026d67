"""The catalogue, and the form page of one operation."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from smsmarketing.operations import registry
from smsmarketing.operations.errors import KeyReused, OperationError, VersionConflict
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.surfaces.admin.choosers import widgets_of
from smsmarketing.operations.surfaces.admin.links import (
    BACK,
    NEXT,
    action_request_url,
    call_url,
    callable_by,
    local_url_of,
    verb,
)
from smsmarketing.operations.surfaces.admin.values import node_build
from smsmarketing.operations.surfaces.calls import operation_call, request_id_of
from smsmarketing.operations.surfaces.forms import OperationForm, form_build
from smsmarketing.operations.types import Actor, Approval, Done, Held, Operation, Surface
from smsmarketing.operations.versions import version_token

VERSION_FIELD = "base_version_token"
KEY_FIELD = "_idempotency_key"
DRY_RUN_FIELD = "_dry_run"
ROW_FIELD = "_row"


@never_cache
@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    """Every operation the person may call, by group, so that each is reachable without a page of its own."""
    actor = admin_actor(request)
    groups: dict[str, list[dict[str, Any]]] = {}
    for operation in registry.every():
        if callable_by(operation, actor):
            groups.setdefault(operation.group, []).append(
                {
                    "key": operation.key,
                    "summary": operation.summary,
                    "kind": operation.kind.value,
                    "approval": operation.approval is not Approval.NEVER,
                    "url": call_url(operation.key),
                }
            )
    context = {
        **admin.site.each_context(request),
        "title": "Operations",
        "groups": sorted(groups.items()),
    }
    return TemplateResponse(request, "admin/operations/catalogue.html", context)


@dataclass
class _Page:
    """What the form page shows."""

    operation: Operation[Any, Any]
    actor: Actor
    form: OperationForm
    idempotency_key: str
    row: Any = None
    """The row the form was opened for: named on top, its id no longer a field to type."""
    choose: str = ""
    """The field to fill first, when the form itself stands on the version of a row [R-8.7]."""
    outcome: Done | Held | None = None
    error: OperationError | None = None
    status: int = 200


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def call_page(request: HttpRequest, key: str) -> HttpResponse:
    """GET shows the form and changes nothing; POST runs the operation through `execute()`."""
    operation = registry.find(key)
    if operation is None or Surface.ADMIN not in operation.surfaces:
        raise Http404
    actor = admin_actor(request)
    if request.method != "POST":
        return _page_response(request, _page_empty(request, operation, actor))
    page = _page_posted(request, operation, actor)
    next_url = local_url_of(request, NEXT)
    finished = isinstance(page.outcome, Held) or (
        isinstance(page.outcome, Done) and operation.writes and not page.outcome.dry_run
    )
    if finished and next_url and page.outcome is not None:
        _message_add(request, operation, page.outcome)
        return HttpResponseRedirect(next_url)
    return _page_response(request, page)


def _page_empty(request: HttpRequest, operation: Operation[Any, Any], actor: Actor) -> _Page:
    initial = {
        name: value for name, value in request.GET.items() if name in operation.input.model_fields
    }
    allowed = callable_by(operation, actor)
    row = _row(operation, actor, initial) if allowed else None
    hidden: set[str] = set()
    if row is not None and operation.target is not None:
        hidden.add(operation.target.argument)
        if operation.target.versioned:  # the form stands on the version that was shown
            initial[VERSION_FIELD] = version_token(row, actor)
            hidden.add(VERSION_FIELD)
    target = operation.target
    choose = ""
    if (
        row is None
        and target is not None
        and target.versioned
        and _must(operation, target.argument)
    ):
        choose = target.argument
    form_class = form_build(
        operation.input,
        initial=initial,
        hidden=hidden,
        zone=_zone(actor),
        widgets=widgets_of(operation, actor, initial) if allowed else {},
    )
    return _Page(
        operation=operation,
        actor=actor,
        form=form_class(),
        idempotency_key=uuid.uuid4().hex,
        row=row,
        choose=choose,
        status=200 if allowed else 403,
    )


def _must(operation: Operation[Any, Any], name: str) -> bool:
    return bool(operation.input.model_fields[name].is_required())


def _row(operation: Operation[Any, Any], actor: Actor, given: Mapping[str, Any]) -> Any:
    """The row the form is for, when the person may see it."""
    target = operation.target
    if target is None or not given.get(target.argument):
        return None
    try:
        return target.visible(actor).filter(pk=given[target.argument]).first()
    except (ValueError, TypeError, ValidationError):  # no id at all: the operation will say so
        return None


def _page_posted(request: HttpRequest, operation: Operation[Any, Any], actor: Actor) -> _Page:
    hidden = {VERSION_FIELD} if request.POST.get(VERSION_FIELD) else set()
    row = None
    if operation.target is not None and ROW_FIELD in request.POST:
        row = _row(operation, actor, request.POST)
        hidden.add(operation.target.argument)
    widgets = widgets_of(operation, actor, request.POST) if callable_by(operation, actor) else {}
    form_class = form_build(operation.input, hidden=hidden, zone=_zone(actor), widgets=widgets)
    form = form_class(request.POST)
    key = request.POST.get(KEY_FIELD) or None
    page = _Page(
        operation=operation,
        actor=actor,
        form=form,
        idempotency_key=key or uuid.uuid4().hex,
        row=row,
    )
    if not form.is_valid():
        page.status = 422
        return page
    try:
        page.outcome = operation_call(
            operation.key,
            form.payload(),
            actor=actor,
            idempotency_key=key if operation.writes else None,
            dry_run=operation.writes and DRY_RUN_FIELD in request.POST,
        )
    except OperationError as error:
        form.errors_show(error)
        if isinstance(error, KeyReused):  # the browser's Back button after a success
            page.idempotency_key = uuid.uuid4().hex
            form.add_error(
                None,
                "This form was sent before, with other values. Send it again to do this as well.",
            )
        page.error = error
        page.status = error.http_status
    return page


def _message_add(
    request: HttpRequest, operation: Operation[Any, Any], outcome: Done | Held
) -> None:
    if isinstance(outcome, Held):
        messages.warning(
            request,
            format_html(
                '{} <a class="underline" href="{}">Open the request</a>',
                outcome.message,
                action_request_url(outcome.action_request_id),
            ),
        )
        return
    next_step = str(getattr(outcome.result, "next_step", "") or "")
    again = " (this form had been sent before; it ran once)" if outcome.replayed else ""
    messages.success(request, f"Done: {operation.summary.rstrip('.')}{again}. {next_step}".strip())


def _page_response(request: HttpRequest, page: _Page) -> HttpResponse:
    operation, outcome = page.operation, page.outcome
    body = outcome.result.model_dump(mode="json") if isinstance(outcome, Done) else None
    target = operation.target.argument if operation.target else ""
    reload_url = ""
    if isinstance(page.error, VersionConflict) and target:
        seen: dict[str, Any] = {target: page.form.data.get(target)}
        reload_url = call_url(operation.key, next_url=local_url_of(request, NEXT), **seen)
    context = {
        **admin.site.each_context(request),
        "title": operation.summary.rstrip("."),
        "operation": operation,
        "may_call": callable_by(operation, page.actor),
        "needs_approval": operation.approval is not Approval.NEVER,
        "form": page.form,
        "row": page.row,
        "choose": page.form[page.choose] if page.choose else None,
        "row_label": operation.target.label if operation.target else "",
        "form_open": outcome is None or not operation.writes or getattr(outcome, "dry_run", False),
        "idempotency_key": page.idempotency_key,
        "next_url": local_url_of(request, NEXT),
        "back_url": local_url_of(request, BACK),
        "verb": verb(operation.key),
        "outcome": outcome,
        "held": isinstance(outcome, Held),
        "held_url": action_request_url(outcome.action_request_id)
        if isinstance(outcome, Held)
        else "",
        "result": node_build(body) if body is not None else None,
        "result_json": json.dumps(body, indent=2, ensure_ascii=False) if body is not None else "",
        "error": page.error,
        "reload_url": reload_url,
        "request_id": request_id_of(request),
    }
    return TemplateResponse(request, "admin/operations/call.html", context, status=page.status)


def _zone(actor: Actor) -> ZoneInfo:
    try:
        return ZoneInfo(getattr(actor.user, "time_zone", "") or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
