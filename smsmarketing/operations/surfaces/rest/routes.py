"""What a REST route says about its operation."""

from __future__ import annotations

import re
from typing import Any

from smsmarketing.operations.types import Operation

_ARGUMENT = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


def path_arguments(operation: Operation[Any, Any]) -> list[str]:
    """Input fields that stand in the path."""
    return _ARGUMENT.findall(operation.rest.path)


def django_route(route: str) -> str:
    """`/campaigns/{campaign_id}` -> `campaigns/<str:campaign_id>`."""
    return _ARGUMENT.sub(r"<str:\1>", route.lstrip("/"))


def creates(operation: Operation[Any, Any]) -> bool:
    """Whether a success is 201: a write that posts to a collection and works on no existing row."""
    route = operation.rest
    return (
        operation.writes
        and route.method == "POST"
        and operation.target is None
        and "{" not in route.path
    )
