"""No operation that reads gives out a full number, whatever the caller may do; contacts.reveal alone does,
for a reason [R-4.12].
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.contacts.models import Contact, ContactEvent
from smsmarketing.contacts.services import suppression_add
from smsmarketing.contacts.services.imports import import_work
from smsmarketing.operations import registry
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.types import Actor, Done
from tests.campaigns.desk import Desk
from tests.gateways.test_webhooks_inbound import write
from tests.parity.conftest import Valid, keys

pytestmark = pytest.mark.django_db

READS = keys(lambda operation: not operation.writes and operation.key != "contacts.reveal")
RIGHT = "contacts.phone_view"


@pytest.fixture
def person(desk: Desk) -> Contact:
    """Somebody whose number stands in every text that others write."""
    contact = Contact.objects.filter(send_states__brand=desk.world.brand).earliest("pk")
    number = str(contact.phone)
    contact.first_name, contact.last_name = number, f"Tel {number[1:]}"
    contact.customer_key, contact.customer_group = number, f"group {number}"
    contact.tags, contact.source = [f"tag {number}"], f"shop {number}"
    contact.custom = {"second": number, "note": f"call {number[:4]} {number[4:7]} {number[7:]}"}
    contact.crm_keys = {"crm": number[1:]}
    contact.save()
    return contact


@pytest.fixture
def seeded(
    desk: Desk, chief: User, person: Contact, tmp_path: Path, settings: Any
) -> dict[str, Any]:
    """Opt-outs, replies, messages, events and imports of that person; what lists of them need."""
    settings.MEDIA_ROOT = tmp_path
    world, number, now = desk.world, str(person.phone), timezone.now()
    world.batch([person])
    write(world, number, f"Please call {number} or 00{number[1:]}")
    with transaction.atomic():
        block = suppression_add(
            phone=number,
            scope="brand",
            brand=world.brand,
            reason="opt_out",
            source="inbound",
            evidence={"text": f"STOP {number}", "note": number},
        )
    ContactEvent.objects.create(
        team=world.team,
        source=f"shop {number}",
        contact=person,
        kind="order",
        external_id=number,
        occurred_at=now,
        updated_at=now,
        properties={"state": "paid", "phone": number, "lines": [{"to": number[1:]}]},
        recorded_at=now,
    )
    preview = desk.call(
        "imports.preview",
        chief,
        csv_text=f"phone,first_name\n{number},A\n{number},B\n{number[:6]},C\n",
        brand_id=world.brand.pk,
    )
    import_work(preview.import_id)
    return {
        "contact_id": person.pk,
        "suppression_id": block.pk,
        "import_id": preview.import_id,
        "phone": number,
    }


def shown_by(actor: Actor, key: str, payload: dict[str, Any]) -> str:
    try:
        outcome = execute(key, payload, actor=actor)
    except OperationError as error:
        return json.dumps(error.envelope())
    assert isinstance(outcome, Done)
    return str(outcome.result.model_dump_json())


@pytest.mark.parametrize("able", [True, False])
def test_no_read_gives_a_full_number(
    desk: Desk, chief: User, valid: Valid, seeded: dict[str, Any], able: bool
) -> None:
    """Every read, preview and status, as somebody with and without the right to see numbers."""
    actor = desk.actor(chief)
    rights = actor.permissions if able else actor.permissions - {RIGHT}
    assert (RIGHT in rights) is able
    actor = replace(actor, permissions=rights)
    numbers = {str(phone)[-8:] for phone in Contact.objects.values_list("phone", flat=True)}
    answered = 0
    leaks: dict[str, list[str]] = {}
    for key in READS:
        fields = registry.get(key).input.model_fields
        payload = valid(key)
        tries = [payload, {**payload, **{name: seeded[name] for name in fields if name in seeded}}]
        tries += [{**payload, name: seeded[name]} for name in fields if name in seeded]
        for attempt in tries:
            text = shown_by(actor, key, attempt)
            answered += '"error"' not in text[:9]
            found = [number for number in numbers if number in text]
            if found:
                leaks[key] = [text[text.index(n) - 80 : text.index(n) + 20] for n in found]
    assert not leaks, json.dumps(leaks, indent=1)
    assert answered >= 40


def test_the_number_is_there_for_who_asks_with_a_reason(
    desk: Desk, chief: User, person: Contact
) -> None:
    payload = {"contact_ids": [person.pk], "reason": "Ticket 4711, call back"}
    assert str(person.phone) in shown_by(desk.actor(chief), "contacts.reveal", payload)
