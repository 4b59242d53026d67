"""Receipts that carry the gateway's own id only: which message, and what of a message in parts.

Every part of a long message gets a receipt of its own. The message is delivered when all its parts
are, and lost as soon as one is: a phone shows it whole or not at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import connection

from smsmarketing.gateways.models import PartId
from smsmarketing.gateways.rules.messages import RANK, RECEIPT_STATES
from smsmarketing.gateways.rules.part_ids import id_choose, id_forms
from smsmarketing.gateways.transports.base import ReceiptEvent

# The messages are locked first and in order: two runs that hold receipts of two parts of one message
# would otherwise both think that the other part is still out.
_CANDIDATES = """
SELECT q.n, p.id, p.key, p.message_id, p.number, p.total, m.phone
FROM unnest(%(ns)s::int[], %(gateways)s::bigint[], %(keys)s::text[]) AS q(n, gateway_id, key)
JOIN gateways_partid p ON p.gateway_id = q.gateway_id AND p.key = q.key
JOIN gateways_message m ON m.id = p.message_id
ORDER BY p.message_id, p.id
"""
_LOCK = "SELECT id FROM gateways_message WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"


@dataclass(frozen=True, slots=True)
class PartReport:
    """What a receipt means. `event` is of the whole message; None while other parts are out, or when
    it says nothing new (`moved`).
    """

    message_id: int
    event: ReceiptEvent | None
    moved: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Part:
    id: int
    key: str
    message_id: int
    number: int
    total: int
    phone: str


def part_events(asked: Sequence[tuple[int, ReceiptEvent]]) -> list[PartReport | None]:
    """For each (gateway, receipt) the message it is about, in the same order; None where no message of
    that gateway has such an id. The caller is in a transaction.
    """
    found = _parts_find(asked)
    several = {part.message_id for part in found.values() if part.total > 1}
    states = _states_lock(several)
    reports: list[PartReport | None] = []
    changed: dict[int, str] = {}
    for n, (_, event) in enumerate(asked):
        part = found.get(n)
        if part is None:
            reports.append(None)
        elif part.total == 1:
            reports.append(PartReport(part.message_id, replace(event, recipient="")))
        else:
            reports.append(_part_note(part, event, states[part.message_id], changed))
    for part_id, state in changed.items():
        PartId.objects.filter(pk=part_id).update(state=state)
    return reports


def _parts_find(asked: Sequence[tuple[int, ReceiptEvent]]) -> dict[int, _Part]:
    wanted = [
        (n, gateway_id, form)
        for n, (gateway_id, event) in enumerate(asked)
        for form in id_forms(event.gateway_message_id)
    ]
    if not wanted:
        return {}
    candidates: dict[int, list[_Part]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            _CANDIDATES,
            {
                "ns": [row[0] for row in wanted],
                "gateways": [row[1] for row in wanted],
                "keys": [row[2] for row in wanted],
            },
        )
        for n, *row in cursor.fetchall():
            candidates[n].append(_Part(*row))
    found = {}
    for n, parts in candidates.items():
        event = asked[n][1]
        chosen = id_choose(
            event.gateway_message_id, event.recipient, [(each.key, each.phone) for each in parts]
        )
        if chosen is not None:
            found[n] = parts[chosen]
    return found


def _states_lock(message_ids: set[int]) -> dict[int, dict[int, str]]:
    """State by part number, of messages in several parts, which are locked."""
    states: dict[int, dict[int, str]] = defaultdict(dict)
    if message_ids:
        with connection.cursor() as cursor:
            cursor.execute(_LOCK, [sorted(message_ids)])
        rows = PartId.objects.filter(message_id__in=message_ids, total__gt=1).order_by("id")
        for message_id, number, state in rows.values_list("message_id", "number", "state"):
            states[message_id][number] = state
    return states


def _part_note(
    part: _Part, event: ReceiptEvent, states: dict[int, str], changed: dict[int, str]
) -> PartReport:
    """Move the part upwards, and say what follows for its message."""
    target = RECEIPT_STATES[event.status]
    before = states.get(part.number, "")
    note = f"part {part.number} of {part.total}: {target}"
    if before and RANK[target] <= RANK[before]:
        return PartReport(part.message_id, None, note=note)
    states[part.number] = changed[part.id] = target
    known = [states.get(number, "") for number in range(1, part.total + 1)]
    if target == "delivered" and any(state != "delivered" for state in known):
        return PartReport(part.message_id, None, moved=True, note=note)
    return PartReport(part.message_id, replace(event, recipient=""))
