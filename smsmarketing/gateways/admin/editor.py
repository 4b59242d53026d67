"""Writing a provider's description: its parts as JSON, each with what is wrong in it, and samples tried."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from smsmarketing.gateways.models import GatewayDefinition
from smsmarketing.gateways.selectors.definitions import (
    definitions_visible,
    ready_made,
    version_newest,
)
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.surfaces.admin.links import action_request_url
from smsmarketing.operations.surfaces.calls import operation_call
from smsmarketing.operations.types import Done

PARTS: tuple[tuple[str, str, str], ...] = (
    ("general", "The provider", "Name, notes, and the credentials that are entered on the server."),
    (
        "submit",
        "How a message becomes a request",
        "Placeholders: {to} {from} {text} {message_id} {dlr_url} {credential.name}.",
    ),
    (
        "answer",
        "What its answer means",
        "What no rule fits is never sent again: the message becomes unknown.",
    ),
    (
        "webhook",
        "Receipts and replies",
        "How its calls are read, and what it gets as an answer. Empty: it calls nothing.",
    ),
    (
        "check",
        "A call that proves the account",
        "Sends nothing, such as the balance. Empty: there is none.",
    ),
)
_OWN = ("submit", "answer", "webhook", "check")
_BLANK = {
    "label": "My provider",
    "notes": "",
    "credentials": [{"name": "token", "label": "API token"}],
    "submit": {
        "path": "/send",
        "auth": {"kind": "bearer", "secret": "{credential.token}"},
        "form": [
            {"name": "to", "value": "{to}"},
            {"name": "from", "value": "{from}"},
            {"name": "text", "value": "{text}"},
        ],
    },
    "answer": {
        "read": "json",
        "accepted": [{"tests": [{"at": "/status", "values": ["ok"]}]}],
        "id": {"at": "/id"},
    },
}


def editor_page(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """The form (GET), its check (POST do=check, as a fragment for scripts too) and saving."""
    actor = admin_actor(request)
    if not actor.may("gateways.gateway_view"):
        raise PermissionDenied
    row = None
    if pk is not None:
        row = definitions_visible(actor).filter(pk=pk).first()
        if row is None:
            raise Http404("There is no such definition.")
    values = _posted(request) if request.method == "POST" else _filled(request, row)
    content, faults = _content(values)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": f"New version of {row.name}" if row else "Describe a provider",
        "row": row,
        "values": values,
        "ready_made": [(key, each.label) for key, each in ready_made().items()],
        "may_save": actor.may("gateways.gateway_edit"),
        "errors": {},
    }
    if request.method == "POST" and request.POST.get("do") == "save" and not faults:
        done, errors = _save(request, row, values, content)
        if done is not None:
            return done
        context["errors"] = errors
        faults = _by_part(errors)
    context["tried"], found = _tried(request, values, content) if not faults else (None, {})
    context["parts"] = _shown(values, faults or found)
    fragment = bool(request.headers.get("X-Live-Check"))
    template = "editor_result.html" if fragment else "editor.html"
    return TemplateResponse(request, f"admin/gateways/{template}", context)


def _filled(request: HttpRequest, row: GatewayDefinition | None) -> dict[str, str]:
    """The newest version, a ready-made one, or a short beginning."""
    chosen = request.GET.get("from", "")
    newest = version_newest(row) if row is not None else None
    if newest is not None:
        content: Mapping[str, Any] = newest.content
    elif chosen in ready_made():
        content = ready_made()[chosen].model_dump(mode="json", exclude_defaults=True)
    else:
        content = _BLANK
    general = {name: value for name, value in content.items() if name not in _OWN}
    values = {"general": _pretty(general)}
    for name in _OWN:
        values[name] = _pretty(content[name]) if content.get(name) else ""
    return values | {
        "name": "" if row else str(content.get("label", "")),
        "note": "",
        "base_version": str(newest.number) if newest is not None else "",
        "answer_status": "200",
        "answer_body": "",
        "call_body": "",
    }


def _pretty(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)


def _posted(request: HttpRequest) -> dict[str, str]:
    names = ["general", *_OWN, "name", "note", "base_version", "answer_status", "answer_body"]
    return {name: request.POST.get(name, "")[:40_000] for name in [*names, "call_body"]}


def _content(values: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The definition that the parts make, and what of them is no JSON."""
    content: dict[str, Any] = {}
    faults: dict[str, list[str]] = {}
    for name in ("general", *_OWN):
        text = values[name].strip()
        if not text:
            continue
        try:
            found = json.loads(text)
        except json.JSONDecodeError as exc:
            faults[name] = [f"Line {exc.lineno}, column {exc.colno}: this is not JSON ({exc.msg})."]
            continue
        except RecursionError:
            faults[name] = ["It is nested too deeply."]
            continue
        if not isinstance(found, dict):
            faults[name] = ["Write an object: { … }."]
        elif name == "general":
            content |= {key: value for key, value in found.items() if key not in _OWN}
        else:
            content[name] = found
    return content, faults


def _tried(
    request: HttpRequest, values: Mapping[str, str], content: Mapping[str, Any]
) -> tuple[Any, dict[str, list[str]]]:
    payload: dict[str, Any] = {"definition": content}
    if values["answer_body"]:
        payload["answers"] = [
            {"status": values["answer_status"] or "0", "body": values["answer_body"]}
        ]
    if values["call_body"]:
        payload["calls"] = [{"body": values["call_body"]}]
    try:
        outcome = operation_call("gateway_definitions.check", payload, actor=admin_actor(request))
    except OperationError as error:
        return None, _by_part(error.field_errors)
    if not isinstance(outcome, Done):
        return None, {}
    told: Any = outcome.result
    found: dict[str, list[str]] = {}
    for problem in told.problems:
        kind = "" if problem.level == "error" else "To know: "
        line = f"{kind}{problem.path}: {problem.sentence}"
        found.setdefault(_part(problem.path), []).append(line)
    return told, found


def _part(path: str) -> str:
    first = path.removeprefix("definition.").split(".")[0]
    return first if first in _OWN else "general"


def _by_part(errors: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path, sentence in errors.items():
        place = path.removeprefix("definition.")
        found.setdefault(_part(path), []).append(f"{place}: {sentence}")
    return found


def _shown(values: Mapping[str, str], faults: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    return [
        {
            "key": key,
            "title": title,
            "help": words,
            "text": values[key],
            "lines": min(40, max(4, values[key].count("\n") + 2)),
            "faults": [each for each in faults.get(key, []) if not each.startswith("To know: ")],
            "notes": [each for each in faults.get(key, []) if each.startswith("To know: ")],
        }
        for key, title, words in PARTS
    ]


def _save(
    request: HttpRequest,
    row: GatewayDefinition | None,
    values: Mapping[str, str],
    content: Mapping[str, Any],
) -> tuple[HttpResponse | None, dict[str, str]]:
    payload: dict[str, Any] = {"definition": content, "note": values["note"]}
    if row is None:
        payload["name"] = values["name"]
    else:
        payload |= {"definition_id": row.pk, "base_version": values["base_version"] or None}
    try:
        outcome = operation_call("gateway_definitions.save", payload, actor=admin_actor(request))
    except OperationError as error:
        messages.error(request, error.message)
        return None, dict(error.field_errors)
    if not isinstance(outcome, Done):
        return HttpResponseRedirect(action_request_url(outcome.action_request_id)), {}
    told: Any = outcome.result
    messages.success(request, _kept_words(row, told))
    address = reverse("admin:gateways_gatewaydefinition_change", args=[told.definition_id])
    return HttpResponseRedirect(address), {}


def _kept_words(row: GatewayDefinition | None, told: Any) -> str:
    if not told.saved:
        return f"Nothing differs from version {told.version}, so it stays the newest."
    if row is None:
        return (
            f"Version {told.version} is kept. No gateway uses it yet: make one with the transport"
            " generic, then choose “Use for a gateway” here."
        )
    return (
        f"Version {told.version} is kept. Gateways stay with their version until “Use for a gateway”"
        " and a second person."
    )
