"""`execute()`: the only road from a surface to a handler (design.md §3)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from django_fsm import TransitionNotAllowed

from smsmarketing.operations import errors, idempotency, registry, rows
from smsmarketing.operations.access import access_check
from smsmarketing.operations.audit import audit_append, value_hash
from smsmarketing.operations.limits import rate_count
from smsmarketing.operations.parsing import input_parse
from smsmarketing.operations.types import (
    Actor,
    Approval,
    Context,
    Done,
    Gate,
    Held,
    Hold,
    Input,
    Operation,
    Outcome,
)

logger = structlog.get_logger("smsmarketing.operations")

_BUSY = frozenset(
    {"40001", "40P01"}
)  # serialization failure, deadlock: running it again may succeed
_LOCKED = "55P03"
_UNKNOWN_OPERATION = "unknown"


@dataclass(frozen=True, kw_only=True)
class _Call:
    operation: Operation[Any, Any]
    payload: Mapping[str, Any]
    actor: Actor
    key: str | None
    dry_run: bool
    grant: UUID | None
    now: datetime


def execute(
    key: str,
    payload: Mapping[str, Any],
    *,
    actor: Actor,
    idempotency_key: str | None = None,
    dry_run: bool = False,
    grant: UUID | None = None,
) -> Outcome:
    """Run the operation `key` for `actor`, in one durable transaction, and return what came out.

    The order: parse; active person, surface, scope, permission, human_only; claim the idempotency
    key (or replay); load and lock the target and compare its version; facts and gate; run; audit;
    store the outcome; commit; jobs start. A refusal changes nothing and is audited after the
    rollback, in a transaction of its own.

    `dry_run` does all of it and rolls back: no effect, no jobs, no claim, no audit entry of a
    success. A dry run that people would have to agree to also runs, and says so in `Done.approval`;
    it returns no Held, for there is no request. `grant` is the id of an approved action request: it
    is spent instead of asking the gate.

    Raises errors.OperationError (with `request_id`), and RuntimeError when called inside a
    transaction: a refused inner call would lose its audit entry.
    """
    with transaction.atomic(durable=True):
        pass  # refuses to be nested before anything is counted or logged; costs no round trip
    if not actor.request_id:
        actor = replace(actor, request_id=uuid.uuid4().hex)
    started = time.monotonic()
    call: _Call | None = None
    try:
        call = _Call(
            operation=_found(key),
            payload=payload,
            actor=actor,
            key=idempotency_key,
            dry_run=dry_run,
            grant=grant,
            now=timezone.now(),
        )
        outcome = _performed(call)
    except errors.OperationError as exc:
        exc.request_id = actor.request_id
        _refusal_record(exc, call, actor)
        _logged(key if call else _UNKNOWN_OPERATION, exc.code, actor, started)
        raise
    _logged(key, "held" if isinstance(outcome, Held) else "done", actor, started, outcome=outcome)
    return outcome


def _found(key: str) -> Operation[Any, Any]:
    operation = registry.find(key)
    if operation is None:
        raise errors.NotFound(
            "There is no operation with this name. See the catalogue of operations."
        )
    return operation


def _performed(call: _Call) -> Outcome:
    """One attempt, a second one when the database asks for it, and every other exception turned
    into Internal.
    """
    try:
        rate_count(call.operation, actor=call.actor, dry_run=call.dry_run, now=call.now)
        try:
            return _attempt(call)
        except OperationalError as exc:
            if _sqlstate(exc) not in _BUSY:
                raise
            logger.warning(
                "operation_retried", operation=call.operation.key, sqlstate=_sqlstate(exc)
            )
            return _attempt(call)
    except errors.OperationError:
        raise
    except TransitionNotAllowed as exc:
        raise errors.Conflict(
            "The current state does not allow this. Read it again and decide what to do next."
        ) from exc
    except Exception as exc:
        if _sqlstate(exc) in {*_BUSY, _LOCKED}:
            raise errors.Conflict(
                "Others are changing the same rows. Repeat the call in a second.", retry_after_s=1
            ) from exc
        logger.exception(
            "operation_failed", operation=call.operation.key, request_id=call.actor.request_id
        )
        raise errors.Internal(
            "Something failed on our side and nothing was changed. If it happens again, report "
            "the request id "
            f"{call.actor.request_id}."
        ) from exc


def _attempt(call: _Call) -> Outcome:
    operation, actor = call.operation, call.actor
    with transaction.atomic(durable=True):
        data = input_parse(operation.input, call.payload, requires=operation.requires)
        access_check(operation, actor, grant=call.grant)
        idempotency.key_check(operation, call.key, dry_run=call.dry_run)
        claim = None
        if call.key is not None and operation.writes and not call.dry_run:
            claim = idempotency.claim_take(operation, data, actor=actor, key=call.key, now=call.now)
            if claim.outcome is not None:
                return idempotency.claim_replay(
                    operation, claim.outcome, request_id=actor.request_id
                )
        context = Context(
            actor=actor,
            now=call.now,
            idempotency_key=call.key,
            dry_run=call.dry_run,
            action_request_id=call.grant,
        )
        outcome = _run(call, context, data)
        if call.dry_run:
            connection.check_constraints()  # what a commit would find
            transaction.set_rollback(True)
        elif claim is not None:
            idempotency.claim_store(claim, outcome)
        return outcome


def _run(call: _Call, context: Context, data: Input) -> Outcome:
    """Load the target, ask the gate, run the handler, and write the audit entry."""
    operation = call.operation
    context.target = rows.target_load(operation, data, call.actor)
    before = rows.row_hash(context.target) if operation.writes else ""
    facts, hold = _gate_asked(call, context, data)
    outcome: Outcome
    if hold is not None and not call.dry_run:
        request_id = _gate().hold(operation, context, data, facts, hold)
        outcome = Held(
            action_request_id=request_id,
            message=hold.message,
            policies=hold.policies,
            request_id=call.actor.request_id,
        )
    else:
        result = operation.run(context, data)
        if not isinstance(result, operation.output):
            raise TypeError(f"{operation.key} returned {type(result).__name__}, not its output")
        outcome = Done(
            result=result, dry_run=call.dry_run, approval=hold, request_id=call.actor.request_id
        )
    if (operation.writes or operation.audit_reads) and not call.dry_run:
        _success_record(call, context, data, outcome, before=before, facts=facts)
    return outcome


def _gate_asked(
    call: _Call, context: Context, data: Input
) -> tuple[Mapping[str, Any], Hold | None]:
    """The facts, and the gate's wish to hold. Spends the grant when there is one."""
    operation = call.operation
    if operation.approval is Approval.NEVER:
        if call.grant is not None:
            raise errors.NotPermitted(
                f"{operation.key} needs no approval, so an approval cannot be spent on it."
            )
        return {}, None
    gate = _gate()
    facts = operation.facts(context, data)
    if call.grant is not None:
        gate.spend(operation, context, data, facts)
        return facts, None
    hold = gate.check(operation, context, data, facts)
    if hold is None and operation.approval is Approval.ALWAYS:
        hold = Hold(
            policies=("always",), message="This always needs the approval of a second person."
        )
    return facts, hold


def _gate() -> Gate:
    """The gate of settings.OPERATION_GATE. Without one nothing that may need approval can run."""
    path = getattr(settings, "OPERATION_GATE", None)
    try:
        found = import_string(path) if path else None
    except ImportError:
        logger.exception("operation_gate_missing", path=path)
        found = None
    if found is None:
        raise errors.NotPermitted(
            "Approvals are not set up (OPERATION_GATE), so this cannot run. Ask an administrator."
        )
    gate: Gate = found() if isinstance(found, type) else found
    return gate


def _success_record(
    call: _Call,
    context: Context,
    data: Input,
    outcome: Outcome,
    *,
    before: str,
    facts: Mapping[str, Any],
) -> None:
    operation = call.operation
    after = None
    if context.target is not None and operation.writes:
        after = rows.row_reloaded(context.target)
    kind, object_id = _object(call, context)
    noted: dict[str, Any] = {**facts, **context.audit_facts}
    if isinstance(outcome, Held):
        noted |= {"action_request_id": outcome.action_request_id, "policies": outcome.policies}
    elif call.grant is not None:
        noted["action_request_id"] = call.grant
    audit_append(
        operation=operation.key,
        outcome="held" if isinstance(outcome, Held) else "done",
        actor=call.actor,
        object_type=kind,
        object_id=object_id,
        object_version=getattr(after, "version", None),
        input_hash=value_hash(data.model_dump(mode="json")),
        before_hash=before,
        after_hash=rows.row_hash(after),
        reason=context.audit_reason,
        facts=noted,
        at=call.now,
    )


def _object(call: _Call, context: Context) -> tuple[str, str]:
    if context.audit_object is not None:
        return context.audit_object
    if context.target is not None:
        return str(context.target._meta.label_lower), str(context.target.pk)
    return "", ""


def _refusal_record(exc: errors.OperationError, call: _Call | None, actor: Actor) -> None:
    """Audit a refusal. A failure here is logged: the refusal itself is the answer, and nothing
    was changed.
    """
    if not exc.audited:
        return
    facts: dict[str, Any] = {}
    if exc.field_errors:
        facts["fields"] = sorted(exc.field_errors)[:20]
    if call is not None and call.dry_run:
        facts["dry_run"] = True
    if call is not None and call.grant is not None:
        facts["action_request_id"] = call.grant
    try:
        with transaction.atomic():
            audit_append(
                operation=call.operation.key if call else _UNKNOWN_OPERATION,
                outcome=exc.code,
                actor=actor,
                object_type=_wanted_type(call),
                object_id=_wanted_id(call),
                facts=facts,
            )
    except Exception:
        logger.exception("audit_of_refusal_failed", request_id=actor.request_id, outcome=exc.code)


def _wanted_type(call: _Call | None) -> str:
    target = call.operation.target if call else None
    return target.label if target is not None and _wanted_id(call) else ""


def _wanted_id(call: _Call | None) -> str:
    """The id the caller asked for, as far as it can be told from an input that may not even
    have parsed.
    """
    if call is None or call.operation.target is None or not isinstance(call.payload, Mapping):
        return ""
    wanted = call.payload.get(call.operation.target.argument)
    return str(wanted) if isinstance(wanted, int | str | UUID) else ""


def _sqlstate(exc: BaseException) -> str:
    cause: BaseException | None = exc
    while cause is not None:
        state = getattr(cause, "sqlstate", None)
        if state:
            return str(state)
        cause = cause.__cause__
    return ""


def _logged(
    key: str, result: str, actor: Actor, started: float, *, outcome: Outcome | None = None
) -> None:
    """One line per call [R-9.31]: who, through what, which operation, with what result."""
    logger.info(
        "operation",
        operation=key,
        result=result,
        principal=actor.principal,
        surface=actor.surface.value,
        token_id=actor.token_id,
        request_id=actor.request_id,
        replayed=bool(outcome and outcome.replayed),
        duration_ms=round((time.monotonic() - started) * 1000, 1),
    )
