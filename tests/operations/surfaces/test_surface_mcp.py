"""MCP: transport, tools/list and tools/call, each line of the conformance list that the legacy revisions have."""

import json
import re
from typing import Any

import jsonschema
import pytest
from django.test import Client

from smsmarketing import __version__
from smsmarketing.accounts.models import Team, User
from smsmarketing.operations import registry
from smsmarketing.operations.surfaces.mcp import server as mcp_server
from smsmarketing.operations.surfaces.mcp.tools import tool_document
from smsmarketing.operations.types import Input, Operation
from tests.operations.surfaces.probes import (
    CREATE,
    OPERATIONS,
    REQUEST_ID,
    SECRET,
    NoInput,
    count,
)
from tests.surfaces import mcp_post, token_for

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("probes")]

KEY = "a-key-of-sixteen-letters"
STRICT_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")


@pytest.fixture
def token(anna: User) -> str:
    return token_for(anna, ["sms:read", "sms:draft", "sms:send"])


def message(method: str, params: Any = None, message_id: Any = 1) -> dict[str, Any]:
    found: dict[str, Any] = {"jsonrpc": "2.0", "id": message_id, "method": method}
    if params is not None:
        found["params"] = params
    return found


def tool(token: str, name: str, arguments: Any = None, *, path: str = "/mcp") -> dict[str, Any]:
    """The CallToolResult; checks that it is valid against the tool's output schema and equal to its text [R-9.11]."""
    response = mcp_post(
        message("tools/call", {"name": name, "arguments": arguments or {}}), token, path=path
    )
    assert response.status_code == 200, response.content
    result: dict[str, Any] = response.json()["result"]
    envelope = result["structuredContent"]
    assert [item["type"] for item in result["content"]] == ["text"]
    assert json.loads(result["content"][0]["text"]) == envelope
    for operation in registry.every():
        if name in (registry.mcp_name(operation.key), registry.dotted_name(operation.key)):
            jsonschema.validate(envelope, tool_document(operation)["outputSchema"])
    assert result["isError"] == (envelope["error"] is not None)
    return result


def envelope(token: str, key: str, arguments: Any = None, *, path: str = "/mcp") -> dict[str, Any]:
    found: dict[str, Any] = tool(token, registry.mcp_name(key), arguments, path=path)[
        "structuredContent"
    ]
    return found


def names(token: str, path: str = "/mcp") -> list[str]:
    return [
        item["name"]
        for item in mcp_post(message("tools/list"), token, path=path).json()["result"]["tools"]
    ]


# --- transport ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("path", ["/mcp", "/mcp/teams"])
def test_post_only(token: str, method: str, path: str) -> None:
    """[R-9.1], also with the Accept header that hangs django-mcp-server's own view."""
    response = Client().generic(
        method,
        path,
        headers={
            "Authorization": f"Bearer {token}",
            "Accept": "application/json, text/event-stream",
        },
    )
    assert (response.status_code, response["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "body",
    [
        [message("ping")],
        [],
        {"jsonrpc": "2.0", "id": 1, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "error": {}},
        {"id": 1, "method": "ping"},
        "text",
        5,
        {"jsonrpc": "2.0", "id": True, "method": "ping"},
        {"jsonrpc": "2.0", "id": None, "method": "ping"},
        {"jsonrpc": "2.0", "id": 1.5, "method": "ping"},
        {"jsonrpc": "2.0", "id": 1, "method": 5},
    ],
)
def test_what_is_no_request_or_notification_is_400(token: str, body: Any) -> None:
    """[R-9.1]: batches and responses too."""
    response = mcp_post(json.dumps(body), token)
    assert (response.status_code, response.json()["error"]["code"]) == (400, -32600)


def test_a_notification_is_202_without_a_body(token: str) -> None:
    """[R-9.1]."""
    response = mcp_post({"jsonrpc": "2.0", "method": "notifications/initialized"}, token)
    assert (response.status_code, response.content) == (202, b"")


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b'{"a": 1, "a": 2}', b"[" * 40 + b"]" * 40, b'{"x": NaN}', b""]
)
def test_bad_json_is_a_parse_error(token: str, body: bytes) -> None:
    """[R-9.7]."""
    response = mcp_post(body, token)
    assert response.status_code == 400
    assert response.json()["error"]["code"] in ({-32700} if body else {-32700, -32600})
    assert response.json()["id"] is None


def test_names_that_are_no_valid_unicode_are_told_as_unknown(token: str) -> None:
    """A lone surrogate is valid JSON, and no UTF-8 can say it back."""
    method = mcp_post(message("\ud800"), token)
    assert (method.status_code, method.json()["error"]["code"]) == (200, -32601)
    name = mcp_post(message("tools/call", {"name": "\ud800"}), token)
    assert (name.status_code, name.json()["error"]["code"]) == (200, -32602)


def test_a_body_in_chunks_and_a_query_without_end_are_refused(token: str) -> None:
    chunked = mcp_post(message("ping"), token, **{"Transfer-Encoding": "chunked"})
    assert (chunked.status_code, chunked.json()["error"]["code"]) == (411, -32600)
    query = mcp_post(message("ping"), token, path="/mcp?" + "a=1&" * 1001)
    assert (query.status_code, query.json()["error"]["code"]) == (400, -32600)


def test_a_body_over_one_mebibyte_is_413(token: str) -> None:
    """[R-9.7]."""
    assert mcp_post(json.dumps({"x": "y" * 1024 * 1024}), token).status_code == 413


def test_another_content_type_is_415(token: str) -> None:
    response = Client().post(
        "/mcp", "{}", content_type="text/plain", headers={"Authorization": f"Bearer {token}"}
    )
    assert response.status_code == 415


def test_a_foreign_origin_is_refused_before_the_token_is_looked_at(
    token: str, settings: Any
) -> None:
    """[R-9.2]."""
    for bearer in (token, "nonsense"):
        assert mcp_post(message("ping"), bearer, Origin="https://evil.example").status_code == 403
        assert mcp_post(message("ping"), bearer, Origin="null").status_code == 403
    settings.MCP_ALLOWED_ORIGINS = ["https://inspector.example"]
    assert mcp_post(message("ping"), token, Origin="https://inspector.example").status_code == 200
    assert mcp_post(message("ping"), token).status_code == 200


def test_a_foreign_host_is_refused(token: str) -> None:
    """[R-9.2]: DNS rebinding."""
    assert mcp_post(message("ping"), token, Host="evil.example").status_code == 400


@pytest.mark.parametrize(
    ("wanted", "answered"),
    [
        ("2025-11-25", "2025-11-25"),
        ("2025-06-18", "2025-06-18"),
        ("2025-03-26", "2025-03-26"),
        ("2024-11-05", "2024-11-05"),
        ("2026-07-28", "2025-11-25"),
        ("nonsense", "2025-11-25"),
    ],
)
def test_initialize_negotiates_the_version(token: str, wanted: str, answered: str) -> None:
    """[R-9.5]."""
    params = {
        "protocolVersion": wanted,
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    }
    result = mcp_post(message("initialize", params), token).json()["result"]
    assert result["protocolVersion"] == answered
    assert result["capabilities"] == {"tools": {"listChanged": False}}
    assert result["serverInfo"] == {
        "name": "sms-marketing",
        "title": "SMS marketing",
        "version": __version__,
    }
    assert len(result["instructions"]) < 600


def test_initialize_without_a_version_is_invalid(token: str) -> None:
    assert mcp_post(message("initialize", {}), token).json()["error"]["code"] == -32602


def test_a_wrong_version_header_is_400(token: str) -> None:
    """[R-9.5]; a client of the 2026-07-28 revision sees what is spoken and falls back to initialize."""
    for version in ("2026-07-28", "nonsense"):
        response = mcp_post(message("ping"), token, **{"MCP-Protocol-Version": version})
        assert response.status_code == 400
        assert "2025-11-25" in response.json()["error"]["data"]["supported"]
    assert (
        mcp_post(message("ping"), token, **{"MCP-Protocol-Version": "2025-06-18"}).status_code
        == 200
    )


def test_session_ids_are_ignored_and_never_made(token: str, anna: User) -> None:
    """[R-9.5]: above all a Django session key is no MCP session."""
    client = Client()
    client.force_login(anna, backend="django.contrib.auth.backends.ModelBackend")
    response = mcp_post(message("ping"), token, **{"Mcp-Session-Id": client.session.session_key})
    assert response.status_code == 200
    assert "Mcp-Session-Id" not in response
    assert client.session.exists(client.session.session_key)


def test_ping_and_ids_come_back(token: str) -> None:
    for message_id in (0, 7, "a-b", ""):
        assert mcp_post(message("ping", message_id=message_id), token).json() == {
            "jsonrpc": "2.0",
            "id": message_id,
            "result": {},
        }


@pytest.mark.parametrize(
    "method", ["prompts/list", "resources/list", "completion/complete", "server/discover", ""]
)
def test_unknown_methods_are_32601(token: str, method: str) -> None:
    assert mcp_post(message(method), token).json()["error"]["code"] == -32601


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {}),
        ("tools/call", {"name": 5}),
        ("tools/call", {"name": "sms_marketing_probe_count", "arguments": []}),
        ("tools/call", {"name": "nothing"}),
        ("tools/call", {"name": "probe.count"}),
        ("tools/call", []),
        ("tools/list", {"cursor": "forged"}),
    ],
)
def test_malformed_params_and_unknown_tools_are_32602(token: str, method: str, params: Any) -> None:
    """[R-9.13]."""
    assert mcp_post(message(method, params), token).json()["error"]["code"] == -32602


# --- who asks ----------------------------------------------------------------------------------------------
def test_no_token_is_401_with_a_challenge() -> None:
    """[R-9.20]."""
    response = Client().post("/mcp", json.dumps(message("ping")), content_type="application/json")
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert response.json()["error"]["data"]["code"] == "AUTH_REQUIRED"


def test_a_bad_token_is_401(token: str) -> None:
    response = mcp_post(message("ping"), "nonsense")
    assert response.status_code == 401
    assert 'error="invalid_token"' in response["WWW-Authenticate"]
    assert response.json()["error"]["data"]["code"] == "AUTH_INVALID"


def test_a_browser_session_never_signs_in(anna: User) -> None:
    client = Client()
    client.force_login(anna, backend="django.contrib.auth.backends.ModelBackend")
    response = client.post("/mcp", json.dumps(message("ping")), content_type="application/json")
    assert response.status_code == 401


def test_a_token_in_the_address_is_401(token: str) -> None:
    """[R-9.21]."""
    response = Client().post(
        f"/mcp?token={token}", json.dumps(message("ping")), content_type="application/json"
    )
    assert response.status_code == 401


# --- tools/list --------------------------------------------------------------------------------------------
def test_the_list_is_sorted_and_shows_what_the_token_may_use(
    token: str, anna: User, viewer: User
) -> None:
    """[R-9.8]: scopes and permissions decide; nothing for people only."""
    everything = [
        f"sms_marketing_probe_{name}"
        for name in (
            "count", "crash", "create", "get", "need_preview", "refuse", "rename", "send", "shapes", "shapes_write"
        )
    ]  # fmt: skip
    assert names(token) == everything
    reading = ["sms_marketing_probe_count", "sms_marketing_probe_get", "sms_marketing_probe_shapes"]
    assert names(token_for(anna, ["sms:read"])) == reading
    assert names(token_for(viewer)) == reading


def test_read_only_beats_everything(token: str) -> None:
    """[R-9.15]."""
    reading = ["sms_marketing_probe_count", "sms_marketing_probe_get", "sms_marketing_probe_shapes"]
    assert names(token, "/mcp?read_only=1") == reading
    assert names(token, "/mcp?read_only=0&read_only=1") == reading
    refused = envelope(token, "probe.create", {"name": "x"}, path="/mcp?read_only=1")
    assert refused["error"]["code"] == "NOT_PERMITTED"
    assert not Team.objects.filter(name="x").exists()


def test_groups_narrow(token: str) -> None:
    """[R-9.15]."""
    assert names(token, "/mcp/campaigns") == ["sms_marketing_probe_send"]
    assert names(token, "/mcp?toolsets=campaigns") == ["sms_marketing_probe_send"]
    assert names(token, "/mcp/teams?toolsets=campaigns") == []
    assert "sms_marketing_probe_send" not in names(token, "/mcp/teams")
    response = mcp_post(
        message("tools/call", {"name": "sms_marketing_probe_send", "arguments": {}}),
        token,
        path="/mcp/teams",
    )
    assert response.json()["error"]["code"] == -32602


def test_names_are_strict_and_the_dotted_form_is_accepted(token: str) -> None:
    """[R-9.10]."""
    assert all(STRICT_NAME.match(name) for name in names(token))
    dotted = names(token, "/mcp?names=dotted")
    assert "sms_marketing.probe.count" in dotted
    for name in ("sms_marketing.probe.count", "sms_marketing_probe_count"):
        assert tool(token, name)["structuredContent"]["ok"] is True


def test_pages_of_the_list(
    token: str, anna: User, viewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[R-9.8]: signed cursors; another person's or a forged one is -32602."""
    everything = names(token)
    monkeypatch.setattr(mcp_server, "PAGE", 4)
    seen: list[str] = []
    params: dict[str, Any] = {}
    cursors = []
    while True:
        result = mcp_post(message("tools/list", params), token).json()["result"]
        seen += [item["name"] for item in result["tools"]]
        if "nextCursor" not in result:
            break
        cursors.append(result["nextCursor"])
        params = {"cursor": result["nextCursor"]}
    assert seen == everything
    stolen = mcp_post(message("tools/list", {"cursor": cursors[0]}), token_for(viewer)).json()
    assert stolen["error"]["code"] == -32602


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.key)
def test_a_tool_says_everything_about_itself(operation: Operation[Any, Any]) -> None:
    """[R-9.10], [R-9.11], [R-9.12]."""
    found = tool_document(operation)
    assert found["title"] == f"sms_marketing.{operation.key}"
    assert found["description"]
    assert set(found["annotations"]) == {
        "title", "readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"
    }  # fmt: skip
    for name in ("inputSchema", "outputSchema"):
        jsonschema.Draft202012Validator.check_schema(found[name])
        assert found[name]["type"] == "object"
        assert found[name]["additionalProperties"] is False
        assert all(
            ref.startswith("#/$defs/")
            for ref in re.findall(r'"\$ref": "([^"]+)"', json.dumps(found[name]))
        )
    has_key = "idempotency_key" in found["inputSchema"]["properties"]
    assert has_key == ("dry_run" in found["inputSchema"]["properties"]) == operation.writes
    assert ("idempotency_key" in found["inputSchema"].get("required", [])) == operation.requires_key


def test_annotations_follow_the_operation() -> None:
    """[R-9.12]."""

    def hints(key: str) -> tuple[bool, ...]:
        found = tool_document(registry.get(key))["annotations"]
        return tuple(
            found[f"{name}Hint"] for name in ("readOnly", "destructive", "idempotent", "openWorld")
        )

    assert hints("probe.count") == (True, False, True, False)
    assert hints("probe.create") == (False, False, False, False)
    assert hints("probe.rename") == (False, False, True, False)
    assert hints("probe.send") == (False, True, True, True)


def test_an_operation_may_not_have_a_key_field_of_its_own() -> None:
    class Clash(Input):
        dry_run: bool = False

    operation = Operation(
        **{**CREATE.__dict__, "key": "probe.clash", "input": Clash, "run": count},
    )
    with pytest.raises(ValueError, match="dry_run"):
        tool_document(operation)


# --- tools/call --------------------------------------------------------------------------------------------
def test_a_call_answers_with_the_envelope(token: str, team: Team) -> None:
    found = envelope(token, "probe.get", {"team_id": team.pk})
    assert found["ok"] is True
    assert found["data"]["name"] == {"untrusted": True, "source": "team", "text": "North"}
    assert found["held"] is None
    assert found["error"] is None
    assert found["meta"]["replayed"] is False
    assert found["meta"]["request_id"]


def test_text_arguments_stay_text(token: str) -> None:
    """FastMCP would turn "null" into None and "[1,2]" into a list: poison for message texts."""
    for text in ("null", "[1,2]", "5", "true", '{"a":1}'):
        assert envelope(token, "probe.shapes", {"name": text})["data"]["seen"] == {"name": text}


def test_a_held_call(token: str) -> None:
    found = envelope(token, "probe.create", {"name": "Big one"})
    assert found["ok"] is False
    assert found["held"]["action_request_id"] == str(REQUEST_ID)
    assert found["held"]["policies"] == ["big-names"]
    assert not Team.objects.filter(name="Big one").exists()


def test_a_dry_run_and_a_replay(token: str) -> None:
    dry = envelope(token, "probe.create", {"name": "Big", "dry_run": True})
    assert dry["meta"]["dry_run"] is True
    assert dry["meta"]["approval_needed"]["policies"] == ["big-names"]
    assert not Team.objects.filter(name="Big").exists()
    arguments = {"name": "East", "idempotency_key": KEY}
    first = envelope(token, "probe.create", arguments)
    again = envelope(token, "probe.create", arguments)
    assert again["data"] == first["data"]
    assert (first["meta"]["replayed"], again["meta"]["replayed"]) == (False, True)
    assert Team.objects.filter(name="East").count() == 1


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({}, "name"),
        ({"name": "x", "nme": "y"}, "nme"),
        ({"name": 5}, "name"),
        ({"name": "x", "dry_run": "yes"}, "dry_run"),
        ({"name": "x", "idempotency_key": 5}, "idempotency_key"),
        ({"name": "x", "idempotency_key": "short"}, "idempotency_key"),
        ({"name": "a\x00b"}, "name"),
    ],
)
def test_bad_arguments_are_a_result_that_names_the_field(
    token: str, arguments: Any, field: str
) -> None:
    """[R-9.13]."""
    before = Team.objects.count()
    found = envelope(token, "probe.create", arguments)
    assert found["error"]["code"] == "INVALID_INPUT"
    assert field in found["error"]["field_errors"]
    assert Team.objects.count() == before


def test_an_earlier_step_is_named_as_a_tool(token: str) -> None:
    """[R-9.14]."""
    error = envelope(token, "probe.need_preview")["error"]
    assert error["code"] == "PRECONDITION_REQUIRED"
    assert error["message"] == "This needs a preview. Call sms_marketing_probe_shapes first."
    assert error["field_errors"] == {"probe_id": "Pass the id of sms_marketing_probe_shapes."}
    assert error["details"]["call_first"] == ["sms_marketing_probe_shapes"]


def test_versions_over_mcp(token: str, team: Team) -> None:
    """[R-8.7]."""
    missing = envelope(token, "probe.rename", {"team_id": team.pk, "name": "x"})["error"]
    assert missing["code"] == "PRECONDITION_REQUIRED"
    assert "sms_marketing_probe_get" in missing["message"]
    read = envelope(token, "probe.get", {"team_id": team.pk})["data"]
    arguments = {
        "team_id": team.pk,
        "name": "New",
        "base_version_token": read["base_version_token"],
    }
    assert envelope(token, "probe.rename", arguments)["ok"] is True
    assert envelope(token, "probe.rename", arguments)["error"]["code"] == "VERSION_CONFLICT"


def test_a_missing_scope_and_a_foreign_row(token: str, anna: User, stranger_team: Team) -> None:
    """[R-9.16], [R-9.22]."""
    error = envelope(token_for(anna, ["sms:read"]), "probe.create", {"name": "x"})["error"]
    assert error["code"] == "INSUFFICIENT_SCOPE"
    assert error["details"]["required_scopes"] == ["sms:draft"]
    assert (
        envelope(token, "probe.get", {"team_id": stranger_team.pk})["error"]["code"] == "NOT_FOUND"
    )
    assert not Team.objects.filter(name="x").exists()


def test_a_person_only_operation_says_where_a_person_does_it(token: str, anna: User) -> None:
    """[R-8.1]: whatever scopes the token has."""
    for bearer in (token, token_for(anna)):
        error = envelope(bearer, "probe.decide")["error"]
        assert error["code"] == "NOT_PERMITTED"
        assert "/admin/operations/call/probe.decide/" in error["message"]


def test_an_operation_that_is_not_for_agents_is_unknown(token: str) -> None:
    response = mcp_post(message("tools/call", {"name": "sms_marketing_probe_admin_only"}), token)
    assert response.json()["error"]["code"] == -32602


def test_a_bug_says_nothing_of_itself(token: str) -> None:
    """[R-9.13]."""
    found = tool(token, "sms_marketing_probe_crash")
    assert found["structuredContent"]["error"]["code"] == "INTERNAL"
    assert found["structuredContent"]["error"]["request_id"]
    assert SECRET not in json.dumps(found)
    assert "hunter2" not in json.dumps(found)


def test_a_bug_outside_of_an_operation_says_nothing_either(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(mcp_server.ToolServer, "_result", broken)
    response = mcp_post(message("ping"), token)
    assert response.status_code == 500
    assert "hunter2" not in response.content.decode()
    assert response.json()["error"]["data"]["code"] == "INTERNAL"


def test_a_crowd_of_limits_is_a_result(token: str, settings: Any) -> None:
    """[R-9.18]."""
    settings.OPERATION_RATE_LIMITS = {"read": 1, "preview": 1, "write": 1, "outbound": 1}
    assert envelope(token, "probe.count")["ok"] is True
    error = envelope(token, "probe.count")["error"]
    assert (error["code"], error["retryable"]) == ("RATE_LIMITED", True)
    assert error["retry_after_s"] >= 1


def test_no_input_at_all_is_fine(token: str) -> None:
    assert NoInput().model_dump() == {}
    response = mcp_post(message("tools/call", {"name": "sms_marketing_probe_count"}), token)
    assert response.json()["result"]["structuredContent"]["ok"] is True
