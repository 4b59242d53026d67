"""The words of a lift may only lose what names an erased person [R-4.9]; all else is kept [R-2.16]."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.contacts.models import Contact, EraseJob, Suppression, SuppressionLift
from smsmarketing.contacts.services import suppression_add
from smsmarketing.contacts.services.erasing import erase_work, person_erase
from smsmarketing.contacts.services.erasing.free_text import ERASED
from tests.campaigns.desk import Desk
from tests.contacts.people import PHONE, contact_make

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "K1234"


@pytest.fixture
def contact(desk: Desk, crm: User) -> Contact:
    return contact_make(desk, crm, PHONE, customer_key=KEY)


def lift_make(desk: Desk, **words: Any) -> SuppressionLift:
    now = timezone.now()
    with transaction.atomic():
        suppression_add(
            phone=PHONE,
            scope="brand",
            brand=desk.world.brand,
            reason="complaint",
            source="admin",
            evidence={},
        )
    row = Suppression.objects.get()
    Suppression.objects.update(lifted_at=now)
    return SuppressionLift.objects.create(
        suppression=row, actor="user:1", ground="decision", created_at=now, **words
    )


def test_an_erasure_takes_the_number_out_of_a_lift_and_keeps_the_lift(
    desk: Desk, contact: Contact
) -> None:
    lift = lift_make(desk, reason=f"100% sure: {PHONE} rang_us \\ twice", document=f"mail {KEY}")
    before = SuppressionLift.objects.values().get()
    with transaction.atomic():
        person_erase(contact=contact, category="data_subject_request")
    assert erase_work(EraseJob.objects.get().pk)
    lift.refresh_from_db()
    assert (lift.reason, lift.document) == (
        f"100% sure: {ERASED} rang_us \\ twice",
        f"mail {ERASED}",
    )
    kept = SuppressionLift.objects.values().get()
    assert {name for name in kept if kept[name] != before[name]} == {"reason", "document"}


def test_a_text_that_grows_by_it_is_cut_to_its_column(desk: Desk, contact: Contact) -> None:
    """The word is longer than a short key; an erasure must not stop at it."""
    lift_make(desk, reason=f"{KEY} " * 48 + f"so {KEY}.", document=f"{'x' * 294} {KEY}")
    with transaction.atomic():
        person_erase(contact=contact, category="data_subject_request")
    assert erase_work(EraseJob.objects.get().pk)
    lift = SuppressionLift.objects.get()
    assert lift.reason == f"{ERASED} " * 33
    assert lift.document == f"{'x' * 294} "


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "She said yes"},
        {"reason": f"She {ERASED} yes"},
        {"reason": "She said no and more"},
        {"reason": "She s%"},
        {"reason": "She said n_"},
        {"document": f"other {ERASED}"},
        {"actor": "user:2"},
        {"ground": "mistake"},
        {"reason": f"{ERASED} no", "ground": "mistake"},
        {"created_at": timezone.now()},
    ],
)
def test_nothing_else_of_a_lift_can_be_changed(desk: Desk, change: dict[str, Any]) -> None:
    lift_make(desk, reason="She said no", document="letter 7")
    before = SuppressionLift.objects.values().get()
    with pytest.raises(DatabaseError, match="its rows are kept"), transaction.atomic():
        SuppressionLift.objects.update(**change)
    with pytest.raises(DatabaseError, match="its rows are kept"), transaction.atomic():
        SuppressionLift.objects.all()._raw_delete("default")
    assert SuppressionLift.objects.values().get() == before
