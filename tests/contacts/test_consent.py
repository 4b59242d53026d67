"""The consent ledger and what makes a number sendable ([R-4.1] to [R-4.8])."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import ConsentEvent, Contact
from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.services import consent_record, contact_upsert, send_states_expire
from smsmarketing.operations.errors import Conflict, ConsentIncomplete
from tests.contacts.conftest import evidence, state_of

GB, GB2, US, KR = "+447400123456", "+447400123457", "+12025550123", "+821012345678"


def test_complete_evidence_makes_a_number_sendable(
    brand: Brand, other_brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    """[R-4.1]; and for that brand only [R-4.8]."""
    contact = make_contact(GB)
    make_contact(GB, of=other_brand)
    assert state_of(contact, brand).marketing_reason == "no_consent"
    consent_record(contact, evidence(), brand=brand)
    assert state_of(contact, brand).marketing_reason is None
    assert state_of(contact, other_brand).marketing_reason == "no_consent"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"captured_at": None}, "captured_at"),
        ({"captured_at": timezone.now() + timedelta(days=1)}, "captured_at"),
        ({"captured_at": timezone.now() - timedelta(days=3700)}, "captured_at"),
        ({"disclosure_text": "  "}, "disclosure_text"),
        ({"source_url": ""}, "source_url"),
        ({"source_url": "javascript:alert(1)"}, "source_url"),
        ({"method": ""}, "method"),
        ({"basis": "purchased"}, "basis"),
        ({"purpose": "gossip"}, "purpose"),
        ({"checkbox_default": True}, "checkbox_default"),
        ({"expires_at": timezone.now() - timedelta(days=400)}, "expires_at"),
    ],
)
def test_evidence_that_proves_nothing_is_refused(
    brand: Brand, make_contact: Callable[..., Contact], changes: dict[str, Any], field: str
) -> None:
    """[R-4.1], [R-4.2], [R-4.4], [R-4.8]: nothing is written."""
    contact = make_contact(GB)
    with pytest.raises(ConsentIncomplete) as refusal:
        consent_record(contact, evidence(**changes), brand=brand)
    assert set(refusal.value.field_errors) == {f"consent.{field}"}
    assert not ConsentEvent.objects.exists()
    assert Contact.objects.get(pk=contact.pk).version == contact.version


def test_a_preticked_box_is_refused_where_the_law_says_so(
    brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    """[R-4.4]: GDPR countries and +1."""
    with pytest.raises(ConsentIncomplete):
        consent_record(make_contact(US), evidence(checkbox_default=True), brand=brand)
    consent_record(make_contact(KR), evidence(checkbox_default=True), brand=brand)


def test_the_newest_event_decides(brand: Brand, make_contact: Callable[..., Contact]) -> None:
    """[R-4.1]; an older grant that arrives later revives nothing."""
    contact = make_contact(GB, consent=True)
    now = timezone.now()
    consent_record(
        contact, evidence(direction="revoked", captured_at=now - timedelta(days=1)), brand=brand
    )
    assert state_of(contact, brand).marketing_reason == "no_consent"
    consent_record(contact, evidence(captured_at=now - timedelta(days=2)), brand=brand)
    assert state_of(contact, brand).marketing_reason == "no_consent"


def test_a_one_time_code_consent_is_no_marketing_consent(
    brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    """[R-4.5]"""
    contact = make_contact(GB)
    consent_record(contact, evidence(purpose="otp"), brand=brand)
    assert state_of(contact, brand).marketing_reason == "no_consent"


def test_the_same_event_twice_is_one_row(
    brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    contact = make_contact(GB)
    proof = evidence()
    assert consent_record(contact, proof, brand=brand) == consent_record(
        contact, proof, brand=brand
    )
    assert ConsentEvent.objects.count() == 1


def test_another_number_voids_the_consent_for_ever(
    brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    """[R-4.3]: also when the number is changed back."""
    contact = make_contact(GB, consent=True)
    for phone in (GB2, GB):
        contact = contact_upsert(
            phone_parse(phone), contact=contact, changes={}, brand_id=brand.pk, source="test"
        ).contact
        assert contact.phone == phone
        assert state_of(contact, brand).marketing_reason == "no_consent"
    consent_record(contact, evidence(captured_at=timezone.now()), brand=brand)
    assert state_of(contact, brand).marketing_reason is None


def test_a_number_of_another_contact_is_refused(
    brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    first, _ = make_contact(GB), make_contact(GB2)
    with pytest.raises(Conflict):
        contact_upsert(
            phone_parse(GB2), contact=first, changes={}, brand_id=brand.pk, source="test"
        )
    assert Contact.objects.get(pk=first.pk).phone == GB


def test_implied_consent_ends_by_date(brand: Brand, make_contact: Callable[..., Contact]) -> None:
    """[R-4.7]: two years after a purchase, six months after an inquiry."""
    now = timezone.now()
    contact = make_contact(GB)
    event = consent_record(
        contact,
        evidence(basis="implied_inquiry", captured_at=now - timedelta(days=181)),
        brand=brand,
    )
    assert event.expires_at == event.captured_at + timedelta(days=182)
    assert state_of(contact, brand).marketing_reason is None
    send_states_expire(now=now + timedelta(days=2))
    assert state_of(contact, brand).marketing_reason == "consent_expired"


def test_only_named_fields_change(brand: Brand, make_contact: Callable[..., Contact]) -> None:
    contact = make_contact(GB, first_name="Ana", tags=["vip"], custom={"points": 5, "size": "M"})
    result = contact_upsert(
        phone_parse(GB),
        changes={"language": "en", "add_tags": ["new"], "custom": {"points": 6, "size": None}},
        brand_id=brand.pk,
        source="test",
    )
    assert (result.created, result.changed) == (False, ("language", "custom", "tags"))
    contact = result.contact
    assert (contact.first_name, contact.tags, contact.custom) == (
        "Ana",
        ["vip", "new"],
        {"points": 6},
    )
    assert contact.version == 2
    again = contact_upsert(
        phone_parse(GB), changes={"language": "en"}, brand_id=brand.pk, source="test"
    )
    assert (again.changed, again.contact.version) == ((), 2)
