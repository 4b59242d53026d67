"""Other systems hear of every "no" and every change of consent, by whatever way it came, and in bulk."""

from collections.abc import Callable
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import Brand, User
from smsmarketing.contacts.models import ConsentEvent, Contact, ImportJob, Suppression
from smsmarketing.contacts.rules.suppressions import EXPIRING_REASONS, REASONS
from smsmarketing.contacts.services import consent_record, suppression_add, suppression_lift_scope
from smsmarketing.contacts.services.consent import consents_void
from smsmarketing.contacts.services.consent_end import consents_expire
from smsmarketing.contacts.services.imports import import_start, import_work, undo_start
from smsmarketing.contacts.services.lifting import suppressions_expire
from smsmarketing.contacts.services.suppressions_many import No, suppressions_add_many
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.types import Actor
from smsmarketing.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from smsmarketing.webhooks.rules.kinds import KINDS
from smsmarketing.webhooks.services.endpoints import endpoint_create
from tests.contacts.conftest import evidence, state_of
from tests.contacts.test_imports import CONSENT, A, B, C, bring, counts, faults, private_folder

__all__ = ["bring", "private_folder"]
pytestmark = pytest.mark.django_db
Bring = Callable[..., ImportJob]
Make = Callable[..., Contact]


@pytest.fixture
def listener(brand: Brand, user: User) -> WebhookEndpoint:
    return endpoint_create(
        team=brand.team,
        name="CRM",
        url="https://crm.example/hooks",
        kinds=list(KINDS),
        created_by=user,
        now=timezone.now(),
    )


def told(kind: str) -> list[dict[str, Any]]:
    """Every item of every event of the kind, oldest event first."""
    events = WebhookEvent.objects.filter(kind=kind).order_by("occurred_at")
    return [item for event in events for item in event.payload["items"]]


def ledger_told(after: int) -> None:
    """What was written into the ledger since is what was told of it: each entry once."""
    items = [*told("consent.granted"), *told("consent.revoked")]
    found = [item["consent_event_id"] for item in items if item["consent_event_id"] > after]
    written = ConsentEvent.objects.filter(pk__gt=after)
    assert sorted(found) == sorted(written.values_list("pk", flat=True))
    for item in items:
        event = ConsentEvent.objects.get(pk=item["consent_event_id"])
        granted = event.direction == "granted"
        assert (item in told("consent.granted")) == granted
        assert (item["direction"], item["brand_id"]) == (event.direction, event.brand_id)
        assert item["phone"] == "erased" or item["phone"].startswith("•••••••")


def newest_entry() -> int:
    newest = ConsentEvent.objects.order_by("-pk").first()
    return newest.pk if newest else 0


def test_a_file_of_opt_outs_is_told_a_hundred_to_an_event(
    bring: Bring, brand: Brand, other_brand: Brand, listener: WebhookEndpoint, user: User
) -> None:
    """[R-10.7] Masked numbers and ids; and only the team's own systems hear."""
    endpoint_create(
        team=other_brand.team,
        name="Rival",
        url="https://rival.example/hooks",
        kinds=list(KINDS),
        created_by=user,
        now=timezone.now(),
    )
    numbers = [f"+4474001{number:05d}" for number in range(23401, 23401 + 250)]
    upload = "phone\n" + "\n".join(numbers)
    job = bring(upload, kind="opt_outs", dry=True)
    assert not WebhookEvent.objects.exists()
    import_start(job)
    import_work(job.pk)
    events = WebhookEvent.objects.filter(kind="opt_out.created")
    assert sorted(len(event.subject_ids) for event in events) == [50, 100, 100]
    assert set(WebhookDelivery.objects.values_list("endpoint_id", flat=True)) == {listener.pk}
    ids = set(Suppression.objects.values_list("pk", flat=True))
    assert {item["suppression_id"] for item in told("opt_out.created")} == ids
    assert len(ids) == 250
    assert not any(number in str(told("opt_out.created")) for number in numbers)
    assert set(Suppression.objects.values_list("sync_state", flat=True)) == {"pending"}


def test_nobody_listens_and_nothing_is_written(bring: Bring, brand: Brand) -> None:
    bring(f"phone\n{A}\n{B}\n", kind="opt_outs")
    assert not WebhookEvent.objects.exists()
    assert set(Suppression.objects.values_list("sync_state", flat=True)) == {"local_only"}


_COMPARED = ("phone", "scope", "brand_id", "purposes", "reason", "expires_at", "contact_id")


def outcome(contact: Contact, brand: Brand) -> dict[str, Any]:
    """What a "no" did to a contact, apart from ids and times."""
    rows = Suppression.objects.filter(phone=contact.phone).order_by("pk")
    said = Contact.objects.get(pk=contact.pk)
    return {
        "rows": [
            tuple(
                None if name in ("phone", "contact_id") else getattr(row, name)
                for name in _COMPARED
            )
            for row in rows
        ],
        "ledger": list(
            ConsentEvent.objects.filter(contact=contact)
            .order_by("direction", "purpose", "pk")
            .values_list("direction", "purpose", "brand_id")
        ),
        "state": state_of(contact, brand).marketing_reason,
        "grown": said.version - contact.version,
    }


@pytest.mark.parametrize(
    ("reason", "scope"),
    [pair for pair in product(REASONS, ("brand", "global")) if pair[0] != "hold"],
)
def test_one_by_one_in_a_call_and_in_a_file_mean_the_same(
    bring: Bring, brand: Brand, make_contact: Make, reason: str, scope: str
) -> None:
    """Purposes, end of consent (docs/adr/0033), version and send state: +1 numbers too [R-2.14]."""
    people = [make_contact(f"+1202555013{last}", consent=True) for last in range(3)]
    for contact in people:
        consent_record(contact, evidence(purpose="otp"), brand=brand)
    people = list(Contact.objects.order_by("pk"))
    until = timezone.now() + timedelta(days=30) if reason in EXPIRING_REASONS else None
    one, many, file = people
    where = brand if scope == "brand" else None
    suppression_add(
        phone=str(one.phone),
        scope=scope,
        brand=where,
        reason=reason,
        source="import",
        evidence={},
        expires_at=until,
    )
    suppressions_add_many(
        [No(phone=str(many.phone), reason=reason, expires_at=until)],
        brand=where,
        source="import",
        now=timezone.now(),
    )
    bring(
        f"phone,reason\n{file.phone},{reason}\n",
        kind="opt_outs",
        options={"scope": scope, "until": until},
    )
    expected = outcome(one, brand)
    assert outcome(many, brand) == expected
    assert outcome(file, brand) == expected
    assert expected["grown"] == 1


def test_blocks_of_a_file_end_by_themselves_and_what_people_said_does_not(
    bring: Bring, brand: Brand
) -> None:
    soon, later = timezone.now() + timedelta(days=10), timezone.now() + timedelta(days=90)
    content = (
        "phone,reason,until\n"
        f"{A},blocked,{soon.date()}\n"
        f"{B},blocked,\n"
        f"{C},opt_out,{soon.date()}\n"
        "+447400123458,blocked,2020-01-01\n"
        "+447400123459,blocked,soonish\n"
    )
    job = bring(content, kind="opt_outs", options={"until": later})
    rows = {row.phone: row for row in Suppression.objects.all()}
    assert rows.keys() == {A, B, C}
    first = rows[A].expires_at
    assert first is not None
    assert first.date() == soon.date()
    assert rows[B].expires_at == later
    assert rows[C].expires_at is None
    assert [code for _, _, code in faults(job)] == ["VALUE", "VALUE"]
    # A longer block is another one; a shorter one is covered already.
    bring(f"phone,reason,until\n{A},blocked,{later.date()}\n", kind="opt_outs")
    bring(f"phone,reason,until\n{A},blocked,{soon.date()}\n", kind="opt_outs")
    assert Suppression.objects.filter(phone=A).count() == 2


@pytest.mark.django_db(transaction=True)
def test_an_end_in_the_past_is_refused(brand: Brand, actor: Actor) -> None:
    past = (timezone.now() - timedelta(days=1)).isoformat()
    payload = {"csv_text": f"phone\n{A}\n", "brand_id": brand.pk, "kind": "opt_outs", "until": past}
    for key in ("imports.preview", "imports.start"):
        with pytest.raises(InvalidInput) as refusal:
            execute(key, payload, actor=actor)
        assert set(refusal.value.field_errors) == {"until"}
    assert not ImportJob.objects.exists()
    assert not Suppression.objects.exists()


def test_a_no_that_a_file_says_again_makes_a_lift_stale(
    bring: Bring, brand: Brand, make_contact: Make
) -> None:
    """[R-2.16] As a second STOP would; a file that only repeats the old date says nothing new."""
    contact = make_contact(A, consent=True)
    row = suppression_add(
        phone=A,
        scope="brand",
        brand=brand,
        reason="opt_out",
        source="inbound",
        evidence={},
        at=timezone.now() - timedelta(days=5),
    )
    old = (timezone.now() - timedelta(days=9)).date()
    job = bring(f"phone,date\n{A},{old}\n", kind="opt_outs")
    assert counts(job, "create", "unchanged", "repeated") == (0, 1, 0)
    row.refresh_from_db()
    assert (row.version, row.repeated_at) == (1, None)
    again = consent_record(
        contact, evidence(captured_at=timezone.now() - timedelta(days=3)), brand=brand
    )
    lately = (timezone.now() - timedelta(days=1)).date()
    job = bring(f"phone,date\n{A},{lately}\n", kind="opt_outs")
    assert counts(job, "create", "unchanged", "repeated") == (0, 1, 1)
    row.refresh_from_db()
    assert row.version == 2
    assert row.repeated_at is not None
    assert row.repeated_at.date() == lately
    assert Suppression.objects.count() == 1
    newest = ConsentEvent.objects.order_by("-pk")[0]
    assert (newest.direction, newest.evidence_file) == ("revoked", f"import:{job.pk}")
    assert newest.captured_at > again.captured_at
    job = bring(f"phone,date\n{A},{lately}\n", kind="opt_outs")
    assert counts(job, "create", "unchanged", "repeated") == (0, 1, 0)


def test_a_list_of_a_call_ends_consents_and_says_so(
    brand: Brand, listener: WebhookEndpoint, make_contact: Make
) -> None:
    contact = make_contact(A, consent=True)
    start = newest_entry()
    suppressions_add_many(
        [
            No(phone=A, reason="opt_out", evidence={"recorded_by": "user:7"}),
            No(phone=B, reason="blocked"),
        ],
        brand=brand,
        source="api",
        now=timezone.now(),
    )
    event = ConsentEvent.objects.get(pk__gt=start)
    suppression = Suppression.objects.get(phone=A)
    assert (event.contact_id, event.direction, event.captured_by) == (
        contact.pk,
        "revoked",
        "user:7",
    )
    assert event.evidence_file == f"suppression:{suppression.pk}"
    ledger_told(start)
    assert {item["reason"] for item in told("opt_out.created")} == {"opt_out", "blocked"}


def test_what_ends_a_consent_is_told(
    brand: Brand, listener: WebhookEndpoint, make_contact: Make
) -> None:
    """A new number [R-4.3], the calendar [R-4.7], STOP, and the yes that START is [R-2.12]."""
    start = newest_entry()
    now = timezone.now()
    moved, lapsed, said = (make_contact(phone, consent=True) for phone in (A, B, C))
    with transaction.atomic():
        consents_void(moved, now=now)
    consent_record(
        lapsed,
        evidence(
            basis="implied_inquiry",
            captured_at=now - timedelta(days=190),
            purpose="notification",
        ),
        brand=brand,
    )
    consents_expire(now=now)
    for purpose in ("notification", "otp"):
        consent_record(said, evidence(purpose=purpose), brand=brand)
    suppression_add(
        phone=C, scope="brand", brand=brand, reason="opt_out", source="inbound", evidence={}
    )
    suppression_lift_scope(
        phone=C, brand=brand, actor="system", reason="START", evidence={"inbound_id": 5}
    )
    ledger_told(start)
    words = {event.direction for event in ConsentEvent.objects.filter(pk__gt=start)}
    assert words == {"granted", "revoked", "expired"}
    assert (
        len({item["purpose"] for item in told("consent.granted") if item["contact_id"] == said.pk})
        == 3
    )


def test_consents_of_a_file_and_their_undo_are_told(
    bring: Bring, brand: Brand, listener: WebhookEndpoint, make_contact: Make, user: User
) -> None:
    make_contact(A, consent=True)
    start = newest_entry()
    job = bring(f"phone\n{A}\n{B}\n{C}\n", options={"consent": CONSENT})
    assert len([item for item in told("consent.granted") if item["consent_event_id"] > start]) == 3
    ledger_told(start)
    with transaction.atomic():
        undo_start(job, by=user, now=timezone.now())
    import_work(job.pk)
    ledger_told(start)
    assert len(told("consent.revoked")) == 3


def test_only_rows_that_somebody_is_told_of_wait_for_an_answer(
    brand: Brand, other_brand: Brand, listener: WebhookEndpoint
) -> None:
    """One sweep ends blocks of several teams; the team without a system has nothing under way."""
    now = timezone.now()
    rows = [
        suppression_add(
            phone=phone,
            scope="brand",
            brand=own,
            reason="blocked",
            source="admin",
            evidence={},
            expires_at=now + timedelta(hours=1),
        )
        for phone, own in ((A, brand), (B, other_brand))
    ]
    suppressions_expire(Suppression.objects.all(), now=now + timedelta(hours=2), limit=10)
    for row in rows:
        row.refresh_from_db()
    assert [row.sync_state for row in rows] == ["pending", "local_only"]


WRITERS = {
    # Where the ledger is written: each of these tells the outbox, as the tests above show.
    "services/consent.py",
    "services/consent_end.py",
    "services/double_opt_in.py",
    "services/imports/contacts_merge.py",
    "services/imports/undo_sql.py",
    "services/suppressions.py",
}


def test_no_other_place_writes_the_ledger() -> None:
    """Whoever adds one calls consents_emit in the same transaction, shows it here, and names it."""
    app = Path(settings.BASE_DIR) / "smsmarketing" / "contacts"
    words = (
        "INTO contacts_consentevent",
        "ConsentEvent.objects.create",
        "ConsentEvent.objects.bulk_create",
    )
    found = {
        str(path.relative_to(app))
        for path in app.rglob("*.py")
        if "migrations" not in path.parts
        and any(word in path.read_text(encoding="utf-8") for word in words)
    }
    assert found == WRITERS
