"""Trash and restore: out of everything at once, back as it was, and never a way around a "no"."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from smsmarketing.accounts.models import User
from smsmarketing.contacts.models import Contact, Suppression
from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.services import contact_upsert, suppression_add
from smsmarketing.operations import errors
from tests.campaigns.desk import Desk, desk_make
from tests.contacts.people import PHONE, reason, token, trash, upsert

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_deleted_contact_is_out_of_search_counts_and_plans_at_once(
    desk: Desk, crm: User, ona: Contact
) -> None:
    desk.call("audiences.add_contacts", crm, audience_id=desk.audience.pk, contact_ids=[ona.pk])
    preview = {
        "brand_id": desk.world.brand.pk,
        "gateway_id": desk.world.gateway.pk,
        "sender_id": desk.world.sender.pk,
        "criteria": {"audience": desk.audience.pk},
    }
    assert desk.call("segments.preview", **preview).matched == 4
    done = trash(desk, crm, ona)
    assert "contacts.restore" in done.next_step
    assert reason(ona) == "trashed"
    assert desk.call("segments.preview", **preview).matched == 3
    (listed,) = desk.call("audiences.list").items
    assert (listed.members, listed.sendable) == (3, 3)
    assert desk.call("contacts.search", crm, phone=PHONE).items == []
    found = desk.call("contacts.search", crm, phone=PHONE, in_trash=True).items
    assert [item.contact_id for item in found] == [ona.pk]
    shown = desk.call("contacts.get", crm, contact_id=ona.pk)
    assert shown.trashed_at
    assert shown.erased_after > shown.trashed_at


def test_restore_brings_everything_back(desk: Desk, crm: User, ona: Contact) -> None:
    trash(desk, crm, ona)
    at = token(desk, crm, ona)
    back = desk.call("contacts.restore", crm, contact_id=ona.pk, base_version_token=at)
    assert back.contact.sendable_for == [desk.world.brand.pk]
    assert back.contact.tags == ["vip"]
    assert back.trashed_at is None


def test_delete_and_restore_need_the_current_token_and_the_right_state(
    desk: Desk, crm: User, ona: Contact
) -> None:
    """[R-8.7] refusals change nothing."""
    old = token(desk, crm, ona)
    with pytest.raises(errors.PreconditionRequired):
        desk.call("contacts.delete", crm, contact_id=ona.pk)
    with pytest.raises(errors.Conflict):
        desk.call("contacts.restore", crm, contact_id=ona.pk, base_version_token=old)
    desk.call("contacts.opt_out", crm, contact_id=ona.pk, message="STOP")
    with pytest.raises(errors.VersionConflict):
        desk.call("contacts.delete", crm, contact_id=ona.pk, base_version_token=old)
    assert Contact.objects.get(pk=ona.pk).trashed_at is None
    assert reason(ona) == "opted_out"
    trash(desk, crm, ona)
    with pytest.raises(errors.Conflict):
        trash(desk, crm, ona)


def test_a_person_of_another_team_too_is_not_taken_away(
    desk: Desk, crm: User, ona: Contact
) -> None:
    other = desk_make(contacts=0)
    with transaction.atomic():
        contact_upsert(phone_parse(PHONE), changes={}, brand_id=other.world.brand.pk, source="x")
    with pytest.raises(errors.NotPermitted) as refused:
        trash(desk, crm, ona)
    assert "every team" in refused.value.message
    assert Contact.objects.get(pk=ona.pk).trashed_at is None


def test_coming_back_from_the_trash_takes_no_opt_out_away(
    desk: Desk, crm: User, ona: Contact
) -> None:
    """[R-2.16] neither the trash nor coming back from it makes an opted-out person sendable."""
    trash(desk, crm, ona)
    with transaction.atomic():
        suppression_add(
            phone=PHONE,
            scope="brand",
            reason="opt_out",
            source="inbound",
            evidence={},
            brand=desk.world.brand,
        )
    back = desk.call(
        "contacts.restore", crm, contact_id=ona.pk, base_version_token=token(desk, crm, ona)
    )
    assert back.contact.not_sendable == {desk.world.brand.pk: "opted_out"}
    assert Suppression.objects.filter(lifted_at=None).count() == 1


def test_fields_are_emptied_and_tags_taken_away_only_by_name(
    desk: Desk, crm: User, ona: Contact
) -> None:
    at = token(desk, crm, ona)
    done = upsert(
        desk,
        crm,
        contact_id=ona.pk,
        base_version_token=at,
        clear_fields=["first_name"],
        remove_tags=["vip"],
        last_name=None,
    )
    assert done.changed == ["first_name", "tags"]
    row = Contact.objects.get(pk=ona.pk)
    assert (row.first_name, row.tags) == ("", [])


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"first_name": "Rasa", "clear_fields": ["first_name"]}, "clear_fields"),
        ({"add_tags": ["a"], "remove_tags": ["a"]}, "remove_tags"),
    ],
)
def test_two_opposite_wishes_are_refused(
    desk: Desk, crm: User, ona: Contact, asked: dict[str, Any], field: str
) -> None:
    at = token(desk, crm, ona)
    with pytest.raises(errors.InvalidInput) as refused:
        upsert(desk, crm, contact_id=ona.pk, base_version_token=at, **asked)
    assert field in refused.value.field_errors
    row = Contact.objects.get(pk=ona.pk)
    assert (row.first_name, row.tags) == ("Ona", ["vip"])
