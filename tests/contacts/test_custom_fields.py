"""Custom field definitions: one form for every value, wherever it comes in; nothing stored is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from smsmarketing.accounts.models import Brand, Role, Team, User
from smsmarketing.contacts.models import Contact, CustomField, ImportJob
from smsmarketing.contacts.rules.custom_values import (
    FITS_SQL,
    TYPES,
    Declared,
    ValueRefused,
    value_read,
)
from smsmarketing.contacts.services.imports import (
    import_create,
    import_start,
    import_work,
    upload_store,
)
from smsmarketing.operations import errors
from tests.campaigns.desk import Desk, desk_make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=3)


@pytest.fixture
def crm(desk: Desk) -> User:
    user = User.objects.create_user(f"cleo-{desk.world.team.pk}", password=None, is_staff=True)
    user.teams.add(desk.world.team)
    user.roles.set(Role.objects.filter(key="crm"))
    return user


def declare(desk: Desk, user: User, **payload: Any) -> Any:
    content = {"brand_id": desk.world.brand.pk, "type": "number", "name": "points", **payload}
    return desk.call("contacts.custom_fields.save", user, **content)


def change(desk: Desk, user: User, row: Any, **payload: Any) -> Any:
    return desk.call(
        "contacts.custom_fields.save",
        user,
        field_id=row.field_id,
        base_version_token=row.base_version_token,
        **payload,
    )


def upsert(desk: Desk, user: User, contact: Contact, **custom: Any) -> Any:
    got = desk.call("contacts.get", user, contact_id=contact.pk)
    return desk.call(
        "contacts.upsert",
        user,
        brand_id=desk.world.brand.pk,
        contact_id=contact.pk,
        base_version_token=got.base_version_token,
        custom=custom,
        source="test",
    )


def first(desk: Desk) -> Contact:
    return Contact.objects.filter(send_states__brand=desk.world.brand).earliest("pk")


def test_a_declared_field_is_listed_and_changed(desk: Desk, crm: User) -> None:
    row = declare(desk, crm, name="size", type="choice", choices=["S", "M", "L"], label="Size")
    changed = change(desk, crm, row, choices=["S", "M", "L", "XL"], description="Of shirts")
    assert (changed.label, changed.choices, changed.type) == (
        "Size",
        ["S", "M", "L", "XL"],
        "choice",
    )
    archived = change(desk, crm, changed, archived=True)
    assert archived.archived
    listed = desk.call("contacts.custom_fields.list", crm, applies_to="contact").items
    assert [(each.name, each.archived) for each in listed] == [("size", True)]
    with pytest.raises(errors.VersionConflict):
        change(desk, crm, row, archived=False)
    assert not change(desk, crm, archived, archived=False).archived


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"type": None}, "type"),
        ({"name": None}, "name"),
        ({"brand_id": None}, "brand_id"),
        ({"name": "a<b"}, "name"),
        ({"applies_to": "sms_reply"}, "applies_to"),
        ({"applies_to": "Order"}, "applies_to"),
        ({"type": "choice"}, "choices"),
        ({"choices": ["a"]}, "choices"),
        ({"archived": True}, "archived"),
    ],
)
def test_what_cannot_be_declared_is_refused(
    desk: Desk, crm: User, payload: dict[str, Any], field: str
) -> None:
    with pytest.raises((errors.InvalidInput, errors.PreconditionRequired)) as refusal:
        declare(desk, crm, **payload)
    assert field in refusal.value.field_errors
    assert not CustomField.objects.exists()


def test_a_name_is_declared_once_in_a_team_and_place(desk: Desk, crm: User) -> None:
    declare(desk, crm)
    declare(desk, crm, applies_to="order")
    with pytest.raises(errors.Conflict):
        declare(desk, crm)
    assert CustomField.objects.count() == 2


def test_name_and_place_stay(desk: Desk, crm: User) -> None:
    row = declare(desk, crm)
    with pytest.raises(errors.InvalidInput) as refusal:
        change(desk, crm, row, name="marks", applies_to="order")
    assert set(refusal.value.field_errors) == {"name", "applies_to"}
    assert CustomField.objects.get().name == "points"


def test_fields_of_another_team_do_not_exist(desk: Desk, crm: User) -> None:
    rival = Team.objects.create(name="Rival", slug="rival")
    brand = Brand.objects.create(team=rival, name="Rival", name_in_texts="Rival", help_line="STOP")
    row = declare(desk, crm)
    CustomField.objects.update(team=rival)
    assert not desk.call("contacts.custom_fields.list", crm).items
    with pytest.raises(errors.NotFound):
        change(desk, crm, row, archived=True)
    with pytest.raises(errors.NotFound):
        declare(desk, crm, brand_id=brand.pk)
    upsert(desk, crm, first(desk), points="many")  # their declaration is theirs
    assert first(desk).custom["points"] == "many"


def test_values_are_checked_and_brought_into_one_form(desk: Desk, crm: User) -> None:
    declare(desk, crm)
    declare(desk, crm, name="member", type="boolean")
    declare(desk, crm, name="joined", type="date")
    declare(desk, crm, name="size", type="choice", choices=["S", "M"])
    contact = first(desk)
    upsert(desk, crm, contact, points=" 12.50", member="Yes", joined="2026-03-31", size="m", x="y")
    contact.refresh_from_db()
    kept = {name: contact.custom[name] for name in ("points", "member", "joined", "size", "x")}
    assert kept == {"points": 12.5, "member": True, "joined": "2026-03-31", "size": "M", "x": "y"}
    for custom, name in (
        ({"points": "1,250.00"}, "points"),
        ({"member": "perhaps"}, "member"),
        ({"joined": "31.03.2026"}, "joined"),
        ({"size": "XXL"}, "size"),
        ({"a<b": "1"}, ""),
        ({"long": "x" * 501}, "long"),
    ):
        with pytest.raises(errors.InvalidInput) as refusal:
            upsert(desk, crm, contact, **custom)
        assert list(refusal.value.field_errors) == [f"custom.{name}" if name else "custom"]
    contact.refresh_from_db()
    assert {name: contact.custom[name] for name in kept} == kept
    upsert(desk, crm, contact, points=None, size="")
    contact.refresh_from_db()
    assert not {"points", "size"} & set(contact.custom)


def test_an_archived_field_takes_no_new_value(desk: Desk, crm: User) -> None:
    row = declare(desk, crm)
    contact = first(desk)
    upsert(desk, crm, contact, points=3)
    change(desk, crm, row, archived=True)
    with pytest.raises(errors.InvalidInput) as refusal:
        upsert(desk, crm, contact, points=4)
    assert "archived" in refusal.value.field_errors["custom.points"]
    contact.refresh_from_db()
    assert contact.custom["points"] == 3


def test_a_type_is_taken_only_when_all_stored_values_fit(desk: Desk, crm: User) -> None:
    contact = first(desk)
    upsert(desk, crm, contact, points="many")
    with pytest.raises(errors.Conflict) as refusal:
        declare(desk, crm)
    assert refusal.value.details == {"misfits": 1}
    assert not CustomField.objects.exists()
    row = declare(desk, crm, type="text")
    with pytest.raises(errors.Conflict):
        change(desk, crm, row, type="number")
    assert CustomField.objects.get().type == "text"
    upsert(desk, crm, contact, points="12")
    assert change(desk, crm, row, type="number").type == "number"


def test_an_import_reads_declared_fields_by_type(
    desk: Desk, crm: User, tmp_path: Path, settings: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    declare(desk, crm)
    text = "phone,points\n+447400123001,12\n+447400123002,many\n+447400123003,\n"
    job = import_create(
        upload_store([text.encode()], file_name="a.csv", user=crm),
        kind="contacts",
        brand=desk.world.brand,
        created_by=crm,
        mapping={"phone": "phone", "points": "custom:points"},
    )
    with transaction.atomic():
        import_start(job)
    import_work(job.pk)
    job = ImportJob.objects.get(pk=job.pk)
    assert (job.state, job.counts["rejected"]) == ("done", 1)
    reject = job.rejects.get()
    assert (reject.row_number, reject.field, reject.code) == (3, "points", "VALUE")
    assert Contact.objects.get(phone="+447400123001").custom == {"points": 12}
    assert not Contact.objects.filter(phone="+447400123002").exists()
    assert Contact.objects.get(phone="+447400123003").custom == {}


_choices = ("Red", "green", "Straße")
_values = st.one_of(
    st.text(max_size=12),
    st.integers(-(10**17), 10**17),
    st.floats(),
    st.booleans(),
    st.sampled_from(["2026-03-31", "2026-02-30", "2026-03-31T10:00:00+02:00", "yes", "RED", "1.5"]),
)


@settings(max_examples=200, deadline=None)
@given(value=_values, kind=st.sampled_from(TYPES))
def test_what_is_read_fits_and_reads_the_same_again(value: Any, kind: str) -> None:
    """What `value_read` lets in is what the database calls fitting, and reading it again is idle."""
    declared = Declared("x", kind, _choices if kind == "choice" else ())
    try:
        read = value_read(declared, value)
    except ValueRefused:
        return
    if read is None or read == "":
        return
    assert value_read(declared, read) == read
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT " + FITS_SQL[kind] + " FROM (SELECT (jsonb_build_object('x', %(v)s::jsonb)"
            " ->> 'x') AS v) s",
            {
                "v": json.dumps(read),
                "choices": [choice.casefold() for choice in _choices],
            },
        )
        row = cursor.fetchone()
    assert row == (True,)
