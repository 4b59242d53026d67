"""The customer group: written by upsert and import, found by search, cleared by an empty text."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from smsmarketing.accounts.models import Role, User
from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.services.imports import import_work
from smsmarketing.operations import errors
from smsmarketing.operations.versions import version_token
from tests.campaigns.desk import Desk, desk_make

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = "+447400123456"


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=2)


@pytest.fixture
def crm(desk: Desk) -> User:
    user = User.objects.create_user(f"cleo-{desk.world.team.pk}", password=None, is_staff=True)
    user.teams.add(desk.world.team)
    user.roles.set(Role.objects.filter(key__in=["crm", "compliance"]))
    return user


def upsert(desk: Desk, user: User, **payload: Any) -> Any:
    return desk.call(
        "contacts.upsert", user, brand_id=desk.world.brand.pk, source="shop", **payload
    )


def test_a_group_is_set_found_and_taken_away(desk: Desk, crm: User) -> None:
    done = upsert(desk, crm, phone=NUMBER, customer_group="Wholesale")
    assert done.details.contact.customer_group == "Wholesale"
    found = desk.call("contacts.search", crm, customer_group="Wholesale")
    assert [row.contact_id for row in found.items] == [done.details.contact.contact_id]
    assert desk.call("contacts.search", crm, customer_group="wholesale").items == []
    again = upsert(
        desk,
        crm,
        phone=NUMBER,
        base_version_token=done.details.base_version_token,
        first_name="Ana",
    )
    assert again.details.contact.customer_group == "Wholesale"
    cleared = upsert(
        desk,
        crm,
        phone=NUMBER,
        base_version_token=again.details.base_version_token,
        customer_group="",
    )
    assert cleared.changed == ["customer_group"]
    assert cleared.details.contact.customer_group == ""


def test_a_group_that_is_too_long_changes_nothing(desk: Desk, crm: User) -> None:
    contact = Contact.objects.earliest("id")
    with pytest.raises(errors.InvalidInput) as refused:
        upsert(
            desk,
            crm,
            phone=contact.phone,
            base_version_token=version_token(contact, desk.actor(crm)),
            customer_group="x" * 61,
        )
    assert list(refused.value.field_errors) == ["customer_group"]
    contact.refresh_from_db()
    assert (contact.customer_group, contact.version) == ("", 1)


def test_a_file_brings_groups_and_a_blank_cell_keeps_the_present_one(desk: Desk, crm: User) -> None:
    for rows in (f"{NUMBER},VIP\n", f"{NUMBER},\n"):
        checked = desk.call(
            "imports.preview",
            crm,
            csv_text=f"phone,Customer group\n{rows}",
            brand_id=desk.world.brand.pk,
        )
        started = desk.call("imports.start", crm, import_id=checked.import_id)
        import_work(started.import_id)
    contact = Contact.objects.get(phone=NUMBER)
    assert contact.customer_group == "VIP"
    assert contact.created_at <= timezone.now()
