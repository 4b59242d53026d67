"""Addresses of operation pages, and whether a person sees the way to them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.http import url_has_allowed_host_and_scheme

from smsmarketing.operations import registry
from smsmarketing.operations.types import Actor, Operation, Surface

CALL_PAGE = "operation-call"
CATALOGUE_PAGE = "operation-catalogue"
NEXT = "next"
"""Parameter: go there after a success, with a message."""
BACK = "back"
"""Parameter: only offer the way there; the result stays on the page."""
ACTION_REQUEST_PAGE = "admin:approvals_actionrequest_change"


def call_url(key: str, /, *, next_url: str = "", back_url: str = "", **arguments: Any) -> str:
    """The form page of an operation, with fields filled in."""
    query = {name: str(value) for name, value in arguments.items() if value is not None}
    if next_url:
        query[NEXT] = next_url
    if back_url:
        query[BACK] = back_url
    return reverse(CALL_PAGE, args=[key]) + (f"?{urlencode(query)}" if query else "")


def callable_by(operation: Operation[Any, Any], actor: Actor) -> bool:
    """Whether the admin shows this operation to this person."""
    return Surface.ADMIN in operation.surfaces and actor.may(operation.permission)


def action_request_url(action_request_id: Any) -> str:
    """The page of an action request: approvals' own page when it is there, else the status operation."""
    try:
        return reverse(ACTION_REQUEST_PAGE, args=[action_request_id])
    except NoReverseMatch:
        pass
    if registry.find("action_request.status") is None:
        return reverse(CATALOGUE_PAGE)
    return call_url("action_request.status", action_request_id=action_request_id)


def verb(key: str) -> str:
    """What a button says: `campaigns.create_draft` -> `Create draft`."""
    words = key.rsplit(".", 1)[-1].replace("_", " ")
    return words[:1].upper() + words[1:]


def local_url_of(request: HttpRequest, name: str) -> str:
    """The address in the parameter `name` when it is one of ours, else empty."""
    wanted = request.POST.get(name) or request.GET.get(name) or ""
    allowed = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if allowed else ""
