"""After any sequence of imports, upserts, STOPs, STARTs and the rest, only who said yes and not no is sendable.

The machine keeps a memory of its own of who said what (`Memory`), and asks an oracle that shares no code with the
product (`oracle.py`). After every step the send states, the planner's decision statement and the last check before a
hand-over must agree with both.
"""

from __future__ import annotations

import itertools
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from smsmarketing.accounts.models import Brand
from smsmarketing.campaigns.plan.statement import SENDABLE, decision_statement
from smsmarketing.contacts.criteria import criteria_compile, criteria_parse
from smsmarketing.contacts.models import ConsentEvent, ImportJob
from smsmarketing.contacts.rules.consent import ConsentEvidence
from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.selectors.consent import consent_newest_first
from smsmarketing.contacts.services import (
    consent_record,
    contact_upsert,
    suppressed_phones,
    suppression_add,
)
from smsmarketing.contacts.services.imports import (
    ImportOptions,
    import_create,
    import_start,
    import_work,
    upload_store,
)
from smsmarketing.gateways import services as gateways
from smsmarketing.gateways.intake.inbound import inbound_receive
from smsmarketing.gateways.transports.base import InboundEvent
from tests.gateways.world import World, sender_verify, world_make
from tests.properties.lifecycle import DISCLOSURE, POOL, Lifecycle, either, index
from tests.properties.oracle import Books

pytestmark = pytest.mark.django_db(transaction=True)

STOPS = ("STOP", "stop.", "Stop texting me", "ARRÊT", "unsubscribe", "🛑", "退订")
HOLDS = ("wrong number", "don't text me")
HARMLESS = ("unstoppable!", "When does the sale stop?", "thanks", "yes please", "HELP")
_numbers = itertools.count(1_000_000)
_replies = itertools.count(1)


class Machine(Lifecycle):
    """Five numbers and two brands of one team; every rule is one thing that people or programs do."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World = world_make()
        second = Brand.objects.create(
            team=self.world.team,
            name=f"Second {self.world.brand.pk}",
            name_in_texts="Second",
            help_line="Second: help@second.example. Reply STOP to opt out.",
        )
        self.brands = [self.world.brand, second]
        self.senders = [self.world.sender, self._sender(second)]
        self.phones = [f"+3706{next(_numbers)}" for _ in range(POOL)]
        self.everyone = {
            brand.pk: criteria_parse(
                {"everyone": True}, brand_id=brand.pk, team_ids=[self.world.team.pk]
            )
            for brand in self.brands
        }
        self.seen: Any = None
        """The rows on which everything was last found to agree."""
        self.said_no = set()
        """(number, brand, reason): a "no" that nothing so far could have taken back."""
        self.jobs = []

    def _sender(self, brand: Brand) -> Any:
        sender = gateways.sender_create(
            team=self.world.team,
            brand=brand,
            value=f"+3707{next(_numbers)}",
            kind="msisdn",
            can_receive=True,
        )
        sender_verify(sender)
        sender.refresh_from_db()
        return sender

    # What people and programs do

    @rule(number=index, brand=either, name=st.sampled_from(["Ann", "Bo"]))
    def upsert(self, number: int, brand: int, name: str) -> None:
        with transaction.atomic():
            contact_upsert(
                phone_parse(self.phones[number]),
                changes={"first_name": name, "add_tags": ["x"]},
                brand_id=self.brands[brand].pk,
                source="test",
            )

    @rule(
        number=index,
        brand=either,
        days=st.sampled_from([0, 1, 300, 900]),
        basis=st.sampled_from(["express", "implied_purchase", "implied_inquiry"]),
    )
    def consents(self, number: int, brand: int, days: int, basis: str) -> None:
        contact = self.contact(number)
        if contact is None or contact.trashed_at is not None:
            return
        evidence = ConsentEvidence(
            method="web_form",
            basis=basis,
            source_url="https://acme.example/join",
            disclosure_text=DISCLOSURE,
            captured_at=timezone.now() - timedelta(days=days, minutes=1),
        )
        with transaction.atomic():
            consent_record(contact, evidence, brand=self.brands[brand])
        self.said_yes[self.phones[number], brand].add("said")

    @rule(number=index, brand=either, direction=st.sampled_from(["revoked", "denied"]))
    def says_no_on_a_form(self, number: int, brand: int, direction: str) -> None:
        contact = self.contact(number)
        if contact is None or contact.trashed_at is not None:
            return
        evidence = ConsentEvidence(
            direction=direction, method="web_form", captured_at=timezone.now()
        )
        with transaction.atomic():
            consent_record(contact, evidence, brand=self.brands[brand])

    @rule(number=index, brand=either, text=st.sampled_from(STOPS + HOLDS + HARMLESS + ("START",)))
    def writes(self, number: int, brand: int, text: str) -> None:
        phone = self.phones[number]
        event = InboundEvent(
            gateway_message_id=f"in-{next(_replies)}",
            sender=phone,
            recipient=self.senders[brand].value,
            text=text,
        )
        inbound_receive(self.world.gateway, event, raw=text.encode())
        if text in STOPS or text in HOLDS:
            self.said_no.add((phone, brand, "opt_out"))
        elif text == "START":
            self.said_no.discard((phone, brand, "opt_out"))

    @rule(
        number=index,
        brand=st.sampled_from([0, 1, None]),
        reason=st.sampled_from(["complaint", "legal", "blocked", "manual", "invalid", "opt_out"]),
    )
    def is_suppressed(self, number: int, brand: int | None, reason: str) -> None:
        with transaction.atomic():
            suppression_add(
                phone=self.phones[number],
                scope="global" if brand is None else "brand",
                reason=reason,
                source="admin",
                evidence={},
                brand=None if brand is None else self.brands[brand],
            )
        for one in (0, 1) if brand is None else (brand,):
            # START may take back an opt-out of its brand; a global one and every other reason stay.
            word = "opt_out" if reason == "opt_out" and brand is not None else f"{reason}:kept"
            self.said_no.add((self.phones[number], one, word))

    @rule(numbers=st.sets(index, min_size=1), brand=either, agreed=st.booleans())
    def imported(self, numbers: set[int], brand: int, agreed: bool) -> None:
        rows = "".join(f"{self.phones[number]},Imp\n" for number in sorted(numbers))
        consent = {
            "disclosure_text": DISCLOSURE,
            "method": "web_form",
            "source_url": "https://acme.example/join",
            "captured_at": (timezone.now() - timedelta(days=40)).date().isoformat(),
        }
        options = ImportOptions(consent=consent if agreed else None)
        job_id = self._import("contacts", "phone,first_name\n" + rows, brand, options)
        for number in numbers if agreed else ():
            self.said_yes[self.phones[number], brand].add(f"import:{job_id}")

    @rule(numbers=st.sets(index, min_size=1), brand=either)
    def opt_outs_imported(self, numbers: set[int], brand: int) -> None:
        rows = "".join(f"{self.phones[number]}\n" for number in sorted(numbers))
        self._import("opt_outs", "phone\n" + rows, brand, ImportOptions())
        self.said_no |= {(self.phones[number], brand, "opt_out") for number in numbers}

    def _import(self, kind: str, text: str, brand: int, options: ImportOptions) -> int:
        job = import_create(
            upload_store([text.encode()], file_name="a.csv", user=self.world.user),
            kind=kind,
            brand=self.brands[brand],
            created_by=self.world.user,
            options=options,
        )
        with transaction.atomic():
            import_start(job)
        import_work(job.pk)
        job = ImportJob.objects.get(pk=job.pk)
        assert (job.state, job.error_code) == ("done", "")
        self.jobs.append(job.pk)
        return job.pk

    @rule(number=index)
    def changes_number(self, number: int) -> None:
        """What was agreed for the old number does not follow to the new one [R-4.3]."""
        contact = self.contact(number)
        if contact is None or contact.trashed_at is not None:
            return
        new = f"+3706{next(_numbers)}"
        with transaction.atomic():
            contact_upsert(
                phone_parse(new),
                contact=contact,
                changes={},
                brand_id=self.brands[0].pk,
                source="test",
            )
        self.number_changed(number, new)

    # What must hold after every step

    @invariant()
    def only_who_may_be_texted_is_sendable(self) -> None:
        now = timezone.now()
        books = Books(self.phones, now)
        for number, brand in enumerate(self.brands):
            allowed = books.lawful(brand.pk)
            assert books.shown(brand.pk) == allowed
            for phone in allowed:
                assert self.said_yes[phone, number], "nobody agreed for this number"
                assert not [
                    word for seen, one, word in self.said_no if (seen, one) == (phone, number)
                ]
        self._states_name_the_consent(books)
        if books.rows() == self.seen:
            return  # nothing that the product reads has changed
        self.seen = books.rows()
        for brand in self.brands:
            assert self._planned(brand, now) == books.lawful(brand.pk)
            held_back = suppressed_phones(
                self.phones, brand_id=brand.pk, purpose="marketing", now=now
            )
            assert set(held_back) == {
                phone for phone in self.phones if books.refused(phone, brand.pk)
            }
        self._ledger_is_read_alike(books)

    def _states_name_the_consent(self, books: Books) -> None:
        """Segments ask the state and not the ledger, so it must always name the event that counts."""
        counts = {
            (person.pk, brand.pk, word.pk, word.captured_at, word.basis, word.method)
            for person in books.contacts
            for brand in self.brands
            if (word := books.word(person, brand.pk)) and word.direction == "granted"
        }
        assert counts == {
            (
                state.contact_id,
                state.brand_id,
                state.consent_id,
                state.consent_at,
                state.consent_basis,
                state.consent_method,
            )
            for state in books.states
            if state.consent_id is not None
        }

    def _ledger_is_read_alike(self, books: Books) -> None:
        """The order that proofs and timelines read the ledger in puts the same event first."""
        ledger = ConsentEvent.objects.filter(
            purpose="marketing", phone_hash=F("contact__phone_hash"), contact__phone__in=self.phones
        )
        first: dict[tuple[int, int], int] = {}
        for pk, contact_id, brand_id in consent_newest_first(ledger).values_list(
            "pk", "contact_id", "brand_id"
        ):
            first.setdefault((contact_id, brand_id), pk)
        assert first == {
            (person.pk, brand.pk): word.pk
            for person in books.contacts
            for brand in self.brands
            if (word := books.word(person, brand.pk))
        }

    def _planned(self, brand: Brand, now: Any) -> set[str]:
        """Who the one statement behind preview, cost and plan would send to."""
        sql, params = decision_statement(
            criteria=criteria_compile(self.everyone[brand.pk], now=now),
            brand_id=brand.pk,
            purpose="marketing",
            served=["LT"],
            eligible=["LT"],
            rated=["LT"],
            caps=[],
            now=now,
        ).rows(["c.phone"])
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return {phone for _, _, decision, phone in cursor.fetchall() if decision == SENDABLE}


@pytest.fixture(autouse=True)
def private_folder(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.mark.parametrize("run", range(4))
def test_no_sequence_makes_anybody_sendable_who_must_not_be(run: int) -> None:
    """[R-2.8], [R-2.12], [R-2.16], [R-4.1], [R-4.3], [R-4.8], [R-4.9]: over two thousand steps, always the same.

    `HYPOTHESIS_RUNS=1000` looks at others, and at more of them.
    """
    more = int(os.environ.get("HYPOTHESIS_RUNS", "0"))
    run_state_machine_as_test(
        seed(run + more)(type(f"Machine{run}", (Machine,), {})),
        settings=settings(
            max_examples=more or 13,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
