"""Whoever keeps order messages stays blocked for marketing, also in the systems that are told."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.phones import phone_hash
from smsmarketing.contacts.rules.opt_out_links import TOKEN_LENGTH
from smsmarketing.contacts.selectors.opt_out_links import link_maker
from smsmarketing.contacts.services import suppression_add
from smsmarketing.contacts.services.holds import opt_out_narrow
from smsmarketing.webhooks.models import WebhookEvent

US = "+12025550123"
pytestmark = pytest.mark.django_db


def told() -> list[tuple[str, int]]:
    rows = WebhookEvent.objects.all()
    return [(row.kind, row.subject_ids[0]) for row in rows]


def test_a_narrowed_opt_out_is_told_as_lifted_and_as_made(make_endpoint: Any, brand: Brand) -> None:
    """[R-2.14]: hearing of the lift only, a CRM would send marketing again."""
    make_endpoint("https://crm.example/hook")
    with transaction.atomic():
        wide = suppression_add(
            phone=US, scope="brand", reason="opt_out", source="inbound", evidence={}, brand=brand
        )
        narrow = opt_out_narrow(phone=US, brand=brand, evidence={}, now=timezone.now())
    assert narrow is not None
    assert sorted(told()) == sorted(
        [
            ("opt_out.created", wide.pk),
            ("opt_out.lifted", wide.pk),
            ("opt_out.created", narrow.pk),
        ]
    )


def test_an_opt_out_by_link_of_an_erased_number_is_told(make_endpoint: Any, brand: Brand) -> None:
    """[R-2.17]"""
    make_endpoint("https://crm.example/hook")
    now = timezone.now()
    contact = Contact.objects.create(
        phone_hash=phone_hash(US), country="US", created_at=now, updated_at=now, erased_at=now
    )
    link = link_maker(brand.pk, "marketing")(contact.pk, bytes(contact.phone_hash))
    assert Client().post(f"/o/{link[-TOKEN_LENGTH:]}").status_code == 200
    assert [kind for kind, _ in told()] == ["opt_out.created"]
    assert US not in str(WebhookEvent.objects.get().payload)
