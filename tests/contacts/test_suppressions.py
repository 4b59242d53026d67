"""Opt-outs: at once, for known and unknown numbers, never lost, lifted only by START."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import ConsentEvent, Contact, Suppression, SuppressionLift
from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.services import (
    consent_record,
    contact_upsert,
    phone_hash,
    suppressed_now,
    suppressed_phones,
    suppression_add,
    suppression_lift_scope,
)
from smsmarketing.operations.errors import InvalidInput
from tests.contacts.conftest import evidence, state_of

GB = "+447400123456"
US = "+12025550123"


def stop(phone: str, own: Brand, **changes: Any) -> Suppression:
    content: dict[str, Any] = {
        "scope": "brand",
        "reason": "opt_out",
        "source": "inbound",
        "evidence": {"text": "STOP"},
        "brand": own,
    }
    return suppression_add(phone=phone, **{**content, **changes})


def test_stop_changes_the_send_state_and_the_version_at_once(
    brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    """[R-2.8], [R-8.7]: same transaction, and a stale upsert is noticed."""
    contact = make_contact(GB, consent=True)
    assert state_of(contact, brand).marketing_reason is None
    stop(GB, brand)
    assert state_of(contact, brand).marketing_reason == "opted_out"
    assert state_of(contact, brand).transactional_reason is None
    assert Contact.objects.get(pk=contact.pk).version == contact.version + 1


def test_stop_of_plus_one_ends_transactional_texts_too(
    brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    """[R-2.14]"""
    contact = make_contact(US, consent=True)
    assert stop(US, brand).purposes == ["marketing", "notification", "transactional"]
    assert state_of(contact, brand).transactional_reason == "opted_out"


def test_stop_twice_is_one_row(brand: Brand, make_contact: Callable[..., Contact]) -> None:
    contact = make_contact(GB, consent=True)
    first = stop(GB, brand)
    version = Contact.objects.get(pk=contact.pk).version
    assert stop(GB, brand).pk == first.pk
    assert Suppression.objects.count() == 1
    assert Contact.objects.get(pk=contact.pk).version == version


def test_a_wider_no_is_added_beside_the_narrower(brand: Brand) -> None:
    block = {"reason": "blocked", "purposes": ["marketing"]}
    narrow = stop(GB, brand, **block, expires_at=timezone.now() + timedelta(days=1))
    wide = stop(GB, brand, reason="blocked")
    assert wide.pk != narrow.pk
    assert stop(GB, brand, **block).pk == wide.pk
    assert Suppression.objects.count() == 2


def test_stop_of_an_unknown_number_holds_when_it_is_imported_later(
    brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    """[R-2.16]"""
    stop(GB, brand)
    contact = make_contact(GB, consent=True)
    assert state_of(contact, brand).marketing_reason == "opted_out"


def test_stop_for_one_brand_leaves_another_alone(
    brand: Brand, other_brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    contact = make_contact(GB, consent=True)
    make_contact(GB, consent=True, of=other_brand)
    stop(GB, brand)
    assert state_of(contact, brand).marketing_reason == "opted_out"
    assert state_of(contact, other_brand).marketing_reason is None
    stop(GB, brand, scope="global", brand=None, reason="complaint")
    assert state_of(contact, other_brand).marketing_reason == "complaint"


@pytest.mark.parametrize(
    ("scope", "reason", "purposes", "otp_passes"),
    [
        ("brand", "opt_out", (), True),
        ("purpose", "registry", (), True),
        ("global", "opt_out", ("marketing",), False),
        ("brand", "complaint", ("marketing",), False),
        ("brand", "invalid", (), False),
        ("brand", "landline", (), False),
        ("brand", "legal", (), False),
        ("sender", "carrier_block", (), False),
    ],
)
def test_one_time_codes_pass_a_marketing_no_and_nothing_harder(
    brand: Brand, scope: str, reason: str, purposes: tuple[str, ...], otp_passes: bool
) -> None:
    """[R-2.15]"""
    stop(
        GB,
        brand,
        scope=scope,
        reason=reason,
        purposes=purposes,
        brand=None if scope == "global" else brand,
        sender="Acme" if scope == "sender" else "",
    )
    found = suppressed_phones([GB], brand_id=brand.pk, purpose="otp", sender="ACME")
    assert (GB not in found) is otp_passes
    assert GB in suppressed_phones([GB], brand_id=brand.pk, purpose="marketing", sender="acme")


def test_a_block_of_one_sender_leaves_other_senders_alone(brand: Brand) -> None:
    stop(GB, brand, scope="sender", reason="carrier_block", sender="Acme")
    hashes = [phone_hash(GB)]
    assert suppressed_now(hashes, brand_id=brand.pk, purpose="marketing", sender="Other") == {}
    assert suppressed_now(hashes, brand_id=brand.pk, purpose="marketing", sender="Acme") == {
        phone_hash(GB): "blocked"
    }


def test_an_expired_no_ends_and_a_new_one_counts(brand: Brand) -> None:
    now = timezone.now()
    stop(
        GB,
        brand,
        reason="blocked",
        expires_at=now - timedelta(seconds=1),
        at=now - timedelta(days=2),
    )
    assert suppressed_phones([GB], brand_id=brand.pk, purpose="marketing") == {}
    stop(GB, brand)
    assert suppressed_phones([GB], brand_id=brand.pk, purpose="marketing") == {GB: "opted_out"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"scope": "planet"}, "scope"),
        ({"reason": "bored"}, "reason"),
        ({"purposes": ["spam"]}, "purposes"),
        ({"brand": None}, "brand"),
        ({"scope": "sender"}, "sender"),
        ({"scope": "global"}, "brand"),
        ({"expires_at": timezone.now() + timedelta(days=1)}, "expires_at"),
    ],
)
def test_an_incomplete_no_is_refused(brand: Brand, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        stop(GB, brand, **changes)
    assert field in refusal.value.field_errors
    assert not Suppression.objects.exists()


def test_start_lifts_the_stop_and_keeps_both_rows(
    brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    """[R-2.12], [R-2.16]: fresh consent event with the message as evidence."""
    contact = make_contact(GB, consent=True)
    row = stop(GB, brand)
    lifts = suppression_lift_scope(
        phone=GB,
        brand=brand,
        actor="inbound",
        reason="START",
        evidence={"text": "START", "inbound_id": 77},
    )
    assert [lift.suppression_id for lift in lifts] == [row.pk]
    assert state_of(contact, brand).marketing_reason is None
    newest = ConsentEvent.objects.order_by("-id")[0]
    assert (newest.method, newest.evidence_file) == ("keyword_reply", "inbound:77")
    assert Suppression.objects.get(pk=row.pk).lifted_at is not None


@pytest.mark.parametrize("reason", ["complaint", "invalid", "reassigned", "legal", "blocked"])
def test_start_never_lifts_a_hard_no(
    brand: Brand, make_contact: Callable[..., Contact], reason: str
) -> None:
    """[R-2.12]"""
    contact = make_contact(GB, consent=True)
    stop(GB, brand, reason=reason)
    assert (
        suppression_lift_scope(phone=GB, brand=brand, actor="x", reason="START", evidence={}) == []
    )
    assert state_of(contact, brand).marketing_reason == reason
    assert not SuppressionLift.objects.exists()


def test_start_without_earlier_consent_does_not_make_sendable(
    brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    """[R-4.1]: the person was told nothing, so there is no disclosure to rely on."""
    contact = make_contact(GB)
    stop(GB, brand)
    suppression_lift_scope(phone=GB, brand=brand, actor="x", reason="START", evidence={})
    assert state_of(contact, brand).marketing_reason == "consent_incomplete"


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM contacts_suppression",
        "TRUNCATE contacts_suppression CASCADE",
        "UPDATE contacts_suppression SET reason = 'opt_in'",
        "UPDATE contacts_suppression SET phone = '+440000000000'",
        "UPDATE contacts_suppression SET expires_at = now()",
        "DELETE FROM contacts_consentevent",
        "TRUNCATE contacts_consentevent CASCADE",
        "UPDATE contacts_consentevent SET direction = 'granted'",
        "UPDATE contacts_consentevent SET disclosure_text = 'other'",
    ],
)
def test_the_database_itself_keeps_the_proof(
    brand: Brand, make_contact: Callable[..., Contact], sql: str
) -> None:
    """[R-2.16]"""
    contact = make_contact(GB)
    consent_record(contact, evidence(direction="revoked"), brand=brand)
    stop(GB, brand)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(DatabaseError), transaction.atomic():
            cursor.execute(sql)
    assert Suppression.objects.count() == 1
    assert ConsentEvent.objects.count() == 1


def test_erasure_and_sync_may_touch_only_what_they_must(
    brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    """[R-4.9]: the hash stays, and the same person imported again stays suppressed."""
    contact = make_contact(GB, consent=True)
    row = stop(GB, brand)
    Suppression.objects.filter(pk=row.pk).update(phone=None, contact=None, sync_state="synced")
    ConsentEvent.objects.filter(contact=contact).update(ip="", user_agent="")
    assert suppressed_phones([GB], brand_id=brand.pk, purpose="marketing") == {GB: "opted_out"}


def test_a_rotated_key_still_finds_an_old_no(brand: Brand, settings: Any) -> None:
    """[R-4.10]"""
    settings.PHONE_HASH_KEYS = {"old": "o" * 40}
    stop(GB, brand)
    settings.PHONE_HASH_KEYS = {"new": "n" * 40, "old": "o" * 40}
    assert suppressed_phones([GB], brand_id=brand.pk, purpose="marketing") == {GB: "opted_out"}


def test_a_no_and_a_new_contact_at_the_same_moment_find_each_other(
    brand: Brand, django_capture_on_commit_callbacks: Any
) -> None:
    """Two transactions that do not see each other: the one that commits last looks again."""
    with django_capture_on_commit_callbacks(execute=True):
        contact = contact_upsert(
            phone_parse(GB), changes={}, brand_id=brand.pk, source="test"
        ).contact
        consent_record(contact, evidence(), brand=brand)
        # What the other transaction wrote meanwhile, without having seen the contact.
        Suppression.objects.create(
            phone_hash=phone_hash(GB),
            scope="brand",
            brand=brand,
            purposes=["marketing"],
            reason="opt_out",
            source="inbound",
            created_at=timezone.now(),
        )
        assert state_of(contact, brand).marketing_reason is None
    assert state_of(contact, brand).marketing_reason == "opted_out"
