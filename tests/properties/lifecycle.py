"""What happens to contacts besides words and files: trash, merges, lifts, erasures, undone imports."""

from __future__ import annotations

import uuid
from collections import defaultdict
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from smsmarketing.accounts.models import Brand
from smsmarketing.accounts.rules.permissions import PERMISSIONS
from smsmarketing.contacts.models import (
    Contact,
    ImportJob,
    OptInForm,
    OptInFormVersion,
    Suppression,
)
from smsmarketing.contacts.rules.lifting import LIFT_RULES
from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.services import contact_restore, contact_trash, contact_upsert
from smsmarketing.contacts.services.double_opt_in import Visit
from smsmarketing.contacts.services.erasing import erase_work, person_erase
from smsmarketing.contacts.services.imports import import_work, undo_start
from smsmarketing.contacts.services.lifting import suppression_lift, suppression_lock_first
from smsmarketing.contacts.services.merging import contacts_merge, merge_lock
from smsmarketing.contacts.services.opt_in_forms import form_submit
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import Conflict
from smsmarketing.operations.types import Actor, Done, Surface
from tests.gateways.world import World
from tests.properties.oracle import Books

DISCLOSURE = "I agree to get offers of Acme by SMS. Reply STOP to end."
POOL = 5
index = st.integers(0, POOL - 1)
either = st.sampled_from([0, 1])
VISIT = Visit(asked_by="form", source_url="https://acme.example/join")
PERSONAL = (
    "opt_out",
    "opt_out:kept",
    "complaint:kept",
    "legal:kept",
    "blocked:kept",
    "manual:kept",
)


def opt_in_version(world: World, brand: Brand) -> OptInFormVersion:
    """A form of the brand, as it was shown, without the request to confirm by SMS."""
    now = timezone.now()
    form = OptInForm.objects.create(
        team=world.team,
        brand=brand,
        slug=f"join-{brand.pk}",
        name=f"Join {brand.pk}",
        created_at=now,
    )
    return OptInFormVersion.objects.create(
        form=form,
        number=1,
        heading="Offers",
        disclosure_text=DISCLOSURE,
        programme="offers",
        frequency="weekly",
        purposes=["marketing"],
        language="en",
        double_opt_in=False,
        created_by=world.user,
        created_at=now,
    )


class Lifecycle(RuleBasedStateMachine):
    """Rules over the same numbers and the same memory as those of `Machine`."""

    world: World
    brands: list[Brand]
    phones: list[str]
    said_no: set[tuple[str, int, str]]
    jobs: list[int]

    def __init__(self) -> None:
        super().__init__()
        self.said_yes: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
        """(number, brand) → where a yes came from that nothing has taken back."""
        self.former: list[str] = []
        """Numbers that contacts had before."""

    def contact(self, number: int) -> Contact | None:
        return Contact.objects.filter(phone=self.phones[number]).first()

    def actor(self) -> Actor:
        return Actor(
            user=self.world.user,
            surface=Surface.ADMIN,
            permissions=frozenset(PERMISSIONS),
            team_ids=frozenset({self.world.team.pk}),
            is_session=True,
        )

    def yes_ends(self, phone: str) -> None:
        """What was agreed for a number is over: it changed hands, or its person was forgotten."""
        for brand in (0, 1):
            self.said_yes.pop((phone, brand), None)

    @rule(number=index)
    def is_trashed_or_restored(self, number: int) -> None:
        contact = self.contact(number)
        if contact is None:
            return
        with transaction.atomic():
            if contact.trashed_at is None:
                contact_trash(contact)
            else:
                contact_restore(contact)

    @rule(number=index, brand=either)
    def opts_in_by_form(self, number: int, brand: int) -> None:
        """The person's own act, which takes a contact out of the trash, too."""
        version = OptInFormVersion.objects.filter(form__brand=self.brands[brand]).first()
        version = version or opt_in_version(self.world, self.brands[brand])
        phone = phone_parse(self.phones[number])
        outcome = form_submit(version, phone, visit=VISIT, details={})
        if outcome == "recorded":
            self.said_yes[self.phones[number], brand].add("said")

    @rule(kept=index, other=index)
    def is_merged(self, kept: int, other: int) -> None:
        """[R-4.3] no consent moves; what the person refused under one number holds for both."""
        rows = [self.contact(kept), self.contact(other)]
        if kept == other or None in rows:
            return
        try:
            with transaction.atomic():
                locked = {row.pk: row for row in merge_lock([row.pk for row in rows if row])}
                contacts_merge(
                    *(locked[row.pk] for row in rows if row),
                    recorded_by="test",
                    now=timezone.now(),
                )
        except Conflict:
            return  # in the trash, or a reply waits for a person
        pair = (self.phones[kept], self.phones[other])
        for phone, brand, word in list(self.said_no):
            if phone in pair and word in PERSONAL:
                self.said_no |= {(each, brand, word) for each in pair}

    @rule(
        number=index, ground=st.sampled_from(["decision", "mistake", "number_checked", "withdrawn"])
    )
    def a_no_is_lifted(self, number: int, ground: str) -> None:
        """By people, with their grounds; what else stands against the number still stands."""
        phone = self.phones[number]
        row = Suppression.objects.filter(phone=phone, lifted_at=None).order_by("-pk").first()
        if row is None or ground not in LIFT_RULES[row.reason].grounds:
            return
        with transaction.atomic():
            suppression_lock_first(row.pk)
            suppression_lift(
                Suppression.objects.select_for_update().get(pk=row.pk),
                ground=ground,
                reason="test",
                document="letter 12",
                consent_event=None,
                actor="user:1",
                action_request_id=None,
                now=timezone.now(),
            )
        books = Books([phone], timezone.now())
        for brand in (0, 1):
            stands = set(books.refused(phone, self.brands[brand].pk))
            if not {"opt_out", "hold"} & stands:
                self.said_no.discard((phone, brand, "opt_out"))
            if row.reason not in stands:
                self.said_no.discard((phone, brand, f"{row.reason}:kept"))

    @rule(number=index, asked=st.booleans())
    def is_erased(self, number: int, asked: bool) -> None:
        """[R-4.9] and comes back, if ever, as somebody who has agreed to nothing."""
        phone, contact = self.phones[number], self.contact(number)
        known = set(contact.send_states.values_list("brand_id", flat=True)) if contact else set()
        with transaction.atomic():
            done = person_erase(
                phone=phone, category="data_subject_request" if asked else "test_data"
            )
        gone = {
            phone,
            *Contact.objects.filter(pk__in=done.contact_ids).values_list("phone", flat=True),
        }
        assert gone <= {phone, None}
        for job in done.job_ids:
            assert erase_work(job)
        for each in [phone, *(self.phones if len(done.contact_ids) > 1 else [])]:
            if not Contact.objects.filter(phone=each).exists():
                self.yes_ends(each)
        for brand in (0, 1):
            if asked and (not known or self.brands[brand].pk in known):
                self.said_no.add((phone, brand, "opt_out" if known else "opt_out:kept"))

    @rule(number=index)
    def goes_back_to_a_former_number(self, number: int) -> None:
        """[R-4.3] a corrected number brings nothing of what was agreed for it before back to life."""
        contact = self.contact(number)
        if contact is None or not self.former:
            return
        back = self.former.pop()
        if back in self.phones or Contact.objects.filter(phone=back).exists():
            return
        with transaction.atomic():
            contact_upsert(
                phone_parse(back),
                contact=contact,
                changes={},
                brand_id=self.brands[0].pk,
                source="test",
            )
        self.number_changed(number, back)

    def number_changed(self, number: int, new: str) -> None:
        """Remember that the contact of this place has another number now."""
        self.former.append(self.phones[number])
        self.yes_ends(self.phones[number])
        self.yes_ends(new)
        self.phones[number] = new

    @rule(pick=st.integers(0, 3))
    def an_import_is_undone(self, pick: int) -> None:
        """It takes back what it brought and touches no "no"."""
        jobs = ImportJob.objects.filter(pk__in=self.jobs, kind="contacts", state="done")
        job = jobs.order_by("-pk")[pick : pick + 1].first()
        if job is None:
            return
        try:
            with transaction.atomic():
                undo_start(job, by=self.world.user, now=timezone.now())
        except Conflict:
            return
        import_work(job.pk)
        job.refresh_from_db()
        assert job.state == "undone"
        for sources in self.said_yes.values():
            sources.discard(f"import:{job.pk}")

    @rule(
        numbers=st.sets(index, min_size=1, max_size=3),
        brand=either,
        word=st.sampled_from(["granted", "revoked", None]),
        blanks=st.booleans(),
    )
    def saved_in_a_batch(
        self, numbers: set[int], brand: int, word: str | None, blanks: bool
    ) -> None:
        consent: dict[str, Any] = {
            "direction": word,
            "method": "web_form",
            "disclosure_text": DISCLOSURE,
            "source_url": "https://acme.example/join",
            "captured_at": (timezone.now() - timedelta(minutes=2)).isoformat(),
        }
        items = [
            {
                "phone": self.phones[number],
                "last_name": "B",
                **({"consent": consent} if word else {}),
            }
            for number in sorted(numbers)
        ]
        payload = {
            "brand_id": self.brands[brand].pk,
            "source": "test",
            "items": items,
            "if_version_missing": "only_fill_blanks" if blanks else "refuse",
        }
        outcome = execute(
            "contacts.batch_upsert", payload, actor=self.actor(), idempotency_key=uuid.uuid4().hex
        )
        if not isinstance(outcome, Done):
            return  # a policy wants a second person
        results: Any = outcome.result
        for item, row in zip(results.items, items, strict=True):
            if item.result == "refused":
                continue
            if word == "granted":
                self.said_yes[row["phone"], brand].add("said")
            elif word == "revoked":
                self.said_no.add((row["phone"], brand, "opt_out"))


__all__ = ["DISCLOSURE", "POOL", "Lifecycle", "either", "index"]
