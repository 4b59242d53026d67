"""The queue of unclear replies in a real browser: one key a decision, undo, and without scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from playwright.sync_api import Browser, expect

from smsmarketing.accounts.models import Role, User
from smsmarketing.contacts.models import Suppression
from smsmarketing.gateways.models import InboundMessage
from tests.browser.desk_browser import seat
from tests.gateways.test_review_queue import PAGE, consented
from tests.gateways.test_webhooks_inbound import write
from tests.gateways.world import World, world_make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TEXTS = ("leave me alone", "wrong number", "this is spam", "שלום, לא מעוניין", "not interested")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    # Playwright runs an event loop in this thread; the queries of the test itself are synchronous.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    world = world_make()
    for number, text in enumerate(TEXTS):
        with transaction.atomic():
            person = consented(world, f"+3706123456{number}", "LT")
        write(world, person.phone, text)
    write(world, "+37061234569", "When do you open?")
    return world


@pytest.fixture
def reviewer(world: World) -> User:
    user = User.objects.create_user("rita", password=None, is_staff=True)
    user.teams.add(world.team)
    user.roles.set(Role.objects.filter(key="compliance"))
    return user


def decisions() -> list[str]:
    return list(
        InboundMessage.objects.exclude(decision="")
        .order_by("pk")
        .values_list("decision", flat=True)
    )


def test_one_key_a_decision(
    world: World, reviewer: User, browser: Browser, live_server: Any, tmp_path: Path
) -> None:
    rita = seat(browser, live_server.url, reviewer)
    page = rita.open(PAGE)
    text = page.locator("#reply-text")
    expect(text).to_have_text("leave me alone")
    expect(page.locator("#count-held")).to_have_text("5")
    expect(page.locator("#held")).to_contain_text("on hold until a person decides")
    page.screenshot(path=tmp_path / "queue.png", full_page=True)
    page.keyboard.press("k")
    expect(page.locator("#last")).to_contain_text("no opt-out")
    expect(text).to_have_text("wrong number")
    assert Suppression.objects.filter(reason="hold", lifted_at=None).count() == 4
    page.keyboard.press("u")
    expect(page.locator("#count-held")).to_have_text("5")
    expect(text).to_have_text("leave me alone")
    page.keyboard.press("o")
    expect(page.locator("#last")).to_contain_text("stays")
    page.keyboard.press("w")
    expect(text).to_have_text("this is spam")
    page.keyboard.press("n")
    expect(text).to_contain_text("לא מעוניין")
    page.locator("[name=note]").fill("cook")  # letters in a field decide nothing
    expect(text).to_contain_text("לא מעוניין")
    page.locator("h3").first.click()
    page.keyboard.press("c")
    expect(text).to_have_text("this is spam")
    assert decisions() == ["opt_out", "wrong_number", "complaint"]
    assert rita.overflow() <= 0
    page.set_viewport_size({"width": 390, "height": 800})
    assert rita.overflow() <= 0
    assert rita.problems == []


def test_without_scripts_the_buttons_do_the_same(
    world: World, reviewer: User, browser: Browser, live_server: Any
) -> None:
    rita = seat(browser, live_server.url, reviewer, java_script_enabled=False)
    page = rita.open(PAGE)
    page.click("#decide [value=opt_out]")
    page.click("#decide [value=keep]")
    page.click("[data-key=u]")
    expect(page.locator("#count-held")).to_have_text("4")
    for _ in range(4):
        page.click("#decide [value=complaint]")
    expect(page.locator("#reply-text")).to_have_text("When do you open?")
    page.click("#decide [value=keep]")
    expect(page.locator("#empty")).to_contain_text("Nothing waits")
    assert decisions() == ["opt_out", *["complaint"] * 4, "keep"]
