"""The composer: everything typed survives a refusal, refusals stand at their fields, a double click saves once."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from smsmarketing.campaigns.models import Campaign
from smsmarketing.operations.models import AuditEntry
from tests.campaigns.desk import BODY, Desk, desk_make
from tests.campaigns.desk_pages import form_values, signed_in, text_of, url

pytestmark = pytest.mark.django_db(transaction=True)

FIELD = {
    "field-0-name": "first_name",
    "field-0-max_chars": "20",
    "field-0-fallback": "friend",
    "field-0-charset": "any",
    "field-0-truncate": "on",
}


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=4)


@pytest.fixture
def browser(desk: Desk) -> Client:
    return signed_in(desk.marketer)


def typed(browser: Client, desk: Desk, **changes: Any) -> dict[str, Any]:
    page = browser.get(url("campaigns_compose")).content.decode()
    return form_values(page, "text-form") | {
        "name": "Evening offer",
        "segment_id": str(desk.segment()),
        "message": BODY,
        "do": "save",
        **changes,
    }


def test_a_draft_is_saved_once_however_often_the_button_is_pressed(
    browser: Client, desk: Desk
) -> None:
    """[R-8.9]: the form carries its key."""
    data = typed(browser, desk, message="Acme: {first_name}, 20% off.", **FIELD)
    first = browser.post(url("campaigns_compose"), data)
    again = browser.post(url("campaigns_compose"), data, follow=True)
    campaign = Campaign.objects.get(name="Evening offer")
    assert first.headers["Location"] == url("campaigns_campaign_change", campaign.pk)
    assert "it ran once" in again.content.decode()
    assert campaign.fields[0]["fallback"] == "friend"
    assert campaign.sender == desk.world.sender
    assert AuditEntry.objects.filter(operation="campaigns.create_draft", surface="admin").exists()


def test_a_refusal_stands_at_its_field_and_nothing_typed_is_lost(
    browser: Client, desk: Desk
) -> None:
    data = typed(
        browser,
        desk,
        message="Acme: {first_name}, it’s\r\n20% off.",
        landing_url="http://not-secure.example",
        send_at_local="2020-01-01T10:00",
        time_zone="Europe/Berlin",
        per_minute="many",
        review_notes="Please hurry.",
        **(FIELD | {"field-0-max_chars": "long"}),
    )
    response = browser.post(url("campaigns_compose"), data)
    assert response.status_code == 422
    assert not Campaign.objects.exists()
    html = response.content.decode()
    assert {"landing_url", "per_minute"} <= set(response.context["errors"])
    assert "max chars" in response.context["rows"][0].error
    kept = form_values(html, "text-form")
    for name in ("name", "segment_id", "landing_url", "send_at_local", "time_zone", "per_minute"):
        assert kept[name] == data[name]
    assert kept["message"] == "Acme: {first_name}, it’s\n20% off."
    assert kept["field-0-max_chars"] == "long"
    assert kept["review_notes"] == "Please hurry."


def test_a_past_time_and_a_text_without_brand_are_refused_at_their_fields(
    browser: Client, desk: Desk
) -> None:
    data = typed(browser, desk, send_at_local="2020-01-01T10:00", time_zone="UTC")
    response = browser.post(url("campaigns_compose"), data)
    assert "send_at_local" in response.context["errors"]
    data = typed(browser, desk, message="20% off today only.")
    response = browser.post(url("campaigns_compose"), data)
    assert response.status_code == 422
    assert "message" in response.context["errors"]
    assert not Campaign.objects.exists()


def test_the_preview_works_without_a_script_and_declares_new_places(
    browser: Client, desk: Desk
) -> None:
    data = typed(browser, desk, message="Acme: {first_name} “20%” off", do="preview")
    response = browser.post(url("campaigns_compose"), data)
    html = response.content.decode()
    assert form_values(html, "text-form")["field-0-name"] == "first_name"
    assert "U+201C" not in text_of(html)
    assert "Left double quotation mark" in html
    assert "‹first name›" in html
    replaced = browser.post(url("campaigns_compose"), {**data, "do": "replace"}).content.decode()
    assert form_values(replaced, "text-form")["message"] == 'Acme: {first_name} "20%" off'
    assert not Campaign.objects.exists()


def test_the_live_preview_answers_with_the_panel(browser: Client, desk: Desk) -> None:
    data = typed(browser, desk)
    response = browser.post(url("campaigns_fit"), data)
    assert response.status_code == 200
    assert "Reply STOP to opt out" in response.json()["html"]
    assert browser.get(url("campaigns_fit")).status_code == 403


def test_a_template_is_taken_over_and_stays_named_until_its_text_changes(
    browser: Client, desk: Desk
) -> None:
    saved = desk.call(
        "templates.save",
        brand_id=desk.world.brand.pk,
        name="Offer",
        use_case="promotion",
        body="Acme: template text.",
    )
    data = typed(browser, desk, template_version_id=str(saved.template_version_id), do="take")
    page = browser.post(url("campaigns_compose"), data).content.decode()
    taken = form_values(page, "text-form")
    assert taken["message"] == "Acme: template text."
    browser.post(url("campaigns_compose"), {**taken, "name": "As it is", "do": "save"})
    assert Campaign.objects.get(name="As it is").template_version_id == saved.template_version_id
    fresh = form_values(page, "text-form") | {"_idempotency_key": "n" * 32}
    browser.post(
        url("campaigns_compose"),
        {**fresh, "name": "Changed", "message": "Acme: other text.", "do": "save"},
    )
    assert Campaign.objects.get(name="Changed").template_version_id is None


def test_editing_sends_only_what_differs(browser: Client, desk: Desk) -> None:
    campaign = desk.submitted(review_notes="One", per_minute=60)
    page = browser.get(url("campaigns_campaign_edit", campaign.pk)).content.decode()
    assert "ends the review" in page
    data = form_values(page, "text-form") | {"review_notes": "Two", "do": "save"}
    browser.post(url("campaigns_campaign_edit", campaign.pk), data)
    campaign = desk.fresh(campaign)
    assert (campaign.state, campaign.review_notes) == ("in_review", "Two")
    page = browser.get(url("campaigns_campaign_edit", campaign.pk)).content.decode()
    data = form_values(page, "text-form") | {"message": "Acme: 15% off.", "per_minute": ""}
    response = browser.post(url("campaigns_campaign_edit", campaign.pk), data, follow=True)
    campaign = desk.fresh(campaign)
    assert (campaign.state, campaign.body, campaign.per_minute) == ("draft", "Acme: 15% off.", None)
    assert "needs a new review" in response.content.decode()


def test_a_stale_form_keeps_its_text_and_can_be_saved_on_top(browser: Client, desk: Desk) -> None:
    """[R-8.7]: nobody overwrites what they have not seen."""
    campaign = desk.draft()
    page = browser.get(url("campaigns_campaign_edit", campaign.pk)).content.decode()
    desk.call(
        "campaigns.update",
        campaign_id=campaign.pk,
        base_version_token=desk.token(campaign),
        send_goal="theirs",
    )
    data = form_values(page, "text-form") | {"name": "Mine"}
    response = browser.post(url("campaigns_campaign_edit", campaign.pk), data)
    assert response.status_code == 412
    assert desk.fresh(campaign).name == "Spring"
    assert form_values(response.content.decode(), "text-form")["name"] == "Mine"
    again = form_values(response.content.decode(), "text-form") | {"do": "save_over"}
    browser.post(url("campaigns_campaign_edit", campaign.pk), again)
    assert desk.fresh(campaign).name == "Mine"


def test_who_may_not_edit_reads_why_and_cannot_save(desk: Desk) -> None:
    browser = signed_in(desk.approver)
    page = browser.get(url("campaigns_compose"))
    assert "is not for your roles" in page.content.decode()
    assert "Marketing" in page.context["refused"]
    response = browser.post(url("campaigns_compose"), typed(signed_in(desk.marketer), desk))
    assert response.status_code == 403
    assert "Evening offer" in response.content.decode()
    assert not Campaign.objects.exists()


def test_the_forms_need_their_csrf_token(desk: Desk) -> None:
    campaign = desk.draft()
    browser = signed_in(desk.marketer, enforce_csrf_checks=True)
    for address in (
        url("campaigns_compose"),
        url("campaigns_campaign_edit", campaign.pk),
        url("campaigns_campaign_act", campaign.pk, "submit"),
        url("segments_build"),
        url("campaigns_template_new"),
    ):
        assert browser.post(address, {"do": "save", "name": "x"}).status_code == 403
    assert desk.fresh(campaign).state == "draft"
