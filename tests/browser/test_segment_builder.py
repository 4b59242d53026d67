"""The marketer builds a segment by hand: groups in groups, live counts, words, and a draft for it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect

from smsmarketing.campaigns.rules.segment_starts import STARTS
from smsmarketing.contacts.models import Contact, ContactEvent, CustomField, Segment
from smsmarketing.contacts.services import event_summaries_refresh
from tests.browser.desk_browser import Seat, seat
from tests.campaigns.desk import Desk, desk_make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

BUILD = "/admin/contacts/segment/build/"


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Twelve people: four VIPs, of whom two ordered lately; three waiting pickups; a declared field."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    desk = desk_make(contacts=12)
    people = list(Contact.objects.order_by("pk"))
    Contact.objects.filter(pk__in=[person.pk for person in people[:4]]).update(
        tags=["vip"], customer_group="Wholesale"
    )
    Contact.objects.filter(pk=people[5].pk).update(custom={"points": 250})
    now = timezone.now()
    CustomField.objects.create(
        team=desk.world.team,
        applies_to="contact",
        name="points",
        label="Loyalty points",
        type="number",
        choices=[],
        created_at=now,
        updated_at=now,
    )
    for number, (person, kind, days, state) in enumerate(
        [
            (people[0], "order", 10, "paid"),
            (people[1], "order", 60, "paid"),
            (people[2], "order", 70, "paid"),
            (people[6], "pickup", 2, "ready"),
            (people[7], "pickup", 3, "ready"),
            (people[8], "pickup", 4, "collected"),
        ]
    ):
        at = now - timedelta(days=days)
        ContactEvent.objects.create(
            team=desk.world.team,
            source="shop",
            contact=person,
            kind=kind,
            external_id=str(number),
            occurred_at=at,
            updated_at=at,
            properties={"state": state},
            recorded_at=now,
        )
    event_summaries_refresh([person.pk for person in people])
    return desk


@pytest.fixture
def mara(desk: Desk, browser: Browser, live_server: Any) -> Seat:
    return seat(browser, live_server.url, desk.marketer)


def condition(page: Page, group: Locator, kind: str) -> Locator:
    """Choose the newest condition of a group; gives its box."""
    leaf = group.locator(":scope > .sb-items > .sb-leaf").last
    leaf.locator("select.sb-kind").select_option(kind)
    return page.locator(f"#{leaf.get_attribute('id')}")


def token(leaf: Locator, text: str) -> None:
    box = leaf.locator(".sb-tokens input").first
    box.fill(text)
    box.press("Enter")


def test_a_segment_is_built_by_hand_counted_live_and_used(desk: Desk, mara: Seat) -> None:
    page = mara.open(BUILD)
    top = page.locator("#builder-tree > .sb-group")
    vip = condition(page, top, "tag")
    expect(vip.locator("output")).to_have_text("unfinished")
    token(vip, "vip")
    expect(vip.locator("output")).to_have_text("4")
    expect(page.locator("#live-matched")).to_have_text("4")
    expect(page.locator("#live-words")).to_have_text('Tagged "vip"')

    top.locator(":scope > .sb-foot > button", has_text="Add a condition").click()
    ordered = condition(page, top, "event")
    ordered.locator(".sb-span select").select_option("within_days")
    ordered.locator(".sb-days").fill("90")
    expect(ordered.locator("output")).to_have_text("3")
    expect(page.locator("#live-matched")).to_have_text("3")

    top.locator(":scope > .sb-foot > button", has_text="Add a group").click()
    inner = top.locator(":scope > .sb-items > .sb-group")
    lately = condition(page, inner, "event")
    lately.locator(".sb-span select").select_option("within_days")
    lately.locator(".sb-days").fill("30")
    lately.get_by_label("Who or who not").select_option("not")
    inner.locator(":scope > .sb-foot > button", has_text="Add a group").click()
    third = inner.locator(":scope > .sb-items > .sb-group")
    field = condition(page, third, "custom")
    field.get_by_label("Value").fill("100")
    third.locator(":scope > .sb-foot > button", has_text="Add a condition").click()
    group = condition(page, third, "customer_group")
    token(group, "wholesale")  # the list of the team's groups knows how it is written
    expect(group.locator(".sb-chip")).to_contain_text("Wholesale")
    expect(group.locator("output")).to_have_text("4")
    expect(field.locator("output")).to_have_text("1")
    expect(third.locator(":scope > .sb-head output")).to_have_text("0")
    expect(page.locator("#live-matched")).to_have_text("2")
    expect(page.locator("#live-words")).to_contain_text(
        "not (at least 1 order in the last 30 days)"
    )

    page.click("button[value=preview]")
    expect(page.locator("#sendable")).to_have_text("2")
    page.fill("#name", "VIPs who slip away")
    page.click("#save-segment")
    expect(page.locator("#segment-words")).to_contain_text(
        'Tagged "vip" and at least 1 order in the last 90 days'
    )
    segment = Segment.objects.get(name="VIPs who slip away")
    assert segment.criteria == {
        "all": [
            {"tag": ["vip"]},
            {"event": {"kind": "order", "within_days": 90}},
            {
                "any": [
                    {"not": {"event": {"kind": "order", "within_days": 30}}},
                    {
                        "all": [
                            {
                                "custom": {
                                    "name": "points",
                                    "type": "number",
                                    "op": "ge",
                                    "value": 100,
                                }
                            },
                            {"customer_group": ["Wholesale"]},
                        ]
                    },
                ]
            },
        ]
    }
    page.click("text=Write a campaign for it")
    expect(page.locator("#segment_id")).to_have_value(str(segment.pk))
    assert mara.problems == []


def test_a_ready_start_is_changed_with_the_keyboard_alone(desk: Desk, mara: Seat) -> None:
    page = mara.open(BUILD)
    page.click("summary:has-text('Start from a ready segment')")
    page.click("a:has-text('Ready for pickup')")
    expect(page.locator("#live-matched")).to_have_text("2")
    page.locator(".sb-foot button", has_text="Add a condition").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Home")
    expect(page.locator("select.sb-kind").last).to_be_focused()
    page.locator("select.sb-kind").last.select_option("never_sent")
    expect(page.locator(".sb-leaf").last.locator("output")).to_have_text("12")
    page.locator(".sb-leaf").last.get_by_label("Move condition up").focus()
    page.keyboard.press("Enter")
    tree = json.loads(page.locator("input[name=criteria_json]").input_value())
    assert [next(iter(leaf)) for leaf in tree["all"]] == ["never_sent", "newest"]
    expect(page.locator(".sb-leaf").first.get_by_label("Move condition up")).to_be_focused()
    page.locator(".sb-leaf").first.get_by_label("Remove condition").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".sb-leaf")).to_have_count(1)
    expect(page.locator("#live-matched")).to_have_text("2")
    assert mara.problems == []


def test_what_is_wrong_stands_beside_its_condition(desk: Desk, mara: Seat) -> None:
    page = mara.open(BUILD)
    top = page.locator("#builder-tree > .sb-group")
    event = condition(page, top, "event")
    event.get_by_role("button", name="Add a property").click()
    event.locator(".sb-property").get_by_label("Value").fill("50")
    expect(event.locator(".cp-error")).to_contain_text("say how far back")
    expect(page.locator("#live-matched")).to_have_text("—")
    page.click("button[value=preview]")
    expect(page.locator("#problems")).to_be_visible()
    expect(page.locator(".sb-leaf .cp-error")).to_contain_text("say how far back")
    leaf = page.locator(".sb-leaf")
    leaf.locator(".sb-span select").select_option("within_days")
    leaf.locator(".sb-days").fill("365")
    expect(page.locator("#live-matched")).to_have_text("0")
    expect(page.locator(".sb-leaf .cp-error")).to_have_text("")
    assert mara.problems == []


def test_a_saved_segment_is_changed_and_put_away(desk: Desk, mara: Seat) -> None:
    segment = desk.segment(tag="vip")
    page = mara.open(f"/admin/contacts/segment/{segment}/change/")
    page.click("text=Change it")
    expect(page.locator("#live-matched")).to_have_text("4")
    page.locator(".sb-chip button").click()
    token(page.locator(".sb-leaf").first, "nobody")
    expect(page.locator("#live-matched")).to_have_text("0")
    page.click("button[value=preview]")
    page.fill("#name", "Nobody")
    page.click("#save-segment")
    expect(page.locator("#segment-words")).to_have_text('Tagged "nobody"')
    assert Segment.objects.get(pk=segment).criteria == {"all": [{"tag": ["nobody"]}]}
    page.click("#archive")
    expect(page.locator("#segment-page")).to_contain_text("not offered for new campaigns")
    page.click("#archive")
    expect(page.locator("#segment-page")).not_to_contain_text("not offered for new campaigns")
    assert mara.problems == []


@pytest.mark.parametrize("width", [1280, 420])
def test_the_builder_fits_the_screen(
    desk: Desk, browser: Browser, live_server: Any, width: int, tmp_path: Any
) -> None:
    tree = {
        "all": [
            {
                "newest": {
                    "kind": "pickup",
                    "state": ["ready", "collected"],
                    "between_days": [1, 30],
                }
            },
            {
                "any": [
                    {
                        "purchases": {
                            "count": {"op": "ge", "value": 2},
                            "last": {"calendar": "last_month"},
                        }
                    },
                    {
                        "not": {
                            "all": [
                                {"consent": {"method": ["web_form"], "expires_within_days": 30}},
                                {"country": ["LT", "DE"]},
                            ]
                        }
                    },
                    {
                        "event": {
                            "kind": "order",
                            "within_days": 365,
                            "properties": [
                                {"name": "amount", "type": "number", "op": "ge", "value": 50}
                            ],
                        }
                    },
                ]
            },
            {"repurchase": {"factor": 1.2}},
        ]
    }
    segment = desk.segment(**tree)
    mara = seat(browser, live_server.url, desk.marketer, viewport={"width": width, "height": 900})
    page = mara.open(f"{BUILD}?from={segment}")
    expect(page.locator("#live-matched")).to_have_text("0")
    assert mara.overflow() == 0
    page.screenshot(path=tmp_path / f"builder-{width}.png", full_page=True)
    kept = json.loads(page.locator("input[name=criteria_json]").input_value())
    assert kept["all"][0] == tree["all"][0]
    assert kept["all"][1]["any"][1] == {
        "not": {
            "all": [
                {
                    "consent": {
                        "purpose": "marketing",
                        "method": ["web_form"],
                        "expires_within_days": 30,
                    }
                },
                {"country": ["LT", "DE"]},
            ]
        }
    }
    assert mara.problems == []


def test_every_ready_start_can_be_edited_by_hand(desk: Desk, mara: Seat) -> None:
    found = {"vip_lapsing": "2", "pickup_ready": "2", "new_contacts": "12"}
    for key in STARTS:
        page = mara.open(f"{BUILD}?start={key}")
        expect(page.locator("#live-matched")).to_have_text(found.get(key, "0"))
        assert page.locator("select.sb-kind:disabled").count() == 0, key
    assert mara.problems == []
