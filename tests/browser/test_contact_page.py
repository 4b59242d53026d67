"""The page of one person in a real browser: rich, empty, opted out, in the trash, long and Arabic names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, expect

from smsmarketing.accounts.models import User
from smsmarketing.contacts.models import AudienceMember, Contact, Suppression
from tests.browser.desk_browser import Seat, seat
from tests.campaigns.desk import Desk, desk_make
from tests.contacts.people import consent, contact_make, crm_make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LONG = "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh-Smithson"


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, db: None) -> Desk:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    return desk_make(contacts=1)


@pytest.fixture
def crm(desk: Desk) -> User:
    return crm_make(desk)


def people(desk: Desk, crm: User) -> dict[str, Contact]:
    """One of each."""
    make: dict[str, dict[str, Any]] = {
        "rich": {"first_name": "Ona", "tags": ["vip", "shop"], "consent": consent()},
        "empty": {},
        "opted_out": {"first_name": "Petras", "consent": consent()},
        "trashed": {"first_name": "Rasa"},
        "arabic": {"first_name": "محمد", "last_name": "عبد الرحمن", "language": "ar"},
        "long": {"first_name": LONG[:60], "last_name": LONG[:60], "customer_key": "k" * 80},
    }
    found = {
        name: contact_make(desk, crm, f"+3706990010{number}", **values)
        for number, (name, values) in enumerate(make.items())
    }
    with transaction.atomic():
        desk.world.batch([found["rich"]])
    AudienceMember.objects.create(
        audience=desk.audience, contact=found["rich"], added_at=timezone.now()
    )
    desk.call("contacts.opt_out", crm, contact_id=found["opted_out"].pk, message="STOP")
    Contact.objects.filter(pk=found["trashed"].pk).update(trashed_at=timezone.now())
    return found


def test_every_kind_of_person_has_a_whole_page(
    desk: Desk, crm: User, browser: Browser, live_server: Any, tmp_path: Path
) -> None:
    """Nothing is wider than the window, no full number is in it, and the story is told."""
    shots = Path(os.environ.get("SHOTS", str(tmp_path)))
    cleo = seat(browser, live_server.url, crm)
    for name, contact in people(desk, crm).items():
        for width in (1440, 768):
            cleo.page.set_viewport_size({"width": width, "height": 900})
            page = cleo.open(reverse("admin:contacts_contact_change", args=[contact.pk]))
            expect(page.locator("#states")).to_be_visible()
            expect(page.locator("#timeline tbody tr").first).to_be_visible()
            assert str(contact.phone)[-8:] not in page.content()
            page.screenshot(path=shots / f"{name}-{width}.png", full_page=True)
            assert cleo.overflow() <= 0, (name, width)
    chosen_by_keyboard(cleo)
    assert cleo.problems == []


def chosen_by_keyboard(cleo: Seat) -> None:
    """A form that asks for a contact's id is filled without knowing one, and without a mouse."""
    page = cleo.open(reverse("operation-call", args=["opt_outs.block"]))
    page.get_by_label("Contact").focus()
    page.keyboard.type("Ona")
    expect(page.locator(".op-choices li")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#field-contact_id .op-chip")).to_contain_text("Ona")
    expect(page.get_by_role("button", name="Remove Ona")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Contact")).to_be_focused()
    page.keyboard.type("Petras")
    expect(page.locator(".op-choices li")).to_contain_text("Petras")
    page.keyboard.press("Enter")
    page.locator("#operation-form").get_by_role("button", name="Block").click()
    expect(page.locator("#operation-page")).to_contain_text("blocked")
    found = Suppression.objects.get(reason="blocked")
    assert found.contact is not None
    assert found.contact.first_name == "Petras"
