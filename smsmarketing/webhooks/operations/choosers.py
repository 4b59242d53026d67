"""Endpoints and deliveries, as people choose them."""

from __future__ import annotations

from smsmarketing.operations import choosers
from smsmarketing.operations.choosers import Chooser
from smsmarketing.webhooks.models import WebhookDelivery, WebhookEndpoint
from smsmarketing.webhooks.rules.kinds import STATE_WORDS
from smsmarketing.webhooks.selectors import deliveries_visible, endpoints_visible


def _endpoint(row: WebhookEndpoint) -> str:
    return f"{row.name}, {row.team.name}" + ("" if row.active else " (off)")


def _delivery(row: WebhookDelivery) -> str:
    kind = row.event.kind.replace("_", "-").replace(".", " ")
    return f"{row.event.occurred_at:%Y-%m-%d %H:%M}, {kind} to {row.endpoint.name}: {STATE_WORDS[row.state]}"


choosers.add(
    Chooser(
        noun="webhook endpoint",
        fields=("endpoint_id",),
        visible=endpoints_visible,
        label=_endpoint,
        order=("name", "pk"),
        permission="webhooks.endpoint_view",
    ),
    Chooser(
        noun="webhook delivery",
        fields=("delivery_id",),
        visible=deliveries_visible,
        label=_delivery,
        names=("endpoint__name", "event__kind", "state"),
        permission="webhooks.endpoint_view",
        hint="Write a part of the endpoint's name, a kind such as opt_out.created, or failed.",
    ),
)
