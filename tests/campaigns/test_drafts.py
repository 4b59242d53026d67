"""campaigns.create_draft, update, list, get, cost_preview and test_send: what they take and what they refuse."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import Brand
from smsmarketing.campaigns.models import Campaign, Template, TemplateVersion
from smsmarketing.gateways.models import Batch, Gateway, Message, Quota, Rate, SenderId
from smsmarketing.operations.errors import (
    Conflict,
    InvalidInput,
    NoOptOutPath,
    NotFound,
    OperationError,
    QuotaExceeded,
    RatesUnavailable,
    SenderNotEligible,
    VersionConflict,
)
from smsmarketing.operations.states import row_lock, transition_apply
from tests.campaigns.desk import Desk, desk_make
from tests.campaigns.rows import refused

pytestmark = pytest.mark.django_db(transaction=True)


URL_FIELD = {"name": "opt_out_url", "max_chars": 30}
LINK_FIELD = {"name": "opt_out_link", "max_chars": 30}
SHORT_FIELD = {"name": "a", "max_chars": 2, "fallback": "long"}


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=4)


def template(desk: Desk, **changes: Any) -> TemplateVersion:
    values = {
        "name": "Sale",
        "use_case": "promotion",
        "body": "Acme: {city} sale!",
        "opt_out_line": "",
    } | changes
    made = Template.objects.create(
        team=desk.world.team,
        brand=desk.world.brand,
        name=values["name"],
        use_case=values["use_case"],
        created_at=timezone.now(),
    )
    return TemplateVersion.objects.create(
        template=made,
        number=1,
        language="en",
        body=values["body"],
        fields=[{"name": "city", "max_chars": 10}],
        opt_out_line=values["opt_out_line"],
        created_by=desk.marketer,
        created_at=timezone.now(),
    )


@pytest.mark.parametrize(
    ("changes", "kind", "field"),
    [
        ({"message": "20% off today."}, InvalidInput, "message"),  # no brand
        ({"message": "Acme: hi {name}."}, InvalidInput, "message"),  # undeclared
        ({"message": "Acme: hi {city"}, InvalidInput, "message"),
        ({"message": "Acme: {opt_out_url}", "fields": [URL_FIELD]}, NoOptOutPath, "message"),
        ({"message": "Acme: {opt_out_link}", "fields": [LINK_FIELD]}, InvalidInput, "fields"),
        ({"message": "Acme: " + "x" * 930}, InvalidInput, "message"),
        ({"message": "Acme: {a}", "fields": [SHORT_FIELD]}, InvalidInput, "fields"),
        ({"segment_id": 999_999}, NotFound, "segment_id"),
        ({"sender_id": 999_999}, NotFound, "sender_id"),
        ({"gateway_id": 999_999}, NotFound, "gateway_id"),
        ({"quiet_mode": "never"}, InvalidInput, "quiet_mode"),
        ({"landing_url": "http://acme.example"}, InvalidInput, "landing_url"),
        ({"send_at_local": "2027-01-05T10:00"}, InvalidInput, "time_zone"),
        ({"per_minute": 0}, InvalidInput, "per_minute"),
    ],
)  # fmt: skip
def test_a_draft_that_could_never_be_sent_is_refused(
    desk: Desk, changes: dict[str, Any], kind: type[OperationError], field: str
) -> None:
    segment = desk.segment()
    with refused(kind, field=field):
        desk.draft(**({"segment_id": segment} | changes))


def test_a_fault_in_the_text_is_told_with_its_position(desk: Desk) -> None:
    segment = desk.segment()
    with refused(InvalidInput, field="message") as caught:
        desk.draft(segment_id=segment, message="Acme: hi {city}, }")
    assert caught.value.details["faults"] == [
        {
            "code": "UNDECLARED_FIELD",
            "position": 9,
            "message": caught.value.details["faults"][0]["message"],
        },
        {
            "code": "STRAY_BRACE",
            "position": 17,
            "message": caught.value.details["faults"][1]["message"],
        },
    ]


def test_parts_of_another_brand_are_refused(desk: Desk) -> None:
    other = Brand.objects.create(team=desk.world.team, name="Other", name_in_texts="Acme")
    segment = desk.segment()
    with refused(InvalidInput, field="sender_id") as caught:
        desk.draft(segment_id=segment, brand_id=other.pk)
    assert "segment_id" in caught.value.field_errors


def test_an_unverified_sender_and_an_unpriced_gateway_are_refused(desk: Desk) -> None:
    segment = desk.segment()
    Rate.objects.all().delete()
    with refused(RatesUnavailable, field="gateway_id"):
        desk.draft(segment_id=segment)
    with transaction.atomic():
        transition_apply(row_lock(SenderId, desk.world.sender.pk), "suspend")
    with refused(SenderNotEligible, field="sender_id"):
        desk.draft(segment_id=segment)
    with transaction.atomic():
        transition_apply(row_lock(Gateway, desk.world.gateway.pk), "disable")
    with refused(NotFound, field="gateway_id"):
        desk.draft(segment_id=segment)


def test_a_template_brings_text_fields_and_opt_out_line(desk: Desk) -> None:
    """The opt-out line of the version is what is composed in [R-1.10]."""
    version = template(desk, opt_out_line="End? Reply STOP")
    campaign = desk.draft(message=None, template_version_id=version.pk)
    found = desk.call("campaigns.get", campaign_id=campaign.pk)
    assert found.template_version_id == version.pk
    assert found.final_message == "Acme: {city} sale!\nEnd? Reply STOP"
    changed = desk.call(
        "campaigns.update",
        campaign_id=campaign.pk,
        base_version_token=found.base_version_token,
        fields=[{"name": "city", "max_chars": 20}],
    )
    assert changed.campaign.template_version_id is None  # it is not the template's wording any more
    assert changed.campaign.final_message.endswith("Reply STOP to opt out")


@pytest.mark.parametrize(
    ("changes", "purpose"),
    [
        ({"use_case": "promotion"}, "transactional"),
        ({"use_case": "otp", "body": "Acme {city} STOP"}, "marketing"),
    ],
)
def test_a_template_is_not_used_for_another_purpose(
    desk: Desk, changes: dict[str, Any], purpose: str
) -> None:
    """A promotion sent as transactional would pass consent and quiet hours by."""
    version = template(desk, **changes)
    segment = desk.segment()
    with refused(InvalidInput, field="template_version_id"):
        desk.draft(
            segment_id=segment, message=None, template_version_id=version.pk, purpose=purpose
        )


def test_template_and_own_words_exclude_each_other(desk: Desk) -> None:
    version, segment = template(desk), desk.segment()
    with refused(InvalidInput, field="message"):
        desk.draft(segment_id=segment, template_version_id=version.pk)
    with refused(InvalidInput, field="fields"):
        desk.draft(
            segment_id=segment,
            message=None,
            template_version_id=version.pk,
            fields=[{"name": "city", "max_chars": 3}],
        )
    with refused(InvalidInput, field="message"):
        desk.draft(segment_id=segment, message=None)


def test_an_update_changes_only_what_it_names(desk: Desk) -> None:
    campaign = desk.draft(per_minute=60, send_goal="Sell")
    answer = desk.call(
        "campaigns.update",
        campaign_id=campaign.pk,
        base_version_token=desk.token(campaign),
        per_minute=0,
        quiet_mode="strict",
        name="Spring",
    )
    assert answer.changed == ["per_minute", "quiet_mode"]
    fresh = desk.fresh(campaign)
    assert (fresh.per_minute, fresh.quiet_mode, fresh.send_goal) == (None, "strict", "Sell")
    same = desk.call(
        "campaigns.update",
        campaign_id=campaign.pk,
        base_version_token=answer.campaign.base_version_token,
        name="Spring",
    )
    assert (same.changed, desk.fresh(campaign).version) == ([], fresh.version)


@pytest.mark.parametrize("state", ["sending", "paused", "stopped"])
def test_what_has_started_cannot_be_edited(desk: Desk, state: str) -> None:
    campaign = desk.sending()
    if state == "paused":
        desk.call("campaigns.pause", campaign_id=campaign.pk)
    elif state == "stopped":
        desk.call("campaigns.stop_remaining", campaign_id=campaign.pk, reason="Wrong.")
    token = desk.token(campaign)
    with refused(Conflict, says="create_draft"):
        desk.call(
            "campaigns.update",
            campaign_id=campaign.pk,
            base_version_token=token,
            message="Acme: new.",
        )


def test_a_cost_preview_of_old_content_is_not_kept(desk: Desk) -> None:
    campaign = desk.draft()
    desk.call("cost_preview", campaign_id=campaign.pk)
    assert desk.fresh(campaign).cost_preview["recipients"] == 4
    desk.call(
        "campaigns.update",
        campaign_id=campaign.pk,
        base_version_token=desk.token(campaign),
        message="Acme: x.",
    )
    assert desk.fresh(campaign).cost_preview == {}


@pytest.mark.parametrize(
    ("limits", "over"),
    [
        ({}, False),
        ({"message_limit": 3}, True),
        ({"money_limit": Decimal("0.19")}, True),
        (None, True),
    ],
)
def test_over_quota_is_said_before_anybody_is_asked(
    desk: Desk, limits: dict[str, Any] | None, over: bool
) -> None:
    campaign = desk.draft()
    if limits is None:
        Quota.objects.all().delete()
    elif limits:
        Quota.objects.update(**limits)
    assert desk.call("cost_preview", campaign_id=campaign.pk).over_quota is over


def test_lists_filter_by_state_and_other_teams_see_nothing(desk: Desk) -> None:
    first, second = desk.draft(), desk.submitted()
    everything = desk.call("campaigns.list")
    assert [row.campaign_id for row in everything.items] == [second.pk, first.pk]
    drafts = desk.call("campaigns.list", state="draft")
    assert [row.campaign_id for row in drafts.items] == [first.pk]
    stranger = desk_make(contacts=0)
    assert stranger.call("campaigns.list").items == []
    for key in ("campaigns.get", "cost_preview", "campaign_reports.get"):
        with refused(NotFound):
            stranger.call(key, campaign_id=first.pk)


def test_a_stale_update_is_refused(desk: Desk) -> None:
    campaign = desk.draft()
    token = desk.token(campaign)
    desk.call("campaigns.update", campaign_id=campaign.pk, base_version_token=token, name="A")
    with refused(VersionConflict):
        desk.call("campaigns.update", campaign_id=campaign.pk, base_version_token=token, name="B")


def test_a_test_send_goes_to_a_registered_phone_of_the_team(desk: Desk) -> None:
    campaign = desk.draft()
    desk.marketer.test_phone = "+37061234567"
    desk.marketer.save()
    answer = desk.call("campaigns.test_send", campaign_id=campaign.pk)
    batch = Batch.objects.get(pk=answer.batch_id)
    assert (batch.purpose, batch.state, answer.sent_to) == (
        "test",
        "ready",
        [desk.marketer.username],
    )
    assert Message.objects.get(batch=batch).phone == "+37061234567"
    assert desk.fresh(campaign).state == "draft"
    assert desk.call("campaigns.get", campaign_id=campaign.pk).sends.planned == 0


@pytest.mark.parametrize(
    ("phone", "usernames", "kind"),
    [
        ("", [], InvalidInput),
        ("+3705123", [], InvalidInput),
        ("+447911123456", [], RatesUnavailable),
        ("+37061234567", ["nobody"], InvalidInput),
    ],
)
def test_a_test_send_to_anybody_else_is_refused(
    desk: Desk, phone: str, usernames: list[str], kind: type[OperationError]
) -> None:
    campaign = desk.draft()
    desk.marketer.test_phone = phone
    desk.marketer.save()
    with refused(kind):
        desk.call("campaigns.test_send", campaign_id=campaign.pk, usernames=usernames)


def test_a_test_send_counts_against_the_quota(desk: Desk) -> None:
    campaign = desk.draft()
    desk.marketer.test_phone = "+37061234567"
    desk.marketer.save()
    Quota.objects.update(message_limit=0)
    with refused(QuotaExceeded):
        desk.call("campaigns.test_send", campaign_id=campaign.pk)


def test_a_planned_time_is_kept_as_wall_time(desk: Desk) -> None:
    local = (timezone.now() + timedelta(days=2)).strftime("%Y-%m-%dT10:00")
    campaign = desk.draft(send_at_local=local, time_zone="Europe/Vilnius")
    found = desk.call("campaigns.get", campaign_id=campaign.pk).schedule
    assert (found.send_at_local, found.time_zone, found.scheduled_at) == (
        local,
        "Europe/Vilnius",
        None,
    )
    assert Campaign.objects.get().quiet_mode == "default"
