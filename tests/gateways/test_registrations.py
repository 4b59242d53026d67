"""Registrations of senders: drafted, submitted by two, answered, ended; and what they open and stop."""

from __future__ import annotations

import base64
import uuid
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsmarketing.accounts.models import Role, User
from smsmarketing.approvals.models import ActionRequest, OwnerNotification
from smsmarketing.approvals.services import request_vote
from smsmarketing.approvals.tasks import request_run
from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.tasks import senders_watch
from smsmarketing.contacts.models import ExportFile
from smsmarketing.contacts.services import audience_add
from smsmarketing.contacts.services.exports import export_fetch
from smsmarketing.gateways.dispatch import batch_run
from smsmarketing.gateways.models import (
    Message,
    Registration,
    RegistrationDocument,
    SenderId,
)
from smsmarketing.gateways.selectors.senders import sender_verdicts
from smsmarketing.gateways.services import rate_set
from smsmarketing.gateways.services.registration_documents import (
    SIZE_MAX,
    document_read,
    documents_expire,
)
from smsmarketing.gateways.services.registration_stops import registrations_expire
from smsmarketing.operations.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    VersionConflict,
)
from smsmarketing.operations.sealed import secrets_rotate
from smsmarketing.operations.types import Held
from tests.campaigns.desk import Desk, desk_make

pytestmark = pytest.mark.django_db
EVIDENCE = "Letter of the registry of 12 November"
PDF = b"%PDF-1.7\nLetter of authorisation"


@pytest.fixture
def desk(settings: Any, tmp_path: Path) -> Desk:
    settings.MEDIA_ROOT = tmp_path
    return desk_make(contacts=2)


@pytest.fixture
def law(desk: Desk) -> User:
    user = User.objects.create_user(f"law-{uuid.uuid4().hex[:6]}", password=None)
    user.roles.add(Role.objects.get(key="compliance"))
    user.teams.add(desk.world.team)
    return user


def ssir(desk: Desk, **changes: Any) -> Registration:
    """A complete draft for a new name in Singapore, as a marketer makes it."""
    made = desk.call(
        "sender_registrations.save",
        registry="SSIR",
        brand_id=desk.world.brand.pk,
        value=changes.pop("value", "AcmeShop"),
        company_name="Acme Pte Ltd",
        answers={"uen": "201912345A", "sender_names": "AcmeShop", "aggregators": "Carrier One"},
        **changes,
    )
    paper(desk, made.registration_id)
    return Registration.objects.get(pk=made.registration_id)


def paper(desk: Desk, pk: int, content: bytes = PDF, kind: str = "letter_of_authorisation") -> Any:
    return desk.call(
        "sender_registrations.document_add",
        registration_id=pk,
        kind=kind,
        file_name="C:\\papers\\loa.pdf",
        content_base64=base64.b64encode(content).decode(),
    )


def token(desk: Desk, row: Registration, user: User | None = None) -> str:
    found = desk.call("sender_registrations.get", user or desk.marketer, registration_id=row.pk)
    return str(found.base_version_token)


def applied(desk: Desk, row: Registration) -> Registration:
    """Submitted: the marketer asks, the approver agrees, the job runs it."""
    held = desk.ask(
        "sender_id.apply",
        desk.marketer,
        registration_id=row.pk,
        base_version_token=token(desk, row),
        reason="Order updates for Singapore",
    )
    assert isinstance(held, Held)
    request = ActionRequest.objects.get(pk=held.action_request_id)
    assert Registration.objects.get(pk=row.pk).state == "draft"
    with transaction.atomic():
        request_vote(
            request.pk,
            actor=desk.actor(desk.approver),
            verdict="approve",
            content_hash=request.content_hash,
        )
    request_run(request.pk)
    request.refresh_from_db()
    assert request.state == "succeeded", request.result
    return Registration.objects.get(pk=row.pk)


def approved(desk: Desk, law: User, row: Registration, **changes: Any) -> Registration:
    desk.call(
        "sender_registrations.record",
        law,
        registration_id=row.pk,
        state="approved",
        evidence=EVIDENCE,
        **changes,
    )
    return Registration.objects.get(pk=row.pk)


def estonia(sender: SenderId) -> Any:
    return sender_verdicts(sender, countries=["EE"])["EE"]


def singapore(sender: SenderId) -> Any:
    return sender_verdicts(sender, countries=["SG"])["SG"]


def test_from_a_draft_to_an_open_country(desk: Desk, law: User) -> None:
    """[R-5.6], [R-5.8]: each step says what comes next; only the recorded approval opens SG."""
    row = ssir(desk)
    sender = SenderId.objects.get(pk=row.sender_id)
    assert (sender.state, row.countries) == ("draft", ["SG"])
    assert "sender_id.apply" in singapore(sender).next_step
    with pytest.raises(Conflict):
        approved(desk, law, row)  # a draft is never approved

    row = applied(desk, row)
    sender.refresh_from_db()
    assert (row.state, sender.state) == ("submitted", "submitted")
    assert row.submitted_by == desk.marketer
    assert singapore(sender).status == "register"
    with pytest.raises(Conflict):
        desk.call(
            "sender_registrations.save",
            registration_id=row.pk,
            base_version_token=token(desk, row),
            company_name="Other",
        )
    with pytest.raises(NotPermitted):
        approved(desk, desk.marketer, row)

    row = approved(desk, law, row, reference="SG-77")
    sender.refresh_from_db()
    assert (row.state, row.reference, sender.state) == ("approved", "SG-77", "verified")
    assert singapore(sender).status == "allowed"
    assert sender_verdicts(sender, countries=["HK"])["HK"].status != "allowed"
    told = OwnerNotification.objects.filter(user=desk.marketer, kind="registration_answered")
    assert EVIDENCE in told.get().text
    seen = desk.call("sender_registrations.get", law, registration_id=row.pk)
    assert [step.state for step in seen.steps] == ["draft", "submitted", "approved"]
    assert seen.company_name == "Acme Pte Ltd"


def test_who_applied_does_not_record_the_answer(desk: Desk, law: User) -> None:
    """[R-5.8]: the second person is another one, whatever rights the first has."""
    desk.marketer.roles.add(Role.objects.get(key="compliance"))
    row = applied(desk, ssir(desk))
    with pytest.raises(NotPermitted) as refused:
        approved(desk, desk.marketer, row)
    assert "another person" in refused.value.message
    assert Registration.objects.get(pk=row.pk).state == "submitted"
    assert SenderId.objects.get(pk=row.sender_id).state == "submitted"


def test_what_is_not_complete_is_not_asked_about(desk: Desk) -> None:
    """[R-5.9]: the refusal names every gap; nobody is asked, nothing moves."""
    made = desk.call(
        "sender_registrations.save", registry="SSIR", brand_id=desk.world.brand.pk, value="AcmeShop"
    )
    row = Registration.objects.get(pk=made.registration_id)
    with pytest.raises(InvalidInput) as refused:
        desk.ask(
            "sender_id.apply",
            desk.marketer,
            registration_id=row.pk,
            base_version_token=token(desk, row),
            reason="Order updates for Singapore",
        )
    assert set(refused.value.field_errors) == {
        "company_name",
        "answers.uen",
        "answers.sender_names",
        "answers.aggregators",
        "documents.letter_of_authorisation",
    }
    assert not ActionRequest.objects.exists()
    assert Registration.objects.get(pk=row.pk).state == "draft"


def test_what_a_registry_does_not_take(desk: Desk) -> None:
    """[R-5.1], [R-5.8]: refused at the field, and neither draft nor sender is left behind."""
    senders = SenderId.objects.count()
    for field, payload in (
        ("registry", {"registry": "NOPE", "value": "AcmeShop"}),
        ("sender_id", {"registry": "SSIR"}),
        ("kind", {"registry": "SSIR", "value": "+6581234567", "kind": "msisdn"}),
        ("countries", {"registry": "SSIR", "value": "AcmeShop", "countries": ["HK"]}),
        ("answers.ein", {"registry": "SSIR", "value": "AcmeShop", "answers": {"ein": "1"}}),
        ("countries", {"registry": "GATEWAY", "value": "AcmeShop", "countries": ["SG"]}),
        ("countries", {"registry": "DLT", "value": "Acme Shop", "countries": ["IN"]}),
        ("sender_id", {"registry": "10DLC_BRAND", "value": "AcmeShop"}),
        ("value", {"registry": "SSIR", "value": "Acme,Shop"}),
    ):
        with pytest.raises(InvalidInput) as refused:
            desk.call("sender_registrations.save", brand_id=desk.world.brand.pk, **payload)
        assert field in refused.value.field_errors
    assert (Registration.objects.count(), SenderId.objects.count()) == (0, senders)


def test_one_is_under_way_and_versions_are_compared(desk: Desk) -> None:
    row = ssir(desk)
    with pytest.raises(Conflict) as refused:
        desk.call(
            "sender_registrations.save",
            registry="SSIR",
            brand_id=desk.world.brand.pk,
            sender_id=row.sender_id,
        )
    assert f"number {row.pk}" in refused.value.message
    old = token(desk, row)
    desk.call(
        "sender_registrations.save",
        registration_id=row.pk,
        base_version_token=old,
        answers={"uen": "T08"},
    )
    with pytest.raises(VersionConflict):
        desk.call(
            "sender_registrations.save",
            registration_id=row.pk,
            base_version_token=old,
            answers={"uen": "T09"},
        )
    assert Registration.objects.get().answers["uen"] == "T08"


def test_a_protected_name_needs_a_document(desk: Desk) -> None:
    """[R-5.5]"""
    made = desk.call(
        "sender_registrations.save",
        registry="SSRS",
        brand_id=desk.world.brand.pk,
        value="PayPaI",
        company_name="Acme",
        answers=dict.fromkeys(
            (
                "company_name_zh",
                "business_registration",
                "contact",
                "use_case",
                "samples",
                "brand_relation",
            ),
            "x",
        ),
    )
    row = Registration.objects.get(pk=made.registration_id)
    with pytest.raises(InvalidInput) as refused:
        applied(desk, row)
    assert "PayPal" in refused.value.message
    assert not ActionRequest.objects.exists()
    paper(desk, row.pk, kind="other")
    assert applied(desk, row).state == "submitted"


def test_a_refusal_is_corrected_and_submitted_again(desk: Desk, law: User) -> None:
    row = applied(desk, ssir(desk))
    desk.call(
        "sender_registrations.record",
        law,
        registration_id=row.pk,
        state="rejected",
        evidence="The UEN is not the company's",
    )
    sender = SenderId.objects.get(pk=row.sender_id)
    assert (sender.state, sender.state_reason) == ("rejected", "The UEN is not the company's")
    assert "correct it" in singapore(sender).next_step
    desk.call(
        "sender_registrations.save",
        registration_id=row.pk,
        base_version_token=token(desk, row),
        answers={"uen": "201912345B"},
    )
    held = desk.ask(
        "sender_id.apply",
        desk.marketer,
        registration_id=row.pk,
        base_version_token=token(desk, row),
        reason="Corrected the UEN of the company",
    )
    assert isinstance(held, Held)
    with pytest.raises(Conflict) as refused:  # what a second person reads stays as it is
        desk.call(
            "sender_registrations.save",
            registration_id=row.pk,
            base_version_token=token(desk, row),
            answers={"uen": "X"},
        )
    assert refused.value.action_request_id == held.action_request_id
    assert Registration.objects.get().answers["uen"] == "201912345B"


def test_documents_that_are_not_kept(desk: Desk) -> None:
    """[R-5.9]: the bytes decide, and nothing is left of what is refused."""
    made = desk.call(
        "sender_registrations.save", registry="SSIR", brand_id=desk.world.brand.pk, value="AcmeShop"
    )
    for content, says in (
        (b"MZ executable", "no PDF"),
        (PDF + bytes(SIZE_MAX), "10 MiB"),
        (PDF + b"/JavaScript (app.alert(1))", "script"),
    ):
        with pytest.raises(InvalidInput) as refused:
            paper(desk, made.registration_id, content)
        assert says in refused.value.message
    with pytest.raises(InvalidInput):
        paper(desk, made.registration_id, kind="passport")
    assert not RegistrationDocument.objects.exists()


def test_documents_are_sealed_opened_with_a_right_and_deleted(
    desk: Desk, law: User, settings: Any
) -> None:
    """[R-5.9]: encrypted, hashed, audited, deleted after their time; keys rotate."""
    row = ssir(desk)
    document = RegistrationDocument.objects.get()
    stored = Path(settings.MEDIA_ROOT) / "registrations" / document.stored_path
    assert document.file_name == "loa.pdf"
    assert b"PDF" not in stored.read_bytes()
    settings.CREDENTIALS_KEYS = {"newest": "a" * 40, **settings.CREDENTIALS_KEYS}
    assert secrets_rotate().sealed
    document.refresh_from_db()
    assert document_read(document) == PDF

    asked = {"registration_id": row.pk, "document_id": document.pk}
    with pytest.raises(NotPermitted):
        desk.call("sender_registrations.document", desk.marketer, **asked)
    made = desk.call("sender_registrations.document", law, **asked)
    with export_fetch(made.export_id, actor=desk.actor(law)).source as source:
        assert source.read() == PDF
    with pytest.raises(NotFound):
        export_fetch(made.export_id, actor=desk.actor(desk.marketer))

    sealed = stored.read_bytes()
    stored.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(Conflict):
        document_read(document)
    stored.write_bytes(sealed)

    desk.call(
        "sender_registrations.stop",
        registration_id=row.pk,
        state="withdrawn",
        reason="We do not need it any more",
    )
    later = timezone.now() + timedelta(days=settings.SENDER_DOCUMENT_DAYS + 1)
    assert documents_expire(now=later - timedelta(days=2)) == 0
    assert documents_expire(now=later) == 1
    document.refresh_from_db()
    assert (stored.exists(), document.sealed_key) == (False, None)
    assert ExportFile.objects.get().expires_at < timezone.now() + timedelta(hours=2)


def in_use(desk: Desk, law: User) -> Registration:
    """An approved registration of the desk's sender in EE, besides its LT."""
    world = desk.world
    world.gateway.countries = ["LT", "EE"]
    world.gateway.save(update_fields=["countries"])
    rate_set(world.gateway, country="EE", price=Decimal("0.05"))
    made = desk.call(
        "sender_registrations.save",
        registry="GATEWAY",
        brand_id=world.brand.pk,
        sender_id=world.sender.pk,
        countries=["EE"],
        company_name="Acme Ltd",
        answers={"company_details": "Riga 1", "use_case": "Offers"},
    )
    row = Registration.objects.get(pk=made.registration_id)
    assert estonia(world.sender).status != "allowed"
    row = approved(desk, law, applied(desk, row))
    assert estonia(world.sender).status == "allowed"
    return row


def estonians(desk: Desk, count: int) -> list[Any]:
    return desk.world.contacts(count, prefix="+37251", country="EE")


@pytest.mark.django_db(transaction=True)
def test_an_ended_registration_pauses_what_uses_it_there(desk: Desk, law: User) -> None:
    """[R-5.10]: what has people in EE pauses, the rest goes on; compliance lifts it."""
    row = in_use(desk, law)
    world = desk.world
    both = world.batch(world.contacts(1), purpose="transactional")
    people = estonians(desk, 2)
    abroad = world.batch(people, purpose="transactional")
    told = desk.call(
        "sender_registrations.stop",
        law,
        registration_id=row.pk,
        state="suspended",
        reason="The registry suspended the name",
    )
    assert (told.state, told.sends_paused) == ("suspended", 1)
    both.refresh_from_db()
    abroad.refresh_from_db()
    assert (both.state, abroad.state) == ("ready", "paused")
    assert "EE" in abroad.hold_reason
    batch_run(abroad.pk)
    states = Message.objects.filter(batch=abroad).values_list("state", flat=True)
    assert set(states) == {"queued"}
    verdict = estonia(world.sender)
    assert (verdict.status, "suspended" in verdict.why) == ("register", True)
    world.sender.eligibility.create(country="EE", status="allowed")
    assert estonia(world.sender).status == "register"  # an earlier word does not lift it
    assert approved(desk, law, row).state == "approved"
    assert estonia(world.sender).status == "allowed"
    abroad.refresh_from_db()
    assert abroad.state == "paused"  # people resume it


def test_the_end_of_an_approval_is_kept_by_the_clock(desk: Desk, law: User) -> None:
    """[R-5.10]: reminders for 30, 7 and 1 days, then it ends; the decision looks at the end itself."""
    row = in_use(desk, law)
    now = timezone.now()
    Registration.objects.filter(pk=row.pk).update(expires_at=now + timedelta(days=20))
    for days in (0, 0, 14, 19.5):
        assert registrations_expire(now=now + timedelta(days=days)) == 0
    reminders = OwnerNotification.objects.filter(user=law, kind="registration_ends")
    assert reminders.count() == 3
    batch = desk.world.batch(estonians(desk, 1), purpose="transactional")
    Registration.objects.filter(pk=row.pk).update(expires_at=now)
    assert estonia(desk.world.sender).status == "register"
    assert registrations_expire(now=now) == 1
    assert registrations_expire(now=now) == 0
    batch.refresh_from_db()
    row.refresh_from_db()
    assert (row.state, batch.state) == ("expired", "paused")


def test_a_scheduled_campaign_comes_back_when_a_registration_ends(desk: Desk, law: User) -> None:
    """[R-5.10]: once; a person who schedules it again without EE is not undone."""
    row = in_use(desk, law)
    audience_add(desk.audience, [each.pk for each in estonians(desk, 2)])
    campaign = desk.approved()
    soon = timezone.now() + timedelta(hours=3)

    def schedule() -> None:
        desk.call(
            "campaigns.schedule",
            campaign_id=campaign.pk,
            base_version_token=desk.token(campaign),
            send_at_local=f"{soon:%Y-%m-%dT%H:%M}",
            time_zone="UTC",
        )

    schedule()
    senders_watch()
    assert desk.fresh(campaign).state == "scheduled"
    desk.call(
        "sender_registrations.stop",
        law,
        registration_id=row.pk,
        state="suspended",
        reason="The registry suspended the name",
    )
    senders_watch()
    found: Campaign = desk.fresh(campaign)
    assert (found.state, "EE" in found.hold_reason) == ("approved", True)
    schedule()
    senders_watch()
    assert desk.fresh(campaign).state == "scheduled"


def test_a_campaign_stands_on_its_brand(desk: Desk, law: User) -> None:
    """[R-5.11]: 10DLC needs the approved brand, and falls with it."""
    world = desk.world
    campaign_answers = dict.fromkeys(
        ("use_case", "description", "opt_in_flow", "help_text", "stop_text"), "x"
    ) | dict.fromkeys(("links", "phones", "age_gate", "lending"), "no")
    campaign_answers["samples"] = "Acme: one\nAcme: two"
    made = desk.call(
        "sender_registrations.save",
        registry="10DLC",
        brand_id=world.brand.pk,
        value="+12125550123",
        kind="msisdn",
        company_name="Acme Inc",
        answers=campaign_answers,
    )
    campaign = Registration.objects.get(pk=made.registration_id)
    paper(desk, campaign.pk, b"\x89PNG\r\n\x1a\nx", kind="opt_in_screenshot")
    with pytest.raises(Conflict) as refused:
        applied(desk, campaign)
    assert "10DLC_BRAND" in refused.value.message
    made = desk.call(
        "sender_registrations.save",
        registry="10DLC_BRAND",
        brand_id=world.brand.pk,
        company_name="Acme Inc",
        answers=dict.fromkeys(("ein", "entity_type", "vertical", "website"), "x"),
    )
    brand = approved(desk, law, applied(desk, Registration.objects.get(pk=made.registration_id)))
    campaign = approved(desk, law, applied(desk, campaign))
    sender = campaign.sender
    assert sender is not None
    assert sender_verdicts(sender)["US"].status == "allowed"
    desk.call(
        "sender_registrations.stop",
        law,
        registration_id=brand.pk,
        state="suspended",
        reason="The registry suspended the brand",
    )
    campaign.refresh_from_db()
    assert campaign.state == "suspended"
    assert sender_verdicts(sender)["US"].status == "register"


def test_other_teams_do_not_exist(desk: Desk) -> None:
    row = ssir(desk)
    stranger = desk_make(contacts=1)
    with pytest.raises(NotFound):
        stranger.call("sender_registrations.get", registration_id=row.pk)
    with pytest.raises(NotFound):
        paper(stranger, row.pk)
    assert stranger.call("sender_registrations.list").items == []
    assert row.documents.count() == 1


def test_a_marketer_applies_in_the_browser(desk: Desk, client: Client) -> None:
    """One page saves, adds the papers and applies; a refusal keeps what was typed."""
    client.force_login(desk.marketer)
    new = reverse("admin:gateways_registration_new")
    asked = {"registry": "SSIR", "brand_id": desk.world.brand.pk, "value": "Acme,Shop"}
    assert client.post(new, asked).status_code == 422
    assert not Registration.objects.exists()
    page = client.post(new, asked | {"value": "AcmeShop", "kind": "alphanumeric"})
    row = Registration.objects.get()
    assert page["Location"] == reverse("admin:gateways_registration_change", args=[row.pk])
    typed = {
        "base_version_token": token(desk, row),
        "company_name": "Acme Pte Ltd",
        "answer-uen": "201912345A",
        "answer-sender_names": "AcmeShop",
        "answer-aggregators": "Carrier One",
        "reason": "Order updates for Singapore",
        "apply": "1",
    }
    page = client.post(page["Location"], typed)
    assert page.status_code == 422
    # The theme's script writes a chosen file's name into the first text input three levels above it.
    assert page.content.count(b'<div class="rg-pick"><div><div><input type="file"') == 2
    assert "Letter of authorisation" in page.content.decode()
    row.refresh_from_db()
    assert (row.state, row.company_name) == ("draft", "Acme Pte Ltd")
    typed["base_version_token"] = token(desk, row)
    typed["file-letter_of_authorisation"] = SimpleUploadedFile("loa.pdf", PDF)  # type: ignore[assignment]
    address = reverse("admin:gateways_registration_change", args=[row.pk])
    page = client.post(address, typed, follow=True)
    assert ActionRequest.objects.get().state == "pending"
    assert "Waiting for a second person" in page.content.decode()
    assert (
        "AcmeShop" in client.get(reverse("admin:gateways_registration_changelist")).content.decode()
    )
    sender = reverse("admin:gateways_senderid_change", args=[row.sender_id])
    assert "SSIR (draft)" in client.get(sender).content.decode()
