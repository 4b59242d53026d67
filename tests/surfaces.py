"""One way to call an operation through any surface, so that a test can compare what came out.

    answer = call("mcp", user, "campaigns.schedule", {"campaign_id": 5}, idempotency_key="k" * 16)
    assert answer.code == "VERSION_CONFLICT"

REST and MCP go through Django's test client over the real URLconf, the admin through its form page (a GET for the form
unless the idempotency key is given, then the POST a browser would send), the command line through
`manage.py operations call`.
"""

import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.accounts.rules.scopes import SCOPES
from smsmarketing.accounts.services import token_create
from smsmarketing.operations import registry
from smsmarketing.operations.surfaces.forms import form_build
from smsmarketing.operations.types import Done, Held

SurfaceName = Literal["rest", "mcp", "admin", "cli"]
SURFACES: tuple[SurfaceName, ...] = ("rest", "mcp", "admin", "cli")


@dataclass(frozen=True)
class Answer:
    """What a surface answered, in one shape. `code` is empty unless the call was refused."""

    status: Literal["done", "held", "refused"]
    data: dict[str, Any] | None = None
    action_request_id: str = ""
    code: str = ""
    message: str = ""
    field_errors: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    retryable: bool = False
    replayed: bool = False
    dry_run: bool = False
    request_id: str = ""
    http_status: int = 0


def token_for(
    user: User, scopes: Iterable[str] | None = None, *, for_agent: bool = True, team: Any = None
) -> str:
    """The plaintext of a new API token of this person; with every scope unless told."""
    _, plaintext = token_create(
        user,
        name="test",
        scopes=sorted(SCOPES if scopes is None else scopes),
        expires_in=timedelta(days=1),
        now=timezone.now(),
        team=team,
        for_agent=for_agent,
        may_mix=True,
    )
    return plaintext


def call(
    surface: SurfaceName,
    user: User,
    key: str,
    payload: Mapping[str, Any] | None = None,
    *,
    idempotency_key: str | None = None,
    dry_run: bool = False,
    token: str | None = None,
) -> Answer:
    """Call an operation. `token`: a bearer token for rest and mcp.

    Without a token, rest uses a browser session and mcp a fresh token with every scope.
    """
    given = json.loads(json.dumps(dict(payload or {}), default=str))
    if surface == "rest":
        return _rest(user, key, given, idempotency_key, dry_run, token)
    if surface == "mcp":
        return _mcp(key, given, idempotency_key, dry_run, token or token_for(user))
    if surface == "admin":
        return _admin(user, key, given, idempotency_key, dry_run)
    return _cli(user, key, given, idempotency_key, dry_run)


def browser_of(user: User) -> Client:
    """A signed-in browser of this person, the same one for every call of a test: signing in costs as much as a call."""
    kept: Client | None = getattr(user, "surface_browser", None)
    if kept is None:
        kept = Client()
        kept.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        user.surface_browser = kept  # type: ignore[attr-defined]
    return kept


def _refused(error: Mapping[str, Any], http_status: int) -> Answer:
    return Answer(
        "refused",
        code=error["code"],
        message=error["message"],
        field_errors=dict(error["field_errors"]),
        details=dict(error["details"]),
        retryable=error["retryable"],
        action_request_id=error["action_request_id"] or "",
        request_id=error["request_id"],
        http_status=http_status,
    )


def _rest(
    user: User,
    key: str,
    payload: dict[str, Any],
    idempotency_key: str | None,
    dry_run: bool,
    token: str | None,
) -> Answer:
    operation = registry.get(key)
    path = operation.rest.path
    for name in re.findall(r"\{(\w+)\}", path):
        path = path.replace(f"{{{name}}}", str(payload.pop(name)))
    headers = {}
    client = Client() if token else browser_of(user)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if idempotency_key is not None:
        headers["Idempotency-Key"] = f'"{idempotency_key}"'
    if operation.rest.method == "GET":
        query = {
            name: json.dumps(value) if isinstance(value, dict | bool) else value
            for name, value in payload.items()
            if value is not None
        }
        response = client.get(f"/api/v1{path}", query, headers=headers)
    else:
        response = client.generic(
            operation.rest.method,
            f"/api/v1{path}" + ("?dry_run=true" if dry_run else ""),
            json.dumps(payload),
            content_type="application/json",
            headers=headers,
        )
    body = response.json()
    if "error" in body and response.status_code >= 400:
        return _refused(body["error"], response.status_code)
    request_id = response.headers["X-Request-ID"]
    replayed = response.headers.get("Idempotent-Replayed") == "true"
    if response.status_code == 202:
        return Answer(
            "held",
            action_request_id=body["action_request_id"],
            message=body["message"],
            replayed=replayed,
            request_id=request_id,
            http_status=202,
        )
    return Answer(
        "done",
        data=body,
        replayed=replayed,
        dry_run=response.headers.get("Dry-Run") == "true",
        request_id=request_id,
        http_status=response.status_code,
    )


def mcp_post(message: Any, token: str, *, path: str = "/mcp", **headers: str) -> Any:
    """The response to one JSON-RPC message."""
    return Client().post(
        path,
        message if isinstance(message, str | bytes) else json.dumps(message),
        content_type="application/json",
        headers={
            "Authorization": f"Bearer {token}",
            "Accept": "application/json, text/event-stream",
        }
        | headers,
    )


def _mcp(
    key: str, payload: dict[str, Any], idempotency_key: str | None, dry_run: bool, token: str
) -> Answer:
    arguments = dict(payload)
    if idempotency_key is not None:
        arguments["idempotency_key"] = idempotency_key
    if dry_run:
        arguments["dry_run"] = True
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": registry.mcp_name(key), "arguments": arguments},
    }
    response = mcp_post(message, token)
    body = response.json()
    if "error" in body:
        data = body["error"].get("data")
        if not isinstance(data, dict) or "code" not in data:
            raise AssertionError(f"MCP answered {response.status_code}: {body['error']}")
        return _refused(data, response.status_code)
    envelope = body["result"]["structuredContent"]
    if envelope["error"] is not None:
        return _refused(envelope["error"], response.status_code)
    meta = envelope["meta"]
    if envelope["held"] is not None:
        return Answer(
            "held",
            action_request_id=envelope["held"]["action_request_id"],
            message=envelope["held"]["message"],
            replayed=meta["replayed"],
            request_id=meta["request_id"],
            http_status=response.status_code,
        )
    return Answer(
        "done",
        data=envelope["data"],
        replayed=meta["replayed"],
        dry_run=meta["dry_run"],
        request_id=meta["request_id"],
        http_status=response.status_code,
    )


def admin_form_data(key: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """What a browser sends when these values stand in the operation's form."""
    fields = form_build(registry.get(key).input, initial=payload)().fields
    data: dict[str, Any] = {}
    for name, form_field in fields.items():
        if name not in payload and not isinstance(form_field.initial, bool):
            continue
        value = form_field.initial
        if value is False or value is None:
            continue
        data[name] = "on" if value is True else value
    return data


def _admin(
    user: User, key: str, payload: dict[str, Any], idempotency_key: str | None, dry_run: bool
) -> Answer:
    client = browser_of(user)
    url = reverse("operation-call", args=[key])
    data = admin_form_data(key, payload)
    data["_idempotency_key"] = idempotency_key or _key_offered(client, url)
    if dry_run:
        data["_dry_run"] = "1"
    response = client.post(url, data)
    if response.status_code == 302:
        raise AssertionError(f"{user.username} cannot open the admin (is_staff)")
    error = response.context["error"]
    outcome = response.context["outcome"]
    if error is not None:
        return _refused(
            error.envelope(response.context["request_id"])["error"], response.status_code
        )
    if outcome is None:
        raise AssertionError(
            f"the form could not read its input: {response.context['form'].errors}"
        )
    return _from_outcome(outcome, response.status_code)


def _key_offered(client: Client, url: str) -> str:
    """The idempotency key that the form's page brings along."""
    page = client.get(url)
    return str(page.context["idempotency_key"]) if page.status_code == 200 else ""


def _from_outcome(outcome: Done | Held, http_status: int) -> Answer:
    if isinstance(outcome, Held):
        return Answer(
            "held",
            action_request_id=str(outcome.action_request_id),
            message=outcome.message,
            replayed=outcome.replayed,
            request_id=outcome.request_id,
            http_status=http_status,
        )
    return Answer(
        "done",
        data=outcome.result.model_dump(mode="json"),
        replayed=outcome.replayed,
        dry_run=outcome.dry_run,
        request_id=outcome.request_id,
        http_status=http_status,
    )


def _cli(
    user: User, key: str, payload: dict[str, Any], idempotency_key: str | None, dry_run: bool
) -> Answer:
    arguments = ["call", key, json.dumps(payload), "--as", user.get_username()]
    if idempotency_key is not None:
        arguments += ["--idempotency-key", idempotency_key]
    if dry_run:
        arguments.append("--dry-run")
    out = io.StringIO()
    try:
        call_command("operations", *arguments, stdout=out)
    except SystemExit as stopped:
        if stopped.code != 1:
            raise
        return _refused(json.loads(out.getvalue())["error"], 0)
    body = json.loads(out.getvalue())
    meta = body["meta"]
    if "held" in body:
        return Answer(
            "held",
            action_request_id=body["held"]["action_request_id"],
            message=body["held"]["message"],
            replayed=meta["replayed"],
            request_id=meta["request_id"],
        )
    return Answer(
        "done",
        data=body["data"],
        replayed=meta["replayed"],
        dry_run=meta["dry_run"],
        request_id=meta["request_id"],
    )
