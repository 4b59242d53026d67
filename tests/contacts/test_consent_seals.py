"""Sealing the consent ledger: nobody waits for it, and what was changed afterwards is found."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import Error, connection, connections, transaction
from django.utils import timezone

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import ConsentEvent, ConsentSeal, Contact
from smsmarketing.contacts.selectors.seals import consents_verify
from smsmarketing.contacts.services import seals
from smsmarketing.contacts.services.seals import consents_seal
from smsmarketing.operations import dispatch
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.types import Actor, Done
from tests.contacts.conftest import evidence

GB = "+447400123456"


def event_write(contact: Contact, brand: Brand, number: int = 0) -> ConsentEvent:
    now = timezone.now()
    return ConsentEvent.objects.create(
        contact=contact,
        phone_hash=contact.phone_hash,
        brand=brand,
        direction="granted",
        purpose="marketing",
        basis="express",
        method="web_form",
        source_url=f"https://acme.example/{number}",
        disclosure_text="Acme offers, é — STOP",
        captured_at=now - timedelta(days=1),
        ip="192.0.2.7",
        user_agent="Browser",
        double_opt_in={"id": number},
        country="GB",
        recorded_at=now,
    )


@pytest.fixture
def person(make_contact: Callable[..., Contact]) -> Contact:
    with transaction.atomic():
        return make_contact(GB)


@pytest.fixture
def ledger(
    brand: Brand, make_contact: Callable[..., Contact], monkeypatch: pytest.MonkeyPatch
) -> list[ConsentEvent]:
    """Seven events under three seals."""
    monkeypatch.setattr(seals, "SEAL_ROWS", 3)
    contact = make_contact(GB)
    events = [event_write(contact, brand, number) for number in range(7)]
    done = consents_seal()
    assert (done.seals, done.rows, done.waiting) == (3, 7, False)
    return events


def unguarded(statement: str, *values: object) -> None:
    """What somebody can do who owns the database: switch the triggers off."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)


def test_what_was_sealed_holds_and_is_in_the_audit_chain(ledger: list[ConsentEvent]) -> None:
    found = consents_verify()
    assert (found.valid, found.seals, found.rows, found.unsealed) == (True, 3, 7, 0)
    newest = AuditEntry.objects.filter(operation="consent.seal").order_by("-seq")[0]
    assert (newest.object_id, newest.after_hash) == ("3", found.last_digest)
    assert consents_seal().seals == 0
    assert consents_verify(from_seal=2, most=1).rows == 3


def test_erasure_of_address_and_browser_breaks_no_seal(ledger: list[ConsentEvent]) -> None:
    """[R-4.9]"""
    ConsentEvent.objects.all().update(ip="", user_agent="")
    assert consents_verify().valid


def test_a_changed_row_is_named(ledger: list[ConsentEvent]) -> None:
    unguarded(
        "UPDATE contacts_consentevent SET captured_at = captured_at - interval '1 microsecond'"
        " WHERE id = %s",
        ledger[4].pk,
    )
    found = consents_verify()
    assert (found.broken_seal, found.broken_row, found.problem) == (
        2,
        ledger[4].pk,
        "the row was changed",
    )


def test_a_removed_row_is_named(ledger: list[ConsentEvent]) -> None:
    unguarded("DELETE FROM contacts_consentevent WHERE id = %s", ledger[6].pk)
    found = consents_verify()
    assert (found.broken_seal, found.broken_row) == (3, ledger[6].pk)
    assert found.problem == "the row was removed"


def test_a_row_put_in_later_is_named(brand: Brand, make_contact: Callable[..., Contact]) -> None:
    contact = make_contact(GB)
    first, gap, last = (event_write(contact, brand, number) for number in range(3))
    unguarded("DELETE FROM contacts_consentevent WHERE id = %s", gap.pk)
    consents_seal()
    assert consents_verify().valid
    gap.save(force_insert=True)
    found = consents_verify()
    assert (found.broken_seal, found.broken_row) == (1, gap.pk)
    assert found.problem == "the row was put in after the range was sealed"
    assert first.pk < gap.pk < last.pk


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_removed_seal_is_missed(ledger: list[ConsentEvent], number: int) -> None:
    """The last one too: the audit chain knows how many there were."""
    unguarded("DELETE FROM contacts_consentseal WHERE number = %s", number)
    found = consents_verify()
    assert (found.broken_seal, found.valid) == (number, False)
    assert "missing" in found.problem


def test_sealing_again_after_a_change_is_found(ledger: list[ConsentEvent]) -> None:
    unguarded("UPDATE contacts_consentevent SET direction = 'denied' WHERE id = %s", ledger[6].pk)
    unguarded("DELETE FROM contacts_consentseal WHERE number = 3")
    consents_seal()
    found = consents_verify()
    assert (found.broken_seal, found.problem) == (3, "the seal is not the one in the audit chain")


def test_a_changed_seal_is_found(ledger: list[ConsentEvent]) -> None:
    unguarded("UPDATE contacts_consentseal SET rows_digest = repeat('0', 64) WHERE number = 2")
    found = consents_verify()
    assert (found.broken_seal, found.problem) == (2, "the seal was changed after it was written")


def test_seals_are_append_only(ledger: list[ConsentEvent]) -> None:
    for change in (
        lambda: ConsentSeal.objects.filter(number=1).update(rows=4),
        lambda: ConsentSeal.objects.filter(number=1).delete(),
    ):
        with pytest.raises(Error, match="refused"), transaction.atomic():
            change()
    assert consents_verify().valid


def test_the_operation_and_the_command_say_the_same(
    ledger: list[ConsentEvent], actor: Actor, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("consent", "verify")
    assert "The consent ledger holds: 3 seals over 7 events" in capsys.readouterr().out
    unguarded("UPDATE contacts_consentevent SET language = 'xx' WHERE id = %s", ledger[0].pk)
    with pytest.raises(SystemExit) as stopped:
        call_command("consent", "verify")
    assert stopped.value.code == 1
    assert f"broken at seal 1, event {ledger[0].pk}: the row was changed" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_the_operation_names_the_break(brand: Brand, person: Contact, actor: Actor) -> None:
    event = event_write(person, brand)
    consents_seal()
    outcome = dispatch.execute("consent.verify", {}, actor=actor)
    assert isinstance(outcome, Done)
    assert outcome.result.model_dump()["valid"] is True
    unguarded("UPDATE contacts_consentevent SET country = 'FR' WHERE id = %s", event.pk)
    outcome = dispatch.execute("consent.verify", {}, actor=actor)
    assert isinstance(outcome, Done)
    found = outcome.result.model_dump()
    assert (found["valid"], found["broken_seal"], found["broken_row"]) == (False, 1, event.pk)


class Writer(threading.Thread):
    """Writes one event in a transaction that stays open until it is told to end."""

    def __init__(self, contact: Contact, brand: Brand, *, commit: bool = True) -> None:
        super().__init__(daemon=True)
        self.contact, self.brand, self.commit = contact, brand, commit
        self.written, self.end = threading.Event(), threading.Event()
        self.event: ConsentEvent | None = None

    def run(self) -> None:
        try:
            with transaction.atomic():
                self.event = event_write(self.contact, self.brand)
                self.written.set()
                self.end.wait(30)
                transaction.set_rollback(not self.commit)
        finally:
            connections.close_all()


@pytest.fixture
def writer(brand: Brand, person: Contact) -> Iterator[Writer]:
    writer = Writer(person, brand)
    writer.start()
    assert writer.written.wait(30)
    yield writer
    writer.end.set()
    writer.join(30)


@pytest.mark.django_db(transaction=True)
def test_a_row_that_commits_late_is_never_passed_by(brand: Brand, writer: Writer) -> None:
    """A lower id that commits after a higher one: the range waits for it, and nobody waits for us."""
    later = event_write(writer.contact, brand)
    assert writer.event is not None
    assert writer.event.pk < later.pk
    done = consents_seal()
    assert (done.seals, done.waiting) == (0, True)
    newest = event_write(
        writer.contact, brand
    )  # a STOP of this moment: the seal holds it up in no way
    writer.end.set()
    writer.join(30)
    assert consents_seal().rows == 3
    assert ConsentSeal.objects.get().row_ids == [writer.event.pk, later.pk, newest.pk]
    assert consents_verify().valid


@pytest.mark.django_db(transaction=True)
def test_a_writer_that_never_rests_delays_only_what_is_new(brand: Brand, writer: Writer) -> None:
    """The candidate of the run before is final once those who wrote then are done."""
    later = event_write(writer.contact, brand)
    assert consents_seal().seals == 0
    second = Writer(writer.contact, brand)
    second.start()
    assert second.written.wait(30)
    writer.end.set()
    writer.join(30)
    try:
        assert consents_seal().rows == 2
        assert ConsentSeal.objects.get().to_id == later.pk
    finally:
        second.end.set()
        second.join(30)
    consents_seal()
    assert (consents_verify().valid, consents_verify().rows) == (True, 3)


@pytest.mark.django_db(transaction=True)
def test_writers_and_sealers_at_once(brand: Brand, person: Contact) -> None:
    """Many short transactions, some rolled back, and two sealers: every row is sealed, once."""
    contact = person
    busy = threading.Event()
    faults: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for turn in range(25):
                with transaction.atomic():
                    event_write(contact, brand, number)
                    event_write(contact, brand, number)
                    transaction.set_rollback(turn % 5 == number % 5)
        except BaseException as exc:  # noqa: BLE001 - shown by the assertion
            faults.append(exc)
        finally:
            connections.close_all()

    def seal() -> None:
        try:
            while not busy.is_set():
                consents_seal()
        except BaseException as exc:  # noqa: BLE001
            faults.append(exc)
        finally:
            connections.close_all()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    sealers = [threading.Thread(target=seal) for _ in range(2)]
    for thread in (*writers, *sealers):
        thread.start()
    for thread in writers:
        thread.join(120)
    busy.set()
    for thread in sealers:
        thread.join(60)
    consents_seal()
    assert faults == []
    found = consents_verify()
    assert (found.valid, found.problem) == (True, "")
    assert (found.rows, found.unsealed) == (ConsentEvent.objects.count(), 0)
    assert found.rows == 4 * 20 * 2


def test_no_consent_is_sealed_that_was_not_there(brand: Brand, db: None) -> None:
    assert consents_seal().seals == 0
    assert (consents_verify().valid, consents_verify().seals) == (True, 0)
    assert evidence().purpose == "marketing"
