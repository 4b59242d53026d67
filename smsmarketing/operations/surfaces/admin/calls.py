"""Calling an operation from a page of its own, and what the person reads afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.utils.html import format_html

from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.surfaces.admin.links import action_request_url
from smsmarketing.operations.surfaces.calls import operation_call
from smsmarketing.operations.types import Done, Held


def page_call(
    request: HttpRequest, key: str, payload: Mapping[str, Any]
) -> Done | Held | OperationError:
    """Run an operation as the signed-in person; a refusal is an answer too."""
    try:
        return operation_call(key, payload, actor=admin_actor(request))
    except OperationError as error:
        return error


def held_tell(request: HttpRequest, held: Held) -> None:
    """Leave a message for the next page: it waits for a second person, and where."""
    messages.warning(
        request,
        format_html(
            '{} <a class="op-link" href="{}">Open the request</a>',
            held.message,
            action_request_url(held.action_request_id),
        ),
    )
