"""A template and a campaign that wait for their approval, and a segment, made by Mara through the operations."""

from __future__ import annotations

import uuid
from typing import Any

from smsmarketing.accounts.models import Brand, User
from smsmarketing.accounts.selectors import actor_for_user
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.campaigns.models import Campaign, Template
from smsmarketing.contacts.models import Audience, Segment
from smsmarketing.gateways.models import Gateway, SenderId
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.types import Done, Surface

NAME = "Winter blend launch"
SEGMENT = "Espresso and filter drinkers"
BODY = "Nordwind: {first_name}, our winter blend is here. 15% off until Sunday with code WINTER."
# Half of the contacts: a segment above 1,000 people would wait for an approval of its own.
COFFEES = [
    {"custom": {"name": "favourite", "type": "text", "op": "eq", "value": coffee}}
    for coffee in ("espresso", "filter")
]
FIELDS = [
    {"name": "first_name", "max_chars": 20, "charset": "any", "fallback": "hello", "truncate": True}
]


def campaign_ensure(
    *, brand: Brand, audience: Audience, sender: SenderId, gateway: Gateway
) -> None:
    """Make the campaign and put it to review; goes on where an interrupted start ended."""
    campaign = Campaign.objects.filter(name=NAME).first()
    if campaign is None:
        segment_id = _segment_ensure(brand=brand, audience=audience, sender=sender, gateway=gateway)
        made = _call(
            "campaigns.create_draft",
            {
                "name": NAME,
                "brand_id": brand.pk,
                "segment_id": segment_id,
                "sender_id": sender.pk,
                "gateway_id": gateway.pk,
                "message": BODY,
                "fields": FIELDS,
                "landing_url": "https://nordwind.example/winter",
                "send_goal": "200 orders of the winter blend",
                "quiet_mode": "default",
                "review_notes": "Prices agreed with the shop on Monday.",
            },
        )
        campaign = Campaign.objects.get(pk=made["campaign_id"])
    if (
        campaign.state == "draft"
        and campaign.action_request_id is None
        and not campaign.hold_reason
    ):
        _submit(campaign.pk)


def template_ensure(brand: Brand) -> None:
    """Wording that waits for its approval."""
    if (
        not Template.objects.exists()
        and not ActionRequest.objects.filter(operation="templates.save").exists()
    ):
        _call(
            "templates.save",
            {
                "brand_id": brand.pk,
                "name": "Seasonal offer",
                "use_case": "promotion",
                "body": BODY,
                "fields": FIELDS,
            },
        )


def _segment_ensure(*, brand: Brand, audience: Audience, sender: SenderId, gateway: Gateway) -> int:
    found = Segment.objects.filter(name=SEGMENT).first()
    if found is not None:
        return int(found.pk)
    preview = _call(
        "segments.preview",
        {
            "brand_id": brand.pk,
            "criteria": {"all": [{"audience": audience.pk}, {"any": COFFEES}]},
            "gateway_id": gateway.pk,
            "sender_id": sender.pk,
        },
    )
    made = _call(
        "segments.create",
        {"segment_preview_id": preview["segment_preview_id"], "name": SEGMENT},
    )
    return int(made["segment_id"])


def _submit(campaign_id: int) -> None:
    _call("cost_preview", {"campaign_id": campaign_id})
    read = _call("campaigns.get", {"campaign_id": campaign_id})
    _call(
        "campaigns.submit_for_review",
        {
            "campaign_id": campaign_id,
            "base_version_token": read["base_version_token"],
            "note": "Please check the price and the code.",
        },
    )


def _call(key: str, payload: dict[str, Any]) -> Any:
    """Run one operation as Mara; None when it waits for approval."""
    actor = actor_for_user(
        User.objects.get(username="mara"), surface=Surface.CLI, request_id=uuid.uuid4().hex
    )
    outcome = execute(key, payload, actor=actor, idempotency_key=uuid.uuid4().hex)
    return outcome.result.model_dump(mode="json") if isinstance(outcome, Done) else None
