"""System checks over the whole catalogue.

They are warnings, since a badly described operation is no reason to stop a server or a migration; the
tests refuse every one of them (tests/operations/test_checks.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

from django.core.checks import CheckMessage, register
from django.core.checks import Warning as CheckWarning

from smsmarketing.operations import registry
from smsmarketing.operations.schemas import model_properties
from smsmarketing.operations.types import Approval, Operation

_MCP_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_PERMISSION = re.compile(r"[a-z_]+\.[a-z0-9_]+")
_PATH_ARGUMENT = re.compile(r"\{(\w+)\}")

SCOPES = frozenset(
    {
        "sms:read",
        "sms:contacts.read",
        "sms:contacts.pii",
        "sms:contacts.write",
        "sms:draft",
        "sms:schedule",
        "sms:send",
        "sms:otp",
        "sms:compliance",
        "sms:sender",
    }
)
"""All scopes a token can have [R-9.24]."""

GROUPS = frozenset(
    {
        "settings",
        "contacts",
        "segments",
        "content",
        "campaigns",
        "messages",
        "otp",
        "automations",
        "gateways",
        "numbers",
        "reports",
        "governance",
        "teams",
    }
)
"""The groups that MCP offers as endpoints of their own (design.md §8)."""

Problem = tuple[str, str]
"""(check id, what is wrong and what to do)"""


@register("operations")
def catalogue_check(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Every problem of every operation."""
    return [
        CheckWarning(f"{operation.key}: {text}", id=f"operations.{number}", obj=operation.run)
        for operation in registry.every()
        for check in _CHECKS
        for number, text in check(operation)
    ]


def _described(operation: Operation[Any, Any]) -> Iterator[Problem]:
    if not operation.summary.strip():
        yield "W001", "has no summary."
    for model, output in ((operation.input, False), (operation.output, True)):
        for name, schema in model_properties(model, output=output):
            if not str(schema.get("description", "")).strip():
                yield (
                    "W002",
                    f"field {name} of {model.__name__} has no description; add one with its unit and bounds.",
                )


def _named(operation: Operation[Any, Any]) -> Iterator[Problem]:
    name = registry.mcp_name(operation.key)
    if not _MCP_NAME.fullmatch(name):
        yield (
            "W003",
            f"its MCP name {name} does not match {_MCP_NAME.pattern} [R-9.10]; shorten the key.",
        )
    if operation.group not in GROUPS:
        yield (
            "W004",
            f"group {operation.group!r} is unknown; use one of {', '.join(sorted(GROUPS))}.",
        )


def _guarded(operation: Operation[Any, Any]) -> Iterator[Problem]:
    if not _PERMISSION.fullmatch(operation.permission):
        yield "W005", f"permission {operation.permission!r} does not look like app.noun_verb."
    if operation.human_only and operation.scope:
        yield "W006", 'is for people only, so no token may call it; set scope="" [R-8.1].'
    if not operation.human_only and operation.scope not in SCOPES:
        yield (
            "W007",
            f"scope {operation.scope!r} is unknown; use one of {', '.join(sorted(SCOPES))}.",
        )


def _consistent(operation: Operation[Any, Any]) -> Iterator[Problem]:
    if operation.outbound and not operation.writes:
        yield (
            "W008",
            "sends, so it must be of kind write: only writes take an idempotency key [R-8.9].",
        )
    if operation.destructive and not operation.writes:
        yield "W009", "is destructive, so it must be of kind write."
    if operation.approval is not Approval.NEVER and not operation.writes:
        yield "W010", "can be held for approval, so it must be of kind write."
    for key in operation.requires:
        if registry.find(key) is None:
            yield "W012", f"requires {key}, which is not an operation."

    for name in sorted(operation.output.SHOWN_ONCE):
        field = operation.output.model_fields.get(name)
        if field is None or type(None) not in get_args(field.annotation):
            yield (
                "W017",
                f"shows {name} once, so {operation.output.__name__}.{name} must allow null.",
            )


def _reachable(operation: Operation[Any, Any]) -> Iterator[Problem]:
    fields = operation.input.model_fields
    for argument in _PATH_ARGUMENT.findall(operation.rest.path):
        if argument not in fields:
            yield "W013", f"REST path names {{{argument}}}, which is not a field of its input."
    if not operation.rest.path.startswith("/"):
        yield "W014", "REST path must start with a slash."
    target = operation.target
    if target is None:
        return
    if target.argument not in fields:
        yield "W015", f"target argument {target.argument} is not a field of its input."
    if target.versioned and "base_version_token" not in fields:
        yield "W016", "its target is versioned, so its input needs base_version_token [R-8.7]."


_CHECKS: tuple[Callable[[Operation[Any, Any]], Iterator[Problem]], ...] = (
    _described,
    _named,
    _guarded,
    _consistent,
    _reachable,
)
