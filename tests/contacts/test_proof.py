"""The proof pack: its verdict agrees with the send state, and nothing that matters is missing."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import (
    ConsentEvent,
    ConsentSeal,
    Contact,
    ExportFile,
    SendState,
    Suppression,
)
from smsmarketing.contacts.phones import phone_hash
from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.rules.proof import (
    ConsentFact,
    NumberFact,
    SuppressionFact,
    consent_counting,
    sendable_at,
)
from smsmarketing.contacts.selectors.seals import SCHEME, rows_read
from smsmarketing.contacts.services import (
    consent_record,
    contact_upsert,
    send_state_refresh,
    suppression_add,
    suppression_lift_scope,
)
from smsmarketing.contacts.services.erasing import person_erase
from smsmarketing.contacts.services.exports import export_path
from smsmarketing.contacts.services.proof import Asked, pack_gather
from smsmarketing.contacts.services.proof.document import document_build
from smsmarketing.contacts.services.proof.lettering import printable
from smsmarketing.contacts.services.proof.rows import seals_of
from smsmarketing.operations import limits
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import InvalidInput, NotFound, RateLimited
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.types import Actor, Done
from tests.contacts.conftest import DISCLOSURE, evidence

PHONE = "+447400123456"
Make = Callable[..., Contact]


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


def prove(actor: Actor, brand: Brand, **more: Any) -> Any:
    outcome = execute("contacts.consent_proof", {"brand_id": brand.pk, **more}, actor=actor)
    assert isinstance(outcome, Done)
    return outcome.result


def packed(result: Any) -> dict[str, Any]:
    """The JSON file of an answer; its own SHA-256 is the pack's."""
    row = ExportFile.objects.get(pk=result.json_file.export_id)
    content = export_path(row.stored_path).read_bytes()
    assert hashlib.sha256(content).hexdigest() == result.sha256 == row.sha256
    pack: dict[str, Any] = json.loads(content)
    return pack


DAYS = st.integers(min_value=1, max_value=900)
CONSENT = st.fixed_dictionaries(
    {
        "direction": st.sampled_from(["granted", "granted", "revoked", "denied", "expired"]),
        "purpose": st.sampled_from(["marketing", "marketing", "notification"]),
        "other_number": st.booleans(),
        "text": st.sampled_from([DISCLOSURE, ""]),
        "source": st.sampled_from(["https://acme.example", ""]),
        "lapses": st.none() | st.integers(min_value=-900, max_value=100),
    }
)
BLOCK = st.fixed_dictionaries(
    {
        "scope": st.sampled_from(["global", "brand", "sender", "purpose"]),
        "reason": st.sampled_from(
            ["opt_out", "complaint", "invalid", "landline", "unreachable", "manual", "legal"]
        ),
        "purposes": st.sampled_from([[], ["marketing"], ["transactional"], ["otp"]]),
        "lapses": st.none() | st.integers(min_value=-50, max_value=50),
        "lifted": st.booleans(),
        "foreign": st.booleans(),
    }
)


@pytest.mark.django_db
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    consents=st.lists(CONSENT, max_size=4),
    days=st.lists(DAYS, min_size=4, max_size=4, unique=True),
    blocks=st.lists(BLOCK, max_size=3),
    line=st.sampled_from(["mobile", "fixed_line", "unknown", "voip", "premium_rate"]),
    trashed=st.booleans(),
)
def test_the_verdict_for_now_is_the_send_state(
    brand: Brand,
    other_brand: Brand,
    actor: Actor,
    consents: list[dict[str, Any]],
    days: list[int],
    blocks: list[dict[str, Any]],
    line: str,
    trashed: bool,
) -> None:
    """[R-4.1]: the pure rule says about now what the SQL of the send states says."""
    now = timezone.now()
    contact = contact_made(brand, line, trashed, now)
    for event, day in zip(consents, days, strict=False):
        consent_made(contact, brand, event, now - timedelta(days=day), now)
    for block in blocks:
        block_made(contact, other_brand if block["foreign"] else brand, block, now)
    send_state_refresh([contact.pk], [brand.pk], now=now)
    state = SendState.objects.get(contact_id=contact.pk, brand_id=brand.pk)
    for purpose, reason in (
        ("marketing", state.marketing_reason),
        ("transactional", state.transactional_reason),
    ):
        asked = Asked(brand=brand, purpose=purpose, at=now, contact=contact)
        _, verdict = pack_gather(asked, actor=actor, now=now)
        assert verdict.reason == (reason or "")
        assert verdict.sendable is (reason is None)


def contact_made(brand: Brand, line: str, trashed: bool, now: datetime) -> Contact:
    number = f"+4474{Contact.objects.count():08d}"
    contact = Contact.objects.create(
        phone=number,
        phone_hash=phone_hash(number),
        country="GB",
        line_type=line,
        created_at=now - timedelta(days=1000),
        updated_at=now,
        trashed_at=now - timedelta(hours=1) if trashed else None,
    )
    send_state_refresh([contact.pk], [brand.pk], now=now)
    return contact


def consent_made(
    contact: Contact, brand: Brand, event: dict[str, Any], at: datetime, now: datetime
) -> ConsentEvent:
    lapses = event["lapses"]
    return ConsentEvent.objects.create(
        contact=contact,
        brand=brand,
        phone_hash=phone_hash("+447400999999") if event["other_number"] else contact.phone_hash,
        direction=event["direction"],
        purpose=event["purpose"],
        basis="express",
        method="web_form",
        source_url=event["source"],
        disclosure_text=event["text"],
        captured_at=at,
        expires_at=None if lapses is None else now + timedelta(days=lapses),
        recorded_at=at,
    )


def block_made(contact: Contact, brand: Brand, block: dict[str, Any], now: datetime) -> Suppression:
    lapses, scope = block["lapses"], block["scope"]
    expiring = block["reason"] in ("unreachable", "manual")
    return Suppression.objects.create(
        phone_hash=contact.phone_hash,
        phone=contact.phone,
        contact=contact,
        scope=scope,
        brand=None if scope == "global" else brand,
        sender="ACME" if scope == "sender" else "",
        purposes=block["purposes"],
        reason=block["reason"],
        source="admin",
        created_at=now - timedelta(days=60),
        expires_at=now + timedelta(days=lapses) if lapses is not None and expiring else None,
        lifted_at=now - timedelta(days=1) if block["lifted"] else None,
    )


@pytest.mark.django_db
def test_a_pack_tells_the_whole_story(make_contact: Make, brand: Brand, actor: Actor) -> None:
    """[R-2.20]: consent, the STOP that ended it and the START after it, each at its moment."""
    contact = make_contact(PHONE, consent=True)
    consent = ConsentEvent.objects.get()
    agreed, now = consent.captured_at, timezone.now()
    stopped, started = now - timedelta(hours=2), now - timedelta(hours=1)
    proof = {"text": "STOP 停止", "level": "exact", "keyword": "stop", "list_version": "7"}
    numbers = {"from": PHONE, "to": "+447400000001"}
    suppression_add(
        phone=PHONE,
        scope="brand",
        brand=brand,
        reason="opt_out",
        source="inbound",
        evidence={**proof, **numbers},
        at=stopped,
    )
    suppression_lift_scope(
        phone=PHONE, brand=brand, actor="inbound", reason="START", evidence={}, at=started
    )
    story = {
        agreed - timedelta(days=1): "no_consent",
        stopped + timedelta(minutes=1): "opted_out",
    }
    for at, reason in story.items():
        result = prove(actor, brand, contact_id=contact.pk, at=at)
        assert (result.sendable, result.reason) == (False, reason)
    result = prove(actor, brand, contact_id=contact.pk)
    assert (result.sendable, result.reason) == (True, "")
    pack = packed(result)
    assert [row["direction"] for row in pack["consents"]] == ["granted", "revoked", "granted"]
    agreed_to = [row for row in pack["consents"] if row["direction"] == "granted"]
    assert [row["disclosure_text"] for row in agreed_to] == [DISCLOSURE, DISCLOSURE]
    assert pack["consents"][0]["form_version"] == consent.form_version
    (row,) = pack["suppressions"]
    assert row["evidence"]["text"] == proof["text"]
    assert row["lift"]["reason"] == "START"
    assert PHONE not in json.dumps(pack)
    assert pack["audit"]["chain_head"]["seq"] == result.audit_seq
    entry = AuditEntry.objects.filter(operation="contacts.consent_proof").latest("seq")
    assert entry.facts["pack_sha256"] == result.sha256


@pytest.mark.django_db
def test_a_moment_before_it_was_recorded_knows_nothing(
    make_contact: Make, brand: Brand, actor: Actor
) -> None:
    """What was brought in today did not allow a text yesterday, however old it says it is."""
    contact = make_contact(PHONE, consent=True)
    yesterday = timezone.now() - timedelta(days=1)
    result = prove(actor, brand, contact_id=contact.pk, at=yesterday)
    assert result.reason == "no_consent"
    assert prove(actor, brand, contact_id=contact.pk).sendable


@pytest.mark.django_db
def test_the_old_number_of_a_contact_is_found_by_its_fingerprint(
    make_contact: Make, brand: Brand, actor: Actor
) -> None:
    """[R-4.3]: the change of the number voids its consent, and the pack shows both."""
    before = timezone.now() - timedelta(days=2)
    contact = make_contact(PHONE, now=before)
    consent_record(contact, evidence(), brand=brand, now=before)
    contact_upsert(
        phone_parse("+447400123457"), contact=contact, changes={}, brand_id=brand.pk, source="t"
    )
    old = prove(actor, brand, phone=PHONE)
    assert (old.reason, [row.direction for row in old.consents]) == (
        "no_consent",
        ["expired", "granted"],
    )
    assert prove(actor, brand, phone=PHONE, at=before + timedelta(hours=1)).sendable
    then = prove(actor, brand, contact_id=contact.pk, at=before + timedelta(hours=1))
    assert then.sendable
    assert packed(then)["question"]["number_fingerprint"] == phone_hash(PHONE).hex()
    assert prove(actor, brand, contact_id=contact.pk).reason == "no_consent"


@pytest.mark.django_db
def test_an_unknown_number_has_its_suppressions(brand: Brand, actor: Actor) -> None:
    suppression_add(
        phone=PHONE, scope="global", reason="legal", source="admin", evidence={"message": "gone"}
    )
    unknown = prove(actor, brand, phone=PHONE)
    assert (unknown.reason, packed(unknown)["person"]) == ("legal", {"known": False})


@pytest.mark.django_db
def test_the_no_of_an_erased_person_is_proved_and_the_erasure_told(
    make_contact: Make, brand: Brand, actor: Actor
) -> None:
    """[R-4.9]: looked up by its fingerprint; the "no" comes first, and the profile is gone."""
    contact = make_contact(PHONE, consent=True)
    agreed = timezone.now()
    person_erase(contact=contact, category="data_subject_request")
    result = prove(actor, brand, phone=PHONE)
    assert (result.sendable, result.reason) == (False, "opted_out")
    assert [(row.check, row.passed) for row in result.checks] == [
        ("suppression", False),
        ("consent_granted", False),
        ("line", True),
        ("contact", False),
    ]
    pack = packed(result)
    assert pack["person"]["erased_at"]
    assert PHONE not in json.dumps(pack)
    assert prove(actor, brand, phone=PHONE, at=agreed).sendable

    anew = make_contact(PHONE)
    after = prove(actor, brand, phone=PHONE)
    assert packed(after)["person"]["contact_id"] == anew.pk != contact.pk
    assert (after.reason, len(after.consents)) == ("opted_out", 2)
    assert {row["contact_id"] for row in packed(after)["consents"]} == {contact.pk}


@pytest.mark.django_db
def test_an_erased_person_without_a_no_is_told_as_erased(
    make_contact: Make, brand: Brand, actor: Actor
) -> None:
    """[R-4.9]: consent alone does not make an erased number sendable."""
    contact = make_contact(PHONE, consent=True)
    person_erase(contact=contact, category="trash_expired")
    result = prove(actor, brand, phone=PHONE)
    assert (result.sendable, result.reason) == (False, "erased")
    assert [row.direction for row in result.consents] == ["granted"]


@pytest.mark.django_db
def test_a_no_at_the_same_instant_stands_before_a_yes() -> None:
    """[R-4.1] The order of the ledger, `CONSENT_NEWEST`, whatever was written first."""
    at = datetime(2026, 1, 5, tzinfo=UTC)
    story = [
        (["revoked", "granted"], "revoked"),
        (["denied", "granted"], "denied"),
        (["granted", "expired"], "expired"),
        (["expired", "granted"], "granted"),
    ]
    for words, counts in story:
        events = [
            ConsentFact(
                id=place,
                number="a",
                direction=word,
                purpose="marketing",
                captured_at=at,
                recorded_at=at,
            )
            for place, word in enumerate(words)
        ]
        event = consent_counting(events, number="a", purpose="marketing", at=at)
        assert event is not None
        assert event.direction == counts


@pytest.mark.django_db
def test_a_pack_names_the_seal_of_each_consent_and_the_request_to_confirm(
    make_contact: Make, brand: Brand, actor: Actor
) -> None:
    """[R-4.6]: what was asked by SMS stands in the pack; a sealed row is compared with its seal."""
    contact = make_contact(PHONE)
    consent_record(contact, evidence(ip="198.51.100.7", user_agent="Browser 9"), brand=brand)
    row = ConsentEvent.objects.get()
    marks, seals = seals_of([row])
    assert (marks, seals) == ({}, [])
    digest = rows_read(row.pk, row.pk, scheme=SCHEME).digests[0]
    ConsentSeal.objects.create(
        number=1,
        scheme=SCHEME,
        from_id=row.pk,
        to_id=row.pk,
        rows=1,
        rows_digest=hashlib.sha256(digest).hexdigest(),
        row_ids=[row.pk],
        row_marks=digest[:8],
        previous="0" * 64,
        digest="ab" * 32,
        sealed_at=timezone.now(),
    )
    pack = packed(prove(actor, brand, contact_id=contact.pk))
    assert pack["consents"][0]["seal"] == {
        "number": 1,
        "row_sha256": digest.hex(),
        "row_is_as_sealed": True,
    }
    assert [seal["number"] for seal in pack["seals"]] == [1]
    assert "198.51.100.7" not in json.dumps(pack)
    assert "Browser 9" not in json.dumps(pack)
    full = packed(
        prove(actor, brand, contact_id=contact.pk, show_phone=True, reason="complaint 17")
    )
    assert full["consents"][0]["ip"] == "198.51.100.7"


@pytest.mark.django_db
def test_the_number_is_masked_unless_seen_with_a_reason(
    make_contact: Make, brand: Brand, actor: Actor
) -> None:
    """[R-4.12]."""
    contact = make_contact(PHONE, consent=True)
    files = ExportFile.objects.count()
    with pytest.raises(InvalidInput) as refusal:
        prove(actor, brand, contact_id=contact.pk, show_phone=True)
    assert set(refusal.value.field_errors) == {"reason"}
    assert ExportFile.objects.count() == files
    result = prove(actor, brand, contact_id=contact.pk, show_phone=True, reason="case 17")
    assert result.number == PHONE
    assert ExportFile.objects.filter(full_numbers=True).count() == 2
    assert AuditEntry.objects.latest("seq").reason == "case 17"


@pytest.mark.django_db
def test_what_is_not_ones_own_is_refused_and_nothing_is_made(
    make_contact: Make, brand: Brand, other_brand: Brand, actor: Actor, outsider: Actor
) -> None:
    contact = make_contact(PHONE, consent=True)
    later = timezone.now() + timedelta(days=1)
    for who, whose, more, error in (
        (outsider, brand, {"contact_id": contact.pk}, NotFound),
        (outsider, other_brand, {"contact_id": contact.pk}, NotFound),
        (actor, brand, {}, InvalidInput),
        (actor, brand, {"contact_id": contact.pk, "phone": PHONE}, InvalidInput),
        (actor, brand, {"phone": "12"}, InvalidInput),
        (actor, brand, {"contact_id": contact.pk, "at": later}, InvalidInput),
    ):
        with pytest.raises(error):
            prove(who, whose, **more)
    assert not ExportFile.objects.exists()
    foreign = prove(outsider, other_brand, phone=PHONE)
    assert (foreign.consents, packed(foreign)["person"]) == ([], {"known": False})


@pytest.mark.django_db
def test_a_person_may_look_up_thirty_numbers_a_minute(
    brand: Brand, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[R-4.13]: search and proof count together, on every surface, people included."""
    monkeypatch.setitem(limits.PERSON_LIMITS, "search", 3)
    at = timezone.now().replace(second=5)
    monkeypatch.setattr(timezone, "now", lambda: at)
    prove(actor, brand, phone=PHONE)
    for _ in range(2):
        execute("contacts.search", {"phone": PHONE}, actor=actor)
    made = ExportFile.objects.count()
    with pytest.raises(RateLimited) as refusal:
        prove(actor, brand, phone=PHONE)
    assert refusal.value.retry_after_s
    assert ExportFile.objects.count() == made


def test_every_script_is_printed_and_nothing_is_dropped() -> None:
    text = "Я согласен Συμφωνώ 我同意 同意します 동의합니다 أوافق אני מסכים ฉันยินยอม हाँ"
    assert printable(text) == text
    assert printable("\uac02") == "[U+AC02]", "a font names it and has no shape for it"
    assert printable("a\u202eb\U0001f600\r\nc\x00") == "a[U+202E]b[U+1F600]\nc[U+0000]"


@pytest.mark.django_db
def test_the_pdf_is_the_same_for_the_same_pack(
    make_contact: Make, brand: Brand, actor: Actor
) -> None:
    contact = make_contact(PHONE, consent=True)
    now = datetime(2026, 1, 5, tzinfo=UTC)
    pack, _ = pack_gather(
        Asked(brand=brand, purpose="marketing", at=now, contact=contact), actor=actor, now=now
    )
    first = document_build(pack, sha256="ab" * 32, now=now)
    assert first == document_build(pack, sha256="ab" * 32, now=now)
    assert first.startswith(b"%PDF-")


def test_a_lapsed_block_stands_until_its_last_moment() -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC)
    block = SuppressionFact(
        id=1,
        scope="brand",
        reason="manual",
        brand_id=1,
        purposes=(),
        created_at=now - timedelta(days=1),
        expires_at=now,
    )
    for at, reason in ((now - timedelta(seconds=1), "blocked"), (now, "")):
        verdict = sendable_at(NumberFact(id="a"), [], [block], brand_id=1, purpose="otp", at=at)
        assert verdict.reason == reason
