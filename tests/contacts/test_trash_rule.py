"""One rule for the trash (docs/adr/0046): people put a contact there, and only people take it out."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.contacts.models import Audience, Contact, Segment
from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.selectors.tags import segments_with_tag
from smsmarketing.contacts.services.double_opt_in import Visit
from smsmarketing.contacts.services.imports import (
    ImportOptions,
    import_create,
    import_start,
    import_work,
    upload_store,
)
from smsmarketing.contacts.services.opt_in_forms import form_submit
from tests.campaigns.desk import Desk, desk_make
from tests.contacts.people import PHONE, consent, crm_make, reason, token, trash, upsert
from tests.parity.conftest import opt_in_form

pytestmark = pytest.mark.django_db(transaction=True)


def by_upsert(desk: Desk, crm: User, ona: Contact) -> Any:
    at = token(desk, crm, ona)
    done = upsert(desk, crm, phone=PHONE, base_version_token=at, last_name="B", consent=consent())
    assert done.in_trash


def by_batch(desk: Desk, crm: User, ona: Contact) -> Any:
    item = {"phone": PHONE, "last_name": "B", "consent": consent()}
    done = desk.call(
        "contacts.batch_upsert",
        crm,
        brand_id=desk.world.brand.pk,
        source="shop",
        items=[item],
        if_version_missing="only_fill_blanks",
    )
    assert done.items[0].in_trash
    assert done.items[0].result == "changed"


def by_import(desk: Desk, crm: User, ona: Contact) -> Any:
    job = import_create(
        upload_store([f"phone,last_name\n{PHONE},B\n".encode()], file_name="a.csv", user=crm),
        kind="contacts",
        brand=desk.world.brand,
        created_by=crm,
        options=ImportOptions(),
    )
    with transaction.atomic():
        import_start(job)
    import_work(job.pk)


def by_another_team(desk: Desk, crm: User, ona: Contact) -> Any:
    rival = desk_make(contacts=0)
    done = upsert(rival, crm_make(rival, "rita"), phone=PHONE, last_name="B", consent=consent())
    assert done.in_trash
    assert done.details.contact.sendable_for == []


@pytest.mark.parametrize("way", [by_upsert, by_batch, by_import, by_another_team])
def test_programs_and_files_store_what_they_bring_and_leave_the_contact_there(
    desk: Desk, crm: User, ona: Contact, way: Any
) -> None:
    trash(desk, crm, ona)
    way(desk, crm, ona)
    row = Contact.objects.get(pk=ona.pk)
    assert (row.last_name, row.trashed_at is None) == ("B", False)
    assert reason_of(desk, ona) == "trashed"
    desk.call("contacts.restore", crm, contact_id=ona.pk, base_version_token=token(desk, crm, ona))
    assert reason_of(desk, ona) is None


def reason_of(desk: Desk, contact: Contact) -> str | None:
    return contact.send_states.get(brand=desk.world.brand).marketing_reason


def test_the_person_takes_themselves_out_with_an_opt_in_form(
    desk: Desk, crm: User, ona: Contact
) -> None:
    trash(desk, crm, ona)
    version = opt_in_form(desk).versions.get()
    version.double_opt_in = False
    assert submit(version) == "recorded"
    assert Contact.objects.get(pk=ona.pk).trashed_at is None
    assert reason(ona) is None


def submit(version: Any) -> str:
    visit = Visit(source_url="https://acme.example/join", ip="", user_agent="", asked_by="form")
    return str(form_submit(version, phone_parse(PHONE), visit=visit, details={}))


def test_a_rename_tells_of_every_segment_in_use_that_names_the_tag(desk: Desk, crm: User) -> None:
    now = timezone.now()
    for name, criteria, archived in (
        ("one", {"tag": "vip"}, None),
        ("all", {"any": [{"all_tags": ["b2b", "vip"]}, {"not": {"tag": ["x"]}}]}, None),
        ("away", {"tag": ["vip"]}, now),
        ("other", {"all_tags": ["b2b"]}, None),
    ):
        Segment.objects.create(
            team=desk.world.team,
            brand=desk.world.brand,
            name=name,
            criteria=criteria,
            created_by=crm,
            created_at=now,
            archived_at=archived,
        )
    assert segments_with_tag([desk.world.team.pk], "vip") == ["all", "one"]


def test_the_segment_builder_offers_no_archived_list(desk: Desk) -> None:
    from smsmarketing.campaigns.admin.segment_choices import choices_of

    offered = choices_of(desk.actor(desk.marketer))["audiences"]
    assert desk.audience.pk in [row["id"] for row in offered]
    Audience.objects.filter(pk=desk.audience.pk).update(archived_at=timezone.now())
    assert choices_of(desk.actor(desk.marketer))["audiences"] == []
