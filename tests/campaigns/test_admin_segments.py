"""The segment builder: rows become criteria, a preview must be looked at, refusals stand at their row."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client

from smsmarketing.campaigns.admin.criteria_form import groups_of, groups_read, tree_build
from smsmarketing.contacts.models import Segment, SendState
from tests.campaigns.desk import Desk, desk_make
from tests.campaigns.desk_pages import signed_in, text_of, url

ROWS: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({"kind": "audience", "audience": "3"}, {"audience": [3]}),
    ({"kind": "tag", "value": "vip, lapsed"}, {"tag": ["vip", "lapsed"]}),
    ({"kind": "country", "value": "de, fr"}, {"country": ["DE", "FR"]}),
    ({"kind": "region", "value": "us-fl"}, {"region": ["US-FL"]}),
    ({"kind": "language", "value": "zh-TW"}, {"language": ["zh-TW"]}),
    (
        {"kind": "consent_age", "op": "le", "days": "30"},
        {"consent_age": {"op": "le", "days": 30}},
    ),
    ({"kind": "last_sent", "op": "ge", "days": "7"}, {"last_sent": {"op": "ge", "days": 7}}),
    ({"kind": "never_sent"}, {"never_sent": True}),
    ({"kind": "customer_key"}, {"customer_key": True}),
    ({"kind": "everyone"}, {"everyone": True}),
    (
        {"kind": "custom", "name": "coffee", "op": "in", "value": "decaf, filter"},
        {"custom": {"name": "coffee", "type": "text", "op": "in", "value": ["decaf", "filter"]}},
    ),
    (
        {"kind": "custom", "name": "spent", "type": "number", "op": "ge", "value": "10"},
        {"custom": {"name": "spent", "type": "number", "op": "ge", "value": "10"}},
    ),
    (
        {"kind": "custom", "name": "member", "type": "boolean", "op": "eq", "value": "yes"},
        {"custom": {"name": "member", "type": "boolean", "op": "eq", "value": True}},
    ),
    (
        {"kind": "custom", "name": "coffee", "op": "missing", "value": "ignored"},
        {"custom": {"name": "coffee", "type": "text", "op": "missing"}},
    ),
    (
        {"kind": "event", "name": "order", "days": "90", "count": "2", "op": "ge"},
        {"event": {"kind": "order", "within_days": 90, "count": {"op": "ge", "value": 2}}},
    ),
]


def posted(*rows: dict[str, str], **more: str) -> QueryDict:
    data = QueryDict(mutable=True)
    data["g0-joiner"] = "all"
    for index, row in enumerate(rows):
        for name, value in row.items():
            data[f"g0-r{index}-{name}"] = value
    data.update(more)
    return data


@pytest.mark.parametrize(("row", "leaf"), ROWS)
@pytest.mark.parametrize("negated", [False, True])
def test_a_row_means_a_condition_and_back(
    row: dict[str, str], leaf: dict[str, Any], negated: bool
) -> None:
    data = posted(row | ({"not": "not"} if negated else {}))
    tree = tree_build(groups_read(data), "all")
    assert tree == {"all": [{"not": leaf} if negated else leaf]}
    shown = groups_of(tree)
    assert shown is not None
    assert tree_build(shown[0], shown[1]) == tree


def test_groups_are_joined_and_turned_round() -> None:
    data = posted({"kind": "tag", "value": "vip"}, joiner="any")
    data.update({"g1-joiner": "any", "g1-not": "on", "g1-r0-kind": "never_sent"})
    tree = tree_build(groups_read(data), "any")
    assert tree == {"any": [{"all": [{"tag": ["vip"]}]}, {"not": {"any": [{"never_sent": True}]}}]}
    shown = groups_of(tree)
    assert shown is not None
    assert tree_build(*shown) == tree


@pytest.mark.parametrize(
    "tree",
    [
        {"all": [{"any": [{"all": [{"everyone": True}]}]}]},
        {"event": {"kind": "order", "properties": [{"name": "city", "value": "Oslo"}]}},
        {"customer_key": False},
        {"unknown": 1},
        {"all": [{"not": {"not": {"everyone": True}}}]},
        {"all": 5},
        {"all": []},
        {"all": [5]},
        {"all": [{"any": 5}]},
        {"all": [{"all": [{"event": {"kind": "order", "count": 3}}]}]},
        {"any": [{"everyone": True}] * 11},
        {},
    ],
)
def test_what_the_rows_cannot_say_stays_json(tree: dict[str, Any]) -> None:
    assert groups_of(tree) is None


@pytest.fixture
def desk(transactional_db: None) -> Desk:
    return desk_make(contacts=10)


@pytest.fixture
def browser(desk: Desk) -> Client:
    return signed_in(desk.marketer)


def form(desk: Desk, **more: str) -> dict[str, Any]:
    return {
        "brand_id": str(desk.world.brand.pk),
        "purpose": "marketing",
        "parts_per_message": "2",
        "joiner": "all",
        "g0-joiner": "all",
        "g0-r0-kind": "audience",
        "g0-r0-audience": str(desk.audience.pk),
        "do": "preview",
        **more,
    }


def previewed(browser: Client, desk: Desk, **more: str) -> dict[str, Any]:
    response = browser.post(url("segments_build"), form(desk, **more))
    assert response.status_code == 200
    return form(desk, **more) | {
        "segment_preview_id": str(response.context["result"].segment_preview_id),
        "previewed": response.context["previewed"],
        "_idempotency_key": response.context["idempotency_key"],
        "name": "Readers",
        "do": "save",
    }


def test_the_preview_says_who_is_left_out_and_what_it_costs(browser: Client, desk: Desk) -> None:
    SendState.objects.filter(contact__in=desk.audience.members.values("contact")[:4]).update(
        marketing_reason="no_consent"
    )
    text = text_of(browser.post(url("segments_build"), form(desk)).content.decode())
    assert "6 can be texted" in text
    assert "of 10 who match" in text
    assert "No consent for this brand 4" in text
    assert "0.6000 EUR" in text
    assert not Segment.objects.exists()


def test_what_was_previewed_is_saved_once(browser: Client, desk: Desk) -> None:
    data = previewed(browser, desk)
    first = browser.post(url("segments_build"), data)
    segment = Segment.objects.get(name="Readers")
    assert first.headers["Location"] == url("contacts_segment_change", segment.pk)
    assert segment.criteria == {"all": [{"audience": [desk.audience.pk]}]}
    again = browser.post(url("segments_build"), data, follow=True)
    assert "it ran once" in again.content.decode()
    page = text_of(browser.get(url("contacts_segment_change", segment.pk)).content.decode())
    assert "Could be texted 10" in page
    copied = browser.get(url("segments_build"), {"from": segment.pk})
    assert copied.context["groups"][0][1].rows[0].audiences == [str(desk.audience.pk)]


def test_other_conditions_than_the_previewed_ones_are_previewed_first(
    browser: Client, desk: Desk
) -> None:
    """[R-8.8]: a preview stands for exactly what it showed."""
    data = previewed(browser, desk) | {"g0-r1-kind": "country", "g0-r1-value": "US"}
    response = browser.post(url("segments_build"), data)
    assert not Segment.objects.exists()
    assert "differ from the last preview" in response.content.decode()
    assert response.context["result"].sendable == 0


def test_a_refused_name_keeps_the_conditions(browser: Client, desk: Desk) -> None:
    data = previewed(browser, desk) | {"name": ""}
    response = browser.post(url("segments_build"), data)
    assert response.status_code == 422
    assert "name" in response.context["errors"]
    assert response.context["groups"][0][1].rows[0].audiences == [str(desk.audience.pk)]
    assert not Segment.objects.exists()


def test_a_wrong_condition_is_marked_at_its_row(browser: Client, desk: Desk) -> None:
    bad = {"g0-r1-kind": "consent_age", "g0-r1-op": "eq", "g0-r1-days": "30"}
    response = browser.post(url("segments_build"), form(desk, **bad))
    assert response.status_code == 422
    rows = response.context["groups"][0][1].rows
    assert rows[0].error == ""
    assert "is at most" in rows[1].error
    assert "criteria.all" not in text_of(response.content.decode())


def test_experts_write_json_and_go_back(browser: Client, desk: Desk) -> None:
    page = browser.post(url("segments_build"), form(desk, do="json"))
    tree = json.loads(page.context["criteria_json"])
    assert tree == {"all": [{"audience": [desk.audience.pk]}]}
    raw = form(desk, mode="json", criteria_json=json.dumps({"any": [tree, {"tag": "x"}]}))
    assert browser.post(url("segments_build"), raw).context["result"].sendable == 10
    back = browser.post(url("segments_build"), {**raw, "do": "rows"})
    assert len(back.context["groups"]) == 2
    broken = browser.post(url("segments_build"), {**raw, "criteria_json": "{"})
    assert broken.status_code == 422
    assert broken.context["criteria_json"] == "{"


def test_no_condition_is_no_segment(browser: Client, desk: Desk) -> None:
    data = {**form(desk), "g0-r0-kind": ""}
    response = browser.post(url("segments_build"), data)
    assert response.status_code == 422
    assert "Add at least one condition" in response.content.decode()
