"""The catalogue as data: what `manage.py operations --json` prints and the generated page is
made of.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from smsmarketing.operations import registry
from smsmarketing.operations.types import Operation


def operation_json(operation: Operation[Any, Any], *, schemas: bool = True) -> dict[str, Any]:
    """Everything a caller can know about an operation, as plain JSON."""
    shown: dict[str, Any] = {
        "key": operation.key,
        "summary": operation.summary,
        "description": operation.description,
        "kind": operation.kind.value,
        "group": operation.group,
        "permission": operation.permission,
        "scope": operation.scope,
        "approval": operation.approval.value,
        "requires": list(operation.requires),
        "surfaces": sorted(surface.value for surface in operation.surfaces),
        "rest": {"method": operation.rest.method, "path": operation.rest.path},
        "mcp_name": registry.mcp_name(operation.key),
        "outbound": operation.outbound,
        "destructive": operation.destructive,
        "idempotent": operation.idempotent,
        "human_only": operation.human_only,
        "needs_idempotency_key": operation.requires_key,
    }
    if schemas:
        shown["input_schema"] = operation.input.model_json_schema(mode="validation")
        shown["output_schema"] = operation.output.model_json_schema(mode="serialization")
    return shown


def model_properties(
    model: type[BaseModel], *, output: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(dotted name, JSON schema) of all fields of a model and of the models inside it."""
    schema = model.model_json_schema(mode="serialization" if output else "validation")
    definitions = schema.get("$defs", {})
    for name, found in [("", schema), *sorted(definitions.items())]:
        for field, described in found.get("properties", {}).items():
            yield (f"{name}.{field}" if name else field), described


def type_words(schema: dict[str, Any]) -> str:
    """A field's type in a few words, e.g. "text or null, at most 80"."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    for joiner in ("anyOf", "oneOf", "allOf"):
        if joiner in schema:
            return " or ".join(dict.fromkeys(type_words(part) for part in schema[joiner]))
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return f"always {schema['const']}"
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {type_words(schema.get('items', {}))}"
    return _FORMATS.get(schema.get("format", ""), _TYPES.get(kind, str(kind)))


_TYPES = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "object": "object",
}
_FORMATS = {"date-time": "time", "date": "date", "uuid": "UUID", "uri": "web address"}
