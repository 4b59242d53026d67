"""All operations by key. Filled by each app's AppConfig.ready(), which imports
`<app>.operations`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from smsmarketing.operations.types import Operation

_operations: dict[str, Operation[Any, Any]] = {}


def add(*operations: Operation[Any, Any]) -> None:
    """Register operations. Raises ValueError when a key, REST route or MCP name is already
    taken.
    """
    for operation in operations:
        if operation.key in _operations:
            raise ValueError(f"operation {operation.key} is registered twice")
        for other in _operations.values():
            if other.rest == operation.rest:
                raise ValueError(
                    f"operations {operation.key} and {other.key} share the route {operation.rest}"
                )
            if mcp_name(other.key) == mcp_name(operation.key):
                raise ValueError(f"operations {operation.key} and {other.key} share an MCP name")
        _operations[operation.key] = operation


def get(key: str) -> Operation[Any, Any]:
    """The operation with this key. Raises KeyError for an unknown one."""
    return _operations[key]


def find(key: str) -> Operation[Any, Any] | None:
    return _operations.get(key)


def every() -> Iterator[Operation[Any, Any]]:
    """All operations, sorted by key."""
    for key in sorted(_operations):
        yield _operations[key]


def mcp_name(key: str) -> str:
    """Name in MCP's tools/list: no dots, since several clients reject them (design.md §4,
    [R-9.10]).
    """
    return "sms_marketing_" + key.replace(".", "_")


def dotted_name(key: str) -> str:
    """The seed's own tool name, accepted by tools/call as an alias and shown as the title."""
    return f"sms_marketing.{key}"
