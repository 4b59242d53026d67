"""Who is on a list, putting lists away, and tags: one result for each, and nothing for strangers."""

from __future__ import annotations

import pytest
from django.db import transaction

from smsmarketing.accounts.models import Role, User
from smsmarketing.contacts.models import AudienceMember, Contact
from smsmarketing.contacts.services.tags import tag_rename
from smsmarketing.contacts.tasks import tag_rename_task
from smsmarketing.operations import errors
from smsmarketing.operations.types import Held
from tests.campaigns.desk import Desk, desk_make
from tests.contacts.people import token, trash, upsert

pytestmark = pytest.mark.django_db(transaction=True)


def members(desk: Desk) -> set[int]:
    rows = AudienceMember.objects.filter(audience=desk.audience)
    return set(rows.values_list("contact_id", flat=True))


def test_each_that_is_named_has_its_own_result(desk: Desk, crm: User, ona: Contact) -> None:
    keyed = upsert(desk, crm, phone="+37069900012", customer_key="k-1").details.contact
    upsert(desk, crm, phone="+37069900013", customer_key="twice")
    upsert(desk, crm, phone="+37069900014", customer_key="twice")
    before = members(desk)
    done = desk.call(
        "audiences.add_contacts",
        crm,
        audience_id=desk.audience.pk,
        contact_ids=[ona.pk, min(before), 999_999],
        phones=["+370 699 00011", "nonsense"],
        customer_keys=["k-1", "twice", "never"],
    )
    assert [item.result for item in done.items] == [
        *("added", "unchanged", "not_found"),
        *("unchanged", "unreadable"),
        *("added", "ambiguous", "not_found"),
    ]
    assert (done.changed, done.unchanged, done.refused) == (2, 2, 4)
    assert members(desk) == before | {ona.pk, keyed.contact_id}
    back = desk.call(
        "audiences.remove_contacts",
        crm,
        audience_id=desk.audience.pk,
        contact_ids=[ona.pk, ona.pk],
        customer_keys=["k-1"],
    )
    assert [item.result for item in back.items] == ["removed", "unchanged", "removed"]
    assert members(desk) == before


def test_a_page_of_members_and_the_groups_of_one(desk: Desk, crm: User, ona: Contact) -> None:
    """Seed 001: show which groups a contact belongs to."""
    desk.call("audiences.add_contacts", crm, audience_id=desk.audience.pk, contact_ids=[ona.pk])
    first = desk.call("audiences.get", crm, audience_id=desk.audience.pk, limit=3)
    rest = desk.call(
        "audiences.get", crm, audience_id=desk.audience.pk, limit=3, cursor=first.next_cursor
    )
    assert {item.contact_id for item in (*first.items, *rest.items)} == members(desk)
    assert first.audience.members == 4
    (group,) = desk.call("contacts.get", crm, contact_id=ona.pk).groups
    assert (group.audience_id, group.name) == (desk.audience.pk, "Readers")


def test_nobody_names_strangers_or_a_thousand_and_one(desk: Desk, crm: User, ona: Contact) -> None:
    other = desk_make(contacts=2)
    theirs = sorted(members(other))
    before = members(desk)
    done = desk.call(
        "audiences.add_contacts", crm, audience_id=desk.audience.pk, contact_ids=theirs
    )
    assert {item.result for item in done.items} == {"not_found"}
    with pytest.raises(errors.NotFound):
        desk.call(
            "audiences.add_contacts", crm, audience_id=other.audience.pk, contact_ids=[ona.pk]
        )
    for lists in (
        {},
        {"contact_ids": [1] * 500, "phones": ["+1"] * 0, "customer_keys": ["a"] * 501},
    ):
        with pytest.raises(errors.InvalidInput):
            desk.call("audiences.add_contacts", crm, audience_id=desk.audience.pk, **lists)
    trash(desk, crm, ona)
    done = desk.call(
        "audiences.add_contacts", crm, audience_id=desk.audience.pk, contact_ids=[ona.pk]
    )
    assert [item.result for item in done.items] == ["not_found"]
    assert members(desk) == before


def test_an_archived_list_is_not_offered_and_takes_nobody(
    desk: Desk,
    crm: User,
    ona: Contact,
) -> None:
    """[R-8.7]."""
    (row,) = desk.call("audiences.list", crm).items
    payload = {"audience_id": row.audience_id, "base_version_token": row.base_version_token}
    away = desk.call("audiences.archive", crm, **payload)
    assert away.archived_at
    assert desk.call("audiences.list", crm).items == []
    with pytest.raises(errors.Conflict):
        desk.call("audiences.add_contacts", crm, audience_id=row.audience_id, contact_ids=[ona.pk])
    with pytest.raises(errors.VersionConflict):
        desk.call("audiences.archive", crm, **payload, archived=False)
    assert len(desk.call("audiences.list", crm, archived=True).items) == 1
    payload["base_version_token"] = away.base_version_token
    back = desk.call("audiences.archive", crm, **payload, archived=False)
    assert back.members == 3


def test_tags_are_counted_renamed_and_merged(desk: Desk, crm: User, ona: Contact) -> None:
    upsert(desk, crm, phone="+37069900012", tags=["VIP", "vip"])
    upsert(desk, crm, phone="+37069900013", tags=["VIP"])
    found = {row.tag: row.contacts for row in desk.call("tags.list", crm).items}
    assert found == {"VIP": 2, "vip": 2}
    old = token(desk, crm, ona)
    done = desk.call("tags.rename", crm, tag="vip", new_tag="VIP")
    assert (done.changed, done.remaining, done.merged) == (2, 0, True)
    found = {row.tag: row.contacts for row in desk.call("tags.list", crm).items}
    assert found == {"VIP": 3}
    with pytest.raises(errors.VersionConflict):  # a rename is a change like any other
        upsert(desk, crm, contact_id=ona.pk, base_version_token=old, tags=["vip"])


def test_a_rename_of_nothing_or_of_strangers_is_refused(desk: Desk, crm: User) -> None:
    other = desk_make(contacts=1)
    Contact.objects.filter(pk__in=members(other)).update(tags=["theirs"])
    with pytest.raises(errors.NotFound):
        desk.call("tags.rename", crm, tag="theirs", new_tag="ours")
    with pytest.raises(errors.InvalidInput):
        desk.call("tags.rename", crm, tag="same", new_tag="same")
    assert Contact.objects.filter(tags=["theirs"]).count() == 1


def test_a_large_rename_waits_for_a_person_and_goes_on_in_small_steps() -> None:
    desk = desk_make(contacts=1001)
    user = desk.marketer
    user.roles.add(*Role.objects.filter(key="crm"))
    Contact.objects.update(tags=["old"])
    held = desk.ask("tags.rename", user, tag="old", new_tag="new")
    assert isinstance(held, Held)
    assert held.policies == ("tags-rename-large",)
    brands = [desk.world.brand.pk]
    with transaction.atomic():
        assert tag_rename("old", "new", brand_ids=brands) == 500
    tag_rename_task("old", "new", brands)
    assert Contact.objects.filter(tags=["new"]).count() == 1001
