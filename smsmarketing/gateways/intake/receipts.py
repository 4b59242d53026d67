"""Delivery receipts: durable first, applied in batches, in any order, any number of times.

[R-10.2] duplicates have no effect, [R-10.3] a receipt may overtake the submit's answer, [R-10.4]
states only move up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from django.db import connection, transaction
from django.utils import timezone

from smsmarketing.gateways.intake.counted import Moved, receipts_count
from smsmarketing.gateways.intake.part_receipts import part_events
from smsmarketing.gateways.intake.statements import APPLY, RECEIPTS_MARK, SLOTS_FREE
from smsmarketing.gateways.models import Message, Receipt
from smsmarketing.gateways.rules.messages import RANK, RECEIPT_STATES, STATES, receipt_moves
from smsmarketing.gateways.selectors.carriers import transports_of
from smsmarketing.gateways.services.suspects import Ended, numbers_follow
from smsmarketing.gateways.transports.base import (
    MESSAGE_ID_PARAMETER,
    ReceiptEvent,
    TransportDataError,
)
from smsmarketing.operations.audit import audit_append_system

logger = structlog.get_logger("smsmarketing.gateways.receipts")

CHUNK = 1000
PARKED_FOR = timedelta(minutes=15)
"""How long a receipt that matches no message is tried again [R-10.3]."""
MOVES = sorted(
    f"{state}>{target}"
    for state in STATES
    for target in RECEIPT_STATES.values()
    if receipt_moves(state, target)
)
"""The guard of the update, generated from the transition table."""


@dataclass
class ReceiptsReport:
    """What one run did with the receipts it found."""

    applied: int = 0
    duplicate: int = 0
    late: int = 0
    parked: int = 0
    unusable: int = 0

    @property
    def total(self) -> int:
        return self.applied + self.duplicate + self.late + self.parked + self.unusable


class _Read(NamedTuple):
    """One report of a receipt that was understood; a provider may put several into one call. The message
    is 0 while only the gateway's own id is known.
    """

    receipt: Receipt
    position: int
    message_id: int
    event: ReceiptEvent

    @property
    def key(self) -> tuple[int, int]:
        return self.receipt.pk, self.position


_Marks = dict[tuple[int, int], tuple[str, str]]
"""(receipt, position of the report in it) → state word and note."""
_WEIGHT = ("duplicate", "late", "applied", "unusable", "parked")
"""Of several reports in one receipt the last word of these stands for all: what is parked is read
again, and then the others are duplicates.
"""


def receipt_store(
    gateway_id: int,
    *,
    message_id: int | None,
    raw: bytes,
    content_type: str,
    kind: str = "dlr",
    state: str = "new",
    note: str = "",
) -> int:
    """Keep a webhook body exactly as it came; one INSERT, committed when this returns (outside a
    transaction). Returns its id.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO gateways_receipt (gateway_id, kind, message_id, raw, content_type,"
            " received_at, state, note) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
            [
                gateway_id,
                kind,
                message_id,
                raw,
                content_type[:80],
                timezone.now(),
                state,
                note[:200],
            ],
        )
        return int(cursor.fetchone()[0])


def receipts_apply(*, now: datetime | None = None, max_chunks: int = 200) -> ReceiptsReport:
    """Apply what is stored and not yet understood; safe to run several times at once.

    New receipts first, then parked ones once: those whose message was still on the wire, or not
    found, when they came.
    """
    report = ReceiptsReport()
    for _ in range(max_chunks):
        if _chunk_apply("new", report, now or timezone.now()) < CHUNK:
            break
    _chunk_apply("parked", report, now or timezone.now())
    return report


def receipts_replay(*, since: datetime) -> int:
    """Put receipts since a moment back to `new`, so that the next run reads them again.

    Harmless: applied ones become duplicates. For receipts that were unusable until a transport
    learned their codes. Returns how many.
    """
    return (
        Receipt.objects.filter(received_at__gte=since, kind="dlr")
        .exclude(state="new")
        .update(state="new", note="replayed", applied_at=None)
    )


def _chunk_apply(state: str, report: ReceiptsReport, now: datetime) -> int:
    """One transaction over at most CHUNK receipts; returns how many there were."""
    with transaction.atomic():
        receipts = list(
            Receipt.objects.select_for_update(skip_locked=True)
            .filter(state=state, kind="dlr")
            .order_by("id")[:CHUNK]
        )
        if not receipts:
            return 0
        marks: _Marks = {}
        read = [*_read(receipts, marks)]
        read += _by_part_id([each for each in read if each.message_id == 0], marks, now)
        read = [each for each in read if each.message_id]
        moved: list[Moved] = []
        for wave in _rounds(read):
            moved += _wave_apply(wave, marks, now)
        _rest_explain(read, marks, now)
        folded = _folded(marks)
        with connection.cursor() as cursor:
            cursor.execute(
                RECEIPTS_MARK,
                {
                    "ids": list(folded),
                    "states": [word for word, _ in folded.values()],
                    "notes": [note for _, note in folded.values()],
                    "now": now,
                },
            )
        _follow(moved, now)
        receipts_count(moved, {receipt.pk: receipt.received_at for receipt in receipts})
    for word, _ in folded.values():
        setattr(report, word, getattr(report, word) + 1)
    return len(receipts)


def _folded(marks: _Marks) -> dict[int, tuple[str, str]]:
    """One word and note a receipt."""
    folded: dict[int, tuple[str, str]] = {}
    for (receipt_id, _), mark in marks.items():
        before = folded.get(receipt_id)
        if before is None or _WEIGHT.index(mark[0]) > _WEIGHT.index(before[0]):
            folded[receipt_id] = mark
    return folded


def _read(receipts: Sequence[Receipt], marks: _Marks) -> Iterable[_Read]:
    """Understand each body; what cannot be understood is marked with the reason."""
    ids = {receipt.gateway_id for receipt in receipts}
    known = transports_of(ids)
    for receipt in receipts:
        transport = known[receipt.gateway_id]
        query = (
            {} if receipt.message_id is None else {MESSAGE_ID_PARAMETER: str(receipt.message_id)}
        )
        try:
            events = transport.webhook_events(
                bytes(receipt.raw), {"content-type": receipt.content_type}, query
            )
        except TransportDataError as exc:
            marks[receipt.pk, 0] = ("unusable", f"{exc.code}: {exc}"[:200])
            continue
        reports = [each for each in events if isinstance(each, ReceiptEvent)]
        if not reports:
            marks[receipt.pk, 0] = ("unusable", "It carries no report of a message.")
        for position, event in enumerate(reports):
            if event.status not in RECEIPT_STATES:
                # Never guessed; a person adds the code to the transport and replays.
                note = f"unknown_code: status {event.raw_status}"[:200]
                marks[receipt.pk, position] = ("unusable", note)
                logger.warning(
                    "receipt_unknown_code", receipt_id=receipt.pk, status=event.raw_status
                )
            else:
                yield _Read(receipt, position, event.our_message_id or 0, event)


def _by_part_id(unnamed: Sequence[_Read], marks: _Marks, now: datetime) -> list[_Read]:
    """Those that carry no id of ours, with the message that the gateway's own id belongs to; a part of
    several speaks for the message once it ends it.
    """
    found: list[_Read] = []
    asked = [(each.receipt.gateway_id, each.event) for each in unnamed]
    able = {
        gateway_id: transport.capabilities
        for gateway_id, transport in transports_of({each for each, _ in asked}).items()
    }
    for each, part in zip(unnamed, part_events(asked), strict=True):
        if part is not None and part.event is not None:
            found.append(each._replace(message_id=part.message_id, event=part.event))
        elif part is not None:
            marks[each.key] = ("applied" if part.moved else "duplicate", part.note)
        elif (
            able[each.receipt.gateway_id].names_parts
            and now - each.receipt.received_at < PARKED_FOR
        ):
            marks[each.key] = ("parked", "no such message yet")
        else:
            marks[each.key] = ("unusable", "It carries no message id of ours.")
    return found


def _rounds(read: Sequence[_Read]) -> list[list[_Read]]:
    """Several receipts of one message go one after the other, in the order they came."""
    rounds: list[list[_Read]] = []
    seen: dict[int, int] = {}
    for each in read:
        turn = seen.get(each.message_id, 0)
        seen[each.message_id] = turn + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(each)
    return rounds


def _wave_apply(wave: Sequence[_Read], marks: _Marks, now: datetime) -> list[Moved]:
    """Move the messages of one round; no message is twice in it."""
    events = [each.event for each in wave]
    with connection.cursor() as cursor:
        cursor.execute(
            APPLY,
            {
                "receipts": [each.receipt.pk for each in wave],
                "ids": [each.message_id for each in wave],
                "gateways": [each.receipt.gateway_id for each in wave],
                "targets": [RECEIPT_STATES[event.status] for event in events],
                "gateway_ids": [event.gateway_message_id for event in events],
                "codes": [(event.error_code or "")[:32] for event in events],
                "classes": [(event.error_class or "")[:12] for event in events],
                "parts": [event.parts for event in events],
                "prices": [event.price for event in events],
                "moves": MOVES,
                "now": now,
            },
        )
        moved = [Moved(*row) for row in cursor.fetchall()]
    positions = {(each.receipt.pk, each.message_id): each.key for each in wave}
    for each in moved:
        key = positions[each.receipt_id, each.message_id]
        marks[key] = ("applied", f"{each.before} to {each.after}")
    return moved


def _rest_explain(read: Sequence[_Read], marks: _Marks, now: datetime) -> None:
    """Why the other receipts moved nothing."""
    rest = [each for each in read if each.key not in marks]
    found: dict[int, tuple[str, int | None]] = {
        row[0]: (row[1], row[2])
        for row in Message.objects.filter(pk__in={each.message_id for each in rest}).values_list(
            "pk", "state", "gateway_id"
        )
    }
    for each in rest:
        state, gateway_id = found.get(each.message_id, ("", None))
        target = RECEIPT_STATES[each.event.status]
        waiting = now - each.receipt.received_at < PARKED_FOR
        if state == "handing_over" or (not state and waiting):
            marks[each.key] = ("parked", state or "no such message yet")
        elif not state or gateway_id != each.receipt.gateway_id:
            marks[each.key] = ("unusable", "This gateway was not given such a message.")
        elif state == target:
            marks[each.key] = ("duplicate", state)
        elif RANK[state] >= RANK[target]:
            marks[each.key] = ("late", f"{target} after {state}")
        else:
            marks[each.key] = ("unusable", f"{target} cannot follow {state}")


def _follow(moved: Sequence[Moved], now: datetime) -> None:
    """What follows from the moves: slots given back, numbers retired or revived, corrections audited."""
    lost = [each.message_id for each in moved if each.after in {"undelivered", "rejected"}]
    if lost:
        with connection.cursor() as cursor:
            cursor.execute(SLOTS_FREE, [lost])
    ended = [
        Ended(
            message_id=each.message_id,
            contact_id=each.contact_id,
            phone=each.phone,
            batch_id=each.batch_id,
            state=each.after,
            reason=each.reason,
            error_class=each.error_class,
            error_code=each.error_code,
            gateway_id=each.gateway_id,
            brand_id=each.brand_id,
            sender_value=each.sender_value,
        )
        for each in moved
        if each.after != "accepted"
    ]
    if ended:
        numbers_follow(ended, now=now)
    corrected = [each for each in moved if RANK[each.before] >= 50]
    if corrected:
        audit_append_system(
            operation="gateways.receipts_apply",
            outcome="corrected",
            facts={
                "delivered_after_final": len(corrected),
                "message_ids": [each.message_id for each in corrected[:100]],
            },
        )
