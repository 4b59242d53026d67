"""contacts.batch_upsert: one result for each, nothing lost between two writers."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connections

from smsmarketing.accounts.models import User
from smsmarketing.contacts.models import ConsentEvent, Contact
from smsmarketing.operations import errors
from tests.campaigns.desk import Desk
from tests.contacts.people import PHONE, consent, contact_make, token, upsert

pytestmark = pytest.mark.django_db(transaction=True)


def batch(desk: Desk, user: User, *items: dict[str, Any], **options: Any) -> Any:
    return desk.call(
        "contacts.batch_upsert",
        user,
        brand_id=desk.world.brand.pk,
        source="shop",
        items=list(items),
        **options,
    )


def test_each_item_has_its_own_result_and_a_refused_one_leaves_nothing(
    desk: Desk, crm: User, ona: Contact
) -> None:
    """[R-8.7], [R-4.1]."""
    rasa = contact_make(desk, crm, "+37069900020", first_name="Rasa")
    before = Contact.objects.count()
    done = batch(
        desk,
        crm,
        {"phone": "+37069900021", "first_name": "Jonas", "consent": consent()},
        {"phone": PHONE, "first_name": "Rasa"},
        {"phone": "abc"},
        {"phone": "+37069900022", "consent": consent(disclosure_text="")},
        {"contact_id": rasa.pk, "base_version_token": token(desk, crm, rasa), "last_name": "B"},
        {"phone": "+37069900021"},
    )
    words = [item.result for item in done.items]
    assert words == ["created", "refused", "refused", "refused", "changed", "refused"]
    assert [item.code for item in done.items[1:4]] == [
        "PRECONDITION_REQUIRED",
        "INVALID_INPUT",
        "CONSENT_INCOMPLETE",
    ]
    assert done.items[5].code == "CONFLICT"
    assert (done.created, done.changed, done.refused) == (1, 1, 4)
    assert Contact.objects.get(pk=ona.pk).first_name == "Ona"
    assert Contact.objects.get(pk=rasa.pk).last_name == "B"
    assert Contact.objects.count() == before + 1
    assert ConsentEvent.objects.count() == 2


def test_all_or_nothing_stores_nothing_when_one_is_refused(desk: Desk, crm: User) -> None:
    before = Contact.objects.count()
    with pytest.raises(errors.InvalidInput) as refused:
        batch(desk, crm, {"phone": "+37069900021"}, {"phone": "abc"}, all_or_nothing=True)
    assert "items.1.phone" in refused.value.field_errors
    assert Contact.objects.count() == before


def test_without_a_token_only_blanks_are_filled(desk: Desk, crm: User, ona: Contact) -> None:
    item = {
        "phone": PHONE,
        "first_name": "Rasa",
        "last_name": "B",
        "tags": ["new"],
        "custom": {"size": "L"},
        "clear_fields": ["language"],
    }
    done = batch(desk, crm, item, if_version_missing="only_fill_blanks")
    assert sorted(done.items[0].changed) == ["custom", "last_name", "tags"]
    row = Contact.objects.get(pk=ona.pk)
    assert (row.first_name, row.last_name, sorted(row.tags)) == ("Ona", "B", ["new", "vip"])


def test_an_opted_out_person_stays_so(desk: Desk, crm: User, ona: Contact) -> None:
    """[R-2.16]."""
    desk.call("contacts.opt_out", crm, contact_id=ona.pk, message="STOP")
    at = token(desk, crm, ona)
    batch(desk, crm, {"phone": PHONE, "base_version_token": at, "consent": consent()})
    shown = desk.call("contacts.get", crm, contact_id=ona.pk)
    assert shown.contact.sendable_for == []


def test_two_batches_of_the_same_people_in_opposite_order_lose_no_write(
    desk: Desk, crm: User
) -> None:
    """Two writers with the same token: one of them is refused, never overwritten [R-8.7]."""
    phones = [f"+370699003{number:02d}" for number in range(20)]
    made = [upsert(desk, crm, phone=phone).details for phone in phones]
    results: list[Any] = []

    def write(field: str, order: int) -> None:
        try:
            items = [
                {
                    "contact_id": details.contact.contact_id,
                    "base_version_token": details.base_version_token,
                    field: "X",
                }
                for details in made[::order]
            ] + [{"phone": f"+370699004{number:02d}", field: "X"} for number in range(20)[::order]]
            results.append(batch(desk, crm, *items))
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=write, args=args) for args in (("first_name", 1), ("last_name", -1))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    changed = [sum(item.result == "changed" for item in result.items) for result in results]
    assert sum(changed) == 20
    for row in Contact.objects.filter(phone__in=phones):
        assert [row.first_name, row.last_name].count("X") == 1
        assert row.version == 2
