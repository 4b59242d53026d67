"""The steps of an erasure: each app clears its own tables, as often as it needs to."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from smsmarketing.contacts.models import EraseJob
from smsmarketing.contacts.phones import phone_hashes
from smsmarketing.operations.types import Actor

_digit_forms = "".join(chr(zero + at) for zero in (0x0660, 0x06F0, 0xFF10) for at in range(10))
_DIGITS = str.maketrans(_digit_forms, "0123456789" * 3)


@dataclass(frozen=True, kw_only=True)
class Traces:
    """Whose traces a step looks for."""

    phone: str
    phone_hash: bytes
    contact_ids: tuple[int, ...]
    words: tuple[str, ...] = ()
    """The whole name, the customer's key and the like: what else is looked for in texts."""

    @property
    def hashes(self) -> list[bytes]:
        """The number under every key [R-4.10]."""
        return phone_hashes(self.phone)

    @property
    def digits(self) -> str:
        """What every spelling of the number ends with: its last nine digits."""
        return self.phone.lstrip("+")[-9:]

    def written_in(self, text: str) -> bool:
        """Whether a text holds the number in any spelling (blanks, dashes, other scripts' digits), or
        one of the words, its parts in any order.
        """
        plain = text.translate(_DIGITS)
        if self.digits in "".join(sign for sign in plain if sign in "0123456789"):
            return True
        folded = text.casefold()
        return any(
            all(re.search(rf"(?<!\w){re.escape(part)}(?!\w)", folded) for part in word.split())
            for word in (word.casefold() for word in self.words)
        )

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """A regular expression, for Python and PostgreSQL, of the number in Latin digits with up to
        three signs in between, and of the words.
        """
        number = f"[+]?[0-9]{{0,4}}{_GAP}" + _GAP.join(self.digits)
        words = ["[ ]+".join(map(_literal, word.split())) for word in self.words]
        return re.compile("|".join([number, *words]), re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Cleared:
    """What a step did: `rows` it cleared, and how many it must come back for."""

    rows: int = 0
    left: int = 0


_GAP = "[^0-9A-Za-z]{0,3}"
_KEY_LENGTH = 5


def _literal(part: str) -> str:
    return "".join(
        sign if sign.isalnum() else f"[{sign}]" if sign not in "^\\[]" else "." for sign in part
    )


def words_of(*, first_name: str, last_name: str, customer_key: str) -> list[str]:
    """What else names a person in a text: the whole name, and a key that is long enough to be theirs."""
    whole = f"{first_name.strip()} {last_name.strip()}"
    words = [whole] if len(first_name.strip()) > 1 and len(last_name.strip()) > 1 else []
    return [*words, *([customer_key] if len(customer_key) >= _KEY_LENGTH else [])]


@dataclass(frozen=True, kw_only=True)
class WaitingRequest:
    """A request to people that names the person and is not over, so that it keeps an erasure open."""

    action_request_id: UUID
    operation: str
    state: str
    asked_at: datetime
    ends_at: datetime
    visible: bool
    """Whether the actor that reads may open it; its id is for these only."""
    stuck: str
    """Why nobody can decide it, and what to do; empty when people can."""


Eraser = Callable[[Traces, datetime], Cleared]
RequestFinder = Callable[[Traces, Actor], list[WaitingRequest]]
_erasers: dict[str, Eraser] = {}
_finders: dict[str, RequestFinder] = {}


def eraser_add(name: str, eraser: Eraser) -> None:
    """Register the step of an app, at ready(). It must be safe to repeat; it runs in a transaction
    of its own, holds no contact's lock, and says in `left` what cannot go yet.
    """
    _erasers[name] = eraser


def requests_finder_add(name: str, finder: RequestFinder) -> None:
    """Register, at ready(), what finds the requests that the step `name` waits for."""
    _finders[name] = finder


def requests_waited(job: EraseJob, actor: Actor) -> dict[str, list[WaitingRequest]]:
    """Step → the requests that keep it open now, for every step that can wait for requests; of a
    finished erasure none.
    """
    if job.finished_at is not None:
        return {}
    return {name: finder(_traces(job), actor) for name, finder in sorted(_finders.items())}


def erase_work(job_id: int, *, now: datetime | None = None) -> bool:
    """Run every step of an erasure; True when nothing is left and the number is forgotten."""
    now = now or timezone.now()
    job = EraseJob.objects.filter(pk=job_id, finished_at=None).first()
    if job is None:
        return True
    traces = _traces(job)
    rows: dict[str, int] = {}
    left: dict[str, int] = {}
    for name, eraser in sorted(_erasers.items()):
        with transaction.atomic():
            done = eraser(traces, now)
        rows[name] = done.rows
        if done.left:
            left[name] = done.left
    with transaction.atomic():
        job = EraseJob.objects.select_for_update().get(pk=job_id)
        if job.finished_at is None:
            job.steps = {name: job.steps.get(name, 0) + count for name, count in rows.items()}
            job.left = left
            if not left:
                job.phone, job.words, job.finished_at = "", [], now
            job.save(update_fields=["steps", "left", "phone", "words", "finished_at"])
    return not left


def erasures_open(*, limit: int = 100) -> list[int]:
    """Ids of the erasures that still have something to do, oldest first."""
    rows = EraseJob.objects.filter(finished_at=None).order_by("pk")
    return list(rows.values_list("pk", flat=True)[:limit])


def _traces(job: EraseJob) -> Traces:
    return Traces(
        phone=job.phone,
        phone_hash=bytes(job.phone_hash),
        contact_ids=tuple(job.contact_ids),
        words=tuple(job.words),
    )
