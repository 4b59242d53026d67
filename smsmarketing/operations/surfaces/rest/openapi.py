"""OpenAPI 3.1 by drf-spectacular, from the pydantic models of the registry."""

from __future__ import annotations

import copy
import re
from functools import lru_cache
from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from pydantic import BaseModel

from smsmarketing.operations import registry
from smsmarketing.operations.surfaces.bodies import HeldBody, Problem
from smsmarketing.operations.surfaces.rest.routes import creates, path_arguments
from smsmarketing.operations.surfaces.schemas import (
    field_schema,
    field_types,
    input_schema,
    schemas_together,
)
from smsmarketing.operations.types import Approval, Operation

VERSION_FIELD = "base_version_token"
KEY_PATTERN = "^[A-Za-z0-9_-]{16,128}$"
ERROR_STATUSES = {
    "400": "The request is not well-formed.",
    "401": "No token, or one that is not valid.",
    "403": "The roles or scopes do not allow this.",
    "422": "The input breaks a rule; field_errors names each field.",
    "429": "Too many requests; see Retry-After.",
    "500": "A fault on our side; nothing was changed.",
}


def operation_id(key: str) -> str:
    """The operationId: the key with underscores."""
    return key.replace(".", "_")


def component_name(key: str, suffix: str) -> str:
    """`campaigns.create_draft` -> `CampaignsCreateDraftRequest`."""
    return "".join(part.title() for part in re.split(r"[._]", key)) + suffix


class OperationSchema(AutoSchema):
    """Describes one operation; DRF serializers are not involved."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any
    ) -> dict[str, Any] | None:
        found: Operation[Any, Any] | None = getattr(self.view, "operations", {}).get(method)
        return None if found is None else operation_document(found, registry)


def operation_document(operation: Operation[Any, Any], components: Any) -> dict[str, Any]:
    """The OpenAPI operation object; registers its components."""
    document: dict[str, Any] = {
        "operationId": operation_id(operation.key),
        "summary": operation.summary,
        "description": _description(operation),
        "tags": [operation.group],
        "security": [{"browserSession": []}]
        if operation.human_only
        else [{"bearerToken": []}, {"browserSession": []}],
        "parameters": _parameters(operation),
        "responses": _responses(operation, components),
        "x-operation-key": operation.key,
        "x-permission": operation.permission,
        "x-required-scopes": []
        if operation.human_only or not operation.scope
        else [operation.scope],
        "x-approval": operation.approval.value,
    }
    if operation.rest.method != "GET":
        name = component_name(operation.key, "Request")
        _register(components, name, _body_schema(operation, components))
        document["requestBody"] = {
            "required": bool(_body_required(operation)),
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}},
        }
    return copy.deepcopy(document)  # whoever works on it further must not reach the shared schemas


def _description(operation: Operation[Any, Any]) -> str:
    parts = [operation.description]
    if operation.requires:
        parts.append("Call first: " + ", ".join(f"`{key}`" for key in operation.requires) + ".")
    if operation.human_only:
        parts.append(
            "For people only: a signed-in browser session. No token of any kind can do this."
        )
    elif operation.scope:
        parts.append(f"Token scope: `{operation.scope}`.")
    if operation.approval is not Approval.NEVER:
        parts.append(
            "A person may have to agree first; then the answer is 202 with an `action_request_id`."
        )
    if operation.destructive:
        parts.append("Cannot be taken back.")
    return "\n\n".join(part for part in parts if part)


def _field(operation: Operation[Any, Any], name: str) -> dict[str, Any]:
    schema = copy.deepcopy(field_schema(operation.input, name))
    schema.pop("title", None)
    found: dict[str, Any] = _inlined(schema, input_schema(operation.input).get("$defs", {}))
    return found


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """Parameters are small: references are written out (a cycle cannot stand in a query)."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            rest = {k: v for k, v in definitions.items() if k != name}
            return _inlined(definitions[name], rest) if name in definitions else {"type": "object"}
        return {key: _inlined(value, definitions) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    return schema


def _parameters(operation: Operation[Any, Any]) -> list[dict[str, Any]]:
    in_path = path_arguments(operation)
    found = [_parameter(operation, name, place="path", required=True) for name in in_path]
    if operation.rest.method == "GET":
        required = set(input_schema(operation.input).get("required", []))
        found += [
            _parameter(operation, name, place="query", required=name in required)
            for name in operation.input.model_fields
            if name not in in_path
        ]
    if operation.writes:
        found.append(
            _header(
                "Idempotency-Key",
                "Repeat a call safely: the same key with the same input gives the first answer again, for 72 hours.",
                required=operation.requires_key,
                pattern=KEY_PATTERN,
            )
        )
        found.append(
            {
                "name": "dry_run",
                "in": "query",
                "required": False,
                "description": "Check everything and show the result, but write nothing.",
                "schema": {"type": "boolean", "default": False},
            }
        )
    if VERSION_FIELD in operation.input.model_fields and operation.rest.method != "GET":
        found.append(
            _header(
                "If-Match",
                f"The ETag of the row as it was read. May be sent as `{VERSION_FIELD}` in the body instead.",
                required=False,
            )
        )
    return found


def _parameter(
    operation: Operation[Any, Any], name: str, *, place: str, required: bool
) -> dict[str, Any]:
    schema = _field(operation, name)
    parameter: dict[str, Any] = {"name": name, "in": place, "required": required}
    if "description" in schema:
        parameter["description"] = schema.pop("description")
    types = field_types(schema)
    if place == "query" and "array" in types:
        parameter.update(style="form", explode=True)
    if place == "query" and "object" in types and "array" not in types:
        parameter["content"] = {"application/json": {"schema": schema}}
    else:
        parameter["schema"] = schema
    return parameter


def _header(name: str, description: str, *, required: bool, pattern: str = "") -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if pattern:
        schema["pattern"] = pattern
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": schema,
    }


def _body_required(operation: Operation[Any, Any]) -> list[str]:
    left_out = {*path_arguments(operation), VERSION_FIELD}
    return [
        name for name in input_schema(operation.input).get("required", []) if name not in left_out
    ]


Schemas = tuple[dict[Any, dict[str, Any]], dict[str, Any]]


def _together() -> Schemas:
    return _together_cached(tuple((item.input, item.output) for item in registry.every()))


@lru_cache(maxsize=4)
def _together_cached(pairs: tuple[tuple[type[BaseModel], type[BaseModel]], ...]) -> Schemas:
    models: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
        (Problem, "serialization"),
        (HeldBody, "serialization"),
    ]
    for taken, given in pairs:
        models += [(taken, "validation"), (given, "serialization")]
    return schemas_together(models)


def _body_schema(operation: Operation[Any, Any], components: Any) -> dict[str, Any]:
    references, definitions = _together()
    schema = copy.deepcopy(_definition(references[(operation.input, "validation")], definitions))
    for name in path_arguments(operation):
        schema.get("properties", {}).pop(name, None)
    schema["required"] = _body_required(operation)
    if not schema["required"]:
        del schema["required"]
    schema.pop("title", None)
    schema.setdefault("properties", {})
    _register_used(components, schema, definitions)
    return schema


def _definition(reference: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = definitions[reference["$ref"].rsplit("/", 1)[1]]
    return found


def _responses(operation: Operation[Any, Any], components: Any) -> dict[str, Any]:
    references, definitions = _together()
    success = _answer("The outcome.", references[(operation.output, "serialization")], operation)
    found: dict[str, Any] = {"200": success}
    if creates(operation):
        found["201"] = {**success, "description": "Created."}
        found["200"] = {
            **success,
            "description": "Nothing new was created (dry run, or it existed).",
        }
    if operation.approval is not Approval.NEVER:
        found["202"] = _answer(
            "Held: people must agree first. Only the action request was written.",
            references[(HeldBody, "serialization")],
            None,
        )
    problem = references[(Problem, "serialization")]
    statuses = dict(ERROR_STATUSES)
    if operation.target is not None or "{" in operation.rest.path:
        statuses["404"] = "No such row, or none that you may see."
    if operation.rest.method != "GET":
        statuses["409"] = "The state does not allow this, or the idempotency key was used before."
        statuses["415"] = "The body is not application/json."
        statuses["428"] = "An earlier step is missing; the message names it."
    if VERSION_FIELD in operation.input.model_fields:
        statuses["412"] = "The row changed after it was read."
    for status, description in sorted(statuses.items()):
        found[status] = {
            "description": description,
            "content": {"application/problem+json": {"schema": problem}},
        }
    _register_used(components, found, definitions)
    return found


def _answer(
    description: str, schema: dict[str, Any], operation: Operation[Any, Any] | None
) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": description,
        "content": {"application/json": {"schema": schema}},
    }
    headers: dict[str, Any] = {
        "X-Request-ID": {
            "description": "Quote it when you report a problem.",
            "schema": {"type": "string"},
        }
    }
    if operation is not None and VERSION_FIELD in operation.output.model_fields:
        headers["ETag"] = {
            "description": f"`{VERSION_FIELD}` in quotes.",
            "schema": {"type": "string"},
        }
    if operation is None or operation.writes:
        headers["Idempotent-Replayed"] = {
            "description": "`true` when this is the stored answer of an earlier call.",
            "schema": {"type": "string"},
        }
    return {**answer, "headers": headers}


def _register_used(components: Any, schema: Any, definitions: dict[str, Any]) -> None:
    """Register every definition that the schema reaches."""
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            name = reference.rsplit("/", 1)[1]
            if _register(components, name, definitions[name]):
                _register_used(components, definitions[name], definitions)
        for value in schema.values():
            _register_used(components, value, definitions)
    elif isinstance(schema, list):
        for item in schema:
            _register_used(components, item, definitions)


def _register(components: Any, name: str, schema: dict[str, Any]) -> bool:
    component = ResolvedComponent(
        name=name, type=ResolvedComponent.SCHEMA, object=name, schema=copy.deepcopy(schema)
    )
    if component in components:
        return False
    components.register_on_missing(component)
    return True
