"""Taking over the opt-outs that a provider keeps: each entry once, with what shows it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction

from smsmarketing.contacts.rules.phone import PhoneError, phone_parse
from smsmarketing.contacts.rules.suppressions import purposes_default
from smsmarketing.contacts.services import suppression_add
from smsmarketing.gateways.engine.control import control_send
from smsmarketing.gateways.models import Gateway, GatewayOptOut
from smsmarketing.gateways.transports.base import TransportConfig
from smsmarketing.gateways.transports.controls import ControlError, ListEntry, PageCall

PAGE: Final = 100
_PAGES_MOST: Final = 1000


def opt_outs_take(
    gateway: Gateway, config: TransportConfig, ask: PageCall, *, now: datetime
) -> dict[str, int]:
    """Read the provider's list and record what is new as a "no" to marketing of every brand: the
    provider's list knows no brand. One-time codes still go [R-2.15]. Returns counts.

    An entry is taken once: reading it again never undoes what a person said here since. Raises
    ControlError; what was taken until then stays.
    """
    counts = {"listed": 0, "new": 0, "unreadable": 0}
    offset = 0
    for _ in range(_PAGES_MOST):
        page = control_send(ask(config, offset=offset, limit=PAGE))
        counts["listed"] = page.size
        _page_take(gateway, page.entries, counts, now)
        offset += len(page.entries)
        if not page.entries or offset >= page.size:
            return counts
    raise ControlError(
        "The provider's list has no end. Ask the provider.", code="too_long", retryable=False
    )


def _page_take(
    gateway: Gateway, entries: Sequence[ListEntry], counts: dict[str, int], now: datetime
) -> None:
    ids = [entry.entry_id for entry in entries]
    known = set(
        GatewayOptOut.objects.filter(gateway=gateway, remote_id__in=ids).values_list(
            "remote_id", flat=True
        )
    )
    for entry in entries:
        if entry.entry_id in known:
            continue
        known.add(entry.entry_id)
        counts["new" if _entry_take(gateway, entry, now) else "unreadable"] += 1


def _entry_take(gateway: Gateway, entry: ListEntry, now: datetime) -> bool:
    """One transaction for each, so that a number's lock is held for a moment only."""
    try:
        phone = phone_parse(entry.phone).e164
    except PhoneError:
        phone = ""
    with transaction.atomic():
        suppression = None
        if phone:
            suppression = suppression_add(
                phone=phone,
                scope="purpose",
                reason="opt_out",
                source="gateway",
                purposes=purposes_default("opt_out", plus_one=phone.startswith("+1")),
                evidence={
                    "gateway": gateway.name,
                    "gateway_list_of": gateway.pk,
                    "gateway_list_entry": entry.entry_id,
                    "said_at": entry.since.isoformat() if entry.since else "",
                    "seen_at": now.isoformat(),
                    "note": "The person opted out at the provider; it texts the number no more.",
                },
                at=now,
            )
        GatewayOptOut.objects.create(
            gateway=gateway,
            remote_id=entry.entry_id,
            suppression=suppression,
            said_at=entry.since,
            taken_at=now,
        )
    return suppression is not None
