"""Deciding through the real surfaces: the browser may, tokens and the command line never [R-8.1]."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from smsmarketing.accounts.models import User
from smsmarketing.approvals.models import ActionRequest, Vote
from smsmarketing.operations import registry
from tests.approvals.conftest import state_of
from tests.surfaces import call, mcp_post, token_for

pytestmark = pytest.mark.django_db

Make = Callable[..., ActionRequest]
APPROVE, REJECT = "action_requests.approve", "action_requests.reject"


def payload_of(request: ActionRequest) -> dict[str, Any]:
    return {
        "action_request_id": str(request.pk),
        "content_hash": request.content_hash,
        "reason": "r",
    }


@pytest.mark.parametrize("surface", ["admin", "rest"])
@pytest.mark.parametrize(("key", "state"), [(APPROVE, "approved"), (REJECT, "rejected")])
def test_a_signed_in_person_decides(
    review: Make, ben: User, surface: Any, key: str, state: str
) -> None:
    request = review()
    answer = call(surface, ben, key, payload_of(request))
    assert answer.status == "done"
    assert state_of(request) == state


@pytest.mark.parametrize("surface", ["rest", "mcp", "cli"])
@pytest.mark.parametrize("key", [APPROVE, REJECT])
@pytest.mark.parametrize("superuser", [False, True])
def test_no_token_and_no_command_decides(
    review: Make, ben: User, surface: Any, key: str, superuser: bool
) -> None:
    request = review()
    User.objects.filter(pk=ben.pk).update(is_superuser=superuser)
    token = None if surface == "cli" else token_for(ben)
    answer = call(surface, ben, key, payload_of(request), token=token)
    assert (answer.status, answer.code) == ("refused", "NOT_PERMITTED")
    assert state_of(request) == "pending"
    assert not Vote.objects.exists()


def test_deciding_is_not_among_the_tools_of_an_agent(ben: User) -> None:
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    names: set[str] = set()
    cursor: str | None = None
    while True:
        message = listing | {"params": {"cursor": cursor} if cursor else {}}
        result = mcp_post(message, token_for(ben)).json()["result"]
        names |= {tool["name"] for tool in result["tools"]}
        cursor = result.get("nextCursor")
        if cursor is None:
            break
    assert registry.mcp_name("action_request.status") in names
    for key in (APPROVE, REJECT, "api_tokens.create"):
        assert registry.mcp_name(key) not in names


def test_a_session_without_the_form_token_decides_nothing(review: Make, ben: User) -> None:
    """A page elsewhere cannot make the browser of an approver vote."""
    request = review()
    client = Client(enforce_csrf_checks=True)
    client.force_login(ben, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post(
        f"/api/v1/action-requests/{request.pk}/approve",
        {"content_hash": request.content_hash},
        content_type="application/json",
    )
    assert answer.status_code == 403
    assert state_of(request) == "pending"


@pytest.mark.parametrize("surface", ["rest", "mcp", "admin", "cli"])
def test_every_surface_reads_the_same_status(review: Make, anna: User, surface: Any) -> None:
    request = review()
    payload = {"action_request_id": str(request.pk)}
    answer = call(surface, anna, "action_request.status", payload)
    assert answer.data is not None
    assert (answer.data["state"], answer.data["title"]) == ("pending", "A review")
    stranger = User.objects.create(username="sue", is_staff=True)
    stranger.roles.set(anna.roles.all())
    refused = call(surface, stranger, "action_request.status", payload)
    assert (refused.status, refused.code) == ("refused", "NOT_FOUND")


@pytest.mark.parametrize("surface", ["rest", "mcp", "admin", "cli"])
def test_every_surface_lists_policies_and_cancels(review: Make, anna: User, surface: Any) -> None:
    listed = call(surface, anna, "approval_policies.list")
    assert listed.data is not None
    assert len(listed.data["triggers"]) >= 7
    request = review()
    payload = {"action_request_id": str(request.pk), "reason": "Not needed"}
    assert call(surface, anna, "action_requests.cancel", payload).status == "done"
    assert state_of(request) == "cancelled"


def test_a_policy_change_is_held_from_the_form(cleo: User) -> None:
    payload = {
        "key": "segment-large",
        "name": "Large segment",
        "operations": ["segments.create"],
        "conditions": [{"fact": "recipients", "op": ">", "value": 5000}],
        "roles": ["approver"],
        "approvers": 1,
        "base_revision": 1,
    }
    answer = call("admin", cleo, "approval_policies.save", payload)
    assert answer.status == "held"
    request = ActionRequest.objects.get(pk=answer.action_request_id)
    assert request.payload["conditions"] == payload["conditions"]
    assert call("mcp", cleo, "approval_policies.save", payload).code == "NOT_PERMITTED"
