"""What a bind brings: receipts and replies as PDUs. Kept and committed before they are answered.

A receipt is stored raw and applied later like any other. A reply is obeyed at once [R-2.8]; one in
several parts when the last of them is here, or after two minutes with what there is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils import timezone

from smsmarketing.gateways.intake.inbound import inbound_receive
from smsmarketing.gateways.models import Gateway, Receipt
from smsmarketing.gateways.transports.base import TransportDataError
from smsmarketing.gateways.transports.smpp.messages import (
    Concat,
    ShortMessage,
    message_decode,
)
from smsmarketing.gateways.transports.smpp.pdu import Pdu, PduError, pdus_split
from smsmarketing.gateways.transports.smpp.receipts import is_receipt
from smsmarketing.gateways.transports.smpp.statuses import OK, TEMPORARY
from smsmarketing.gateways.transports.smpp.texts import text_decode
from smsmarketing.gateways.transports.smpp.transport import CONTENT_TYPE, reply_of

logger = structlog.get_logger("smsmarketing.gateways.deliveries")

REFUSED: Final = 0x65
"""Our answer to what cannot be understood: kept, and not worth offering again."""
PARTS_WAIT: Final = timedelta(minutes=2)
"""How long a reply waits for its missing parts. A "no" in it waits with it, so it is short."""
_MISSING: Final = " … "
_STORE = """
INSERT INTO gateways_receipt (gateway_id, kind, message_id, raw, content_type, received_at, state, note)
SELECT %(gateway)s, 'dlr', NULL, r.raw, %(content_type)s, %(now)s, 'new', ''
FROM unnest(%(raws)s::bytea[]) AS r(raw)
"""


def deliveries_take(gateway: Gateway, pdus: Sequence[Pdu]) -> list[int]:
    """Keep what came; returns the status to answer each with. What the database did not keep is
    answered so that the carrier offers it again.
    """
    statuses = [OK] * len(pdus)
    receipts: list[int] = []
    for index, pdu in enumerate(pdus):
        try:
            message = message_decode(pdu)
            if is_receipt(message):
                receipts.append(index)
            else:
                statuses[index] = _kept(partial(_reply_take, gateway, message, pdu))
        except (PduError, TransportDataError) as exc:
            note = f"{exc.code}: {exc}"
            statuses[index] = _kept(partial(_unreadable_keep, gateway, pdu, note))
    if receipts:
        outcome = _kept(partial(_receipts_keep, gateway, [pdus[index].raw for index in receipts]))
        for index in receipts:
            statuses[index] = outcome
    return statuses


def replies_join(*, now: datetime | None = None) -> int:
    """Hand on replies whose other parts did not come in time; returns how many."""
    moment = now or timezone.now()
    joined = 0
    waiting = Receipt.objects.filter(kind="inbound", state="parked", content_type=CONTENT_TYPE)
    for gateway_id in sorted(set(waiting.values_list("gateway_id", flat=True))):
        gateway = Gateway.objects.get(pk=gateway_id)
        with transaction.atomic():
            for rows in _groups_lock(gateway).values():
                if all(row.received_at < moment - PARTS_WAIT for row, _, _ in rows):
                    _join(gateway, rows, moment)
                    joined += 1
    return joined


def _kept(work: Callable[[], int]) -> int:
    """The status that `work` returns, or "again later" when the database failed."""
    try:
        return work()
    except (DatabaseError, InterfaceError):
        logger.exception("delivery_not_stored")
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        return TEMPORARY


def _receipts_keep(gateway: Gateway, raws: Sequence[bytes]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            _STORE,
            {
                "gateway": gateway.pk,
                "raws": list(raws),
                "content_type": CONTENT_TYPE,
                "now": timezone.now(),
            },
        )
    return OK


def _unreadable_keep(gateway: Gateway, pdu: Pdu, note: str) -> int:
    logger.warning("delivery_unusable", gateway_id=gateway.pk)
    _row(gateway, pdu, kind="dlr", state="unusable", note=note)
    return REFUSED


def _row(gateway: Gateway, pdu: Pdu, *, kind: str, state: str, note: str) -> Receipt:
    return Receipt.objects.create(
        gateway=gateway,
        kind=kind,
        raw=pdu.raw,
        content_type=CONTENT_TYPE,
        received_at=timezone.now(),
        state=state,
        note=note[:200],
    )


def _reply_take(gateway: Gateway, message: ShortMessage, pdu: Pdu) -> int:
    part = message.concat
    if part is None:
        inbound_receive(gateway, reply_of(message), raw=pdu.raw)
        return OK
    reply_of(message)  # raises before anything is kept when nobody could be said to have written it
    now = timezone.now()
    with transaction.atomic():
        note = f"part {part.number} of {part.total}"
        mine = _row(gateway, pdu, kind="inbound", state="parked", note=note)
        for rows in _groups_lock(gateway).values():
            numbers = {each.number for _, _, each in rows}
            if mine.pk in {row.pk for row, _, _ in rows} and len(numbers) == part.total:
                _join(gateway, rows, now)
    return OK


_Rows = list[tuple[Receipt, ShortMessage, Concat]]


def _groups_lock(gateway: Gateway) -> dict[tuple[str, str, int, int], _Rows]:
    """The parts that wait, by the message they belong to."""
    groups: dict[tuple[str, str, int, int], _Rows] = defaultdict(list)
    waiting = Receipt.objects.select_for_update(of=("self",)).filter(
        gateway=gateway, kind="inbound", state="parked", content_type=CONTENT_TYPE
    )
    for row in waiting.order_by("id"):
        message = message_decode(pdus_split(bytes(row.raw))[0])
        part = message.concat
        if part is not None:
            key = (message.source.value, message.destination.value, part.reference, part.total)
            groups[key].append((row, message, part))
    return groups


def _join(gateway: Gateway, rows: _Rows, now: datetime) -> None:
    """One reply out of its parts, in their order; a part that came twice counts once."""
    by_number = {part.number: message for _, message, part in rows}
    total = rows[0][2].total
    whole = len(by_number) == total
    pieces = [
        text_decode(by_number[number].text, by_number[number].data_coding)
        if number in by_number
        else _MISSING
        for number in range(1, total + 1)
    ]
    raw = b"".join(bytes(row.raw) for row, _, _ in rows)
    inbound_receive(gateway, reply_of(rows[0][1], "".join(pieces)), raw=raw, now=now)
    Receipt.objects.filter(pk__in=[row.pk for row, _, _ in rows]).update(
        state="applied",
        raw=b"",
        note=f"joined, {len(by_number)} of {total} parts" if not whole else "joined",
        applied_at=now,
    )
