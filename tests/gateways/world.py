"""Rows that most tests of sending need. Built through the services wherever there is one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import Brand, Team, User
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.contacts.models import Contact, SendState
from smsmarketing.contacts.services import phone_hash
from smsmarketing.gateways import services
from smsmarketing.gateways.models import Batch, Gateway, SenderId
from smsmarketing.gateways.services import MessageRow
from smsmarketing.operations.states import row_lock, transition_apply

_numbers = itertools.count(1)


def _series() -> int:
    """Where a run of up to 100,000 Lithuanian mobile numbers begins: all of them are assigned ranges (61 to 69)."""
    return 1_000_000 + next(_numbers) * 100_000 % 8_900_000


HASH = "c" * 64


@dataclass
class World:
    """One team that may send."""

    team: Team
    brand: Brand
    user: User
    gateway: Gateway
    sender: SenderId
    secret: str

    def contacts(
        self,
        count: int,
        *,
        prefix: str = "+3706",
        country: str = "LT",
        zone: str = "Europe/Vilnius",
        reason: str | None = None,
    ) -> list[Contact]:
        """Contacts with a consented send state (or `reason` against it)."""
        now = timezone.now()
        start = _series()
        made = Contact.objects.bulk_create(
            [
                Contact(
                    phone=(phone := f"{prefix}{start + index:07d}"),
                    phone_hash=phone_hash(phone),
                    country=country,
                    time_zone=zone,
                    time_zone_source="person",
                    created_at=now,
                    updated_at=now,
                )
                for index in range(count)
            ],
            batch_size=1000,
        )
        SendState.objects.bulk_create(
            [
                SendState(
                    contact=contact, brand=self.brand, country=country, marketing_reason=reason
                )
                for contact in made
            ],
            batch_size=1000,
        )
        return made

    def contacts_at_noon(self, count: int) -> list[Contact]:
        """Contacts whom marketing may reach at any hour the test runs: where they are it is noon.

        Great Britain has no day without marketing; use `quiet_mode="normal"`, where the zone that
        the person told counts alone [R-3.7].
        """
        return self.contacts(count, prefix="+44750", country="GB", zone=noon_zone())

    def approval(
        self,
        *,
        content_hash: str = HASH,
        ceiling: Decimal | None = None,
        content: dict[str, Any] | None = None,
    ) -> ActionRequest:
        """An ActionRequest that a person approved."""
        now = timezone.now()
        request = ActionRequest.objects.create(
            operation="campaigns.submit_for_review",
            team=self.team,
            requester=self.user,
            requester_surface="admin",
            title="Send",
            payload={},
            content=content or {},
            content_hash=content_hash,
            cost_ceiling=ceiling,
            created_at=now,
            expires_at=now + timedelta(days=7),
        )
        with transaction.atomic():
            transition_apply(row_lock(ActionRequest, request.pk), "approve")
        request.refresh_from_db()
        return request

    def batch(
        self,
        contacts: Sequence[Contact],
        *,
        purpose: str = "notification",
        price: str = "0.05",
        ceiling: str = "100000",
        release: bool = True,
        approved: bool = True,
        body: str = "Hello",
        routes_approved: Sequence[Gateway] = (),
        **fields: Any,
    ) -> Batch:
        """A batch to the contacts; `notification` has no quiet hours and no caps of its own."""
        content = {"route_gateways": [each.pk for each in routes_approved]}
        request: UUID | None = self.approval(content=content).pk if approved else None
        batch = services.batch_create(
            team=self.team,
            brand=self.brand,
            sender=self.sender,
            gateway=self.gateway,
            label="Test batch",
            purpose=purpose,
            cost_ceiling=Decimal(ceiling),
            currency="EUR",
            action_request_id=request,
            content_hash=HASH if approved else "",
            **fields,
        )
        services.messages_copy(
            batch,
            (
                MessageRow(
                    contact.pk,
                    contact.phone or "",
                    contact.country,
                    body,
                    "gsm7",
                    1,
                    Decimal(price),
                )
                for contact in contacts
            ),
        )
        if release:
            with transaction.atomic():
                batch = services.batch_release(batch)
        return batch


def world_make(*, base_url: str = "http://127.0.0.1:9", name: str = "") -> World:
    number = next(_numbers)
    team = Team.objects.create(name=f"Team {number}", slug=f"team-{number}")
    brand = Brand.objects.create(
        team=team,
        name=f"Brand {number}",
        name_in_texts="Acme",
        help_line="Acme: write to help@acme.example. Reply STOP to opt out.",
    )
    user = User.objects.create_user(f"user-{number}", password=None)
    user.teams.add(team)
    secret = f"secret-{number}"
    gateway = services.gateway_create(
        name=f"Gateway {number}",
        slug=f"gw-{number}",
        transport="vertexsms",
        base_url=base_url,
        credentials={"token": "test-token"},
        countries=["GB", "LT", "LV", "US"],
        rate_per_second=100_000,
        webhook_secret=secret,
    )
    sender = services.sender_create(
        team=team, brand=brand, value=f"+3706{number:07d}", kind="msisdn", can_receive=True
    )
    sender_verify(sender)
    sender.refresh_from_db()
    services.sender_eligibility_set(
        sender, {"GB": "allowed", "LT": "allowed", "LV": "allowed", "US": "register"}
    )
    services.rate_set(gateway, country="LT", price=Decimal("0.05"))
    services.quota_set(
        team,
        month=timezone.now().date(),
        message_limit=1_000_000,
        money_limit=Decimal("100000"),
    )
    return World(team=team, brand=brand, user=user, gateway=gateway, sender=sender, secret=secret)


def noon_zone() -> str:
    """The zone in which it is about noon now."""
    ahead = (12 - timezone.now().hour) % 24
    ahead = ahead - 24 if ahead > 12 else ahead
    return "Etc/GMT" if ahead == 0 else f"Etc/GMT{-ahead:+d}"


def sender_verify(sender: SenderId) -> None:
    with transaction.atomic():
        held = row_lock(SenderId, sender.pk)
        transition_apply(held, "submit")
        transition_apply(held, "verify")
