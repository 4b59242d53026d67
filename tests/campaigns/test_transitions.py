"""Every state times every transition, from the state machine itself."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from smsmarketing.campaigns.models import CAMPAIGN_STATES, STARTED_STATES, Campaign
from smsmarketing.operations.errors import Conflict
from smsmarketing.operations.states import row_lock, transition_apply
from tests.campaigns.desk import Desk, desk_make

pytestmark = pytest.mark.django_db

WAYS: dict[str, dict[str, str]] = {}
for found in Campaign._meta.get_field("state").get_all_transitions(Campaign):  # type: ignore[union-attr]
    WAYS.setdefault(found.name, {})[found.source] = found.target


@pytest.fixture
def campaign() -> Campaign:
    desk = desk_bare()
    return Campaign.objects.create(
        team=desk.world.team,
        brand=desk.world.brand,
        name="Any",
        segment=segment_of(desk),
        body="Acme",
        sender=desk.world.sender,
        gateway=desk.world.gateway,
        created_by=desk.marketer,
        created_at=timezone.now(),
        updated_at=timezone.now(),
    )


def desk_bare() -> Desk:
    return desk_make(contacts=1)


def segment_of(desk: Desk) -> Any:
    from smsmarketing.contacts.services import segment_create

    return segment_create(
        team_id=desk.world.team.pk,
        brand_id=desk.world.brand.pk,
        name="All",
        criteria={"everyone": True},
        preview={},
        created_by=desk.marketer,
    )


def put(campaign: Campaign, state: str) -> None:
    """Set a state past the machine, with the columns that the table asks for."""
    Campaign.objects.filter(pk=campaign.pk).update(
        state=state,
        action_request_id=uuid4(),
        content_hash="a" * 64,
        scheduled_at=timezone.now(),
        started_at=timezone.now() if state in STARTED_STATES else None,
    )


def test_every_state_can_be_reached_and_only_ends_are_final() -> None:
    """Design §6: rejected, cancelled, sent, stopped and failed are ends."""
    reached = {target for ways in WAYS.values() for target in ways.values()} | {"draft"}
    left = {source for ways in WAYS.values() for source in ways}
    assert reached == set(CAMPAIGN_STATES)
    assert set(CAMPAIGN_STATES) - left == {"rejected", "cancelled", "sent", "stopped", "failed"}


@pytest.mark.parametrize("name", sorted(WAYS))
@pytest.mark.parametrize("state", CAMPAIGN_STATES)
def test_a_transition_happens_only_from_its_states(
    campaign: Campaign, state: str, name: str
) -> None:
    put(campaign, state)
    with transaction.atomic():
        row = row_lock(Campaign, campaign.pk)
        if state in WAYS[name]:
            target = WAYS[name][state]
            row.started_at = timezone.now() if target in STARTED_STATES else None
            transition_apply(row, name, save={"started_at"})
            expected = target
        else:
            with pytest.raises(Conflict, match=state.replace("_", " ")):
                transition_apply(row, name)
            expected = state
    assert Campaign.objects.get(pk=campaign.pk).state == expected


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"state": "lost"}, "campaign_state_word"),
        ({"purpose": "fun"}, "campaign_purpose_word"),
        ({"quiet_mode": "never"}, "campaign_quiet_mode_word"),
        ({"state": "scheduled", "action_request_id": uuid4(), "content_hash": "a"}, "campaign_scheduled_has_time"),
        ({"state": "in_review"}, "campaign_reviewed_has_request"),
        ({"state": "approved", "action_request_id": uuid4(), "content_hash": ""}, "campaign_reviewed_has_request"),
        ({"state": "sending", "action_request_id": uuid4(), "content_hash": "a"}, "campaign_started_has_start"),
        ({"state": "draft", "started_at": timezone.now()}, "campaign_started_has_start"),
    ],
)  # fmt: skip
def test_the_table_refuses_what_cannot_be(
    campaign: Campaign, changes: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk).update(**changes)


def test_a_campaign_has_one_main_send_and_a_send_one_kind(campaign: Campaign) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'campaigns_campaignsend'::regclass AND contype = 'c'"
        )
        assert "campaign_send_kind_word" in {row[0] for row in cursor.fetchall()}
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'one_main_send'")
        assert "UNIQUE" in cursor.fetchone()[0]
