"""A desk, somebody who keeps its contacts, and one person: what the tests of lifecycles share."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from smsmarketing.accounts.models import Role, User
from smsmarketing.contacts.models import Contact, SendState
from tests.campaigns.desk import Desk

PHONE = "+37069900011"
CONSENT: dict[str, Any] = {
    "method": "web_form",
    "disclosure_text": "Yes, Acme may text me offers. Reply STOP to opt out.",
    "source_url": "https://acme.example/join",
}


def consent(**changes: Any) -> dict[str, Any]:
    at = (timezone.now() - timedelta(days=2)).isoformat()
    return {**CONSENT, "captured_at": at, **changes}


def crm_make(desk: Desk, name: str = "cleo") -> User:
    """Somebody with the roles CRM and compliance."""
    user = User.objects.create_user(f"{name}-{desk.world.team.pk}", password=None, is_staff=True)
    user.teams.add(desk.world.team)
    user.roles.set(Role.objects.filter(key__in=["crm", "compliance"]))
    return user


def upsert(desk: Desk, user: User, **payload: Any) -> Any:
    return desk.call(
        "contacts.upsert", user, **{"brand_id": desk.world.brand.pk, "source": "shop", **payload}
    )


def contact_make(desk: Desk, user: User, phone: str, **payload: Any) -> Contact:
    made = upsert(desk, user, phone=phone, **payload)
    return Contact.objects.get(pk=made.details.contact.contact_id)


def token(desk: Desk, user: User, contact: Contact) -> str:
    found = desk.call("contacts.get", user, contact_id=contact.pk)
    return str(found.base_version_token)


def trash(desk: Desk, user: User, contact: Contact) -> Any:
    at = token(desk, user, contact)
    return desk.call("contacts.delete", user, contact_id=contact.pk, base_version_token=at)


def reason(contact: Contact) -> str | None:
    return SendState.objects.get(contact_id=contact.pk).marketing_reason
