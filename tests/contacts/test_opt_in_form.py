"""The hosted opt-in form: exact wording, no script, no cookie, and it tells nobody anything."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from smsmarketing.accounts.models import Brand, User
from smsmarketing.contacts.models import (
    ConsentEvent,
    Contact,
    DoubleOptIn,
    OptInForm,
    OptInFormVersion,
)
from smsmarketing.contacts.public import forms
from smsmarketing.contacts.rules.opt_in_forms import disclosure_faults, origin_fault
from smsmarketing.contacts.services import suppression_add
from tests.contacts.conftest import state_of

GB = "+447400123456"
TEXT = (
    "I agree that Acme texts me offers, up to 4 messages a month. Rates apply. Reply STOP to end."
)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def typed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "TYPED_IN", timedelta(0))


def form_make(brand: Brand, user: User, **changes: Any) -> OptInForm:
    now = timezone.now()
    form = OptInForm.objects.create(
        team=brand.team, brand=brand, slug="join", name="Join", created_at=now
    )
    content = {
        "number": 1,
        "heading": "Offers by SMS",
        "disclosure_text": TEXT,
        "programme": "offers",
        "frequency": "up to 4 messages a month",
        "language": "en",
        "purposes": ["marketing"],
        "fields": ["first_name"],
        "origins": ["https://shop.example"],
        "created_by": user,
        "created_at": now,
    }
    form.live = OptInFormVersion.objects.create(form=form, **{**content, **changes})
    form.save()
    return form


def shown(client: Client) -> tuple[Any, str]:
    answer = client.get("/f/join")
    token = answer.content.decode().split('name="token" value="')[1].split('"')[0]
    return answer, token


def send(client: Client, **changes: str) -> Any:
    _, token = shown(client)
    body = {"token": token, "phone": GB, "agree": "yes", "first_name": "Ana", **changes}
    return client.post("/f/join", body, headers={"user-agent": "Browser 1"})


def test_the_page_is_strict_and_the_box_is_empty(brand: Brand, user: User) -> None:
    """[R-4.4]; works without script, may be framed by its own sites only, sets no cookie."""
    form_make(brand, user)
    answer, _ = shown(Client())
    page = answer.content.decode()
    assert TEXT in page
    assert "checked" not in page
    assert "<script" not in page
    assert "frame-ancestors 'self' https://shop.example" in answer["Content-Security-Policy"]
    assert "X-Frame-Options" not in answer
    assert answer["Referrer-Policy"] == "no-referrer"
    assert not answer.cookies
    assert not ConsentEvent.objects.exists()


def test_a_form_asks_the_owner_of_the_number_first(brand: Brand, user: User) -> None:
    """[R-4.6]: what was typed proves nothing yet."""
    form = form_make(brand, user)
    answer = send(Client())
    assert (answer.status_code, answer["Location"]) == (303, "/f/join/done")
    row = DoubleOptIn.objects.get()
    assert (row.state, row.form_version, row.phone) == ("requested", form.live, GB)
    assert (row.ip, row.user_agent, row.source_url) == (
        "127.0.0.1",
        "Browser 1",
        "http://testserver/f/join",
    )
    assert not ConsentEvent.objects.exists()
    assert "Reply YES" in Client().get("/f/join/done").content.decode()


def test_without_double_opt_in_the_wording_is_recorded(brand: Brand, user: User) -> None:
    form = form_make(brand, user, double_opt_in=False)
    send(Client())
    event = ConsentEvent.objects.get()
    assert (event.disclosure_text, event.hosted_form_version, event.method) == (
        TEXT,
        form.live,
        "web_form",
    )
    assert (event.ip, event.user_agent, event.checkbox_default) == (
        "127.0.0.1",
        "Browser 1",
        False,
    )
    assert state_of(Contact.objects.get(), brand).marketing_reason is None


def test_it_never_tells_whether_a_number_is_known(
    brand: Brand, user: User, make_contact: Callable[..., Contact]
) -> None:
    """[R-2.16]: and it lifts nothing."""
    form_make(brand, user, double_opt_in=False)
    make_contact(GB, consent=True, first_name="Bea")
    suppression_add(
        phone=GB, scope="brand", reason="opt_out", source="inbound", evidence={}, brand=brand
    )
    events = ConsentEvent.objects.count()
    known, unknown = send(Client()), send(Client(), phone="+447400123457")
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert ConsentEvent.objects.filter(contact__phone=GB).count() == events
    assert Contact.objects.get(phone=GB).first_name == "Bea"
    assert state_of(Contact.objects.get(phone=GB), brand).marketing_reason == "opted_out"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"agree": ""}, "Tick the box"),
        ({"phone": "12"}, "not a mobile number"),
        ({"phone": "<script>"}, "not a mobile number"),
        ({"token": "forged"}, "send it again"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(
    brand: Brand, user: User, changes: dict[str, str], says: str
) -> None:
    form_make(brand, user)
    answer = send(Client(), **changes)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert not DoubleOptIn.objects.exists()


def test_a_program_that_fills_the_trap_learns_nothing(brand: Brand, user: User) -> None:
    form_make(brand, user)
    assert send(Client(), website="https://spam.example").status_code == 303
    assert not DoubleOptIn.objects.exists()


def test_too_many_from_one_address_wait(brand: Brand, user: User) -> None:
    form_make(brand, user)
    answers = [send(Client(), phone=f"+4474001234{number:02}") for number in range(12)]
    assert answers[-1].status_code == 429
    assert DoubleOptIn.objects.count() <= forms.LIMITS["ip"]


def test_a_closed_or_unknown_form_takes_nothing(brand: Brand, user: User) -> None:
    form = form_make(brand, user)
    form.live = None
    form.save()
    assert Client().get("/f/join").status_code == 410
    assert Client().post("/f/join", {"phone": GB}).status_code == 410
    assert Client().get("/f/nowhere").status_code == 404


def test_wording_that_lacks_something_is_told_what() -> None:
    def faults(text: str) -> str:
        found = disclosure_faults(text, brand="Acme", language="en", frequency="weekly news")
        return found.get("disclosure_text", "")

    assert faults(TEXT) == ""
    assert "brand" in faults(TEXT.replace("Acme", "We"))
    assert "STOP" in faults(TEXT.replace("STOP", "no"))
    assert "how often" in faults("Acme texts offers. Rates apply. STOP.")
    assert "costs" in faults("Acme texts offers weekly. STOP.")
    assert "bundle" in faults(f"I accept the terms and conditions. {TEXT}")


@pytest.mark.parametrize(
    "origin", ["http://shop.example", "https://shop.example/a", "*", "https://a b", "javascript:1"]
)
def test_only_sites_may_frame_a_form(origin: str) -> None:
    assert origin_fault(origin)
    assert not origin_fault("https://shop.example:8443")


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_two_posts_at_once_ask_once(brand: Brand, user: User) -> None:
    form_make(brand, user)
    together = threading.Barrier(2)
    statuses: list[int] = []

    def post() -> None:
        try:
            together.wait(20)
            statuses.append(send(Client()).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=post) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert statuses == [303, 303]
    assert DoubleOptIn.objects.count() == 1
