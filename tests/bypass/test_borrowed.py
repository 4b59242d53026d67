"""Ids and tokens are names, not capabilities: somebody else's are worth nothing [R-8.7], [R-8.8], [R-9.16]."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from smsmarketing.accounts.models import Role, User
from smsmarketing.campaigns.models import Campaign
from smsmarketing.contacts.models import Segment
from smsmarketing.operations import registry
from tests.bypass.conftest import Shut
from tests.campaigns.desk import Desk, desk_make
from tests.surfaces import SURFACES, SurfaceName, call

pytestmark = pytest.mark.django_db


@pytest.fixture
def colleague(desk: Desk) -> User:
    """Somebody of the same team with the same roles."""
    user = User.objects.create_user("colleague", password=None, is_staff=True)
    user.teams.add(desk.world.team)
    user.roles.set(Role.objects.filter(key__in=["marketing", "operations"]))
    return user


def new_key() -> str:
    return uuid.uuid4().hex


@pytest.mark.parametrize("surface", SURFACES)
def test_another_persons_preview_is_no_preview(
    desk: Desk, colleague: User, shut: Shut, surface: SurfaceName
) -> None:
    preview = desk.call(
        "segments.preview",
        brand_id=desk.world.brand.pk,
        gateway_id=desk.world.gateway.pk,
        criteria={"audience": desk.audience.pk},
    )
    payload = {"segment_preview_id": str(preview.segment_preview_id), "name": "Mine now"}
    with shut():
        answer = call(surface, colleague, "segments.create", payload, idempotency_key=new_key())
    assert answer.code == "PRECONDITION_REQUIRED"
    assert not Segment.objects.exists()


@pytest.mark.parametrize("surface", SURFACES)
def test_another_persons_version_token_is_stale(
    desk: Desk, colleague: User, shut: Shut, surface: SurfaceName
) -> None:
    campaign = desk.approved()
    payload = {"campaign_id": campaign.pk, "base_version_token": desk.token(campaign)}
    for key in ("campaigns.send_approved", "campaigns.submit_for_review"):
        with shut():
            answer = call(surface, colleague, key, payload, idempotency_key=new_key())
        assert answer.code == "VERSION_CONFLICT"


@pytest.mark.parametrize("surface", SURFACES)
def test_another_persons_idempotency_key_replays_nothing(
    desk: Desk, colleague: User, surface: SurfaceName
) -> None:
    """[R-8.9] a key belongs to its person: no answer of somebody else comes back."""
    key = new_key()
    payload: dict[str, Any] = {
        "name": "Same words",
        "brand_id": desk.world.brand.pk,
        "segment_id": desk.segment(),
        "sender_id": desk.world.sender.pk,
        "gateway_id": desk.world.gateway.pk,
        "message": "Acme: hello.",
    }
    first = call("rest", desk.marketer, "campaigns.create_draft", payload, idempotency_key=key)
    second = call(surface, colleague, "campaigns.create_draft", payload, idempotency_key=key)
    assert (first.status, second.status, second.replayed) == ("done", "done", False)
    assert Campaign.objects.count() == 2


@pytest.mark.parametrize("surface", SURFACES)
def test_rows_of_another_team_are_not_there(desk: Desk, shut: Shut, surface: SurfaceName) -> None:
    """Campaign, segment, sender and action request of strangers: NOT_FOUND, the same as for an id that never was."""
    other = desk_make(contacts=1)
    theirs = other.submitted()
    for key, payload in (
        ("campaigns.get", {"campaign_id": theirs.pk}),
        ("campaign_reports.get", {"campaign_id": theirs.pk}),
        ("cost_preview", {"campaign_id": theirs.pk}),
        ("campaigns.pause", {"campaign_id": theirs.pk}),
        ("campaigns.stop_remaining", {"campaign_id": theirs.pk, "reason": "not mine"}),
        ("action_request.status", {"action_request_id": str(theirs.action_request_id)}),
        ("action_requests.cancel", {"action_request_id": str(theirs.action_request_id)}),
        (
            "campaigns.send_approved",
            {"campaign_id": theirs.pk, "base_version_token": other.token(theirs)},
        ),
    ):
        once = new_key() if registry.get(key).writes else None
        with shut():
            answer = call(surface, desk.marketer, key, payload, idempotency_key=once)
        assert answer.code == "NOT_FOUND", key
        name = next(iter(payload))
        never = {**payload, name: str(uuid.uuid4()) if "request" in name else 987654}
        missing = call(surface, desk.marketer, key, never, idempotency_key=once)
        assert (missing.code, missing.message) == (answer.code, answer.message), key


@pytest.mark.parametrize("field", ["brand_id", "segment_id", "sender_id"])
def test_a_draft_takes_nothing_from_another_team(desk: Desk, shut: Shut, field: str) -> None:
    other = desk_make(contacts=1)
    mine = {
        "brand_id": desk.world.brand.pk,
        "segment_id": desk.segment(),
        "sender_id": desk.world.sender.pk,
        "gateway_id": desk.world.gateway.pk,
    }
    theirs = {
        "brand_id": other.world.brand.pk,
        "segment_id": other.segment(),
        "sender_id": other.world.sender.pk,
    }
    payload = {**mine, "name": "Mixed", "message": "Acme: hello.", field: theirs[field]}
    with shut():
        answer = call(
            "rest", desk.marketer, "campaigns.create_draft", payload, idempotency_key=new_key()
        )
    assert answer.code == "NOT_FOUND"
    assert field in answer.field_errors
