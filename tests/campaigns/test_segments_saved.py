"""segments.get, update, archive, count: what was approved never changes, and what is refused changes nothing."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from smsmarketing.accounts.models import Role, User
from smsmarketing.campaigns.models import Campaign
from smsmarketing.contacts.models import Contact, CustomField, Segment
from smsmarketing.operations import errors
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.types import Held
from tests.campaigns.desk import Desk, desk_make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=6)


def previewed(desk: Desk, criteria: dict[str, Any], **more: Any) -> str:
    found = desk.call("segments.preview", brand_id=desk.world.brand.pk, criteria=criteria, **more)
    return str(found.segment_preview_id)


def token(desk: Desk, segment_id: int, user: User | None = None) -> str:
    found = desk.call("segments.get", user or desk.marketer, segment_id=segment_id)
    return str(found.base_version_token)


def refused(kind: type[errors.OperationError], desk: Desk, key: str, **payload: Any) -> Any:
    """The refusal; nothing of the segments and campaigns changed."""
    before = (
        list(Segment.objects.order_by("pk").values()),
        list(Campaign.objects.order_by("pk").values()),
    )
    with pytest.raises(kind) as refusal:
        desk.call(key, **payload)
    after = (
        list(Segment.objects.order_by("pk").values()),
        list(Campaign.objects.order_by("pk").values()),
    )
    assert after == before
    return refusal.value


def test_a_segment_shows_its_criteria_figures_and_campaigns(desk: Desk) -> None:
    campaign = desk.draft()
    found = desk.call("segments.get", segment_id=campaign.segment_id)
    assert found.criteria == {"audience": desk.audience.pk}
    assert found.segment.criteria_in_words == 'on the list "Readers"'
    assert (found.segment.matched, found.segment.sendable) == (6, 6)
    assert sum(found.countries.values()) + sum(found.exclusions.values()) == 6
    assert found.counted_days_ago == 0
    assert [(use.campaign_id, use.state) for use in found.campaigns] == [(campaign.pk, "draft")]


def test_a_segment_of_another_team_does_not_exist(desk: Desk) -> None:
    foreign = desk_make(contacts=1).segment()
    for key in ("segments.get", "segments.update", "segments.archive"):
        more = {} if key == "segments.get" else {"base_version_token": "x"}
        refused(errors.NotFound, desk, key, segment_id=foreign, **more)


def test_renaming_needs_the_present_token_and_a_free_name(desk: Desk) -> None:
    first, second = desk.segment(), desk.segment()
    stale = token(desk, first)
    done = desk.call("segments.update", segment_id=first, base_version_token=stale, name="Spring")
    assert (done.changed, done.details.segment.name) == (["name"], "Spring")
    refused(
        errors.VersionConflict,
        desk,
        "segments.update",
        segment_id=first,
        base_version_token=stale,
        name="Summer",
    )
    taken = refused(
        errors.Conflict,
        desk,
        "segments.update",
        segment_id=second,
        base_version_token=token(desk, second),
        name="Spring",
    )
    assert "name" in taken.field_errors
    refused(
        errors.InvalidInput,
        desk,
        "segments.update",
        segment_id=first,
        base_version_token=token(desk, first),
    )


def test_new_conditions_come_from_a_preview_and_touch_drafts_only(desk: Desk) -> None:
    draft = desk.draft()
    desk.call("cost_preview", campaign_id=draft.pk)
    preview_id = previewed(desk, {"country": ["LT"]})
    done = desk.call(
        "segments.update",
        segment_id=draft.segment_id,
        base_version_token=token(desk, draft.segment_id),
        segment_preview_id=preview_id,
    )
    assert (done.changed, done.drafts_touched) == (["criteria"], 1)
    assert done.details.criteria == {"country": ["LT"]}
    fresh = desk.fresh(draft)
    assert (fresh.cost_preview, fresh.version) == ({}, draft.version + 1)
    refused(
        errors.PreconditionRequired,
        desk,
        "segments.update",
        segment_id=draft.segment_id,
        base_version_token=token(desk, draft.segment_id),
        segment_preview_id=preview_id,
    )


@pytest.mark.parametrize("stage", ["submitted", "approved", "sending"])
def test_what_people_approved_never_changes_under_them(desk: Desk, stage: str) -> None:
    """[R-8.2] the criteria are part of the signed content."""
    campaign: Campaign = getattr(desk, stage)()
    refusal = refused(
        errors.Conflict,
        desk,
        "segments.update",
        segment_id=campaign.segment_id,
        base_version_token=token(desk, campaign.segment_id),
        segment_preview_id=previewed(desk, {"everyone": True}),
    )
    assert campaign.name in refusal.message
    assert refusal.details["campaign_ids"] == [campaign.pk]
    renamed = desk.call(
        "segments.update",
        segment_id=campaign.segment_id,
        base_version_token=token(desk, campaign.segment_id),
        name="Other words, same people",
    )
    assert renamed.changed == ["name"]


def test_the_preview_of_another_brand_is_refused(desk: Desk) -> None:
    segment = desk.segment()
    brand = desk.world.brand.team.brands.create(
        name="Second", name_in_texts="Second", help_line="Second, STOP"
    )
    found = desk.call("segments.preview", brand_id=brand.pk, criteria={"everyone": True})
    refused(
        errors.InvalidInput,
        desk,
        "segments.update",
        segment_id=segment,
        base_version_token=token(desk, segment),
        segment_preview_id=str(found.segment_preview_id),
    )


def test_large_new_conditions_wait_for_people(desk: Desk) -> None:
    """[R-8.4] the same limits as for a new segment."""
    from smsmarketing.approvals.models import ApprovalPolicy

    policy = ApprovalPolicy.objects.get(key="segment-change-large")
    policy.conditions = [{"fact": "recipients", "op": ">", "value": 3}]
    ApprovalPolicy.objects.filter(pk=policy.pk).update(conditions=policy.conditions)
    segment = desk.segment()
    before = Segment.objects.get(pk=segment)
    outcome = desk.ask(
        "segments.update",
        segment_id=segment,
        base_version_token=token(desk, segment),
        segment_preview_id=previewed(desk, {"everyone": True}),
    )
    assert isinstance(outcome, Held)
    assert outcome.policies == ("segment-change-large",)
    assert Segment.objects.get(pk=segment).criteria == before.criteria


def test_an_archived_segment_is_kept_but_not_offered(desk: Desk) -> None:
    draft = desk.draft()
    segment = draft.segment_id
    done = desk.call(
        "segments.archive", segment_id=segment, base_version_token=token(desk, segment)
    )
    assert done.changed
    assert done.details.segment.archived
    assert segment not in [row.segment_id for row in desk.call("segments.list").items]
    assert segment in [row.segment_id for row in desk.call("segments.list", archived=True).items]
    with pytest.raises(errors.NotFound) as refusal:
        desk.draft(segment_id=segment, name="New one")
    assert "segment_id" in refusal.value.field_errors
    assert Campaign.objects.count() == 1
    # The draft that has it may be changed otherwise, and keep it.
    desk.call(
        "campaigns.update",
        campaign_id=draft.pk,
        base_version_token=desk.token(draft),
        segment_id=segment,
        name="Renamed",
    )
    back = desk.call(
        "segments.archive",
        segment_id=segment,
        base_version_token=token(desk, segment),
        restore=True,
    )
    assert not back.details.segment.archived
    again = desk.call(
        "segments.archive",
        segment_id=segment,
        base_version_token=token(desk, segment),
        restore=True,
    )
    assert not again.changed


def test_only_who_may_save_may_change(desk: Desk) -> None:
    segment = desk.segment()
    reader = User.objects.create_user("rita", password=None, is_staff=True)
    reader.teams.add(desk.world.team)
    reader.roles.set(Role.objects.filter(key="approver"))
    current = token(desk, segment, reader)
    for key in ("segments.update", "segments.archive"):
        with pytest.raises(errors.NotPermitted):
            desk.call(
                key,
                reader,
                segment_id=segment,
                base_version_token=current,
                **({"name": "X"} if key.endswith("update") else {}),
            )
    assert Segment.objects.get(pk=segment).version == 1


def test_live_counts_are_of_the_whole_and_of_each_condition(desk: Desk) -> None:
    first = Contact.objects.earliest("pk")
    Contact.objects.filter(pk=first.pk).update(tags=["vip"])
    tree = {
        "all": [
            {"audience": desk.audience.pk},
            {"any": [{"tag": "vip"}, {"not": {"everyone": True}}]},
        ]
    }
    entries = AuditEntry.objects.count()
    found = desk.call(
        "segments.count",
        brand_id=desk.world.brand.pk,
        criteria=tree,
        paths=["criteria.all[0]", "criteria.all[1].any[1]", "criteria.all[9]"],
    )
    assert (found.matched, found.consented) == (1, 1)
    assert [(row.path, row.matched) for row in found.conditions] == [
        ("criteria.all[0]", 6),
        ("criteria.all[1].any[1]", 0),
    ]
    assert AuditEntry.objects.count() == entries


def test_declared_fields_give_their_type_and_unknown_ones_are_refused(desk: Desk) -> None:
    now = timezone.now()
    for name, kind, choices in (("points", "number", []), ("size", "choice", ["S", "M"])):
        CustomField.objects.create(
            team=desk.world.team,
            applies_to="contact",
            name=name,
            label=name.title(),
            type=kind,
            choices=choices,
            created_at=now,
            updated_at=now,
        )
    Contact.objects.all().update(custom={"points": 9, "size": "M"})
    criteria = {
        "all": [
            {"custom": {"name": "points", "op": "ge", "value": 5}},
            {"custom": {"name": "size", "value": "M"}},
        ]
    }
    found = desk.call("segments.preview", brand_id=desk.world.brand.pk, criteria=criteria)
    assert found.matched == 6
    created = desk.call(
        "segments.create", segment_preview_id=str(found.segment_preview_id), name="Typed"
    )
    kept = Segment.objects.get(pk=created.segment_id).criteria
    assert [leaf["custom"]["type"] for leaf in kept["all"]] == ["number", "text"]
    for wrong, path in (
        ({"custom": {"name": "pints", "op": "ge", "value": 5}}, "criteria.custom.name"),
        ({"custom": {"name": "points", "type": "text", "value": "5"}}, "criteria.custom.type"),
        ({"custom": {"name": "size", "value": "XL"}}, "criteria.custom.value"),
    ):
        refusal = refused(
            errors.InvalidInput,
            desk,
            "segments.preview",
            brand_id=desk.world.brand.pk,
            criteria=wrong,
        )
        assert list(refusal.field_errors) == [path]
    # What was saved before keeps its meaning when the declaration goes.
    CustomField.objects.all().delete()
    assert desk.call("segments.count", brand_id=desk.world.brand.pk, criteria=kept).matched == 6


def count(desk: Desk, criteria: dict[str, Any]) -> Any:
    return desk.call("segments.count", brand_id=desk.world.brand.pk, criteria=criteria)


CHEAPER = {"name": "total", "type": "number", "op": "ge", "value": 5}


@pytest.mark.parametrize(
    ("leaf", "allowed"),
    [
        ({"event": {"kind": "order", "properties": [CHEAPER]}}, False),
        ({"event": {"kind": "order", "properties": [CHEAPER], "older_than_days": 30}}, False),
        ({"event": {"kind": "order", "properties": [CHEAPER], "within_days": 1101}}, False),
        ({"event": {"kind": "order", "properties": [CHEAPER], "within_days": 1100}}, True),
        (
            {
                "event": {
                    "kind": "order",
                    "count": {"op": "ge", "value": 2},
                    "between_days": [9, 3000],
                }
            },
            False,
        ),
        ({"event": {"kind": "order", "count": {"op": "ge", "value": 2}}}, True),
        ({"event": {"kind": "order", "older_than_days": 3000}}, True),
        ({"not": {"replied": {"properties": [CHEAPER]}}}, False),
    ],
)
def test_single_events_are_read_only_inside_a_span(
    desk: Desk, leaf: dict[str, Any], allowed: bool
) -> None:
    if allowed:
        assert count(desk, leaf).matched == 0
        return
    for key in ("segments.count", "segments.preview"):
        refusal = refused(
            errors.InvalidInput, desk, key, brand_id=desk.world.brand.pk, criteria=leaf
        )
        assert refusal.code == "CRITERIA_UNBOUNDED"
        assert "1100 days" in refusal.message
        assert next(iter(refusal.field_errors)).endswith(".event.within_days")


SEARCH = {"custom": {"name": "city", "op": "contains", "value": "ham"}}


def test_a_search_in_texts_needs_something_that_narrows_it(desk: Desk, settings: Any) -> None:
    assert count(desk, SEARCH).matched == 0
    settings.SEGMENT_SEARCH_CONTACTS = 5  # the brand has six
    for tree in (
        SEARCH,
        {"any": [SEARCH, {"tag": "vip"}]},
        {"all": [SEARCH, {"country": "LT"}]},
        {"all": [SEARCH, {"not": {"tag": "vip"}}]},
    ):
        refusal = refused(
            errors.InvalidInput, desk, "segments.count", brand_id=desk.world.brand.pk, criteria=tree
        )
        assert refusal.code == "CRITERIA_UNBOUNDED"
    for tree in (
        {"all": [SEARCH, {"tag": "vip"}]},
        {"all": [{"any": [SEARCH, {"not": SEARCH}]}, {"customer_group": "vip"}]},
    ):
        assert count(desk, tree).matched == 0


def test_what_the_planner_finds_too_costly_is_not_run(desk: Desk, settings: Any) -> None:
    settings.SEGMENT_COST_MAX = 1
    for key in ("segments.count", "segments.preview"):
        refusal = refused(
            errors.InvalidInput,
            desk,
            key,
            brand_id=desk.world.brand.pk,
            criteria={"everyone": True},
        )
        assert refusal.code == "CRITERIA_COSTLY"


def test_what_takes_too_long_is_stopped_and_explained(desk: Desk, settings: Any) -> None:
    """A table that somebody holds stands for one that takes forever: the clock, not the disk, decides."""
    settings.SEGMENT_COUNT_SECONDS = settings.SEGMENT_SECONDS = 0.3
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("LOCK TABLE contacts_eventsummary IN ACCESS EXCLUSIVE MODE")
                held.set()
                done.wait(30)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(30)
        for key in ("segments.count", "segments.preview"):
            refusal = refused(
                errors.InvalidInput,
                desk,
                key,
                brand_id=desk.world.brand.pk,
                criteria={"newest": {"kind": "order", "state": "paid"}},
            )
            assert refusal.code == "CRITERIA_SLOW"
    finally:
        done.set()
        thread.join(30)
    assert count(desk, {"newest": {"kind": "order", "state": "paid"}}).matched == 0


def test_the_time_limit_ends_with_the_count(desk: Desk) -> None:
    """The statements after it in the same transaction are not under it."""
    from smsmarketing.contacts.criteria import rows_bounded

    with transaction.atomic(), connection.cursor() as cursor:
        assert rows_bounded("SELECT %s::int", [7], seconds=5) == [(7,)]
        cursor.execute("SELECT current_setting('statement_timeout')")
        assert cursor.fetchone()[0] == "0"


def test_two_people_who_change_a_segment_at_once_never_lose_a_change(desk: Desk) -> None:
    segment = desk.segment()
    shared = token(desk, segment)
    answers: list[str] = []

    def rename(name: str) -> None:
        try:
            desk.call("segments.update", segment_id=segment, base_version_token=shared, name=name)
            answers.append(name)
        except errors.VersionConflict:
            answers.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=rename, args=(name,)) for name in ("One", "Two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers, key=len)[-1] == "refused"
    kept = Segment.objects.get(pk=segment)
    assert kept.name in answers
    assert kept.version == 2
    assert kept.previewed_at is not None
    assert kept.previewed_at > timezone.now() - timedelta(minutes=5)
