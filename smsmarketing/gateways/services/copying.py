"""Writing a batch's messages: COPY in id order, cut into slices (perf.md §3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import F, Max
from django.utils import timezone

from smsmarketing.gateways.models import Batch, BatchSlice
from smsmarketing.operations.errors import Conflict

SLICE_SIZE = 500
_CHUNK = 10 * SLICE_SIZE
_COPY = (
    "COPY gateways_message (id, batch_id, contact_id, phone, country, body, encoding, parts, price,"
    " created_at) FROM STDIN"
)
_IDS = (
    "SELECT nextval(pg_get_serial_sequence('gateways_message', 'id')) FROM generate_series(1, %s)"
)
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


class MessageRow(NamedTuple):
    """One rendered message, priced per part in the batch's currency."""

    contact_id: int | None
    phone: str
    country: str
    body: str
    encoding: str
    parts: int
    price: Decimal


def messages_copy(batch: Batch, rows: Iterable[MessageRow]) -> int:
    """Append messages to a batch that is being built; returns how many.

    May be called several times for one batch. Memory stays bounded: rows are read in chunks of
    5,000, each slice holds at most 500. Raises Conflict when the batch is no longer building.
    """
    now = timezone.now()
    total = 0
    with transaction.atomic():
        held = Batch.objects.select_for_update().get(pk=batch.pk)
        if held.state != "building":
            raise Conflict(
                f"This batch is {held.state}; messages can only be added while it is built."
            )
        newest = BatchSlice.objects.filter(batch=held).aggregate(number=Max("number"))["number"]
        number = 0 if newest is None else newest + 1
        source = iter(rows)
        while chunk := list(islice(source, _CHUNK)):
            ids = _chunk_copy(held.pk, chunk, now)
            slices = [
                BatchSlice(
                    batch=held,
                    number=number + offset // SLICE_SIZE,
                    first_id=ids[offset],
                    last_id=ids[min(offset + SLICE_SIZE, len(ids)) - 1],
                    not_before=held.not_before or now,
                )
                for offset in range(0, len(ids), SLICE_SIZE)
            ]
            BatchSlice.objects.bulk_create(slices)
            number += len(slices)
            total += len(chunk)
        Batch.objects.filter(pk=held.pk).update(
            planned=F("planned") + total, version=F("version") + 1
        )
    batch.refresh_from_db(fields=["planned", "version"])
    return total


def _chunk_copy(batch_id: int, chunk: list[MessageRow], now: datetime) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_IDS, [len(chunk)])
        ids = [row[0] for row in cursor.fetchall()]
        raw: Any = cursor
        with raw.copy(_COPY) as copy:
            copy.write("".join(_lines(batch_id, ids, chunk, now.isoformat())))
    return ids


def _lines(batch_id: int, ids: list[int], chunk: list[MessageRow], now: str) -> Iterator[str]:
    for message_id, row in zip(ids, chunk, strict=True):
        contact = "\\N" if row.contact_id is None else row.contact_id
        yield (
            f"{message_id}\t{batch_id}\t{contact}\t{row.phone}\t{row.country}\t"
            f"{row.body.translate(_ESCAPES)}\t{row.encoding}\t{row.parts}\t{row.price:f}\t{now}\n"
        )
