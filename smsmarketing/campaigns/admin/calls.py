"""Calling an operation from a page, and what the person reads afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpRequest

from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.surfaces.admin.calls import held_tell
from smsmarketing.operations.surfaces.calls import operation_call
from smsmarketing.operations.types import Done, Held

KEY_FIELD = "_idempotency_key"


@dataclass
class Answer:
    """What a call gave: its result, a request that waits for a second person, or a refusal."""

    result: Any = None
    held: Held | None = None
    error: OperationError | None = None
    replayed: bool = False
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.error is None

    @property
    def status(self) -> int:
        """HTTP status of a page that shows this answer."""
        return 200 if self.error is None else self.error.http_status


def page_call(
    request: HttpRequest, key: str, payload: Mapping[str, Any], *, idempotency_key: str = ""
) -> Answer:
    """Run an operation as the signed-in person; a refusal is part of the answer."""
    try:
        outcome = operation_call(
            key, payload, actor=admin_actor(request), idempotency_key=idempotency_key or None
        )
    except OperationError as error:
        return Answer(error=error, errors=dict(error.field_errors))
    if isinstance(outcome, Done):
        return Answer(result=outcome.result, replayed=outcome.replayed)
    return Answer(held=outcome, replayed=outcome.replayed)


def search_of(request: HttpRequest) -> str:
    """What was typed into a list's search box; NUL, which no column can hold, is dropped."""
    return request.GET.get("q", "").replace("\x00", "").strip()[:100]


def key_of(request: HttpRequest) -> str:
    """The idempotency key that the form carries [R-8.9]."""
    return request.POST.get(KEY_FIELD, "")[:200]


def key_new() -> str:
    """A key for a form that is about to be shown: sending it twice runs once."""
    return uuid.uuid4().hex


def answer_tell(request: HttpRequest, answer: Answer, done: str) -> None:
    """Leave a message for the next page: done, done before, or waiting for a second person."""
    if answer.held is not None:
        held_tell(request, answer.held)
    elif answer.error is not None:
        messages.error(request, answer.error.message)
    else:
        again = " (This form had been sent before; it ran once.)" if answer.replayed else ""
        messages.success(request, done + again)


LOOK_BELOW = "This cannot be done yet. Look at what is marked below."
_FIELD_CODES = frozenset({"INVALID_INPUT", "PRECONDITION_REQUIRED"})


def _name(path: str) -> str:
    return path.split(".", 1)[0].split("[", 1)[0]


def errors_split(answer: Answer, known: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Refusal texts by field of the page, and those that have no field there."""
    if answer.error is None:
        return {}, []
    at_fields: dict[str, str] = {}
    on_top = [answer.error.message]
    if answer.error.code in _FIELD_CODES and any(_name(path) in known for path in answer.errors):
        on_top = [LOOK_BELOW]
    for path, text in answer.errors.items():
        name = _name(path)
        if name in known:
            at_fields[name] = text
        elif text not in answer.error.message:
            on_top.append(text)
    return at_fields, on_top
