"""Making, changing, testing and switching endpoints."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from smsmarketing.accounts.models import Team, User
from smsmarketing.operations.errors import Conflict, InvalidInput
from smsmarketing.operations.jobs import enqueue
from smsmarketing.webhooks.client import policy_now
from smsmarketing.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from smsmarketing.webhooks.rules.addresses import AddressRefused, addresses_check, place_of
from smsmarketing.webhooks.rules.kinds import PING
from smsmarketing.webhooks.services.emission import DELIVER_TASK
from smsmarketing.webhooks.services.outcomes import deliveries_abandon
from smsmarketing.webhooks.services.secrets import secret_make


def url_check(url: str) -> None:
    """Refuse what can be told from the address alone; names are looked up with every delivery.

    Raises InvalidInput.
    """
    policy = policy_now()
    try:
        place = place_of(url, policy)
        if place.literal is not None:
            addresses_check(place, [str(place.literal)], policy)
    except AddressRefused as exc:
        raise InvalidInput(
            "The system does not send to this address.", field_errors={"url": exc.sentence}
        ) from exc


def endpoint_create(
    *, team: Team, name: str, url: str, kinds: Sequence[str], created_by: User, now: datetime
) -> WebhookEndpoint:
    """A new endpoint with a secret that nobody knows yet. Raises Conflict for a name that is taken."""
    if WebhookEndpoint.objects.filter(team=team, name=name).exists():
        raise _name_taken()
    endpoint = WebhookEndpoint.objects.create(
        team=team,
        name=name,
        url=url,
        kinds=sorted(set(kinds)),
        secret=b"",
        created_by=created_by,
        created_at=now,
        updated_at=now,
    )
    secret_make(endpoint, now=now)
    endpoint.save(update_fields=["secret"])
    return endpoint


def endpoint_change(
    endpoint: WebhookEndpoint,
    *,
    name: str,
    url: str,
    kinds: Sequence[str],
    active: bool,
    now: datetime,
) -> WebhookEndpoint:
    """Change a locked endpoint. Switching it off gives up what waits; on, its failures are forgotten.

    Raises Conflict for a name that is taken.
    """
    same = WebhookEndpoint.objects.filter(team_id=endpoint.team_id, name=name)
    if same.exclude(pk=endpoint.pk).exists():
        raise _name_taken()
    was_active = endpoint.active
    endpoint.name, endpoint.url, endpoint.kinds = name, url, sorted(set(kinds))
    endpoint.active = active
    if active and not was_active:
        endpoint.disabled_reason, endpoint.disabled_at, endpoint.failing_since = "", None, None
    if was_active and not active:
        endpoint.disabled_reason, endpoint.disabled_at = "Switched off by a person.", now
    endpoint.version += 1
    endpoint.updated_at = now
    endpoint.save()
    if was_active and not active:
        deliveries_abandon(endpoint, now=now)
    return endpoint


def endpoint_secret_rotate(endpoint: WebhookEndpoint, *, now: datetime) -> str:
    """A new secret for a locked endpoint, in plain once; the one before signs for another day."""
    plain = secret_make(endpoint, now=now)
    endpoint.version += 1
    endpoint.updated_at = now
    endpoint.save()
    return plain


def endpoint_ping(endpoint: WebhookEndpoint, *, now: datetime) -> WebhookDelivery:
    """Put a signed ping into the outbox. Raises Conflict while the endpoint is switched off."""
    if not endpoint.active:
        raise Conflict("This endpoint is switched off. Switch it on with webhooks.save first.")
    event = WebhookEvent.objects.create(
        id=uuid.uuid4(),
        team_id=endpoint.team_id,
        kind=PING,
        payload={"text": "It works."},
        occurred_at=now,
    )
    row = WebhookDelivery.objects.create(
        event=event, endpoint=endpoint, next_at=now, created_at=now
    )
    enqueue(DELIVER_TASK)
    return row


def delivery_again(row: WebhookDelivery, *, now: datetime) -> WebhookDelivery:
    """Send a delivery that was given up once more, with a fresh row of attempts.

    Raises Conflict for one that waits or arrived, or whose endpoint is switched off.
    """
    if row.state not in ("failed", "abandoned"):
        raise Conflict(f"This delivery is {row.state}; only a failed one can be sent again.")
    if not row.endpoint.active:
        raise Conflict("Its endpoint is switched off. Switch it on with webhooks.save first.")
    row.state, row.attempts, row.next_at = "pending", 0, now
    row.lease_until = row.finished_at = None
    row.save()
    enqueue(DELIVER_TASK)
    return row


def _name_taken() -> Conflict:
    return Conflict(
        "The team has an endpoint of this name.", field_errors={"name": "Choose another name."}
    )
