"""The campaign's page and its steps: what a person may do next, what happens once, what others cannot see."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from smsmarketing.accounts.models import Role, User
from smsmarketing.campaigns.models import Campaign, CampaignSend
from smsmarketing.campaigns.tasks import materialise
from smsmarketing.contacts.models import SendState
from smsmarketing.gateways.models import Batch, Message
from smsmarketing.operations.models import AuditEntry
from tests.campaigns.desk import Desk, desk_make
from tests.campaigns.desk_pages import form_values, signed_in, text_of, url

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=10)


def page_of(campaign: Campaign) -> str:
    return url("campaigns_campaign_change", campaign.pk)


def act(campaign: Campaign, verb: str) -> str:
    return url("campaigns_campaign_act", campaign.pk, verb)


def running(desk: Desk) -> Campaign:
    campaign = desk.sending()
    materialise.run(campaign.pk)
    return desk.fresh(campaign)


def viewer(desk: Desk) -> User:
    user = User.objects.create_user(f"vera-{desk.world.team.pk}", password=None, is_staff=True)
    user.teams.add(desk.world.team)
    user.roles.set(Role.objects.filter(key="viewer"))
    return user


def test_the_whole_path_by_buttons(desk: Desk) -> None:
    """Draft, review, approval, send: each step is one form, sent once."""
    campaign = desk.draft()
    browser = signed_in(desk.marketer)
    assert "This is a draft" in text_of(browser.get(page_of(campaign)).content.decode())
    form = form_values(browser.get(act(campaign, "submit")).content.decode(), "action-form")
    response = browser.post(act(campaign, "submit"), form | {"note": "The price, please."})
    assert response.headers["Location"] == page_of(campaign)
    campaign = desk.fresh(campaign)
    assert (campaign.state, campaign.review_notes) == ("in_review", "The price, please.")
    desk.call(
        "campaigns.approve",
        desk.approver,
        campaign_id=campaign.pk,
        content_hash=campaign.content_hash,
    )
    page = browser.get(act(campaign, "send"))
    text = text_of(page.content.decode())
    assert "10 recipients are approved" in text
    assert "20% off today only" in text  # the last look at the text
    form = form_values(page.content.decode(), "action-form")
    browser.post(act(campaign, "send"), form)
    again = browser.post(act(campaign, "send"), form, follow=True)
    assert "it ran once" in again.content.decode()
    assert desk.fresh(campaign).state == "sending"
    done = AuditEntry.objects.filter(operation="campaigns.send_approved", outcome="done")
    assert done.count() == 1


def test_looking_at_a_step_changes_nothing(desk: Desk) -> None:
    campaign = running(desk)
    browser = signed_in(desk.marketer)
    before = AuditEntry.objects.count()
    for verb in ("submit", "schedule", "cancel", "send", "pause", "resume", "stop", "test"):
        assert browser.get(act(campaign, verb)).status_code == 200
    assert AuditEntry.objects.count() == before
    assert desk.fresh(campaign).state == "sending"
    assert browser.get(act(campaign, "explode")).status_code == 404


def test_pause_resume_and_stop(desk: Desk) -> None:
    campaign = running(desk)
    browser = signed_in(desk.marketer)
    for verb, data, state in (
        ("pause", {"reason": "Wrong price"}, "paused"),
        ("resume", {}, "sending"),
        ("stop", {"reason": "Really the wrong price"}, "stopped"),
    ):
        form = form_values(browser.get(act(campaign, verb)).content.decode(), "action-form")
        browser.post(act(campaign, verb), form | data)
        assert desk.fresh(campaign).state == state
    assert Message.objects.filter(state="stopped").count() == 10
    assert "Really the wrong price" in browser.get(page_of(campaign)).content.decode()


def test_stopping_needs_a_reason(desk: Desk) -> None:
    campaign = running(desk)
    browser = signed_in(desk.marketer)
    form = form_values(browser.get(act(campaign, "stop")).content.decode(), "action-form")
    response = browser.post(act(campaign, "stop"), form | {"reason": ""})
    assert response.status_code == 422
    assert "reason" in response.context["errors"]
    assert desk.fresh(campaign).state == "sending"


def test_scheduling_refuses_the_past_at_its_field_and_cancels(desk: Desk) -> None:
    campaign = desk.approved()
    browser = signed_in(desk.marketer)
    form = form_values(browser.get(act(campaign, "schedule")).content.decode(), "action-form")
    past = form | {"send_at_local": "2020-01-01T10:00", "time_zone": "Europe/Berlin"}
    response = browser.post(act(campaign, "schedule"), past)
    assert response.status_code == 422
    assert "send_at_local" in response.context["errors"]
    kept = form_values(response.content.decode(), "action-form")
    assert kept["time_zone"] == "Europe/Berlin"
    when = (timezone.now() + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M")
    browser.post(
        act(campaign, "schedule"),
        form_values(browser.get(act(campaign, "schedule")).content.decode(), "action-form")
        | {"send_at_local": when, "time_zone": "UTC"},
    )
    assert desk.fresh(campaign).state == "scheduled"
    assert when.replace("T", " ") in text_of(browser.get(page_of(campaign)).content.decode())
    form = form_values(browser.get(act(campaign, "cancel")).content.decode(), "action-form")
    browser.post(act(campaign, "cancel"), form | {"reason": "Price is wrong"})
    assert desk.fresh(campaign).state == "approved"


def test_a_send_without_approval_is_refused_on_the_page(desk: Desk) -> None:
    campaign = desk.draft()
    browser = signed_in(desk.marketer)
    form = form_values(browser.get(act(campaign, "send")).content.decode(), "action-form")
    response = browser.post(act(campaign, "send"), form)
    assert response.status_code in {403, 409}
    assert "needs an approval" in text_of(response.content.decode())
    assert desk.fresh(campaign).state == "draft"
    assert not Message.objects.exists()


def test_a_stale_step_says_so(desk: Desk) -> None:
    """[R-8.7]: what was not seen is not sent for review."""
    campaign = desk.draft()
    browser = signed_in(desk.marketer)
    form = form_values(browser.get(act(campaign, "submit")).content.decode(), "action-form")
    desk.call(
        "campaigns.update",
        campaign_id=campaign.pk,
        base_version_token=desk.token(campaign),
        message="Acme: something else.",
    )
    response = browser.post(act(campaign, "submit"), form)
    assert response.status_code == 412
    assert "Load this page again" in response.content.decode()
    assert desk.fresh(campaign).state == "draft"


def test_the_test_send_goes_to_chosen_people_with_a_phone(desk: Desk) -> None:
    campaign = desk.draft()
    User.objects.filter(pk=desk.marketer.pk).update(test_phone="+37061234567")
    browser = signed_in(desk.marketer)
    page = browser.get(act(campaign, "test")).content.decode()
    assert "no test phone registered" in page
    assert "+37061234567" not in page
    form = form_values(page, "action-form")
    browser.post(act(campaign, "test"), form | {"usernames": [desk.marketer.username]})
    send = CampaignSend.objects.get(kind="test")
    assert Message.objects.get(batch=send.batch).phone == "+37061234567"


def test_buttons_follow_state_and_rights(desk: Desk) -> None:
    campaign = desk.submitted()
    author = text_of(signed_in(desk.marketer).get(page_of(campaign)).content.decode())
    assert "See the request" in author
    approver = signed_in(desk.approver).get(page_of(campaign))
    assert "Open the approval page" in text_of(approver.content.decode())
    assert "“Send a test” is not for your roles" in " ".join(approver.context["banner"].missing)
    watching = signed_in(viewer(desk))
    assert "You cannot see the request itself" in text_of(
        watching.get(page_of(campaign)).content.decode()
    )
    form = {"_idempotency_key": "k" * 32, "reason": "because", "base_version_token": "x"}
    for verb in ("submit", "send", "stop", "cancel", "test"):
        refused = watching.get(act(campaign, verb))
        assert "not for your roles" in refused.content.decode()
        assert watching.post(act(campaign, verb), form).status_code == 403
    assert desk.fresh(campaign).state == "in_review"


def test_other_teams_see_nothing(desk: Desk) -> None:
    """Unpublished offers of another team do not exist for a stranger."""
    campaign = desk.submitted()
    stranger = signed_in(desk_make(contacts=1).marketer)
    assert campaign.name not in text_of(
        stranger.get(url("campaigns_campaign_changelist")).content.decode()
    )
    for address in (
        page_of(campaign),
        act(campaign, "stop"),
        url("campaigns_campaign_edit", campaign.pk),
        url("campaigns_progress", campaign.pk),
        url("contacts_segment_change", campaign.segment_id),
        f"/admin/reports/{campaign.pk}/",
    ):
        assert stranger.get(address).status_code == 404
    assert stranger.post(act(campaign, "stop"), {"reason": "mine"}).status_code == 404


def test_the_cost_is_counted_on_the_page(desk: Desk) -> None:
    SendState.objects.filter(contact__in=desk.audience.members.values("contact")[:3]).update(
        marketing_reason="opted_out"
    )
    campaign = desk.draft()
    browser = signed_in(desk.marketer)
    assert "Not counted yet" in browser.get(page_of(campaign)).content.decode()
    text = text_of(browser.post(page_of(campaign), {"do": "cost"}).content.decode())
    assert "7 recipients, 3 left out" in text
    assert "Opted out 3" in text
    assert "0.3500 EUR" in text
    assert "Lithuania" in text
    assert browser.post(page_of(campaign), {"do": "delete"}).status_code == 403


def test_why_somebody_got_it_is_asked_with_a_typed_number(desk: Desk) -> None:
    campaign = desk.draft()
    contact = desk.audience.members.select_related("contact").earliest("id").contact
    browser = signed_in(desk.marketer)
    spaced = f"{contact.phone[:4]} {contact.phone[4:]}"
    response = browser.post(page_of(campaign), {"do": "explain", "phone": spaced})
    html = response.content.decode()
    assert "The person would get it if the campaign started now." in html
    assert [check["check"] for check in response.context["checks"]][1:3] == [
        "Known to the brand",
        "Consent and opt-out",
    ]
    assert html.count(contact.phone) == 0  # masked; what was typed stays as it was typed
    unknown = browser.post(page_of(campaign), {"do": "explain", "phone": "+37069999999"})
    assert unknown.status_code == 404
    assert "There is no such contact" in unknown.content.decode()


def test_progress_shows_held_messages_with_their_time(desk: Desk) -> None:
    campaign = running(desk)
    batch = Batch.objects.get(purpose="marketing")
    until = timezone.now().replace(second=0, microsecond=0) + timedelta(hours=7)
    ids = list(Message.objects.filter(batch=batch).values_list("pk", flat=True))
    Message.objects.filter(pk__in=ids[:3]).update(
        state="held", reason="quiet_hours", held_until=until
    )
    Message.objects.filter(pk__in=ids[3:5]).update(state="delivered")
    answer = signed_in(desk.marketer).get(url("campaigns_progress", campaign.pk)).json()
    assert (answer["state"], answer["running"]) == ("sending", True)
    text = text_of('<div class="cp">' + answer["html"])
    assert "2 of 10 messages have come to an end, 8 are open" in text
    assert f"from {until:%Y-%m-%d %H:%M} in 6 hours 3" in text
    assert "Delivered 2" in text


def test_a_campaign_that_came_back_says_why(desk: Desk) -> None:
    campaign = desk.submitted()
    desk.call(
        "campaigns.reject",
        desk.approver,
        campaign_id=campaign.pk,
        content_hash=campaign.content_hash,
        reason="The price is wrong.",
        ask_for_changes=True,
    )
    browser = signed_in(desk.marketer)
    assert "The price is wrong." in browser.get(page_of(campaign)).content.decode()
    home = text_of(browser.get("/admin/").content.decode().replace('id="dashboard"', ""))
    assert "Came back to you" in home
    assert campaign.name in home


def test_the_list_filters_and_hints_when_empty(desk: Desk) -> None:
    browser = signed_in(desk.marketer)
    address = url("campaigns_campaign_changelist")
    assert "Nobody has written a campaign yet" in browser.get(address).content.decode()
    desk.draft(name="Autumn")
    desk.submitted(name="Winter")
    assert "Autumn" in browser.get(address, {"q": "autu"}).content.decode()
    assert "Winter" not in text_of(browser.get(address, {"q": "autu"}).content.decode())
    in_review = text_of(browser.get(address, {"show": "review"}).content.decode())
    assert "Winter" in in_review
    assert "Autumn" not in in_review
    assert "Nothing is being sent" in browser.get(address, {"show": "running"}).content.decode()
    assert "Nothing fits" in browser.get(address, {"q": "zzz"}).content.decode()
    assert browser.get(address, {"show": "nonsense", "page": "x"}).status_code == 200
    for name in ("campaigns_campaign", "campaigns_template", "contacts_segment"):
        assert browser.get(url(f"{name}_changelist"), {"q": "a\x00b"}).status_code == 200
        for pk in ("0", "9" * 30, "x"):
            assert browser.get(url(f"{name}_change", pk)).status_code == 404
    assert browser.post(address, {"action": "delete_selected"}).status_code == 403
