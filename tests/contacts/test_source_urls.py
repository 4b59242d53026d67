"""Nothing of a person stands in the address of a consent: the ledger is sealed and outlives an erasure [R-4.9]."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from smsmarketing.accounts.models import Brand, User
from smsmarketing.contacts.models import ConsentEvent, Contact, DoubleOptIn, ImportJob
from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.rules.source_urls import source_fault, source_kept
from smsmarketing.contacts.services import consent_record, suppression_add, suppression_lift_scope
from smsmarketing.contacts.services.double_opt_in import Visit, double_opt_in_confirm
from smsmarketing.contacts.services.opt_in_forms import form_submit
from smsmarketing.operations.errors import ConsentIncomplete, ConsentSourcePersonal
from smsmarketing.operations.surfaces.calls import operation_call
from smsmarketing.operations.types import Actor, Done
from tests.contacts.conftest import evidence
from tests.contacts.test_imports import CONSENT, bring, faults, private_folder
from tests.contacts.test_opt_in_form import form_make

__all__ = ["bring", "private_folder"]
Bring = Callable[..., ImportJob]
DK, GB, IT, RU, US = "+4520123456", "+447400123456", "+390612345678", "+79161234567", "+12025550123"
PLAIN = "https://acme.example/join"


@pytest.mark.parametrize(
    ("phone", "rest"),
    [
        (DK, "?p=+4520123456"),
        (DK, "?p=%2B4520123456"),
        (DK, "?p=%252B4520123456"),
        (DK, "?p=4520123456&x=1"),
        (DK, "?p=004520123456"),
        (DK, "?p=20123456"),
        (DK, "/20123456/thanks"),
        (DK, "/c20123456"),
        (DK, "?p=+45 20 12 34 56"),
        (DK, "?p=%2B45+20+12+34+56"),
        (DK, "?p=%2B45%2020-12.34%2F56"),
        (DK, "?p=(%2B45)%20(0)%2020%2012%2034%2056"),
        (DK, "?cc=45&n=20_12_34_56"),
        (DK, "#tel:20123456"),
        (DK, "?p=%EF%BC%92%EF%BC%90%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96"),
        (DK, "?p=%D9%A2%D9%A0%D9%A1%D9%A2%D9%A3%D9%A4%D9%A5%D9%A6"),
        (DK, "?p=%2B45%E2%80%8B20123456"),
        (GB, "?m=07400123456"),
        (GB, "?m=07400%20123%20456"),
        (GB, "?m=011447400123456"),
        (IT, "/06-1234-5678"),
        (RU, "?m=89161234567"),
        (US, "?m=(202)555-0123"),
        (US, "?m=1.202.555.0123"),
    ],
)  # fmt: skip
def test_a_number_is_found_in_any_spelling(phone: str, rest: str) -> None:
    assert "phone number" in source_fault(PLAIN + rest, phone)
    assert source_kept(PLAIN + rest, phone) == "https://acme.example/"


@pytest.mark.parametrize(
    "url",
    [
        PLAIN,
        "",
        "https://acme.example/2026/11/29/join?utm=20&order=991234",
        "https://acme.example/join?order=99920123456",  # another, longer figure
        "https://acme.example/join?order=201234567",
        "https://acme.example/join?p=%2B4520123457",  # somebody else
        "https://social.example/@acme.shop",
        "https://acme.example/logo@2x.png?at=%E0%A4%A",
    ],
)
def test_other_figures_stay(url: str) -> None:
    assert source_fault(url, DK) == ""
    assert source_kept(url, DK) == url


@pytest.mark.parametrize(
    "url",
    [
        PLAIN + "?mail=ona@mail.example",
        PLAIN + "?mail=ona%2Bsms%40mail.example",
        PLAIN + "/ona%2540mail.co.example",
        "https://ona@mail.example/join",
    ],
)
def test_an_email_address_is_found(url: str) -> None:
    assert "e-mail" in source_fault(url)


def test_a_number_in_the_host_leaves_nothing() -> None:
    assert source_kept("https://20123456.acme.example/join", DK) == ""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"source_url": PLAIN + "?p=%2B45+20+12+34+56"}, "source_url"),
        ({"source_url": PLAIN + "?m=a@b.example"}, "source_url"),
        ({"evidence_file": "consent 20123456.pdf"}, "evidence_file"),
    ],
)
def test_the_ledger_refuses_it(
    brand: Brand, make_contact: Callable[..., Contact], changes: dict[str, str], field: str
) -> None:
    """[R-4.9]: with its own code and the field; nothing is written."""
    contact = make_contact(DK)
    with pytest.raises(ConsentSourcePersonal) as refusal:
        consent_record(contact, evidence(**changes), brand=brand)
    assert refusal.value.code == "CONSENT_SOURCE_PERSONAL"
    assert list(refusal.value.field_errors) == [f"consent.{field}"]
    assert "Give it without" in refusal.value.field_errors[f"consent.{field}"]
    assert "20123456" not in str(refusal.value.envelope())
    assert not ConsentEvent.objects.exists()
    assert Contact.objects.get(pk=contact.pk).version == contact.version


@pytest.mark.django_db
def test_operations_refuse_it_before_anything(
    actor: Actor, brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    contact = make_contact(DK)
    proof = {
        "method": "web_form",
        "source_url": PLAIN + "?p=20123456",
        "disclosure_text": "Yes to offers by SMS.",
        "captured_at": "2026-01-05T09:00:00Z",
    }
    opt_in = {"brand_id": brand.pk, "contact_id": contact.pk, "consent": proof}
    with pytest.raises(ConsentSourcePersonal):
        operation_call("contacts.opt_in", opt_in, actor=actor)
    wrong = {**proof, "source_url": PLAIN + "?p=30123456"}
    new = {"brand_id": brand.pk, "phone": "+4530123456", "source": "crm", "consent": wrong}
    with pytest.raises(ConsentIncomplete) as refusal:
        operation_call("contacts.upsert", new, actor=actor)
    assert refusal.value.code == "CONSENT_SOURCE_PERSONAL"
    assert Contact.objects.count() == 1
    assert not ConsentEvent.objects.exists()
    assert isinstance(
        operation_call("contacts.upsert", {**new, "consent": proof}, actor=actor), Done
    )


@pytest.mark.django_db
def test_a_row_of_a_file_is_left_out_with_its_own_code(bring: Bring, brand: Brand) -> None:
    job = bring(
        "phone,consent_date,consent_text,consent_url\n"
        f"{DK},2026-01-05,Yes,{PLAIN}?p=20123456\n"
        f"{GB},2026-01-05,Yes,{PLAIN}?mail=a%40b.example\n"
        f"{US},2026-01-05,Yes,{PLAIN}\n"
    )
    found = faults(job)
    assert [(row[1], row[2]) for row in found] == [("consent_url", "CONSENT_SOURCE_PERSONAL")] * 2
    assert list(Contact.objects.values_list("phone", flat=True)) == [US]
    assert [row.source_url for row in ConsentEvent.objects.all()] == [PLAIN]


@pytest.mark.django_db
def test_the_address_of_a_whole_file_is_held_against_each_row(bring: Bring) -> None:
    """Also in the fast lane; an e-mail address ends it before the first row."""
    proof = {**CONSENT, "source_url": PLAIN + "?p=20123456"}
    job = bring(f"phone\n{DK}\n{GB}\n", options={"consent": proof})
    assert [row[2] for row in faults(job)] == ["CONSENT_SOURCE_PERSONAL"]
    assert list(Contact.objects.values_list("phone", flat=True)) == [GB]
    with pytest.raises(ConsentSourcePersonal) as refusal:
        bring(
            f"phone\n{US}\n", options={"consent": {**CONSENT, "source_url": PLAIN + "?a@b.example"}}
        )
    assert list(refusal.value.field_errors) == ["consent.source_url"]
    assert ImportJob.objects.count() == 1
    assert Contact.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("double", [False, True])
def test_a_form_keeps_only_the_host(brand: Brand, user: User, double: bool) -> None:
    """Nobody could mend it any more when the YES arrives [R-4.6]."""
    form = form_make(brand, user, double_opt_in=double)
    assert form.live is not None
    visit = Visit(asked_by="form", source_url=PLAIN + "?p=%2B4520123456")
    form_submit(form.live, phone_parse(DK), visit=visit, details={})
    if double:
        assert DoubleOptIn.objects.get().source_url == "https://acme.example/"
        DoubleOptIn.objects.update(state="sent", message_id=1)
        assert double_opt_in_confirm(DK, brand, inbound_id=20123456)
    events = ConsentEvent.objects.all()
    assert [event.source_url for event in events] == ["https://acme.example/"]


@pytest.mark.django_db
def test_a_start_does_not_carry_an_old_address_on(
    brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    """An address of before this rule stays sealed where it is, and is not copied."""
    contact = make_contact(DK)
    old = consent_record(contact, evidence(), brand=brand)
    fields: dict[str, Any] = {
        column.attname: getattr(old, column.attname)
        for column in ConsentEvent._meta.concrete_fields
        if not column.primary_key
    }
    at = timezone.now()
    ConsentEvent.objects.create(
        **{**fields, "source_url": PLAIN + "?p=20123456", "captured_at": at, "recorded_at": at}
    )
    suppression_add(
        phone=DK, scope="brand", reason="opt_out", source="inbound", evidence={}, brand=brand
    )
    suppression_lift_scope(
        phone=DK, brand=brand, actor="inbound", reason="START", evidence={"inbound_id": 1}
    )
    event = ConsentEvent.objects.order_by("-id")[0]
    assert (event.direction, event.source_url) == ("granted", "https://acme.example/")
    assert replace(evidence(), source_url=event.source_url).source_url
