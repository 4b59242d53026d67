"""One MCP tool per operation: its description for tools/list and its call."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field, create_model

from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotPermitted, OperationError
from smsmarketing.operations.surfaces.bodies import (
    ErrorBody,
    HeldBody,
    MetaBody,
    held_body,
    meta_body,
)
from smsmarketing.operations.surfaces.calls import operation_call
from smsmarketing.operations.surfaces.schemas import input_schema, schema_slim
from smsmarketing.operations.types import (
    Actor,
    Approval,
    Done,
    Held,
    Operation,
    Output,
    Surface,
)

KEY_FIELD = "idempotency_key"
DRY_RUN_FIELD = "dry_run"
ENVELOPE_PARTS = ("ErrorBody", "HeldBody", "MetaBody", "ApprovalNeeded")
_KEY_SCHEMA = {
    "type": "string",
    "minLength": 16,
    "maxLength": 128,
    "pattern": "^[A-Za-z0-9_-]{16,128}$",
    "description": (
        "Make one per intended effect, for example a UUID. "
        "Repeat the call with the same key if no answer arrived: it runs once."
    ),
}
_DRY_RUN_SCHEMA = {
    "type": "boolean",
    "default": False,
    "description": "Check everything and show the result, but write nothing.",
}


@dataclass(frozen=True)
class Tool:
    """An operation as MCP shows it. `underscored` and `dotted` are its JSON in tools/list."""

    operation: Operation[Any, Any]
    name: str
    underscored: str
    dotted: str


_built: dict[str, Tool] = {}


def tool_of(operation: Operation[Any, Any]) -> Tool:
    """The tool of an operation, built once."""
    found = _built.get(operation.key)
    if found is None or found.operation is not operation:
        found = _built[operation.key] = _build(operation)
    return found


def _build(operation: Operation[Any, Any]) -> Tool:
    document = tool_document(operation)
    dotted = {**document, "name": registry.dotted_name(operation.key)}
    return Tool(
        operation=operation,
        name=str(document["name"]),
        underscored=json.dumps(document, separators=(",", ":")),
        dotted=json.dumps(dotted, separators=(",", ":")),
    )


def tool_document(operation: Operation[Any, Any]) -> dict[str, Any]:
    """The tool as tools/list shows it. Static: it depends on nothing but the code [R-9.29]."""
    title = registry.dotted_name(operation.key)
    return {
        "name": registry.mcp_name(operation.key),
        "title": title,
        "description": _description(operation),
        "inputSchema": arguments_schema(operation),
        "outputSchema": envelope_schema(operation),
        "annotations": annotation_hints(operation),
        "_meta": {
            "smsmarketing/operation": operation.key,
            "smsmarketing/group": operation.group,
            "smsmarketing/scope": operation.scope,
        },
    }


def annotation_hints(operation: Operation[Any, Any]) -> dict[str, Any]:
    """All four hints, always explicit: the specification's own defaults are the alarming ones [R-9.12]."""
    return {
        "title": registry.dotted_name(operation.key),
        "readOnlyHint": not operation.writes,
        "destructiveHint": operation.writes and operation.destructive,
        "idempotentHint": not operation.writes or operation.idempotent or operation.requires_key,
        "openWorldHint": operation.writes and operation.outbound,
    }


def arguments_schema(operation: Operation[Any, Any]) -> dict[str, Any]:
    """The input's schema with `idempotency_key` and `dry_run` added where the operation takes them [R-9.11]."""
    schema = schema_slim(input_schema(operation.input))
    schema["type"] = "object"
    schema["additionalProperties"] = False
    properties: dict[str, Any] = schema.setdefault("properties", {})
    if operation.writes:
        clash = {KEY_FIELD, DRY_RUN_FIELD} & set(properties)
        if clash:
            raise ValueError(
                f"operation {operation.key} has an input field of its own called {clash}"
            )
        properties[KEY_FIELD] = dict(_KEY_SCHEMA)
        properties[DRY_RUN_FIELD] = dict(_DRY_RUN_SCHEMA)
        if operation.requires_key:
            schema["required"] = [*schema.get("required", []), KEY_FIELD]
    return schema


def envelope_schema(operation: Operation[Any, Any]) -> dict[str, Any]:
    """Schema of structuredContent: it holds for outcomes, held calls and refusals alike."""
    data: Any = operation.output | None
    model = create_model(
        "Envelope",
        __base__=Output,
        ok=(bool, Field(description="True when the operation ran; `data` is its output then.")),
        data=(data, Field(description="The output, or null.")),
        held=(
            HeldBody | None,
            Field(description="Set when people must agree first; nothing was changed."),
        ),
        error=(
            ErrorBody | None,
            Field(description="Set when the call was refused; nothing was changed."),
        ),
        meta=(MetaBody, Field(description="About the call.")),
    )
    schema: dict[str, Any] = schema_slim(model.model_json_schema(mode="serialization"))
    for name in ENVELOPE_PARTS:  # the same in every tool: described once, at /api/docs/errors
        for described in schema["$defs"].get(name, {}).get("properties", {}).values():
            described.pop("description", None)
    return schema


def _description(operation: Operation[Any, Any]) -> str:
    parts = [operation.summary, operation.description]
    if operation.requires:
        names = ", ".join(registry.mcp_name(key) for key in operation.requires)
        parts.append(f"Call first: {names}.")
    if operation.approval is not Approval.NEVER:
        status = registry.mcp_name("action_request.status")
        parts.append(
            "A person may have to agree first: then `held` has an action_request_id and nothing else changed; "
            f"follow it with {status}."
        )
    if operation.writes and operation.destructive:
        parts.append("Cannot be taken back.")
    return "\n".join(part for part in parts if part)


def listed(operation: Operation[Any, Any], actor: Actor, *, read_only: bool) -> bool:
    """Whether tools/list shows the operation to this actor: scopes, permissions, nothing for people only."""
    return (
        Surface.MCP in operation.surfaces
        and not operation.human_only
        and not (read_only and operation.writes)
        and (not operation.scope or actor.scopes is None or operation.scope in actor.scopes)
        and actor.may(operation.permission)
    )


def tool_call(
    operation: Operation[Any, Any], arguments: Mapping[str, Any], *, actor: Actor, read_only: bool
) -> dict[str, Any]:
    """Run the operation and return the CallToolResult: the envelope, structured and as text."""
    outcome: Done | Held | None = None
    error: OperationError | None = None
    try:
        if read_only and operation.writes:
            raise NotPermitted(
                "This connection is read-only (read_only=1). Use an endpoint without it to change something."
            )
        outcome = _run(operation, dict(arguments), actor)
    except OperationError as exc:
        error = exc
    envelope = {
        "ok": isinstance(outcome, Done),
        "data": outcome.result.model_dump(mode="json") if isinstance(outcome, Done) else None,
        "held": held_body(outcome, actor.request_id) if isinstance(outcome, Held) else None,
        "error": _error_body(operation, error, actor) if error else None,
        "meta": meta_body(outcome, actor.request_id),
    }
    text = json.dumps(envelope, separators=(",", ":"), ensure_ascii=False)
    return {
        "content": [{"type": "text", "text": text}],
        "structuredContent": envelope,
        "isError": error is not None,
    }


def _run(operation: Operation[Any, Any], arguments: dict[str, Any], actor: Actor) -> Done | Held:
    key: str | None = None
    dry_run = False
    if operation.writes:
        given_key = arguments.pop(KEY_FIELD, None)
        if given_key is not None and not isinstance(given_key, str):
            raise InvalidInput(
                "idempotency_key is a string.", field_errors={KEY_FIELD: "Give a string."}
            )
        given_dry = arguments.pop(DRY_RUN_FIELD, False)
        if not isinstance(given_dry, bool):
            raise InvalidInput(
                "dry_run is true or false.", field_errors={DRY_RUN_FIELD: "Give true or false."}
            )
        key, dry_run = given_key, given_dry
    return operation_call(
        operation.key, arguments, actor=actor, idempotency_key=key, dry_run=dry_run
    )


def _error_body(
    operation: Operation[Any, Any], error: OperationError, actor: Actor
) -> dict[str, Any]:
    """The error envelope; operations named in it are named as tools [R-9.14]."""
    body: dict[str, Any] = error.envelope(actor.request_id)["error"]
    call_first = [str(key) for key in error.details.get("call_first", [])]
    keys = [operation.key, *call_first]
    body["message"] = _tool_names(body["message"], keys)
    body["field_errors"] = {
        name: _tool_names(text, keys) for name, text in body["field_errors"].items()
    }
    if call_first:
        body["details"] = {
            **body["details"],
            "call_first": [registry.mcp_name(key) for key in call_first],
        }
    return body


def _tool_names(text: str, keys: list[str]) -> str:
    for key in dict.fromkeys(keys):
        text = re.sub(
            rf"(?<![\w./-]){re.escape(key)}(?!\w|\.\w|[/-])", registry.mcp_name(key), text
        )
    return text
