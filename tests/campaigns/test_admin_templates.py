"""Templates: every change is a new version, and the page shows what differs."""

from __future__ import annotations

import pytest
from django.test import Client

from smsmarketing.campaigns.admin.templates import text_diff
from smsmarketing.campaigns.models import Template
from tests.campaigns.desk import Desk, desk_make
from tests.campaigns.desk_pages import form_values, signed_in, text_of, url

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=1)


@pytest.fixture
def browser(desk: Desk) -> Client:
    return signed_in(desk.marketer)


def template_made(desk: Desk, body: str = "Acme: 15% off, {first_name}.") -> Template:
    saved = desk.call(
        "templates.save",
        brand_id=desk.world.brand.pk,
        name="Offer",
        use_case="promotion",
        body=body,
        fields=[{"name": "first_name", "max_chars": 20, "fallback": "friend"}],
    )
    return Template.objects.get(pk=saved.template_id)


@pytest.mark.parametrize(
    ("old", "new", "runs"),
    [
        ("15% off", "20% off", [("gone", "15"), ("new", "20"), ("same", "% off")]),
        ("a b", "a b c", [("same", "a b"), ("new", " c")]),
        ("a {x} b", "a b", [("same", "a "), ("gone", "{x} "), ("same", "b")]),
        ("same", "same", [("same", "same")]),
    ],
)
def test_the_difference_is_word_by_word(old: str, new: str, runs: list[tuple[str, str]]) -> None:
    assert text_diff(old, new) == runs
    assert "".join(text for kind, text in runs if kind != "new") == old
    assert "".join(text for kind, text in runs if kind != "gone") == new


def test_a_new_version_is_saved_and_compared(browser: Client, desk: Desk) -> None:
    template = template_made(desk)
    page = browser.get(url("campaigns_template_version", template.pk)).content.decode()
    data = form_values(page, "text-form")
    assert data["message"] == "Acme: 15% off, {first_name}."
    data |= {"message": "Acme: 20% off, {first_name}.", "change_note": "Shop said 20", "do": "save"}
    browser.post(url("campaigns_template_version", template.pk), data)
    assert list(template.versions.order_by("number").values_list("number", flat=True)) == [1, 2]
    html = browser.get(url("campaigns_template_change", template.pk)).content.decode()
    assert '<del class="cp-gone">15</del><ins class="cp-new">20</ins>' in html
    assert "Shop said 20" in html
    compared = browser.get(
        url("campaigns_template_change", template.pk), {"from": "1", "to": "2"}
    ).content.decode()
    assert "From version 1 to version 2" in compared
    assert "Offer" in browser.get(url("campaigns_template_changelist")).content.decode()


def test_a_text_without_brand_is_refused_and_kept(browser: Client, desk: Desk) -> None:
    template = template_made(desk)
    page = browser.get(url("campaigns_template_version", template.pk)).content.decode()
    data = form_values(page, "text-form") | {"message": "20% off, {first_name}.", "do": "save"}
    response = browser.post(url("campaigns_template_version", template.pk), data)
    assert response.status_code == 422
    assert "message" in response.context["errors"]
    kept = form_values(response.content.decode(), "text-form")
    assert kept["message"] == "20% off, {first_name}."
    assert template.versions.count() == 1


def test_a_new_template_previews_without_saving(browser: Client, desk: Desk) -> None:
    page = browser.get(url("campaigns_template_new")).content.decode()
    data = form_values(page, "text-form") | {
        "name": "Hello",
        "message": "Acme: hi {first_name}",
        "do": "preview",
    }
    response = browser.post(url("campaigns_template_new"), data)
    assert "‹first name›" in response.content.decode()
    assert not Template.objects.exists()
    data = form_values(response.content.decode(), "text-form") | {"do": "save"}
    browser.post(url("campaigns_template_new"), data)
    browser.post(url("campaigns_template_new"), data)
    assert Template.objects.get().versions.count() == 1


def test_templates_of_other_teams_are_not_there(browser: Client, desk: Desk) -> None:
    template = template_made(desk_make(contacts=1), body="Acme: secret offer, {first_name}.")
    assert browser.get(url("campaigns_template_change", template.pk)).status_code == 404
    assert browser.get(url("campaigns_template_version", template.pk)).status_code == 404
    listed = browser.get(url("campaigns_template_changelist")).content.decode()
    assert "There is no template yet" in text_of(listed)
