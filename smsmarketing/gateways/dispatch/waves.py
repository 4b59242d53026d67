"""A wave: the last-moment checks and the mark in one transaction, and the record in another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from smsmarketing.gateways.dispatch.session import (
    WaveCursor,
    array_of,
    array_of_bytes,
    array_of_texts,
    wave_cursor,
)
from smsmarketing.gateways.dispatch.statements import (
    ATTEMPTS,
    BATCH_LOCK,
    BATCH_STATE,
    COMMIT_MONEY,
    PART_IDS,
    PROGRESS,
    RECORD,
    SLOTS_BACK,
    SLOTS_LOCK,
    mark_statement,
)
from smsmarketing.gateways.dispatch.unclear import KEEP, Unclear, keep_parameters
from smsmarketing.gateways.rules.caps import COUNTED_PURPOSES
from smsmarketing.gateways.rules.part_ids import id_canonical
from smsmarketing.gateways.selectors.senders import (
    STANDINGS,
    countries_allowed,
    standings_parameters,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message up for the wave. `hashes`: its number under every key of PHONE_HASH_KEYS. `opens_at`
    is set when it is quiet hours where the person is, `shut` when it can never be sent there. `price`
    of a part is that of the wave's gateway; None: as planned.
    """

    id: int
    contact_id: int | None
    hashes: list[bytes]
    cost: Decimal
    opens_at: datetime | None = None
    shut: str | None = None
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """What the checks decided: handing_over, or why not."""

    id: int
    state: str
    reason: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Halt:
    """Nothing of this batch may be handed over now. `pause` = people must look at it."""

    reason: str
    pause: bool
    gateway: bool = False
    """The gateway is not to be used; another one may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WavePlan:
    """What is the same for all messages of a run."""

    batch_id: int
    brand_id: int
    sender_id: int
    sender_value: str
    gateway_id: int
    countries: list[str]
    purpose: str
    caps: list[tuple[int, timedelta]]

    @property
    def counted(self) -> bool:
        return self.purpose in COUNTED_PURPOSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one hand-over came to, in message states. `wait_s` is for a next try."""

    id: int
    attempt: int
    state: str
    reason: str = ""
    outcome: str = ""
    gateway_message_id: str = ""
    part_ids: tuple[str, ...] = ()
    parts_billed: int | None = None
    price_billed: Decimal | None = None
    error_code: str = ""
    error_class: str = ""
    wait_s: float = 0.0
    price_marked: Decimal | None = None
    """Price of a part on the gateway that did not take it, when another price was reserved."""
    price_planned: Decimal | None = None
    """What was reserved for a part: the next gateway may cost that much again."""


def wave_mark(
    plan: WavePlan,
    candidates: Sequence[Candidate],
    *,
    slice_ids: Sequence[int],
    owner: str,
    now: datetime,
) -> list[Marked] | Halt:
    """Check every candidate against the truth and mark what may go `handing_over`; commits.

    In one transaction, under the lock of the batch: the batch is sending and approved, our leases
    live, sender verified, gateway usable, the cost fits under the ceiling; then one statement
    checks suppression, consent, country, sender eligibility, quiet hours and caps, takes the cap
    slots and marks. Returns Halt when the batch as a whole may not go on; nothing changed then.
    """
    with transaction.atomic(), wave_cursor() as cursor:
        cursor.execute(
            BATCH_LOCK,
            {
                "batch": plan.batch_id,
                "gateway": plan.gateway_id,
                "slices": array_of(slice_ids),
                "owner": owner,
                "now": now,
            },
        )
        found = cursor.one()
        halt = _halt(found, len(slice_ids))
        if found is None or halt is not None:
            return halt or Halt("The batch is gone.", pause=False)
        affordable = _affordable(candidates, found[6])
        if not affordable:
            return Halt("The cost ceiling is reached.", pause=True)
        contacts = array_of(each.contact_id for each in affordable)
        cursor.execute(SLOTS_LOCK, {"brand": plan.brand_id, "contacts": contacts})
        parameters = _mark_parameters(plan, affordable, now)
        parameters["eligible"] = array_of_texts(_eligible(cursor, plan))
        cursor.execute(mark_statement(len(affordable[0].hashes)), parameters)
        marked = [Marked(*row) for row in cursor.all()]
        costs = {candidate.id: candidate.cost for candidate in affordable}
        committed = sum(
            (costs[row.id] for row in marked if row.state == "handing_over"), Decimal(0)
        )
        if committed:
            cursor.execute(COMMIT_MONEY, {"change": committed, "batch": plan.batch_id})
    return marked


def wave_record(
    plan: WavePlan,
    results: Sequence[Result],
    *,
    slice_ids: Sequence[int],
    owner: str,
    now: datetime,
    crashed: bool = True,
    unclear: Sequence[Unclear] = (),
) -> None:
    """Write what the gateway answered: states, ids, billed parts, tries, slots and money; commits.

    A message that the sweep already declared `unknown` is still corrected: we hold the answer.
    With `crashed` the crash counters of our slices are reset: they got somewhere. `unclear`: what the
    gateway said where nothing explains it.
    """
    with transaction.atomic(), wave_cursor() as cursor:
        cursor.execute(BATCH_STATE, {"batch": plan.batch_id})
        found = cursor.one()
        stopped = found is None or found[0] in {"stopped", "done"}
        cursor.execute(RECORD, _record_parameters(results, stopped=stopped, now=now))
        change = sum((row[1] for row in cursor.all()), Decimal(0))
        if change:
            cursor.execute(COMMIT_MONEY, {"change": change, "batch": plan.batch_id})
        if any(result.part_ids for result in results):
            cursor.execute(PART_IDS, _part_parameters(plan, results, now))
        again = [result for result in results if result.state == "queued"]
        if again:
            cursor.execute(ATTEMPTS, _attempt_parameters(plan, again, now))
        if plan.counted:
            back = [r.id for r in results if r.state in {"queued", "rejected", "failed"}]
            if back:
                cursor.execute(SLOTS_BACK, {"ids": array_of(back), "brand": plan.brand_id})
        if unclear:
            cursor.execute(KEEP, keep_parameters(unclear, plan.gateway_id, now))
        if crashed:
            cursor.execute(PROGRESS, {"slices": array_of(slice_ids), "owner": owner})


def _halt(found: tuple[Any, ...] | None, leases: int) -> Halt | None:
    if found is None:
        return Halt("The batch is gone.", pause=False)
    state, approved, sender_state, gateway_state, live, in_time = found[:6]
    if state != "sending":
        return Halt(f"The batch is {state}.", pause=False)
    if live != leases:
        return Halt("The lease was lost.", pause=False)
    if not in_time:
        return Halt("window_over", pause=False)
    if not approved:
        return Halt("The approval no longer covers this batch.", pause=True)
    if sender_state != "verified":
        return Halt(f"The sender is {sender_state}.", pause=True)
    if gateway_state == "disabled":
        return Halt("The gateway is disabled.", pause=True, gateway=True)
    return None


def _affordable(candidates: Sequence[Candidate], room: Decimal) -> list[Candidate]:
    """The first candidates whose cost fits under what is left of the ceiling."""
    taken: list[Candidate] = []
    for candidate in candidates:
        if candidate.cost > room:
            break
        room -= candidate.cost
        taken.append(candidate)
    return taken


def _eligible(cursor: WaveCursor, plan: WavePlan) -> list[str]:
    """Where the sender may be used as of this moment, by the decision that the preview showed."""
    cursor.execute(
        STANDINGS,
        standings_parameters(
            sender_id=plan.sender_id, gateway_id=plan.gateway_id, purpose=plan.purpose
        ),
    )
    return countries_allowed(cursor.all(), purpose=plan.purpose)


def _mark_parameters(
    plan: WavePlan, candidates: Sequence[Candidate], now: datetime
) -> dict[str, Any]:
    return {
        "ids": array_of(candidate.id for candidate in candidates),
        "opens": array_of(candidate.opens_at for candidate in candidates),
        "shut": array_of_texts(candidate.shut for candidate in candidates),
        "prices": array_of(candidate.price for candidate in candidates),
        **{
            f"h{number}": array_of_bytes(candidate.hashes[number] for candidate in candidates)
            for number in range(len(candidates[0].hashes))
        },
        "brand": plan.brand_id,
        "sender_value": plan.sender_value,
        "gateway": plan.gateway_id,
        "countries": array_of_texts(plan.countries),
        # A test is a marketing message in every respect but the approval; a request to confirm an
        # opt-in stops at what stops marketing, though it needs no consent yet.
        "purpose": "marketing" if plan.purpose in ("test", "opt_in") else plan.purpose,
        "kind": plan.purpose,
        "counted": plan.counted,
        "limits": array_of(limit for limit, _ in plan.caps),
        "windows": array_of(f"{int(span.total_seconds())}s" for _, span in plan.caps),
        "now": now,
    }


def _record_parameters(
    results: Sequence[Result], *, stopped: bool, now: datetime
) -> dict[str, Any]:
    return {
        "ids": array_of(r.id for r in results),
        "attempts": array_of(r.attempt for r in results),
        "states": array_of_texts(
            "stopped" if stopped and r.state == "queued" else r.state for r in results
        ),
        "reasons": array_of_texts(r.reason for r in results),
        "gateway_ids": array_of_texts(r.gateway_message_id for r in results),
        "parts": array_of(r.parts_billed for r in results),
        "prices": array_of(r.price_billed for r in results),
        "marked": array_of(r.price_marked for r in results),
        "planned": array_of(r.price_planned for r in results),
        "codes": array_of_texts(r.error_code[:32] for r in results),
        "classes": array_of_texts(r.error_class[:12] for r in results),
        "held": array_of(
            now + timedelta(seconds=r.wait_s) if r.state == "queued" and not stopped else None
            for r in results
        ),
        "now": now,
    }


def _attempt_parameters(plan: WavePlan, results: Sequence[Result], now: datetime) -> dict[str, Any]:
    return {
        "ids": array_of(r.id for r in results),
        "numbers": array_of(r.attempt for r in results),
        "outcomes": array_of_texts(r.outcome[:16] for r in results),
        "codes": array_of_texts(r.error_code[:32] for r in results),
        "classes": array_of_texts(r.error_class[:12] for r in results),
        "gateway": plan.gateway_id,
        "now": now,
    }


def _part_parameters(plan: WavePlan, results: Sequence[Result], now: datetime) -> dict[str, Any]:
    parts = [
        (result, number, part_id)
        for result in results
        for number, part_id in enumerate(result.part_ids, start=1)
        if part_id
    ]
    return {
        "ids": array_of(result.id for result, _, _ in parts),
        "keys": array_of_texts(id_canonical(part_id) for _, _, part_id in parts),
        "numbers": array_of(number for _, number, _ in parts),
        "totals": array_of(len(result.part_ids) for result, _, _ in parts),
        "gateway": plan.gateway_id,
        "now": now,
    }
