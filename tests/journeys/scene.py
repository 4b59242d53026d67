"""What the journeys of agents and programs start with: a desk whose people can sign in, and readers at noon."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.contrib.auth.hashers import Argon2PasswordHasher

from smsmarketing.accounts.models import Role, User
from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.services import audience_add
from smsmarketing.gateways import services
from smsmarketing.gateways.models import Gateway
from tests.campaigns.desk import Desk, desk_make
from tests.gateways.world import noon_zone

PASSWORD = "a long phrase for one journey"
SCOPES = (
    "sms:read",
    "sms:contacts.read",
    "sms:contacts.write",
    "sms:draft",
    "sms:schedule",
    "sms:send",
)
"""What a token may hold without an administrator's word: neither full numbers nor approvals [R-9.26]."""


@dataclass
class Scene:
    """A desk, its readers, and how to sign in."""

    desk: Desk
    readers: list[Contact]
    zone: str
    password: str = PASSWORD


def scene_make(*, readers: int, carrier_url: str) -> Scene:
    """A team whose readers may all be texted now, at any hour the test runs."""
    desk = desk_make(contacts=0, base_url=carrier_url)
    world = desk.world
    services.rate_set(world.gateway, country="GB", price=Decimal("0.039"))
    made = world.contacts_at_noon(readers)
    audience_add(desk.audience, [contact.pk for contact in made])
    desk.marketer.roles.add(Role.objects.get(key="crm"))
    for user in (desk.marketer, desk.approver):
        password_set(user)
    return Scene(desk=desk, readers=made, zone=noon_zone())


def password_set(user: User, password: str = PASSWORD) -> None:
    """A password as the web process checks it; this process hashes with a fast test hasher."""
    hasher = Argon2PasswordHasher()
    User.objects.filter(pk=user.pk).update(password=hasher.encode(password, hasher.salt()))


def inbound_url(product_url: str, gateway: Gateway, secret: str) -> str:
    """Where the carrier posts replies."""
    return f"{product_url}/webhooks/{gateway.slug}/{secret}/inbound"
