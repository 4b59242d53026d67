"""Gateways, senders, batches and replies, as people choose them."""

from __future__ import annotations

from django.db.models import QuerySet

from smsmarketing.contacts.phones import hashes_meant
from smsmarketing.contacts.rules.phone import phone_mask
from smsmarketing.gateways.models import Batch, InboundMessage, Route, SenderId
from smsmarketing.gateways.selectors.definitions import definitions_visible
from smsmarketing.gateways.selectors.visibility import (
    batches_visible,
    gateways_visible,
    inbound_visible,
    routes_visible,
    senders_visible,
)
from smsmarketing.operations import choosers
from smsmarketing.operations.choosers import Chooser


def _sender(row: SenderId) -> str:
    return f"{row.value}, {row.brand.name} ({row.state.replace('_', ' ')})"


def _batch(row: Batch) -> str:
    return f"{row.label}, {row.created_at:%Y-%m-%d} ({row.state.replace('_', ' ')})"


def _reply(row: InboundMessage) -> str:
    brand = row.brand.name if row.brand else "no brand"
    word = row.action.replace("_", " ")
    return f"{row.received_at:%Y-%m-%d %H:%M}, {phone_mask(row.phone)} to {brand} ({word})"


def _route(row: Route) -> str:
    sender = row.sender.value if row.sender else "every sender"
    return f"{row.country}, {row.purpose or 'every purpose'}, {sender}: {row.gateway.name}"


def _replies_from(rows: QuerySet[InboundMessage], term: str) -> QuerySet[InboundMessage]:
    """Of one whole number [R-4.13]."""
    return rows.filter(phone_hash__in=hashes_meant(term))


choosers.add(
    Chooser(
        noun="gateway",
        fields=("gateway_id",),
        visible=gateways_visible,
        order=("name", "pk"),
        permission="gateways.gateway_view",
    ),
    Chooser(
        noun="sender",
        fields=("sender_id",),
        visible=lambda actor: senders_visible(actor).select_related("brand"),
        label=_sender,
        names=("value", "brand__name"),
        order=("value", "pk"),
        permission="gateways.sender_view",
        hint="Write a part of the sender, or of its brand's name.",
    ),
    Chooser(
        noun="batch",
        fields=("batch_id",),
        visible=batches_visible,
        label=_batch,
        names=("label",),
        permission="gateways.batch_view",
    ),
    Chooser(
        noun="route",
        fields=("route_id",),
        visible=routes_visible,
        label=_route,
        names=("country", "gateway__name", "sender__value"),
        order=("country", "pk"),
        permission="gateways.gateway_view",
        hint="Write a country such as GB, or a part of a gateway or sender.",
    ),
    Chooser(
        noun="gateway definition",
        fields=("definition_id",),
        visible=definitions_visible,
        order=("name", "pk"),
        permission="gateways.gateway_view",
    ),
    Chooser(
        noun="reply",
        fields=("inbound_id", "inbound_ids"),
        visible=lambda actor: inbound_visible(actor).select_related("brand"),
        label=_reply,
        find=_replies_from,
        permission="gateways.message_view",
        counted="search",
        hint="Write the whole number it came from, such as +447…",
    ),
)
