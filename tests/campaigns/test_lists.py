"""templates.list, campaigns.list, segments.list, audiences.list and audiences.save."""

from __future__ import annotations

from typing import Any

import pytest

from smsmarketing.accounts.models import Role, User
from smsmarketing.contacts.models import Audience
from smsmarketing.operations.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    PreconditionRequired,
    VersionConflict,
)
from tests.campaigns.desk import BODY, Desk, desk_make
from tests.campaigns.rows import refused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=4)


@pytest.fixture
def other() -> Desk:
    return desk_make(contacts=1)


def template(desk: Desk, **changes: Any) -> Any:
    values = {
        "brand_id": desk.world.brand.pk,
        "name": "Greeting",
        "use_case": "reminder",
        "body": "Acme: hello {first_name}.",
        "fields": [{"name": "first_name", "max_chars": 20, "fallback": "you"}],
    }
    return desk.call("templates.save", **(values | changes))


def test_templates_show_their_newest_version_and_all_languages(desk: Desk, other: Desk) -> None:
    first = template(desk)
    template(
        desk,
        template_id=first.template_id,
        base_version_token=first.base_version_token,
        language="lt",
        body="Acme: labas {first_name}.",
    )
    template(other, name="Foreign")
    (row,) = desk.call("templates.list").items
    assert (row.template_id, row.number, row.language) == (first.template_id, 2, "lt")
    assert row.languages == ["en", "lt"]
    assert (row.use_case, row.approval_state, row.parts_worst) == ("reminder", "draft", 1)
    assert row.dynamic_fields[0]["name"] == "first_name"
    assert row.characters > 0
    assert row.opt_out_text
    assert [item.name for item in other.call("templates.list").items] == ["Foreign"]


def test_templates_are_filtered_by_use_case(desk: Desk) -> None:
    template(desk)
    assert desk.call("templates.list", use_case="promotion").items == []
    assert len(desk.call("templates.list", use_case="reminder").items) == 1
    with refused(InvalidInput, field="use_case"):
        desk.call("templates.list", use_case="party")


def test_campaigns_are_listed_by_state_newest_first(desk: Desk, other: Desk) -> None:
    segment = desk.segment()
    draft = desk.draft(segment_id=segment)
    signed = desk.approved(segment_id=segment, name="Summer")
    foreign = other.draft()
    rows = desk.call("campaigns.list").items
    assert [row.campaign_id for row in rows] == [signed.pk, draft.pk]
    assert [row.state for row in rows] == ["approved", "draft"]
    assert rows[1].message == BODY
    assert rows[1].report_state == "none"
    assert rows[0].segment == signed.segment.name
    only = desk.call("campaigns.list", state="approved").items
    assert [row.campaign_id for row in only] == [signed.pk]
    assert [row.campaign_id for row in other.call("campaigns.list").items] == [foreign.pk]
    with refused(InvalidInput, field="state"):
        desk.call("campaigns.list", state="asleep")


def test_campaigns_come_page_by_page(desk: Desk) -> None:
    segment = desk.segment()
    made = [desk.draft(segment_id=segment, name=f"C{number}").pk for number in range(3)]
    page = desk.call("campaigns.list", limit=2)
    rest = desk.call("campaigns.list", limit=2, cursor=page.next_cursor)
    assert [row.campaign_id for row in (*page.items, *rest.items)] == made[::-1]
    assert rest.next_cursor is None


def test_segments_show_the_counts_of_their_preview(desk: Desk, other: Desk) -> None:
    segment = desk.segment()
    other.segment()
    (row,) = desk.call("segments.list").items
    assert (row.segment_id, row.brand_id) == (segment, desk.world.brand.pk)
    assert (row.matched, row.sendable) == (4, 4)
    assert row.criteria_in_words


def audience(desk: Desk, **payload: Any) -> Any:
    return desk.call("audiences.save", **payload)


@pytest.fixture
def crm(desk: Desk) -> Desk:
    desk.marketer.roles.add(Role.objects.get(key="crm"))
    return desk


def test_an_audience_is_made_changed_and_listed(crm: Desk, other: Desk) -> None:
    made = audience(crm, brand_id=crm.world.brand.pk, name="Buyers", source="shop")
    changed = audience(
        crm,
        audience_id=made.audience_id,
        base_version_token=made.base_version_token,
        name="Good buyers",
        source="shop",
    )
    assert changed.base_version_token != made.base_version_token
    rows = crm.call("audiences.list", brand_id=crm.world.brand.pk).items
    assert [(row.name, row.members) for row in rows] == [("Good buyers", 0), ("Readers", 4)]
    assert [row.name for row in other.call("audiences.list").items] == ["Readers"]
    assert crm.call("audiences.list", brand_id=other.world.brand.pk).items == []


def test_an_audience_is_not_changed_by_who_did_not_see_the_newest(crm: Desk) -> None:
    """[R-8.7]"""
    made = audience(crm, brand_id=crm.world.brand.pk, name="Buyers")
    Audience.objects.filter(pk=made.audience_id).update(version=9)
    with refused(VersionConflict, field="base_version_token"):
        audience(
            crm,
            audience_id=made.audience_id,
            base_version_token=made.base_version_token,
            name="Others",
        )
    with refused(PreconditionRequired, field="base_version_token"):
        audience(crm, audience_id=made.audience_id, name="Others")


def test_a_taken_name_a_foreign_row_and_no_brand_are_refused(crm: Desk, other: Desk) -> None:
    with refused(Conflict, field="name"):
        audience(crm, brand_id=crm.world.brand.pk, name="Readers")
    with refused(NotFound, field="brand_id"):
        audience(crm, brand_id=other.world.brand.pk, name="Mine")
    with refused(PreconditionRequired, field="brand_id"):
        audience(crm, name="Mine")
    with refused(NotFound):
        audience(crm, audience_id=other.audience.pk, base_version_token="x", name="Mine")


def test_an_audience_keeps_the_texts_that_a_change_does_not_name() -> None:
    desk = desk_make(contacts=1)
    crm = User.objects.create_user("cleo-keeps", password=None, is_staff=True)
    crm.teams.add(desk.world.team)
    crm.roles.set(Role.objects.filter(key="crm"))
    Audience.objects.filter(pk=desk.audience.pk).update(source="shop", sync_source="crm")
    token = desk.call("audiences.list", crm).items[0].base_version_token
    desk.call(
        "audiences.save",
        crm,
        audience_id=desk.audience.pk,
        base_version_token=token,
        name="Readers of 2026",
    )
    audience = Audience.objects.get(pk=desk.audience.pk)
    assert (audience.name, audience.source, audience.sync_source) == (
        "Readers of 2026",
        "shop",
        "crm",
    )
