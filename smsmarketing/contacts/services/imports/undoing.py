"""Undoing an import in slices, each with its own resume point, like the import itself.

    trashing   contacts that the import made and that nothing else happened to go to the trash
    consents   what it recorded as consent is void; an earlier consent holds again
    fields     values that nobody changed since go back to what they were
    members    contacts leave the list that the import put them on
    states     contacts that only the import made known to the brand are not the brand's any more

Suppressions are never touched: who opted out, by the import or since, stays out [R-2.16].
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.contacts.models import Contact, ContactChange, ImportJob, ImportUndo
from smsmarketing.contacts.rules.changes import Difference, difference
from smsmarketing.contacts.rules.contact_fields import OBJECT_FIELDS, TEXT_FIELDS
from smsmarketing.contacts.rules.import_undo import fields_restore
from smsmarketing.contacts.services.changes import change_row, import_changes_keep
from smsmarketing.contacts.services.imports import undo_sql as sql
from smsmarketing.contacts.services.imports.leases import LeaseLost, job_beat
from smsmarketing.contacts.services.outbound import consents_emit
from smsmarketing.contacts.services.states import send_state_refresh
from smsmarketing.operations.audit import audit_append_system
from smsmarketing.operations.errors import Conflict
from smsmarketing.operations.jobs import enqueue
from smsmarketing.operations.states import row_lock, transition_apply

PHASES = ("trashing", "returned", "consents", "fields", "members", "states")
SLICE_IDS = 5000  # a STOP of one of these people waits until the slice is committed
_BOUNDS = {
    "trashing": "contacts",
    "returned": "changes",
    "consents": "consents",
    "fields": "changes",
    "states": "changes",
}
_EXACT_MAX = 20_000
_COMPARED = (*TEXT_FIELDS, *OBJECT_FIELDS, "tags")


def undo_until(job: ImportJob) -> datetime | None:
    """Until when an import can be undone; None when it cannot."""
    if job.finished_at is None or job.kind != "contacts" or not job.bounds:
        return None
    return job.finished_at + timedelta(days=settings.IMPORT_UNDO_DAYS)


def undo_check(job: ImportJob, *, now: datetime) -> None:
    """Refuse what cannot be undone. Raises Conflict."""
    if job.kind == "opt_outs":
        raise Conflict(
            "An import of opt-outs is never undone: a no stays a no. Lift a wrong one by itself,"
            " with the evidence of new consent."
        )
    if job.kind != "contacts":
        raise Conflict(
            "An import of events is not undone as a whole: events are facts, and it changed no"
            " contact, consent or list that could go back. Correct wrong events by importing them"
            " again, right, under the same source and ids; counts and sums follow."
        )
    if job.state in ("undoing", "undone"):
        raise Conflict("This import is undone already, or the undo is at work. See its status.")
    if job.state not in ("done", "failed"):
        raise Conflict("Only an import that has ended can be undone. Wait for its end.")
    if not job.bounds:
        raise Conflict("This import changed nothing that an undo could take back.")
    until = undo_until(job)
    if until is None or until < now:
        raise Conflict(
            f"An import can be undone for {settings.IMPORT_UNDO_DAYS} days; this one is older."
            " Change the contacts themselves instead."
        )


def undo_start(job: ImportJob, *, by: User, now: datetime) -> ImportJob:
    """Let a worker undo the import. In the caller's transaction. Raises Conflict."""
    job = row_lock(ImportJob, job.pk)
    undo_check(job, now=now)
    job.phase = PHASES[0]
    job.undo_after = 0
    job.undo_by = by
    job.lease_owner = ""
    job.crashes = 0
    job.version += 1
    fields = ("phase", "undo_after", "undo_by", "lease_owner", "crashes", "version")
    transition_apply(job, "undo", save=fields)
    enqueue("contacts.import_work", job_id=job.pk)
    return job


def undo_forecast(job: ImportJob) -> dict[str, int]:
    """What an undo would do now, in numbers. Reads only.

    `contacts_estimated` is 1 when the fields were counted in the first 20,000 contacts and scaled.
    """
    counts: Counter[str] = Counter()
    params = sql.undo_params(job)
    with connection.cursor() as cursor:
        for rows_sql, kind in ((sql.CREATED, "contacts"), (sql.BROUGHT_BACK, "changes")):
            if span := _span(job, kind):
                cursor.execute(sql.fates_count_sql(rows_sql), {**params, **span})
                counts.update({_fate(fate): count for fate, count in cursor.fetchall()})
        if span := _span(job, "consents"):
            cursor.execute(sql.CONSENT_COUNT, {**params, **span})
            counts["consents_voided"], counts["consents_restated"] = cursor.fetchone()
        if job.audience_id:
            cursor.execute(sql.MEMBERS_COUNT, params)
            counts["members_removed"] = int(cursor.fetchone()[0])
        if span := _span(job, "changes"):
            statement = f"SELECT count(*) FROM ({sql.states_rows()}) d"  # noqa: S608 - ours
            cursor.execute(statement, {**params, **span})
            counts["states_removed"] = int(cursor.fetchone()[0])
    counts.update(_fields_forecast(job))
    return dict(counts)


def _fields_forecast(job: ImportJob) -> dict[str, int]:
    span = _span(job, "changes")
    if not span:
        return {}
    rows = ImportUndo.objects.filter(
        job_id=job.pk, id__gt=span["after"], id__lte=span["upto"]
    ).exclude(changes={})
    total = rows.count()
    counts, _ = _fields_slice(list(rows.order_by("id")[:_EXACT_MAX]), lock=False)
    if total > _EXACT_MAX:
        counts = {name: value * total // _EXACT_MAX for name, value in counts.items()}
        counts["contacts_estimated"] = 1
    return counts


def _span(job: ImportJob, kind: str) -> dict[str, int]:
    bounds = job.bounds.get(kind)
    return {"after": bounds[0] - 1, "upto": bounds[1]} if bounds else {}


def _fate(word: str) -> str:
    return "trashed" if word == "trash" else f"kept_{word}"


def undo_work(job_id: int, owner: str) -> None:
    """Do the undo of a job that this worker has the lease of."""
    job = ImportJob.objects.get(pk=job_id)
    while job.phase in PHASES:
        if not _slice(job, owner, SLICE_IDS):
            following = PHASES.index(job.phase) + 1
            job_beat(job, owner, phase=(*PHASES, "")[following], undo_after=0)
    _finish(job, owner)


def _slice(job: ImportJob, owner: str, rows: int) -> bool:
    """Do the next slice of the present phase; False when the phase is through."""
    phase = job.phase
    now = timezone.now()
    with transaction.atomic():
        if phase == "members":
            done, after = _members(job, rows, now), 0
            more = done.get("members_removed", 0) == rows
        else:
            span = _span(job, _BOUNDS[phase])
            after = max(job.undo_after, span.get("after", 0))
            if not span or after >= span["upto"]:
                return False
            upto = min(after + rows, span["upto"])
            done = _DO[phase](job, {"after": after, "upto": upto, "now": now})
            after, more = upto, True
        counts = Counter(job.undo_counts)
        counts.update(done)
        job_beat(job, owner, undo_counts=dict(counts), undo_after=after, crashes=0)
    return more


def _trash(job: ImportJob, span: dict[str, Any]) -> dict[str, int]:
    return _trash_rows(job, span, sql.CREATED)


def _returned(job: ImportJob, span: dict[str, Any]) -> dict[str, int]:
    return _trash_rows(job, span, sql.BROUGHT_BACK)


def _trash_rows(job: ImportJob, span: dict[str, Any], rows_sql: str) -> dict[str, int]:
    params = {**sql.undo_params(job), **span}
    with connection.cursor() as cursor:
        cursor.execute(sql.lock_sql(rows_sql), params)
        cursor.execute(sql.trash_sql(rows_sql), params)
        fates = list(cursor.fetchall())
    send_state_refresh([row[0] for row in fates if row[1] == "trash"], now=span["now"])
    return dict(Counter(_fate(fate) for _, fate in fates))


def _consents(job: ImportJob, span: dict[str, Any]) -> dict[str, int]:
    params = {**sql.undo_params(job), **span}
    with connection.cursor() as cursor:
        cursor.execute(sql.lock_sql(sql.CONSENT_CONTACTS), params)
        cursor.execute(sql.CONSENT_CONTACTS, params)
        contacts = sorted({row[0] for row in cursor.fetchall()})
        cursor.execute(sql.CONSENT_VOID, params)
        voided = [int(row[0]) for row in cursor.fetchall()]
        cursor.execute(sql.CONSENT_AGAIN, params)
        again = list(cursor.fetchall())
        cursor.execute(
            "UPDATE contacts_contact SET version = version + 1, updated_at = %s"
            " WHERE id = ANY(%s) AND trashed_at IS NULL",
            [span["now"], contacts],
        )
    _bounds_widen(again)
    send_state_refresh(contacts, now=span["now"])
    consents_emit([*voided, *(int(event) for event, _ in again)], at=span["now"])
    return {"consents_voided": len(voided), "consents_restated": len(again)}


def _bounds_widen(restated: list[tuple[int, int | None]]) -> None:
    """A restated consent of another import must end with that import, too."""
    for job_id in sorted({owner for _, owner in restated if owner is not None}):
        ids = [event for event, owner in restated if owner == job_id]
        other = ImportJob.objects.select_for_update().filter(pk=job_id).first()
        if other is not None:
            first, last = other.bounds.get("consents", [ids[0], ids[0]])
            other.bounds["consents"] = [min(first, *ids), max(last, *ids)]
            other.save(update_fields=["bounds"])


def _fields(job: ImportJob, span: dict[str, Any]) -> dict[str, int]:
    rows = ImportUndo.objects.filter(job_id=job.pk, id__gt=span["after"], id__lte=span["upto"])
    noted: list[ContactChange] = []
    counts, values = _fields_slice(
        list(rows.exclude(changes={}).order_by("id")),
        lock=True,
        note=lambda contact_id, found: noted.append(
            change_row(
                contact_id,
                found,
                by=str(sql.undo_params(job)["by"]),
                act="undo",
                at=span["now"],
                import_job_id=job.pk,
            )
        ),
    )
    ContactChange.objects.bulk_create(noted)
    if values:
        with connection.cursor() as cursor:
            content = json.dumps(values, ensure_ascii=False)
            cursor.execute(sql.FIELDS_WRITE, {"values": content, "now": span["now"]})
    return counts


def _fields_slice(
    rows: list[ImportUndo],
    *,
    lock: bool,
    note: Callable[[int, Difference], None] | None = None,
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """The counts of a slice, and what is to be written."""
    contacts = Contact.objects.filter(
        pk__in=[row.contact_id for row in rows], erased_at=None
    ).order_by("pk")
    if lock:
        contacts = contacts.select_for_update(no_key=True)
    current = {row["pk"]: row for row in contacts.values("pk", *_COMPARED)}
    counts: Counter[str] = Counter()
    values = []
    for row in rows:
        if row.contact_id not in current:
            counts["kept_gone"] += 1
            continue
        answer = fields_restore(row.changes, current[row.contact_id])
        counts["fields_restored"] += answer.restored
        counts["fields_kept"] += answer.kept
        if answer.values:
            counts["contacts_restored"] += 1
            values.append({"contact_id": row.contact_id, **answer.values})
            if note is not None:
                was = current[row.contact_id]
                note(row.contact_id, difference(was, {**was, **answer.values}))
    return dict(counts), values


def _members(job: ImportJob, rows: int, now: datetime) -> dict[str, int]:
    if not job.audience_id:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(sql.MEMBERS_REMOVE, {**sql.undo_params(job), "rows": rows, "now": now})
        return {"members_removed": cursor.rowcount}


def _states(job: ImportJob, span: dict[str, Any]) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(sql.states_remove(), {**sql.undo_params(job), **span})
        return {"states_removed": cursor.rowcount}


_DO = {
    "trashing": _trash,
    "returned": _returned,
    "consents": _consents,
    "fields": _fields,
    "states": _states,
}


def _finish(job: ImportJob, owner: str) -> None:
    with transaction.atomic():
        job = row_lock(ImportJob, job.pk)
        if job.lease_owner != owner:
            raise LeaseLost
        job.lease_owner = ""
        job.undone_at = timezone.now()
        job.version += 1
        transition_apply(job, "undo_finish", save=("lease_owner", "undone_at", "version"))
        import_changes_keep(job.pk, first=0, last=job.bounds.get("changes", [0, 0])[1])
        audit_append_system(
            operation="imports.undone",
            outcome="done",
            object_type="contacts.importjob",
            object_id=str(job.pk),
            facts={"counts": job.undo_counts},
        )
