"""What is said of an erased person: that, when, by which request, what is kept; nothing else [R-4.9]."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from smsmarketing.accounts.models import Role, User
from smsmarketing.contacts.models import Contact, EraseJob
from smsmarketing.contacts.selectors.contacts import contacts_seen
from smsmarketing.contacts.services.erasing import erase_work, person_erase
from smsmarketing.operations import errors
from smsmarketing.operations.types import Held
from tests.campaigns.desk import Desk, desk_make
from tests.contacts.people import PHONE, consent, contact_make, crm_make, upsert
from tests.parity.conftest import ask

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "Quernasova"
ERASER = ("contacts.contact_erase", "contacts.contact_view", "approvals.request_view")


@pytest.fixture
def gone(desk: Desk, crm: User) -> Contact:
    contact = contact_make(
        desk, crm, PHONE, first_name="Zofija", last_name=SECRET, tags=["knitter"], consent=consent()
    )
    with transaction.atomic():
        done = person_erase(
            contact=contact,
            category="data_subject_request",
            reference="case 12",
            requested_by=crm.pk,
        )
    assert all(erase_work(job) for job in done.job_ids)
    contact.refresh_from_db()
    return contact


def page_of(user: User, contact: Contact) -> tuple[int, str]:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get(reverse("admin:contacts_contact_change", args=[contact.pk]))
    return answer.status_code, answer.content.decode()


def test_the_page_tells_that_and_when_and_what_is_kept(
    desk: Desk, crm: User, gone: Contact
) -> None:
    """[R-4.9], [R-4.11] also after the number came back as a new contact."""
    upsert(desk, crm, phone=PHONE, first_name="Newcomer")
    status, text = page_of(crm, gone)
    assert status == 410
    assert gone.erased_at is not None
    for told in (f"{gone.erased_at:%-d %B %Y}", "own request", "case 12", crm.username, "keyed"):
        assert told in text
    assert "<dt>Opt-outs and blocks kept</dt><dd>1</dd>" in text
    for secret in (SECRET, "Zofija", "knitter", PHONE[-4:], "Newcomer"):
        assert secret not in text


def test_a_person_with_two_numbers_is_finished_when_both_are(desk: Desk, crm: User) -> None:
    """[R-4.9] A merged contact's number goes in a job of its own, and its opt-out is kept too."""
    kept, other = (contact_make(desk, crm, number) for number in (PHONE, "+37060000077"))
    both = {"contact_id": kept.pk, "other_contact_id": other.pk}
    tokens = desk.call("contacts.merge_preview", crm, **both)
    desk.call(
        "contacts.merge",
        crm,
        base_version_token=tokens.base_version_token,
        other_version_token=tokens.other_version_token,
        **both,
    )
    with transaction.atomic():
        done = person_erase(
            contact=kept, category="data_subject_request", reference="case 13", requested_by=crm.pk
        )
    first, second = done.job_ids
    assert erase_work(first)
    text = page_of(crm, kept)[1]
    assert "still going on" in text
    assert f"(erasure {first}, {second})" in text
    assert "<dt>Opt-outs and blocks kept</dt><dd>2</dd>" in text
    assert erase_work(second)
    assert "still going on" not in page_of(crm, kept)[1]


def test_a_request_that_waits_is_named_as_the_cause_with_a_link_for_who_may_see_it(
    desk: Desk, crm: User
) -> None:
    """[R-4.9] Also that nobody may decide it; who may not see it is told that it waits."""
    person = contact_make(desk, crm, PHONE)
    held = desk.ask("contacts.erase", crm, reason="case 12", contact_id=person.pk)
    assert isinstance(held, Held)
    assert "Nobody may decide this now. It takes another person" in held.message
    assert "with the role Compliance (permission approvals.request_decide)" in held.message
    with transaction.atomic():
        done = person_erase(
            contact=person, category="test_data", reference="case 13", requested_by=crm.pk
        )
    (job,) = done.job_ids
    assert not erase_work(job)
    ((wait,),) = [row.waits_for for row in desk.call("contacts.erasures", crm).items]
    (request,) = wait.requests
    assert (wait.step, wait.rows, request.operation) == ("approvals.requests", 1, "contacts.erase")
    assert (request.action_request_id, request.state) == (held.action_request_id, "pending")
    assert request.problem in held.message
    address = reverse("admin:approvals_actionrequest_change", args=[held.action_request_id])
    text = page_of(crm, person)[1]
    assert f'<a href="{address}">The request of' in text
    assert "A request names the person" in text
    assert "Nobody may decide this now" in text

    ana = User.objects.create_user("ana", password=None, is_staff=True)
    ana.teams.add(desk.world.team)
    ana.roles.set([Role.objects.create(key="dpo", name="DPO", permissions=list(ERASER))])
    EraseJob.objects.update(requested_by=ana.pk)
    ((wait,),) = [row.waits_for for row in desk.call("contacts.erasures", ana).items]
    assert (wait.rows, wait.requests[0].action_request_id) == (1, None)
    text = page_of(ana, person)[1]
    assert "for contacts.erase waits for a decision until" in text
    assert "it is not yours to open" in text
    assert str(held.action_request_id) not in text

    desk.call("action_requests.cancel", crm, action_request_id=str(held.action_request_id))
    (row,) = desk.call("contacts.erasures", ana, open_only=True).items
    assert row.waits_for == []
    assert "The request of" not in page_of(crm, person)[1]
    assert erase_work(job)
    assert "still going on" not in page_of(crm, person)[1]


def test_who_may_not_erase_does_not_read_the_case(desk: Desk, gone: Contact) -> None:
    user = User.objects.create_user("ana", password=None, is_staff=True)
    user.teams.add(desk.world.team)
    user.roles.set(Role.objects.filter(key="crm"))
    status, text = page_of(user, gone)
    assert status == 410
    assert "was erased on" in text
    assert "case 12" not in text


def test_another_team_and_an_unknown_id_get_the_bare_404(gone: Contact) -> None:
    """The two are never told apart."""
    other = desk_make(contacts=0)
    stranger = crm_make(other, "olaf")
    assert page_of(stranger, gone)[0] == 404
    assert page_of(stranger, Contact(pk=gone.pk + 1000))[0] == 404
    assert not contacts_seen(other.actor(stranger)).filter(pk=gone.pk).exists()
    for key in ("contacts.get", "contacts.timeline"):
        with pytest.raises(errors.NotFound) as refused:
            other.call(key, stranger, contact_id=gone.pk)
        assert refused.value.code == "NOT_FOUND"


@pytest.mark.parametrize("surface", ["rest", "mcp", "admin"])
def test_reading_an_erased_contact_has_its_own_code(
    desk: Desk, crm: User, gone: Contact, surface: str
) -> None:
    for key in ("contacts.get", "contacts.timeline"):
        answer = ask(surface, crm, key, {"contact_id": gone.pk})
        assert (answer.status, answer.code) == ("refused", "ERASED"), answer
    with pytest.raises(errors.Erased) as refused:
        desk.call("contacts.get", crm, contact_id=gone.pk)
    assert "erased on" in refused.value.message
    assert set(refused.value.details) == {"erased_at"}
