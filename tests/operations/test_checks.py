"""The catalogue describes itself completely."""

from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.conf import settings
from pydantic import Field

from smsmarketing.operations import registry
from smsmarketing.operations.checks import catalogue_check
from smsmarketing.operations.reference import catalogue_markdown
from smsmarketing.operations.schemas import model_properties
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Output,
    RestRoute,
    Target,
)
from tests.operations.catalogue import OPERATIONS, operation


class Undescribed(Input):
    name: str = ""


class Inner(Output):
    size: int


class Secret(Output):
    SHOWN_ONCE: ClassVar[frozenset[str]] = frozenset({"token"})

    token: str = Field(description="Shown once.")


class Nested(Output):
    inner: Inner = Field(description="The inner part.")


def _never(context: Context, data: Any) -> Any:
    raise AssertionError("never runs")


def test_the_generated_page_is_current() -> None:
    """Run manage.py operations --write after every change of an operation, and commit the page."""
    page = Path(settings.BASE_DIR) / "docs" / "operations.md"
    assert page.read_text(encoding="utf-8") == catalogue_markdown()


def test_the_real_catalogue_has_no_problem() -> None:
    assert [message.msg for message in catalogue_check()] == []


@pytest.mark.usefixtures("catalogue")
@pytest.mark.django_db
def test_the_test_catalogue_has_no_problem() -> None:
    keys = {found.key for found in OPERATIONS}
    assert [m.msg for m in catalogue_check() if str(m.msg).split(":")[0] in keys] == []


@pytest.mark.parametrize(
    ("overrides", "identity", "word"),
    [
        ({"summary": " "}, "W001", "summary"),
        ({"input": Undescribed}, "W002", "name"),
        ({"output": Nested}, "W002", "Inner.size"),
        ({"group": "sundry"}, "W004", "group"),
        ({"permission": "anything"}, "W005", "permission"),
        ({"human_only": True}, "W006", "no token"),
        ({"scope": "sms:*"}, "W007", "scope"),
        ({"scope": ""}, "W007", "scope"),
        ({"outbound": True, "kind": Kind.READ}, "W008", "idempotency key"),
        ({"destructive": True, "kind": Kind.READ}, "W009", "write"),
        ({"approval": Approval.POLICY, "kind": Kind.READ}, "W010", "write"),
        ({"requires": ("nothing.get",)}, "W012", "nothing.get"),
        ({"rest": RestRoute("GET", "/bad/{team_id}")}, "W013", "team_id"),
        ({"rest": RestRoute("GET", "bad")}, "W014", "slash"),
        ({"target": Target(argument="x", visible=_never, label="x")}, "W015", "x"),
        (
            {"target": Target(argument="name", visible=_never, label="x", versioned=True)},
            "W016",
            "base_version_token",
        ),
        ({"output": Secret}, "W017", "null"),
    ],
)
def test_each_problem_is_named(
    catalogue: None, db: None, overrides: dict[str, Any], identity: str, word: str
) -> None:
    registry.add(operation("tests.bad", **overrides))
    (found,) = [m for m in catalogue_check() if str(m.msg).startswith("tests.bad:")]
    assert found.id == f"operations.{identity}"
    assert word in str(found.msg)


def test_a_key_that_is_too_long_for_mcp_is_named(catalogue: None, db: None) -> None:
    """[R-9.10]"""
    registry.add(operation("tests." + "x" * 50))
    assert [m.id for m in catalogue_check() if "xxx" in str(m.msg)] == ["operations.W003"]


def test_keys_routes_and_mcp_names_are_taken_once(catalogue: None, db: None) -> None:
    with pytest.raises(ValueError, match="registered twice"):
        registry.add(operation("tests.create"))
    with pytest.raises(ValueError, match="share the route"):
        registry.add(operation("tests.other", rest=RestRoute("POST", "/tests/create")))
    with pytest.raises(ValueError, match="share an MCP name"):
        registry.add(operation("tests_create", rest=RestRoute("POST", "/else")))


def _bounded(schema: dict[str, Any]) -> bool:
    for joiner in ("anyOf", "oneOf", "allOf"):
        if joiner in schema:
            return all(_bounded(part) for part in schema[joiner])
    if schema.get("type") == "string":
        return bool(
            {"maxLength", "enum", "const", "format"} & set(schema)
            or schema.get("pattern", "").endswith("$")
        )
    if schema.get("type") == "array":
        return schema.get("maxItems", 10**9) <= 500 and _bounded(schema.get("items", {}))
    return True


def test_every_text_and_list_of_every_input_is_bounded() -> None:
    """[R-9.11]"""
    unbounded = [
        f"{found.key}: {name}"
        for found in registry.every()
        for name, schema in model_properties(found.input, output=False)
        if not _bounded(schema)
    ]
    assert unbounded == []
