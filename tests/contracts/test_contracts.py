"""The published contracts: a change of a tool or of the OpenAPI document must show in a diff ([R-9.29])."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from drf_spectacular.validation import validate_schema

from smsmarketing.operations import registry
from smsmarketing.operations.management.commands.contracts import contract_texts
from smsmarketing.operations.surfaces.mcp.urls import GROUPS
from smsmarketing.operations.types import PUBLIC_SURFACES, Operation, Surface

HERE = Path(__file__).resolve().parent
STRICT_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
OPERATIONS = list(registry.every())
ITEMS_LIMIT = 500
"""[R-9.11]: longest list an agent may send."""


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return contract_texts()


@pytest.mark.parametrize("name", ["openapi.json", "mcp_tools.json"])
def test_the_snapshot_is_current(texts: dict[str, str], name: str) -> None:
    """[R-9.29]. After a wanted change: `manage.py contracts --write`, and read the diff as a client would."""
    assert (HERE / name).read_text(encoding="utf-8") == texts[name], (
        "run manage.py contracts --write"
    )


def test_the_openapi_document_is_valid(texts: dict[str, str]) -> None:
    document = json.loads(texts["openapi.json"])
    validate_schema(document)
    used = set(re.findall(r'"#/components/schemas/([^"]+)"', texts["openapi.json"]))
    assert used <= set(document["components"]["schemas"])
    ids = [
        found["operationId"] for methods in document["paths"].values() for found in methods.values()
    ]
    wanted = [item.key.replace(".", "_") for item in OPERATIONS if Surface.REST in item.surfaces]
    assert sorted(ids) == sorted(wanted)


def walk(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for item in schema.values():
            yield from walk(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from walk(item)


def test_every_tool_keeps_the_rules(texts: dict[str, str]) -> None:
    """[R-9.10], [R-9.11], [R-9.12]."""
    tools = json.loads(texts["mcp_tools.json"])
    names = [tool["name"] for tool in tools]
    assert len(set(names)) == len(names)
    for tool in tools:
        assert STRICT_NAME.match(tool["name"]), tool["name"]
        assert tool["description"].strip(), tool["name"]
        assert {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"} <= set(
            tool["annotations"]
        )
        for part in ("inputSchema", "outputSchema"):
            jsonschema.Draft202012Validator.check_schema(tool[part])
            assert tool[part]["type"] == "object"
            assert tool[part]["additionalProperties"] is False
            for found in walk(tool[part]):
                assert str(found.get("$ref", "#/$defs/")).startswith("#/$defs/"), tool["name"]


def unbounded(tool: dict[str, Any]) -> Iterator[str]:
    for found in walk(tool["inputSchema"]):
        for name, field in found.get("properties", {}).items():
            if not isinstance(field, dict):  # a field that is itself called properties
                continue
            for item in field.get("anyOf", [field]):
                if (
                    item.get("type") == "array"
                    and item.get("maxItems", ITEMS_LIMIT + 1) > ITEMS_LIMIT
                ):
                    yield f"{tool['name']}.{name}: maxItems"
                bounded = {"maxLength", "enum", "const", "format", "pattern"} & set(item)
                if item.get("type") == "string" and not bounded and "anyOf" not in field:
                    yield f"{tool['name']}.{name}: maxLength"


def test_texts_and_lists_of_agents_are_bounded(texts: dict[str, str]) -> None:
    """[R-9.11]."""
    problems = [
        problem for tool in json.loads(texts["mcp_tools.json"]) for problem in unbounded(tool)
    ]
    assert problems == []


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.key)
def test_an_operation_is_on_every_surface_or_for_people(operation: Operation[Any, Any]) -> None:
    assert operation.group in GROUPS
    assert operation.surfaces >= PUBLIC_SURFACES or operation.human_only
    for name in re.findall(r"\{(\w+)\}", operation.rest.path):
        assert name in operation.input.model_fields, f"{operation.key}: the path names {name}"


def test_no_tool_can_approve(texts: dict[str, str]) -> None:
    """[R-8.1]: nothing that decides is listed for agents."""
    for tool in json.loads(texts["mcp_tools.json"]):
        assert not re.search(r"_(approve|reject)$", tool["name"]), tool["name"]
