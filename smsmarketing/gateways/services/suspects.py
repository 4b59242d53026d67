"""Numbers that gateways found dead: retired, so that nobody pays for them again, and revived when a
text arrives after all (compliance §2.5).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.services import suppression_add
from smsmarketing.contacts.services.retirement import number_retire, numbers_revive
from smsmarketing.gateways import transports
from smsmarketing.gateways.models import Gateway
from smsmarketing.gateways.rules.numbers import (
    HISTORY,
    Answer,
    NumberFault,
    number_fault,
    number_verdict,
)

SUSPECT_CLASSES = frozenset({"hard", "optout"})
"""Error classes of a submit's answer that say something about the number, not about the message or
the gateway.
"""
_ANSWERS = """
    SELECT m.contact_id, m.phone, m.batch_id, m.final_at, m.state, m.reason, m.error_class,
        m.error_code, m.gateway_id
    FROM gateways_message m
    WHERE m.contact_id = ANY(%(contacts)s) AND m.created_at > %(since)s AND m.final_at IS NOT NULL
        AND m.state IN ('delivered', 'undelivered', 'expired', 'rejected')
"""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A message that a receipt moved to its end."""

    message_id: int
    contact_id: int | None
    phone: str
    batch_id: int
    state: str
    reason: str
    error_class: str
    error_code: str
    gateway_id: int
    brand_id: int
    sender_value: str


def suspect_suppress(
    *,
    phone: str,
    error_class: str,
    error_code: str,
    message_id: int,
    gateway_id: int,
    brand_id: int,
    sender_value: str,
) -> None:
    """Suppress a number that a submit's answer called bad (everywhere, for a time) or opted out there.

    A carrier's opt-out list holds for the sender that it is kept for.
    """
    evidence = {"message_id": message_id, "gateway_id": gateway_id, "error_code": error_code}
    with transaction.atomic():
        if error_class == "optout":
            suppression_add(
                phone=phone,
                scope="sender",
                reason="carrier_block",
                source="gateway",
                evidence=evidence,
                brand=Brand.objects.get(pk=brand_id),
                sender=sender_value,
            )
            return
        transport = Gateway.objects.values_list("transport", flat=True).get(pk=gateway_id)
        known = _known(transport, error_code)
        reason = known if known in ("invalid", "landline") else "invalid"
        number_retire(phone=phone, reason=reason, evidence=evidence)


def numbers_follow(ended: Sequence[Ended], *, now: datetime) -> None:
    """What ended messages mean for their numbers, in the receipts' own transaction.

    Numbers are taken in order, so that two runs at once do not wait for each other in a ring.
    """
    names = _transports({each.gateway_id for each in ended})
    delivered: dict[str, int] = {}
    for each in ended:
        if each.state == "delivered":
            delivered[each.phone] = max(each.message_id, delivered.get(each.phone, 0))
    faulty: list[tuple[Ended, NumberFault]] = []
    for each in sorted(ended, key=lambda item: (item.phone, item.message_id)):
        if each.state != "delivered" and each.error_class == "optout":
            _blocked(each)
            continue
        fault = _fault(names, each)
        if fault is not None:
            faulty.append((each, fault))
    histories = _histories([each for each, _ in faulty], now=now)
    for each, fault in faulty:
        reason = number_verdict(fault, histories[each.phone], now=now)
        if reason is not None:
            number_retire(phone=each.phone, reason=reason, evidence=_evidence(each), at=now)
    if delivered:
        numbers_revive(delivered, at=now)


def _blocked(each: Ended) -> None:
    suspect_suppress(
        phone=each.phone,
        error_class=each.error_class,
        error_code=each.error_code,
        message_id=each.message_id,
        gateway_id=each.gateway_id,
        brand_id=each.brand_id,
        sender_value=each.sender_value,
    )


def _evidence(each: Ended) -> dict[str, object]:
    return {
        "message_id": each.message_id,
        "gateway_id": each.gateway_id,
        "error_code": each.error_code,
    }


def _transports(gateway_ids: Collection[int]) -> dict[int, str]:
    return dict(Gateway.objects.filter(pk__in=gateway_ids).values_list("pk", "transport"))


def _known(transport: str, error_code: str) -> NumberFault | None:
    meaning = transports.get(transport).errors.get(error_code)
    return meaning.number if meaning else None


def _fault(names: Mapping[int, str], each: Ended) -> NumberFault | None:
    return number_fault(
        _known(names[each.gateway_id], each.error_code),
        error_class=each.error_class,
        error_code=each.error_code,
        state=each.state,
        reason=each.reason,
    )


def _histories(faulty: Sequence[Ended], *, now: datetime) -> dict[str, list[Answer]]:
    """Earlier answers of the numbers, the present one included; one query for all of them."""
    found: dict[str, list[Answer]] = defaultdict(list)
    contacts = sorted({each.contact_id for each in faulty if each.contact_id is not None})
    if not contacts:
        return found
    with connection.cursor() as cursor:
        cursor.execute(_ANSWERS, {"contacts": contacts, "since": now - HISTORY})
        rows = cursor.fetchall()
    names = _transports({row[8] for row in rows if row[8] is not None})
    for _, phone, batch_id, at, state, reason, error_class, error_code, gateway_id in rows:
        known = _known(names[gateway_id], error_code) if gateway_id in names else None
        fault = number_fault(
            known, error_class=error_class, error_code=error_code, state=state, reason=reason
        )
        if state == "delivered" or fault is not None:
            found[phone].append(Answer(at=at, batch_id=batch_id, fault=fault))
    return found
