"""The steps of an erasure: each app clears its own tables, as often as it needs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from smsmarketing.contacts.models import EraseJob
from smsmarketing.contacts.phones import phone_hashes

_digit_forms = "".join(chr(zero + at) for zero in (0x0660, 0x06F0, 0xFF10) for at in range(10))
_DIGITS = str.maketrans(_digit_forms, "0123456789" * 3)


@dataclass(frozen=True, kw_only=True)
class Traces:
    """Whose traces a step looks for."""

    phone: str
    phone_hash: bytes
    contact_ids: tuple[int, ...]

    @property
    def hashes(self) -> list[bytes]:
        """The number under every key [R-4.10]."""
        return phone_hashes(self.phone)

    @property
    def digits(self) -> str:
        """What every spelling of the number ends with: its last nine digits."""
        return self.phone.lstrip("+")[-9:]

    def written_in(self, text: str) -> bool:
        """Whether a text holds the number in any spelling: blanks, dashes, other scripts' digits."""
        plain = text.translate(_DIGITS)
        return self.digits in "".join(sign for sign in plain if sign in "0123456789")


@dataclass(frozen=True, kw_only=True)
class Cleared:
    """What a step did: `rows` it cleared, and how many it must come back for."""

    rows: int = 0
    left: int = 0


Eraser = Callable[[Traces, datetime], Cleared]
_erasers: dict[str, Eraser] = {}


def eraser_add(name: str, eraser: Eraser) -> None:
    """Register the step of an app, at ready(). It must be safe to repeat; it runs in a transaction
    of its own, holds no contact's lock, and says in `left` what cannot go yet.
    """
    _erasers[name] = eraser


def erase_work(job_id: int, *, now: datetime | None = None) -> bool:
    """Run every step of an erasure; True when nothing is left and the number is forgotten."""
    now = now or timezone.now()
    job = EraseJob.objects.filter(pk=job_id, finished_at=None).first()
    if job is None:
        return True
    traces = Traces(
        phone=job.phone,
        phone_hash=bytes(job.phone_hash),
        contact_ids=tuple(job.contact_ids),
    )
    left = 0
    rows: dict[str, int] = {}
    for name, eraser in sorted(_erasers.items()):
        with transaction.atomic():
            done = eraser(traces, now)
        rows[name] = done.rows
        left += done.left
    with transaction.atomic():
        job = EraseJob.objects.select_for_update().get(pk=job_id)
        if job.finished_at is None:
            job.steps = {name: job.steps.get(name, 0) + count for name, count in rows.items()}
            if not left:
                job.phone, job.finished_at = "", now
            job.save(update_fields=["steps", "phone", "finished_at"])
    return not left


def erasures_open(*, limit: int = 100) -> list[int]:
    """Ids of the erasures that still have something to do, oldest first."""
    rows = EraseJob.objects.filter(finished_at=None).order_by("pk")
    return list(rows.values_list("pk", flat=True)[:limit])
