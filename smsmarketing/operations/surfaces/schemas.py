"""JSON Schemas of the pydantic inputs and outputs, as the surfaces publish them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

_inputs: dict[type[BaseModel], dict[str, Any]] = {}


def input_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema a caller's input must match. Shared: copy it before changing it."""
    found = _inputs.get(model)
    if found is None:
        found = _inputs[model] = model.model_json_schema(mode="validation")
    return found


def field_schema(model: type[BaseModel], name: str) -> dict[str, Any]:
    """Schema of one input field, with a reference resolved; empty for an unknown field."""
    document = input_schema(model)
    found = document.get("properties", {}).get(name, {})
    return _resolved(found, document)


def _resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return {**document["$defs"][name], **{k: v for k, v in schema.items() if k != "$ref"}}
    if "anyOf" in schema:
        return {**schema, "anyOf": [_resolved(item, document) for item in schema["anyOf"]]}
    if isinstance(schema.get("items"), dict):
        return {**schema, "items": _resolved(schema["items"], document)}
    return schema


def field_types(schema: dict[str, Any]) -> set[str]:
    """JSON types that a field takes, e.g. {"array", "null"}."""
    if "anyOf" in schema or "oneOf" in schema:
        return {
            name for item in schema.get("anyOf") or schema["oneOf"] for name in field_types(item)
        }
    kind = schema.get("type")
    if isinstance(kind, list):
        return set(kind)
    return {kind} if isinstance(kind, str) else set()


def schemas_together(
    models: Iterable[tuple[type[BaseModel], JsonSchemaMode]],
) -> tuple[dict[Any, dict[str, Any]], dict[str, Any]]:
    """Schemas of many models with one set of definitions: two classes of one name never overwrite each other."""
    references, document = models_json_schema(
        list(dict.fromkeys(models)), ref_template="#/components/schemas/{model}"
    )
    found: dict[Any, dict[str, Any]] = dict(references.items())
    return found, document.get("$defs", {})


def field_items(schema: Any) -> dict[str, Any]:
    """Schema of the items of a list field (also an optional one); empty when there is none."""
    for item in schema.get("anyOf", [schema]):
        if item.get("type") == "array" and isinstance(item.get("items"), dict):
            found: dict[str, Any] = item["items"]
            return found
    return {}


_NAMED = ("properties", "$defs")


def schema_slim(schema: dict[str, Any]) -> dict[str, Any]:
    """A copy without the titles that pydantic makes from names: an eighth of a tool's size, and no news."""
    found: dict[str, Any] = _slim(schema, names=False)
    return found


def _slim(value: Any, *, names: bool) -> Any:
    if isinstance(value, dict):
        return {
            key: _slim(item, names=key in _NAMED and not names)
            for key, item in value.items()
            if names or key != "title"
        }
    if isinstance(value, list):
        return [_slim(item, names=False) for item in value]
    return value
