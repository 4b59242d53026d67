"""The approval page and the list of requests in the admin."""

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsmarketing.accounts.models import Team, User
from smsmarketing.approvals import subjects
from smsmarketing.approvals.models import ActionRequest, ApprovalPolicy, OwnerNotification, Vote
from smsmarketing.approvals.policies import policies_match
from smsmarketing.approvals.subjects import Subject
from tests.approvals.campaign_content import CONTENT, FACTS
from tests.approvals.conftest import browser, state_of
from tests.approvals.test_votes import APPROVE, vote

pytestmark = pytest.mark.django_db

Make = Callable[..., ActionRequest]
LIST = "/admin/approvals/actionrequest/"


def signed_in(user: User, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page_of(request: ActionRequest) -> str:
    return reverse("admin:approvals_actionrequest_change", args=[request.pk])


def shown(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status
    return unescape(answer.content.decode())


@pytest.fixture
def campaign(review: Make) -> ActionRequest:
    """A campaign review that waits."""
    subjects.register(
        Subject(operation="tests.review", template="admin/approvals/campaign_content.html")
    )
    return review(
        title="Campaign “Spring sale”",
        content=CONTENT,
        facts=FACTS,
        policies=policies_match("campaigns.submit_for_review", FACTS),
        cost_ceiling=Decimal("49.48"),
        currency="EUR",
    )


def test_the_page_shows_everything_the_hash_covers(campaign: ActionRequest, ben: User) -> None:
    """[R-8.2] Text, audience and exclusions, cost and ceiling, sender, links, window, changes."""
    raw = signed_in(ben).get(page_of(campaign)).content.decode()
    page = unescape(raw)
    for text in [
        "Hi Jonas, 20 % off",
        "Hi {first_name}",
        "Hi Maximiliane",
        "GSM-7",
        "1,520 recipients",
        "Customers in Lithuania",
        "country is LT and last order within 90 days",
        "340 left out",
        "opted out",
        "210",
        "47.12 EUR",
        "49.48 EUR",
        "45.60 EUR",
        "0.031000",
        "NORD",
        "Vertex",
        "https://nord.example/s",
        "2026-11-28 10:00, Europe/Vilnius time",
        "600 a minute",
        "at most 1 in 24 hours",
        "Hi, 10 % off",
        "Fill the shops on Saturday",
        "A part nobody gave a place yet",
        campaign.content_hash,
        "Every campaign is reviewed",
        "Campaign with a new text",
    ]:
        assert text in page, text
    assert "<b>today</b>" not in raw  # text is text, never markup
    assert "ar-bubble" in raw


def test_every_leaf_of_the_content_is_on_the_page(campaign: ActionRequest, ben: User) -> None:
    page = shown(signed_in(ben), page_of(campaign))

    def leaves(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [leaf for item in value.values() for leaf in leaves(item)]
        if isinstance(value, list):
            return [leaf for item in value for leaf in leaves(item)]
        return [str(value)] if isinstance(value, str | int) and not isinstance(value, bool) else []

    missing = [leaf for leaf in leaves(CONTENT) if leaf.replace("\n", "\\n") not in page]
    assert missing == []


def test_an_approver_decides_by_post(campaign: ActionRequest, ben: User) -> None:
    client = signed_in(ben, enforce_csrf_checks=True)
    page = shown(client, page_of(campaign))
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    shown_hash = re.search(r'name="content_hash" value="(\w+)"', page)
    assert token
    assert shown_hash
    form = {"decision": "approve", "content_hash": shown_hash[1], "reason": ""}
    assert client.post(page_of(campaign), form).status_code == 403  # no form token
    assert state_of(campaign) == "pending"
    answer = client.post(page_of(campaign), form | {"csrfmiddlewaretoken": token[1]}, follow=True)
    assert answer.status_code == 200
    assert "Approved" in answer.content.decode()
    assert state_of(campaign) == "approved"
    assert Vote.objects.get().voter == ben


@pytest.mark.parametrize(
    ("decision", "state"), [("reject", "rejected"), ("request_changes", "changes_requested")]
)
def test_a_refusal_needs_words(
    campaign: ActionRequest, ben: User, decision: str, state: str
) -> None:
    client = signed_in(ben)
    form = {"decision": decision, "content_hash": campaign.content_hash, "reason": " "}
    answer = client.post(page_of(campaign), form)
    assert answer.status_code == 422
    assert "reason" in answer.content.decode()
    assert state_of(campaign) == "pending"
    client.post(page_of(campaign), form | {"reason": "The date is wrong"})
    assert state_of(campaign) == state
    assert "The date is wrong" in shown(client, page_of(campaign))


def test_a_get_never_decides(campaign: ActionRequest, ben: User) -> None:
    query = f"?decision=approve&content_hash={campaign.content_hash}"
    assert signed_in(ben).get(page_of(campaign) + query).status_code == 200
    assert state_of(campaign) == "pending"


def test_the_asker_reads_why_they_cannot_vote(
    campaign: ActionRequest, anna: User, ben: User
) -> None:
    client = signed_in(anna)
    page = shown(client, page_of(campaign))
    assert "Approve exactly this" not in page
    assert "Deciding needs a role" in page
    assert "May decide: ben." in page
    anna.roles.add(ben.roles.get())
    page = shown(client, page_of(campaign))
    assert "You asked for this yourself; a second person must decide." in page
    form = {"decision": "approve", "content_hash": campaign.content_hash}
    answer = client.post(page_of(campaign), form)
    assert answer.status_code == 403
    assert "You asked for this yourself" in answer.content.decode()
    assert state_of(campaign) == "pending"
    client.post(page_of(campaign), {"decision": "cancel"})
    assert state_of(campaign) == "cancelled"


def test_a_stale_page_is_refused_and_shows_the_new_state(
    campaign: ActionRequest, ben: User, cleo: User
) -> None:
    client = signed_in(ben)
    vote(APPROVE, browser(cleo), campaign)
    form = {"decision": "reject", "content_hash": campaign.content_hash, "reason": "No"}
    answer = client.post(page_of(campaign), form)
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "approved already" in page
    assert "Approve exactly this" not in page
    assert state_of(campaign) == "approved"


def test_another_hash_is_refused(campaign: ActionRequest, ben: User) -> None:
    form = {"decision": "approve", "content_hash": "0" * 64}
    answer = signed_in(ben).post(page_of(campaign), form)
    assert answer.status_code == 409
    assert state_of(campaign) == "pending"


@pytest.mark.parametrize("decision", ["", "execute", "delete"])
def test_other_decisions_do_not_exist(campaign: ActionRequest, ben: User, decision: str) -> None:
    answer = signed_in(ben).post(page_of(campaign), {"decision": decision})
    assert answer.status_code == 404
    assert state_of(campaign) == "pending"


def test_strangers_and_visitors_see_nothing(campaign: ActionRequest, person: Any) -> None:
    south = Team.objects.create(name="South", slug="south")
    for stranger in (
        person("mia", "marketing"),
        person("sue", "approver", teams=[south]),
        person("root", is_superuser=True),
    ):
        client = signed_in(stranger)
        assert client.get(page_of(campaign)).status_code == 404
        assert client.post(page_of(campaign), {"decision": "approve"}).status_code == 404
        assert "Spring sale" not in shown(client, LIST + "?show=all")
    assert signed_in(person("nob")).get(page_of(campaign)).status_code == 403
    assert Client().get(page_of(campaign)).status_code == 302
    assert signed_in(person("ada", "approver")).get(LIST + "nonsense/change/").status_code == 404
    assert state_of(campaign) == "pending"


def test_a_held_call_is_shown_in_words(held: Make, ben: User) -> None:
    page = shown(signed_in(ben), page_of(held()))
    for text in [
        "Rename a team",
        "North",
        "Nord",
        "recipients more than 1,000: 2,000",
        "Policy test-rename",
    ]:
        assert text in page or text.lower() in page.lower(), text


def test_votes_and_missing_people_are_shown(held: Make, ben: User, person: Any) -> None:
    request = held(approvers=2)
    vote(APPROVE, browser(ben), request, reason="Looks right")
    page = shown(signed_in(ben), page_of(request))
    assert "1 of 2" in page
    assert "Looks right" in page
    assert "You have voted on this request already." in page
    assert "Nobody may decide this now. It takes another person in the team North" in page
    person("cora", "compliance")
    assert 'id="stuck"' not in shown(signed_in(ben), page_of(request))


def test_what_became_of_it_is_shown(held: Make, ben: User, anna: User, world: Any) -> None:
    from smsmarketing.approvals.tasks import request_run

    request = held()
    vote(APPROVE, browser(ben), request)
    world["recipients"] = 9000
    request_run(request.pk)
    page = shown(signed_in(anna), page_of(request))
    assert "9,000 recipients instead of 2,000" in page
    request.refresh_from_db()
    assert request.renewed_by is not None
    assert page_of(request.renewed_by) in page


def test_self_approval_is_said_aloud(held: Make, anna: User, settings: Any) -> None:
    """[R-8.1] Shown in the UI."""
    request = held()
    anna.roles.add(type(anna.roles.first()).objects.get(key="approver"))
    settings.ALLOW_SELF_APPROVAL = True
    page = shown(signed_in(anna), page_of(request))
    assert "ALLOW_SELF_APPROVAL is on" in page
    assert "Approve exactly this" in page
    assert 'id="stuck"' not in page


def test_opening_the_page_reads_its_note(held: Make, ben: User) -> None:
    request = held()
    note = OwnerNotification.objects.get(user=ben)
    assert note.url == page_of(request)
    shown(signed_in(ben), note.url)
    note.refresh_from_db()
    assert note.read_at is not None


def test_the_list_puts_what_waits_first(review: Make, ben: User, anna: User) -> None:
    done = review(title="Decided one")
    vote(APPROVE, browser(ben), done)
    review(object_id="2", title="Waiting one", facts={"recipients": 12345})
    page = shown(signed_in(ben), LIST)
    assert "Waiting one" in page
    assert "Decided one" not in page  # opens with what waits for Ben
    everything = shown(signed_in(anna), LIST + "?show=all")
    assert everything.index("Waiting one") < everything.index("Decided one")
    assert "12,345" in everything
    assert str(done.pk) not in re.sub(r'href="[^"]*"', "", everything)


def test_an_empty_list_says_what_comes_here(ben: User) -> None:
    assert "Nothing waits for you" in shown(signed_in(ben), LIST + "?show=waiting")
    assert "You have not asked for anything yet" in shown(signed_in(ben), LIST + "?show=mine")
    assert "No requests here" in shown(signed_in(ben), LIST)


def test_the_list_asks_few_questions(
    review: Make, ben: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        review(object_id=str(number))
    client = signed_in(ben)
    with django_assert_max_num_queries(30):
        client.get(LIST)


def test_nothing_is_changed_through_django_admin(campaign: ActionRequest, ben: User) -> None:
    client = signed_in(ben)
    before = list(ActionRequest.objects.values())
    delete = page_of(campaign).replace("change", "delete")
    assert client.post(delete, {"post": "yes"}).status_code == 403
    assert client.post(LIST, {"action": "delete_selected"}).status_code == 403
    assert client.post(LIST + "add/", {"state": "approved"}).status_code == 403
    policy = ApprovalPolicy.objects.get(key="segment-large")
    address = reverse("admin:approvals_approvalpolicy_change", args=[policy.pk])
    assert client.get(address).status_code == 200
    assert client.post(address, {"enabled": ""}).status_code == 403
    policy.refresh_from_db()
    assert policy.enabled
    assert list(ActionRequest.objects.values()) == before


def test_policies_and_notes_open(held: Make, cleo: User) -> None:
    held()
    client = signed_in(cleo)
    page = shown(client, reverse("admin:approvals_approvalpolicy_changelist"))
    assert "Large segment" in page
    policy = ApprovalPolicy.objects.get(key="segment-large")
    page = shown(client, reverse("admin:approvals_approvalpolicy_change", args=[policy.pk]))
    link = re.search(r'href="(/admin/operations/call/approval_policies\.save/[^"]+)"', page)
    assert link
    assert 'value="segment-large"' in shown(client, link[1].replace("&amp;", "&"))
    assert "asks for your decision" in shown(
        client, reverse("admin:approvals_ownernotification_changelist")
    )


def test_a_late_request_offers_no_buttons(campaign: ActionRequest, ben: User) -> None:
    ActionRequest.objects.filter(pk=campaign.pk).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )
    assert "Approve exactly this" not in shown(signed_in(ben), page_of(campaign))


def test_changed_content_offers_no_vote(review: Make, ben: User) -> None:
    """[R-8.2] The page says so before anybody tries."""
    subjects.register(Subject(operation="tests.review", current_hash=lambda request: "f" * 64))
    page = shown(signed_in(ben), page_of(review()))
    assert "has changed since it was submitted" in page
    assert "Approve exactly this" not in page


def test_phone_numbers_of_contacts_are_hidden(review: Make, ben: User) -> None:
    """[R-4.12] But a number in the text that people approve is shown."""
    content = {
        "operation": {"key": "contacts.upsert", "summary": "Change a contact."},
        "input": {"phone": "+37060000001", "phones": ["+37060000002"], "note": "Call +3705551234"},
    }
    page = shown(signed_in(ben), page_of(review(content=content)))
    assert "+37060000001" not in page
    assert "+37060000002" not in page
    assert "+37•••••••01" in page
    assert "+3705551234" in page
