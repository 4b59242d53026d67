"""The test console of a gateway: the exact request, how answers are read, and tests with their result."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from smsmarketing.gateways.models import Gateway
from smsmarketing.gateways.operations.gateways_test import TEXT
from smsmarketing.gateways.selectors import gateways_visible
from smsmarketing.gateways.selectors.gateway_tests import probe_summary, tests_visible
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.surfaces.admin.links import action_request_url
from smsmarketing.operations.surfaces.calls import operation_call
from smsmarketing.operations.types import Done

PAGE = "admin:gateways_gateway_console"
FOUND_WORDS = {
    "passed": "works",
    "failed": "failed",
    "unsure": "not clear",
    "not_possible": "cannot be checked",
}
STEP_WORDS = {
    "definition": "Definition",
    "credentials": "Credentials",
    "reach": "Connection",
    "login": "Account",
    "send": "Test message",
}
_TONES = {"passed": "good", "failed": "bad", "unsure": "warn", "not_possible": "soft"}


def console_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The request and the tests (GET, or POST with an answer to read), and a new test (POST)."""
    actor = admin_actor(request)
    if not actor.may("gateways.gateway_view"):
        raise PermissionDenied
    gateway = gateways_visible(actor).filter(pk=pk).first()
    if gateway is None:
        raise Http404("There is no such gateway.")
    errors: dict[str, str] = {}
    if request.method == "POST" and request.POST.get("do") in ("check", "test_mode"):
        done, errors = _ask(request, gateway)
        if done is not None:
            return done
    values = _values(request)
    preview, trouble = _preview(request, gateway, values)
    context = {
        **admin.site.each_context(request),
        "title": f"Test {gateway.name}",
        "gateway": gateway,
        "values": values,
        "errors": errors | trouble,
        "preview": preview,
        "may_test": actor.may("gateways.gateway_test"),
        "result": _result(request),
        "past": [
            (row, probe_summary(row)) for row in tests_visible(actor).filter(gateway=gateway)[:8]
        ],
    }
    return TemplateResponse(request, "admin/gateways/console.html", context)


def _values(request: HttpRequest) -> dict[str, Any]:
    given = request.POST if request.method == "POST" else request.GET
    return {
        "to": given.get("to", "").replace(" ", "")[:20],
        "sender": given.get("sender", "Test")[:16],
        "text": given.get("text", TEXT)[:320],
        "real": bool(given.get("real")),
        "status": given.get("status", "200")[:3],
        "body": given.get("body", "")[:20_000],
    }


def _fields(values: dict[str, Any]) -> dict[str, Any]:
    return {
        "to": values["to"] or None,
        "sender": values["sender"],
        "text": values["text"],
    }


def _ask(request: HttpRequest, gateway: Gateway) -> tuple[HttpResponse | None, dict[str, str]]:
    payload = {
        "gateway_id": gateway.pk,
        "mode": request.POST["do"],
        **_fields(_values(request)),
    }
    try:
        outcome = operation_call("gateways.test", payload, actor=admin_actor(request))
    except OperationError as error:
        messages.error(request, error.message)
        return None, dict(error.field_errors)
    if not isinstance(outcome, Done):
        return HttpResponseRedirect(action_request_url(outcome.action_request_id)), {}
    test_id = outcome.result.test_id  # type: ignore[attr-defined]
    address = reverse(PAGE, args=[gateway.pk])
    return HttpResponseRedirect(f"{address}?{urlencode({'test': test_id})}"), {}


def _preview(
    request: HttpRequest, gateway: Gateway, values: dict[str, Any]
) -> tuple[Any, dict[str, str]]:
    payload: dict[str, Any] = {
        "gateway_id": gateway.pk,
        "real": values["real"],
        **_fields(values),
    }
    if request.method == "POST" and request.POST.get("do") == "read":
        payload["answer"] = {"status": values["status"] or "0", "body": values["body"]}
    try:
        outcome = operation_call("gateways.test_preview", payload, actor=admin_actor(request))
    except OperationError as error:
        return None, {name.split(".")[-1]: words for name, words in error.field_errors.items()}
    return (outcome.result if isinstance(outcome, Done) else None), {}


def _result(request: HttpRequest) -> dict[str, Any] | None:
    given = request.GET.get("test", "")
    if not given.isdecimal() or len(given) > 15:
        return None
    try:
        outcome = operation_call(
            "gateways.test_result", {"test_id": int(given)}, actor=admin_actor(request)
        )
    except OperationError:
        return None
    if not isinstance(outcome, Done):
        return None
    told: Any = outcome.result
    return {
        "told": told,
        "open": told.state in ("waiting", "running"),
        "steps": [
            {
                "name": STEP_WORDS.get(step.step, step.step),
                "word": FOUND_WORDS.get(step.found, step.found),
                "tone": _TONES.get(step.found, "soft"),
                "sentence": step.sentence,
                "advice": step.advice,
            }
            for step in told.steps
        ],
    }
