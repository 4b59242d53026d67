"""What follows from an answer: the delivery, the endpoint's health, and who is told."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog
from django.db import connection, transaction

from smsmarketing.accounts.models import User
from smsmarketing.webhooks.client import Reply
from smsmarketing.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from smsmarketing.webhooks.rules.outcomes import (
    FAILING_MOST,
    error_of_status,
    retry_after_s,
    retry_delay,
    verdict_of,
)
from smsmarketing.webhooks.services.emission import subject_listener

logger = structlog.get_logger("smsmarketing.webhooks")

Notice = Callable[[list[User], str, str], None]

_notices: list[Notice] = []


def notice_add(notice: Notice) -> None:
    """Let an app above write notes to people: `notice(people, kind, text)`, in the transaction that
    switches an endpoint off. Call it from `AppConfig.ready()`.
    """
    if notice not in _notices:
        _notices.append(notice)


def outcome_record(
    delivery_id: int, *, attempts: int, reply: Reply, now: datetime, chance: random.Random
) -> None:
    """Record the answer to one attempt, in a transaction of its own.

    Only while the attempt is still ours: when the lease ran out and another worker took the row, its
    answer counts and this one is dropped.
    """
    error = reply.error or (error_of_status(reply.status) if reply.status is not None else "")
    verdict = verdict_of(reply.status, error)
    with transaction.atomic():
        found = WebhookDelivery.objects.filter(pk=delivery_id).values_list("endpoint_id").first()
        if found is None:
            return
        endpoint = WebhookEndpoint.objects.select_for_update().get(pk=found[0])
        row = WebhookDelivery.objects.select_for_update().get(pk=delivery_id)
        if row.state != "pending" or row.attempts != attempts:
            return
        row.status, row.error, row.lease_until = reply.status, error[:40], None
        delay = None
        if verdict == "retry":
            asked = retry_after_s(reply.headers.get("retry-after", ""))
            delay = retry_delay(attempts, retry_after_s=asked, chance=chance)
        if delay is not None:
            row.next_at = now + delay
        else:
            row.state = "delivered" if verdict == "delivered" else "failed"
            row.finished_at = now
        row.save()
        _health(endpoint, gone=verdict == "gone", well=verdict == "delivered", now=now)
        if row.state != "pending":
            settled_tell([row.event_id])


def _health(endpoint: WebhookEndpoint, *, gone: bool, well: bool, now: datetime) -> None:
    """A success ends a failing streak; 410, or three days of it, switch the endpoint off."""
    if well:
        if endpoint.failing_since is not None:
            endpoint.failing_since = None
            endpoint.save(update_fields=["failing_since"])
        return
    if endpoint.failing_since is None:
        endpoint.failing_since = now
        endpoint.save(update_fields=["failing_since"])
    if not endpoint.active:
        return
    if gone:
        endpoint_disable(endpoint, reason="It answered 410 Gone: it does not want events.", now=now)
    elif now - endpoint.failing_since >= FAILING_MOST:
        endpoint_disable(endpoint, reason="It took nothing for three days.", now=now)


def endpoint_disable(endpoint: WebhookEndpoint, *, reason: str, now: datetime) -> None:
    """Switch a locked endpoint off, give up what waits for it, and tell its people [R-10.6]."""
    endpoint.active = False
    endpoint.disabled_reason = reason
    endpoint.disabled_at = now
    endpoint.version += 1
    endpoint.updated_at = now
    endpoint.save()
    logger.warning("webhook_endpoint_disabled", endpoint_id=endpoint.pk, reason=reason)
    deliveries_abandon(endpoint, now=now)
    people = [endpoint.created_by] if endpoint.created_by.is_active else []
    team = User.objects.filter(is_active=True, is_agent=False, teams=endpoint.team_id)
    people += list(
        team.filter(roles__permissions__contains=["webhooks.endpoint_edit"])
        .exclude(pk=endpoint.created_by_id)
        .distinct()
        .order_by("pk")[:20]
    )
    for notice in _notices:
        notice(
            people,
            "webhook_disabled",
            f"The webhook {endpoint.name} was switched off. {reason} What happened since can be read"
            " with opt_outs.list; mend the receiver, then switch it on again.",
        )


def deliveries_abandon(endpoint: WebhookEndpoint, *, now: datetime) -> int:
    """Give up what waits for an endpoint that is off. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE webhooks_webhookdelivery SET state = 'abandoned', lease_until = NULL,
                finished_at = %(now)s, error = CASE WHEN error = '' THEN 'switched_off' ELSE error END
            WHERE endpoint_id = %(endpoint)s AND state = 'pending'
            RETURNING event_id
            """,
            {"endpoint": endpoint.pk, "now": now},
        )
        events = [row[0] for row in cursor.fetchall()]
    settled_tell(events)
    return len(events)


def settled_tell(event_ids: list[UUID]) -> None:
    """Tell the app whose rows these events name how telling them stands now."""
    events = WebhookEvent.objects.filter(pk__in=event_ids).exclude(subject="")
    for event in events.order_by("occurred_at", "id").prefetch_related("deliveries"):
        listener = subject_listener(event.subject)
        if listener is not None:
            states = {delivery.state for delivery in event.deliveries.all()}
            listener(event.kind, list(event.subject_ids), states)
