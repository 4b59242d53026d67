"""One run of a batch: slices are claimed and handed over until nothing is due or time is up."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

import structlog
from django.db import transaction
from django.utils import timezone

from smsmarketing.gateways import services, transports
from smsmarketing.gateways.credentials import CredentialsUnreadable
from smsmarketing.gateways.dispatch.drain import draining
from smsmarketing.gateways.dispatch.flow import Flow
from smsmarketing.gateways.dispatch.roads import Roads
from smsmarketing.gateways.dispatch.table import RouteTable
from smsmarketing.gateways.engine import MAX_WINDOW, Engine, Submitter
from smsmarketing.gateways.models import Batch, BatchSlice, Gateway
from smsmarketing.gateways.rules.runs import run_task
from smsmarketing.operations.errors import ApprovalRequired, Conflict
from smsmarketing.operations.jobs import enqueue
from smsmarketing.operations.states import transition_apply

logger = structlog.get_logger("smsmarketing.gateways.dispatch")

MAX_RUN_S = 15.0
"""A task ends after this and starts itself again, so a worker can always stop within 30 s
[R-10.25] and no batch holds a worker for itself.
"""
REST = timedelta(seconds=30)
"""How long a sick gateway is left alone [R-10.17]."""

_engines: dict[tuple[int, int, int], Engine] = {}


@dataclass
class RunReport:
    """What one run did."""

    batch_id: int
    waves: int = 0
    handed_over: int = 0
    results: Counter[str] = field(default_factory=Counter)
    ended: str = ""
    next_at: datetime | None = None


def batch_run(
    batch_id: int,
    *,
    max_run_s: float = MAX_RUN_S,
    should_stop: Callable[[], bool] = draining,
    engine: Submitter | None = None,
    follow_up: bool = True,
) -> RunReport:
    """Send what is due of a batch; safe to call at any time, twice at once, and after any crash.

    Checks the approval first, whoever called: a batch that nobody approved is paused, not sent.
    With `follow_up` the next run is enqueued when something is left to do. A batch that goes over a
    bind is left to the process that holds it, and that process is given no other (`engine`).
    """
    report = RunReport(batch_id)
    if not _is_ours(batch_id, bound=engine is not None and engine.long_lived):
        report.ended = "not_ours"
        return report
    batch = _start(batch_id, report)
    if batch is None:
        return report
    bound = engine is not None and engine.long_lived
    names = transports.bound_names()
    table = RouteTable(batch, carries=lambda gateway: (gateway.transport in names) is bound)
    roads = Roads(batch, table)
    used = list(table.gateways.values()) or [batch.gateway]
    try:
        road = roads.road(batch.gateway_id)
        for gateway in used:
            roads.road(gateway.pk)
    except (KeyError, CredentialsUnreadable) as exc:
        _pause(batch, str(exc.args[0]) if exc.args else "The gateway cannot be used.", report)
        return report
    flow = Flow(
        road=road,
        roads=roads,
        table=table,
        owner=f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid4().hex[:8]}",
        window=min(MAX_WINDOW, *(gateway.max_in_flight for gateway in used)),
        ends_at=time.monotonic() + max_run_s,
        should_stop=should_stop,
    )
    try:
        flow.run(engine or _engine(flow.window))
    finally:
        flow.close()
    report.waves, report.handed_over, report.results = flow.waves, flow.handed_over, flow.results
    _end(batch, flow, report, follow_up=follow_up)
    return report


def _is_ours(batch_id: int, *, bound: bool) -> bool:
    """Whether the batch's gateway is reached in the way that the caller can."""
    name = Batch.objects.filter(pk=batch_id).values_list("gateway__transport", flat=True).first()
    return name is None or (name in transports.bound_names()) is bound


def _start(batch_id: int, report: RunReport) -> Batch | None:
    """The batch in state sending, or None with the reason in the report."""
    with transaction.atomic():
        batch = Batch.objects.select_for_update(of=("self",)).filter(pk=batch_id).first()
        if batch is None or batch.state not in {"ready", "sending"}:
            report.ended = "gone" if batch is None else batch.state
            return None
        now = timezone.now()
        if batch.not_before is not None and batch.not_before > now:
            report.ended, report.next_at = "too_early", batch.not_before
            return None
        try:
            services.batch_gate_check(batch)
        except ApprovalRequired as exc:
            services.batch_pause(batch, reason=exc.message)
            logger.warning("batch_not_approved", batch_id=batch.pk)
            report.ended = "not_approved"
            return None
        if batch.state == "ready":
            batch.started_at = now
            batch.version += 1
            transition_apply(batch, "start", save=["started_at", "version"])
    return Batch.objects.select_related("gateway", "sender").get(pk=batch_id)


def _end(batch: Batch, flow: Flow, report: RunReport, *, follow_up: bool) -> None:
    """Put the batch into the state the run leaves it in, and see to the next run."""
    now = timezone.now()
    halt = flow.halt
    report.ended = halt.reason if halt else ("time_up" if flow.more else "nothing_due")
    if halt is not None and halt.pause:
        _pause(batch, halt.reason, report)
    elif halt is not None and halt.reason == "window_over":
        with transaction.atomic():
            services.batch_stop(batch, reason="window_over")
    elif halt is not None and halt.reason == "rest":
        report.next_at = now + REST
        BatchSlice.objects.filter(batch=batch, state="ready", not_before__lt=report.next_at).update(
            not_before=report.next_at
        )
    well = [gateway_id for gateway_id in flow.accepted_by if gateway_id not in flow.faults]
    for gateway in Gateway.objects.filter(pk__in=well, state="degraded"):
        with transaction.atomic():
            services.gateway_recover(gateway)
    batch_progress(batch.pk, now=now)
    if not follow_up or (halt is not None and halt.reason != "rest"):
        return
    _follow_up(batch, flow, report, now)


def _follow_up(batch: Batch, flow: Flow, report: RunReport, now: datetime) -> None:
    if flow.more:
        enqueue(run_task(batch.purpose), batch_id=batch.pk)
        return
    due = (
        BatchSlice.objects.filter(batch=batch, state="ready", batch__state="sending")
        .order_by("not_before")
        .values_list("not_before", flat=True)
        .first()
    )
    report.next_at = due
    # Later ones are found by the sweep; a countdown only makes near ones punctual.
    if due is not None and due - now < timedelta(seconds=60):
        wait_s = max((due - now).total_seconds(), 0.2)
        enqueue(run_task(batch.purpose), countdown_s=wait_s, batch_id=batch.pk)


def batch_progress(batch_id: int, *, now: datetime | None = None) -> bool:
    """Note when everything is handed over, and finish the batch when no message is open."""
    moment = now or timezone.now()
    if BatchSlice.objects.filter(
        batch_id=batch_id, state__in=["ready", "leased"], batch__state="sending"
    ).exists():
        return False
    Batch.objects.filter(pk=batch_id, state="sending", handed_over_at=None).update(
        handed_over_at=moment
    )
    with transaction.atomic():
        batch = Batch.objects.filter(pk=batch_id).first()
        return batch is not None and services.batch_finish_if_complete(batch, now=moment)


def _pause(batch: Batch, reason: str, report: RunReport) -> None:
    report.ended = reason
    try:
        with transaction.atomic():
            services.batch_pause(batch, reason=reason)
        logger.warning("batch_paused", batch_id=batch.pk, why=reason)
    except Conflict:
        return  # people were faster: it is paused or stopped already


def _engine(window: int) -> Engine:
    """This thread's engine with that window; its connections live as long as the worker."""
    key = (os.getpid(), threading.get_ident(), window)
    if key not in _engines:
        _engines[key] = Engine(window)
    return _engines[key]
