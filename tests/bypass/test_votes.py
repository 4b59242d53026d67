"""An approval is one word of another person on exactly what was shown; nothing else counts as one [R-8.1], [R-8.2]."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from smsmarketing.accounts.models import Role, Team, User
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.campaigns.models import Campaign
from tests.bypass.conftest import Shut
from tests.campaigns.desk import Desk
from tests.surfaces import SURFACES, SurfaceName, call, token_for

pytestmark = pytest.mark.django_db

KEYS = ("campaigns.approve", "action_requests.approve")


def new_key() -> str:
    return uuid.uuid4().hex


def vote_on(campaign: Campaign, key: str, **changes: Any) -> dict[str, Any]:
    """The input of a vote that would be right."""
    target: dict[str, Any] = (
        {"campaign_id": campaign.pk}
        if key == "campaigns.approve"
        else {"action_request_id": str(campaign.action_request_id)}
    )
    return {**target, "content_hash": campaign.content_hash, "reason": "fine", **changes}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("surface", ["rest", "mcp"])
@pytest.mark.parametrize("for_agent", [True, False])
def test_no_token_approves_whoever_holds_it(
    desk: Desk, chief: User, shut: Shut, key: str, surface: SurfaceName, for_agent: bool
) -> None:
    """Neither an approver's nor a superuser's token, with every scope there is."""
    campaign = desk.submitted()
    for person in (desk.approver, chief):
        token = token_for(person, for_agent=for_agent)
        with shut():
            answer = call(
                surface, person, key, vote_on(campaign, key), token=token, idempotency_key=new_key()
            )
        assert answer.code == "NOT_PERMITTED"


@pytest.mark.parametrize("key", KEYS)
def test_the_command_line_does_not_approve(desk: Desk, chief: User, shut: Shut, key: str) -> None:
    campaign = desk.submitted()
    for person in (desk.approver, chief):
        with shut():
            answer = call("cli", person, key, vote_on(campaign, key))
        assert answer.code == "NOT_PERMITTED"


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("surface", ["admin", "rest"])
def test_nobody_approves_their_own_campaign(
    desk: Desk, shut: Shut, key: str, surface: SurfaceName
) -> None:
    """Also not with every role and as a superuser."""
    desk.marketer.roles.set(Role.objects.all())
    User.objects.filter(pk=desk.marketer.pk).update(is_superuser=True)
    desk.marketer = User.objects.get(pk=desk.marketer.pk)
    campaign = desk.submitted()
    with shut():
        answer = call(surface, desk.marketer, key, vote_on(campaign, key))
    assert answer.code == "NOT_PERMITTED"


@pytest.mark.parametrize("key", KEYS)
def test_the_owner_of_an_agent_does_not_approve_what_the_agent_asked(
    desk: Desk, shut: Shut, key: str
) -> None:
    """The person behind an agent is the author [R-8.1]; and an agent's account decides nothing."""
    agent = User.objects.create_user(
        "bot", password=None, is_staff=True, is_agent=True, owner=desk.approver
    )
    agent.teams.add(desk.world.team)
    agent.roles.set(Role.objects.filter(key__in=["marketing", "operations", "approver"]))
    human, desk.marketer = desk.marketer, agent
    campaign = desk.submitted()
    with shut():
        answer = call("admin", desk.approver, key, vote_on(campaign, key))
    assert answer.code == "NOT_PERMITTED"
    desk.marketer = human
    other = desk.submitted(name="Another")
    for surface in SURFACES:
        with shut():
            answer = call(surface, agent, key, vote_on(other, key), idempotency_key=new_key())
        assert answer.code == "NOT_PERMITTED", surface


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("surface", ["admin", "rest"])
def test_a_forged_content_hash_is_no_vote(
    desk: Desk, shut: Shut, key: str, surface: SurfaceName
) -> None:
    campaign = desk.submitted()
    with shut():
        answer = call(surface, desk.approver, key, vote_on(campaign, key, content_hash="f" * 64))
    assert (answer.code, set(answer.field_errors)) == ("CONFLICT", {"content_hash"})


@pytest.mark.parametrize("surface", ["admin", "rest"])
def test_a_vote_on_content_that_was_edited_since_is_no_vote(
    desk: Desk, shut: Shut, surface: SurfaceName
) -> None:
    """The page was open while the author changed the text and asked again: the old hash approves nothing."""
    campaign = desk.submitted()
    shown = campaign.content_hash
    desk.call(
        "campaigns.update",
        campaign_id=campaign.pk,
        base_version_token=desk.token(campaign),
        message="Acme: 90% off, everything must go.",
    )
    old_request = campaign.action_request_id
    assert str(ActionRequest.objects.get(pk=old_request).state) == "superseded"
    with shut():
        stale = call(
            surface,
            desk.approver,
            "action_requests.approve",
            {"action_request_id": str(old_request), "content_hash": shown, "reason": "fine"},
        )
    assert stale.code == "CONFLICT"
    desk.call(
        "campaigns.submit_for_review",
        campaign_id=campaign.pk,
        base_version_token=desk.token(campaign),
    )
    again = desk.fresh(campaign)
    assert again.content_hash != shown
    with shut():
        forged = call(
            surface,
            desk.approver,
            "campaigns.approve",
            {"campaign_id": again.pk, "content_hash": shown, "reason": "fine"},
        )
    assert forged.code == "CONFLICT"


@pytest.mark.parametrize("key", KEYS)
def test_who_may_not_decide_does_not(desk: Desk, shut: Shut, key: str) -> None:
    """No role for it; or the role, in another team: then there is no such request."""
    campaign = desk.submitted()
    stranger = User.objects.create_user("stranger", password=None, is_staff=True)
    stranger.teams.add(Team.objects.create(name="Elsewhere", slug="elsewhere"))
    stranger.roles.set(Role.objects.filter(key="approver"))
    viewer = User.objects.create_user("viewer", password=None, is_staff=True)
    viewer.teams.add(desk.world.team)
    viewer.roles.set(Role.objects.filter(key="viewer"))
    for person, code in ((stranger, "NOT_FOUND"), (viewer, "NOT_PERMITTED")):
        for surface in ("admin", "rest"):
            with shut():
                answer = call(surface, person, key, vote_on(campaign, key))  # type: ignore[arg-type]
            assert answer.code == code


def test_an_expired_request_cannot_be_approved(desk: Desk, shut: Shut) -> None:
    campaign = desk.submitted()
    ActionRequest.objects.filter(pk=campaign.action_request_id).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )
    for key in KEYS:
        with shut():
            answer = call("admin", desk.approver, key, vote_on(campaign, key))
        assert answer.code == "CONFLICT"


def test_two_votes_of_one_person_are_one(desk: Desk, shut: Shut) -> None:
    campaign = desk.approved()
    for key in KEYS:
        with shut():
            answer = call("admin", desk.approver, key, vote_on(campaign, key))
        assert answer.status == "refused"
    assert ActionRequest.objects.get(pk=campaign.action_request_id).votes.count() == 1


def test_a_session_vote_without_the_form_token_is_refused(desk: Desk, shut: Shut) -> None:
    """A page of somebody else cannot make a signed-in approver's browser vote (CSRF)."""
    campaign = desk.submitted()
    client = Client(enforce_csrf_checks=True)
    client.force_login(desk.approver, backend="django.contrib.auth.backends.ModelBackend")
    payload = vote_on(campaign, "campaigns.approve")
    page = f"/admin/approvals/actionrequest/{campaign.action_request_id}/change/"
    with shut():
        api = client.post(
            f"/api/v1/campaigns/{campaign.pk}/approve", payload, content_type="application/json"
        )
        form = client.post(page, {"decision": "approve", "content_hash": campaign.content_hash})
    assert (api.status_code, form.status_code) == (403, 403)


@pytest.mark.parametrize("key", KEYS)
def test_a_token_beside_a_session_is_a_token(desk: Desk, shut: Shut, key: str) -> None:
    """Whoever sends both is the token: a program cannot borrow the vote of a browser it runs in."""
    campaign = desk.submitted()
    client = Client()
    client.force_login(desk.approver, backend="django.contrib.auth.backends.ModelBackend")
    payload = vote_on(campaign, key)
    path = (
        f"/api/v1/campaigns/{campaign.pk}/approve"
        if key == "campaigns.approve"
        else f"/api/v1/action-requests/{campaign.action_request_id}/approve"
    )
    headers = {"Authorization": f"Bearer {token_for(desk.approver)}"}
    with shut():
        answer = client.post(path, payload, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "NOT_PERMITTED")


def test_a_browser_session_is_nobody_over_mcp(desk: Desk, shut: Shut) -> None:
    """/mcp takes tokens only, so no page can make a signed-in browser call a tool."""
    campaign = desk.submitted()
    client = Client()
    client.force_login(desk.approver, backend="django.contrib.auth.backends.ModelBackend")
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": "sms_marketing_campaigns_approve",
            "arguments": vote_on(campaign, "campaigns.approve"),
        },
    }
    with shut():
        answer = client.post("/mcp", message, content_type="application/json")
    assert answer.status_code == 401
