"""Lists joined and left, tags and fields: told once, with who did it; by indexes, in pages that hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as configured
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from smsmarketing.accounts.models import Brand, User
from smsmarketing.accounts.selectors import actor_for_token
from smsmarketing.accounts.services import token_create
from smsmarketing.contacts.models import (
    AudienceMember,
    Contact,
    ContactChange,
    FormerMember,
    ImportJob,
    ImportUndo,
)
from smsmarketing.contacts.rules.changes import Difference, difference
from smsmarketing.contacts.selectors.numbers import person_of
from smsmarketing.contacts.selectors.timeline import timeline
from smsmarketing.contacts.services import audience_save
from smsmarketing.contacts.services.erasing import person_erase
from smsmarketing.contacts.services.imports import imports_expire
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.types import Actor, Done, Surface
from tests.campaigns.desk import Desk
from tests.contacts.people import contact_make, token, upsert
from tests.contacts.test_imports import A, B, bring, private_folder
from tests.contacts.test_imports_undo import undo

__all__ = ["bring", "private_folder"]
pytestmark = pytest.mark.django_db
Told = list[tuple[str, str]]
OFTEN = {
    *("contacts_audiencemember", "contacts_formermember", "contacts_contactchange"),
    *("contacts_consentevent", "contacts_contactevent", "contacts_doubleoptin"),
    *("contacts_formernumber", "contacts_importundo", "contacts_importjob", "contacts_contact"),
    *("contacts_suppression", "contacts_suppressionlift", "operations_auditentry"),
    *("gateways_message", "gateways_inboundmessage", "contacts_erasejob"),
}
"""Tables that grow with the people, their messages and the acts."""


def told(desk: Desk, user: User, contact: Contact, *kinds: str) -> Told:
    page = desk.call("contacts.timeline", user, contact_id=contact.pk, kinds=list(kinds), limit=100)
    return [(item.sentence.text, item.who) for item in page.items]


def change(desk: Desk, crm: User, contact: Contact, **payload: Any) -> None:
    at = token(desk, crm, contact)
    upsert(desk, crm, contact_id=contact.pk, base_version_token=at, **payload)


def by_token(desk: Desk, crm: User, name: str, *, agent: bool) -> Actor:
    """What a program or an agent is for the operations."""
    row, _ = token_create(
        crm,
        name=name,
        scopes=["sms:contacts.read", "sms:contacts.write"],
        expires_in=timedelta(days=1),
        now=timezone.now(),
        for_agent=agent,
    )
    return actor_for_token(row, surface=Surface.MCP if agent else Surface.REST, request_id="r")


def test_lists_are_joined_and_left_by_somebody(desk: Desk, crm: User, ona: Contact) -> None:
    """By a person, a program and an agent; twice is told twice, what changes nothing is not told."""
    where = {"audience_id": desk.audience.pk, "contact_ids": [ona.pk]}
    program = by_token(desk, crm, "shop-sync", agent=False)
    agent = by_token(desk, crm, "helper", agent=True)
    desk.call("audiences.add_contacts", crm, **where)
    desk.call("audiences.add_contacts", crm, **where)
    for number, (key, actor) in enumerate(
        (
            ("audiences.remove_contacts", program),
            ("audiences.remove_contacts", program),
            ("audiences.add_contacts", agent),
        )
    ):
        assert isinstance(
            execute(key, where, actor=actor, idempotency_key=f"story-of-a-list-{number}"), Done
        )
    name = crm.get_username()
    assert told(desk, crm, ona, "list", "list_left") == [
        ("Came onto the list Readers.", f"{name} (agent helper)"),
        ("Left the list Readers.", f"{name} (program shop-sync)"),
        ("Came onto the list Readers.", name),
    ]
    (row,) = FormerMember.objects.all()
    assert row.left_at >= row.added_at
    client = Client()
    client.force_login(crm, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(reverse("admin:contacts_contact_change", args=[ona.pk])).content.decode()
    assert "Left the list Readers." in page
    assert f"{name} (program shop-sync)" in page


def test_tags_and_fields_are_told_by_name_and_never_their_values(
    desk: Desk, crm: User, ona: Contact
) -> None:
    """[R-8.15] who could read what somebody was called before would read it after the erasure too."""
    field = {"brand_id": desk.world.brand.pk, "name": "size", "type": "text"}
    desk.call("contacts.custom_fields.save", crm, **field)
    change(desk, crm, ona, first_name="Onute", custom={"size": "XXL"}, add_tags=["gold", "eu"])
    change(desk, crm, ona, remove_tags=["vip", "gold"])
    change(desk, crm, ona, first_name="Onute", add_tags=["eu"])
    desk.call("tags.rename", crm, tag="eu", new_tag="europe")
    name = crm.get_username()
    found = told(desk, crm, ona, "detail", "change")
    assert found[:3] == [
        ("Tag \u201ceurope\u201d added; tag \u201ceu\u201d removed (the tag was renamed).", name),
        ("Tags \u201cvip\u201d, \u201cgold\u201d removed.", name),
        (
            "Details were changed (first name, size); tags \u201cgold\u201d, \u201ceu\u201d added.",
            name,
        ),
    ]
    assert len(found) == 4
    assert "XXL" not in json.dumps(found)
    assert "Onute" not in json.dumps(found)


def test_a_merge_tells_what_it_took_over(desk: Desk, crm: User, ona: Contact) -> None:
    other = contact_make(desk, crm, "+37069900055", language="lt", tags=["new"])
    where = {"audience_id": desk.audience.pk, "contact_ids": [other.pk]}
    desk.call("audiences.add_contacts", crm, **where)
    desk.call(
        "contacts.merge",
        crm,
        contact_id=ona.pk,
        other_contact_id=other.pk,
        base_version_token=token(desk, crm, ona),
        other_version_token=token(desk, crm, other),
    )
    found = [text for text, _ in told(desk, crm, ona, "detail", "list")]
    assert found[0].startswith(
        "Details were changed (language); tag \u201cnew\u201d added, taken over"
    )
    assert found.count("Came onto the list Readers.") == 1
    with transaction.atomic():
        person_erase(contact=ona, category="data_subject_request")
    assert not ContactChange.objects.exists()
    assert not FormerMember.objects.exists()


def test_imports_stay_told_when_they_are_undone_or_too_old_to_be(
    bring: Callable[..., ImportJob],
    make_contact: Callable[..., Contact],
    brand: Brand,
    user: User,
    actor: Actor,
) -> None:
    ana, bernd = make_contact(A, first_name="Ana"), make_contact(B)
    audience = audience_save(team_id=brand.team_id, brand=brand, name="Spring")
    mapping = {"phone": "phone", "first": "first_name", "points": "custom:points"}
    text = f"phone,first,points\n{A},Anna,7\n{B},Bernd,\n"
    old = bring(text, mapping=mapping, options={"tags": ["sale"]})

    def said(contact: Contact, *kinds: str) -> list[str]:
        found = timeline(actor, person_of(contact), kinds=kinds, mark=None, limit=100)
        return [entry.sentence for entry in found]

    before = said(ana, "import")
    (sentence,) = before
    assert "changed first name, points; tag \u201csale\u201d added." in sentence
    late = timezone.now() + timedelta(days=configured.IMPORT_UNDO_DAYS + 1)
    imports_expire(now=late)
    old.refresh_from_db()
    assert (old.bounds, ImportUndo.objects.count()) == ({}, 0)
    assert said(ana, "import") == before
    assert len(said(ana, "detail")) == 1
    assert "first name" in said(bernd, "import")[0]
    new = bring(f"phone,first,points\n{A},Anne,\n", mapping=mapping, audience=audience)
    undo(new, user)
    assert not AudienceMember.objects.filter(contact=ana).exists()
    assert "undone on" in said(ana, "import")[0]
    assert len(said(ana, "import")) == 2
    assert said(ana, "detail")[0] == "Details were changed (first name) (an import was undone)."
    assert said(ana, "list_left") == [f"Left the list Spring: import {new.pk} was undone."]
    assert said(ana, "list") == ["Came onto the list Spring."]


def test_pages_hold_while_new_entries_come_and_a_list_is_left(
    desk: Desk, crm: User, ona: Contact
) -> None:
    """Nothing twice and nothing lost of what was there when the first page was read."""
    where = {"audience_id": desk.audience.pk, "contact_ids": [ona.pk]}
    desk.call("audiences.add_contacts", crm, **where)
    for number in range(4):
        change(desk, crm, ona, add_tags=[f"t{number}"])
    whole = desk.call("contacts.timeline", crm, contact_id=ona.pk, limit=100).items
    found: list[Any] = []
    cursor = None
    for number in range(100):
        page = desk.call("contacts.timeline", crm, contact_id=ona.pk, limit=1, cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if number == 1:
            desk.call("audiences.remove_contacts", crm, **where)
            change(desk, crm, ona, add_tags=["late"])
            desk.call("contacts.opt_out", crm, contact_id=ona.pk)
        if cursor is None:
            break
    assert [(i.kind, i.entry_id) for i in found] == [(i.kind, i.entry_id) for i in whole]


PLAIN = {
    "text": "''",
    **dict.fromkeys(("bigint", "integer"), "n"),
    **dict.fromkeys(("smallint", "numeric"), "1"),
    "boolean": "FALSE",
    "timestamp with time zone": "now() - make_interval(secs => n)",
    "jsonb": "'{}'",
    "bytea": "sha256(n::text::bytea)",
    "uuid": "gen_random_uuid()",
    "ARRAY": "'{}'",
}
WORDS = {
    "state": "'done'",
    "brand_id": "%(brand)s",
    "team_id": "%(team)s",
    "contact_id": "n",
    "evidence_file_id": "gen_random_uuid()",
}
ROWS = 3000


def fill(table: str, named: dict[str, int]) -> None:
    """Rows of as many contacts, each with what its columns need."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type, character_maximum_length"
            " FROM information_schema.columns WHERE table_name = %s AND is_identity = 'NO' AND (column_name = ANY(%s)"
            " OR is_nullable = 'NO' AND column_default IS NULL)",
            [table, list(WORDS)],
        )
        columns = {
            name: WORDS.get(name, f"right(n::text, {most})" if most else PLAIN[kind])
            for name, kind, most in cursor.fetchall()
        }
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = %s::regclass",
            [table],
        )
        for (name,) in cursor.fetchall():  # until the end of the test
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        columns |= {
            "contacts_contact": {"phone": "'+1' || n"},
            "contacts_consentevent": {"direction": "'granted'"},
            "contacts_suppression": {"scope": "'global'", "brand_id": "NULL", "reason": "'manual'"},
            "contacts_doubleoptin": {"state": "'confirmed'"},
            "gateways_message": {"state": "'delivered'", "batch_id": "%(batch)s"},
        }.get(table, {})
        names = ", ".join(f'"{name}"' for name in columns)
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {', '.join(columns.values())}"
            f" FROM generate_series(1000001, {1_000_000 + ROWS}) n",
            named,
        )
        cursor.execute(f"ANALYZE {table}")


def test_every_source_reads_an_index(desk: Desk, crm: User, ona: Contact) -> None:
    """Whatever is asked of a table that grows with people, messages or acts."""
    world = desk.world
    with transaction.atomic():
        batch = world.batch([ona])
    with connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL session_replication_role = replica"
        )  # no foreign keys, no triggers
        for table in sorted(OFTEN):
            fill(table, {"brand": world.brand.pk, "team": world.team.pk, "batch": batch.pk})
        cursor.execute("SET LOCAL session_replication_role = origin")
    ImportUndo.objects.create(job_id=1000001, contact_id=ona.pk, changes={})
    person = person_of(ona)
    kinds = ["change", "consent", "detail", "event", "import", "lift", "list", "list_left"]
    kinds += ["message", "number", "opt_in", "opt_out", "reply"]
    with CaptureQueriesContext(connection) as caught:
        person_of(ona)
        for kind in kinds:
            timeline(desk.actor(crm), person, kinds=[kind], mark=None, limit=26)
    plans = []
    for query in caught.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + query["sql"].replace("%", "%%"))
            plans.append("\n".join(row[0] for row in cursor.fetchall()))
    whole = "\n\n".join(plans)
    assert set(re.findall(r"Seq Scan on (\w+)", whole)) & OFTEN == set(), whole
    indexed = set(re.findall(r"(?:Index[\w ]* using \w+|Bitmap Heap Scan) on (\w+)", whole))
    assert indexed >= OFTEN, (OFTEN - indexed, whole)


def test_a_difference_names_what_differs() -> None:
    empty = dict.fromkeys(
        ("first_name", "last_name", "language", "region", "time_zone", "customer_key"), ""
    )
    was = {
        **empty,
        "customer_group": "",
        "custom": {"a": 1, "b": None},
        "crm_keys": {},
        "tags": ["x"],
    }
    now = {**was, "language": "lt", "custom": {"a": 2}, "crm_keys": {"shop": "7"}, "tags": ["y"]}
    assert difference(was, was) == Difference()
    assert difference(was, now) == Difference(
        fields=("language", "custom.a", "custom.b", "crm_keys.shop"),
        tags_added=("y",),
        tags_removed=("x",),
    )
