"""The pages about duplicates: found, compared, merged, and explained afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from smsmarketing.accounts.models import User
from smsmarketing.contacts.models import Contact
from tests.campaigns.desk import Desk
from tests.contacts.people import PHONE, contact_make
from tests.contacts.test_merge import OTHER

pytestmark = pytest.mark.django_db(transaction=True)


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(page: Any) -> str:
    return str(page.content.decode())


def test_a_duplicate_is_found_compared_and_merged(desk: Desk, crm: User, ona: Contact) -> None:
    """[R-4.12] numbers are masked on the way."""
    first = contact_make(desk, crm, OTHER, customer_key="c-9", last_name="Kaz")
    second = contact_make(desk, crm, "+37069900015", customer_key="C-9")
    client = browser(crm)
    listed = client.get(reverse("admin:contacts_contact_changelist"))
    assert reverse("admin:contacts_duplicates") in text(listed)
    found = text(client.get(reverse("admin:contacts_duplicates")))
    address = reverse("admin:contacts_merge", args=[second.pk])
    assert f"{address}?other={first.pk}" in found
    assert PHONE not in found
    assert OTHER not in found
    ask = text(client.get(address))
    assert f"?other={first.pk}" in ask
    shown = client.get(address, {"other": first.pk})
    preview = shown.context["preview"]
    assert "given up: c-9" in text(shown)
    done = client.post(
        address,
        {
            "other": first.pk,
            "base_version_token": preview.base_version_token,
            "other_version_token": preview.other_version_token,
            "take": ["customer_key"],
        },
    )
    assert done.status_code == 302
    row = Contact.objects.get(pk=second.pk)
    assert (row.last_name, row.customer_key) == ("Kaz", "c-9")
    gone = text(client.get(reverse("admin:contacts_contact_change", args=[first.pk])))
    assert "This contact was merged" in gone
    assert "Merge with a duplicate" not in gone


def test_refusals_are_shown_and_change_nothing(desk: Desk, crm: User, ona: Contact) -> None:
    other = contact_make(desk, crm, OTHER)
    client = browser(crm)
    address = reverse("admin:contacts_merge", args=[ona.pk])
    for wrong, status in (
        ({"other": "999999"}, 404),
        ({"other": "x"}, 422),
        ({"other": ona.pk}, 422),
    ):
        assert client.get(address, wrong).status_code == status
    stale = {"other": other.pk, "base_version_token": "x", "other_version_token": "y"}
    refused = client.post(address, stale)
    assert refused.status_code == 412
    assert "changed since you read it" in text(refused)
    assert browser(desk.marketer).get(address).status_code == 403
    assert browser(desk.marketer).get(reverse("admin:contacts_duplicates")).status_code == 403
    field = {"by": "name_and_field"}
    assert "Name the custom field" in text(client.get(reverse("admin:contacts_duplicates"), field))
    assert client.get(reverse("admin:contacts_duplicates"), {"by": "x"}).status_code == 422
    assert Contact.objects.filter(merged_into=None).count() == Contact.objects.count()
