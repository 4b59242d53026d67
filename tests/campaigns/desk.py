"""A marketing desk: people with roles, a segment with consented contacts, and calls through execute()."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from smsmarketing.accounts.models import Role, User
from smsmarketing.accounts.selectors import actor_for_user
from smsmarketing.campaigns.models import Campaign
from smsmarketing.contacts.models import Audience
from smsmarketing.contacts.services import audience_add, audience_save
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.types import Actor, Done, Held, Surface
from tests.gateways.world import World, world_make

BODY = "Acme: 20% off today only."


@dataclass
class Desk:
    """One team at work."""

    world: World
    marketer: User
    approver: User
    audience: Audience

    def actor(self, user: User, *, session: bool = True) -> Actor:
        surface = Surface.ADMIN if session else Surface.REST
        return actor_for_user(
            user, surface=surface, request_id=uuid.uuid4().hex, is_session=session
        )

    def call(self, key: str, user: User | None = None, /, **payload: Any) -> Any:
        """The result of an operation; raises its refusal."""
        outcome = self.ask(key, user, **payload)
        assert isinstance(outcome, Done), outcome
        return outcome.result

    def ask(self, key: str, user: User | None = None, /, **payload: Any) -> Done | Held:
        actor = self.actor(user or self.marketer)
        return execute(key, payload, actor=actor, idempotency_key=uuid.uuid4().hex)

    def segment(self, **criteria: Any) -> int:
        preview = self.call(
            "segments.preview",
            brand_id=self.world.brand.pk,
            gateway_id=self.world.gateway.pk,
            sender_id=self.world.sender.pk,
            criteria=criteria or {"audience": self.audience.pk},
        )
        created = self.call(
            "segments.create",
            segment_preview_id=str(preview.segment_preview_id),
            name=f"Segment {uuid.uuid4().hex[:8]}",
        )
        return int(created.segment_id)

    def draft(self, **changes: Any) -> Campaign:
        values: dict[str, Any] = {
            "name": "Spring",
            "brand_id": self.world.brand.pk,
            "segment_id": changes.pop("segment_id", None) or self.segment(),
            "sender_id": self.world.sender.pk,
            "gateway_id": self.world.gateway.pk,
            "message": BODY,
            "quiet_mode": "default",
        }
        made = self.call("campaigns.create_draft", **(values | changes))
        return Campaign.objects.get(pk=made.campaign_id)

    def token(self, campaign: Campaign, user: User | None = None) -> str:
        found = self.call("campaigns.get", user or self.marketer, campaign_id=campaign.pk)
        return str(found.base_version_token)

    def submitted(self, **changes: Any) -> Campaign:
        campaign = self.draft(**changes)
        self.call(
            "campaigns.submit_for_review",
            campaign_id=campaign.pk,
            base_version_token=self.token(campaign),
        )
        return self.fresh(campaign)

    def approved(self, **changes: Any) -> Campaign:
        campaign = self.submitted(**changes)
        self.call(
            "campaigns.approve",
            self.approver,
            campaign_id=campaign.pk,
            content_hash=campaign.content_hash,
        )
        return self.fresh(campaign)

    def sending(self, **changes: Any) -> Campaign:
        campaign = self.approved(**changes)
        self.call(
            "campaigns.send_approved",
            campaign_id=campaign.pk,
            base_version_token=self.token(campaign),
        )
        return self.fresh(campaign)

    def fresh(self, campaign: Campaign) -> Campaign:
        return Campaign.objects.get(pk=campaign.pk)


def desk_make(*, contacts: int = 20, **options: Any) -> Desk:
    """A desk whose audience has this many sendable contacts."""
    world = world_make(**options)
    people = []
    for name, roles in (("mara", ["marketing", "operations"]), ("amir", ["approver"])):
        user = User.objects.create_user(f"{name}-{world.team.pk}", password=None, is_staff=True)
        user.teams.add(world.team)
        user.roles.set(Role.objects.filter(key__in=roles))
        people.append(user)
    audience = audience_save(team_id=world.team.pk, brand=world.brand, name="Readers")
    made = world.contacts(contacts)
    audience_add(audience, [contact.pk for contact in made])
    return Desk(world=world, marketer=people[0], approver=people[1], audience=audience)
