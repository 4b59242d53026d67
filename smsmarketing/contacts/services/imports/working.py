"""The worker of imports. Every step commits with its own resume point, so that a worker killed at
any moment is followed by another that goes on from there.

    reading    rows are cleaned and staged; `rows_read` is the last row of the file that was taken
    comparing  one statement decides what each number needs; the dry run ends here (`checked`)
    merging    chunks in the order of the numbers; `rows_done` is the last one that was merged
"""

from __future__ import annotations

import os
import socket
import uuid
from collections import Counter
from datetime import datetime, timedelta
from time import monotonic

import structlog
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from smsmarketing.contacts.models import Audience, ImportJob
from smsmarketing.contacts.rules.import_files import FileRefused
from smsmarketing.contacts.rules.import_rows import Plan, RowReader
from smsmarketing.contacts.services.imports import contacts_merge, events_merge, opt_outs_merge
from smsmarketing.contacts.services.imports.files import file_changed, file_intact, file_rows
from smsmarketing.contacts.services.imports.jobs import import_fail, import_plan
from smsmarketing.contacts.services.imports.leases import LeaseLost, job_beat
from smsmarketing.contacts.services.imports.pace import Pace
from smsmarketing.contacts.services.imports.staging import (
    Stage,
    chunk_stage,
    stage_create,
    stage_drop,
    stage_of,
    stage_size,
)
from smsmarketing.contacts.services.imports.undoing import undo_work
from smsmarketing.contacts.services.states import send_states_settle
from smsmarketing.operations.audit import audit_append_system
from smsmarketing.operations.states import row_lock, transition_apply

logger = structlog.get_logger("smsmarketing.contacts.imports")

SILENT_AFTER = timedelta(seconds=120)  # comparing a million rows gives no sign of life
CRASHES_MAX = 3
MERGE_ROWS = 20_000  # of new contacts; what a STOP may wait for is merged at a pace (pace.py)
_DUPLICATE = "DUPLICATE_IN_FILE"
_DONE = ("create", "change", "repeated", "consent_recorded", "members_added")
"""Counts of what was done; the dry run had filled some with what would be."""
WORKED_ON = ("uploaded", "running", "undoing")


def import_work(
    job_id: int, *, silent_after: timedelta = SILENT_AFTER, merge_rows: int = MERGE_ROWS
) -> None:
    """Do what the job needs until it is previewed, done or failed. Does nothing while another
    worker has it and gives signs of life.
    """
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"[:80]
    if not _lease_take(job_id, owner, silent_after):
        return
    try:
        if ImportJob.objects.filter(pk=job_id, state="undoing").exists():
            undo_work(job_id, owner)
        else:
            _Work(job_id, owner, merge_rows).run()
    except LeaseLost:
        logger.info("import_taken_over", job=job_id)
    except FileRefused as exc:
        stage_drop(job_id)
        import_fail(job_id, code=exc.code, message=exc.message)


def _lease_take(job_id: int, owner: str, silent_after: timedelta) -> bool:
    """Claim the job with one guarded UPDATE. A job whose worker died three times without getting
    further is given up [R-10.26].
    """
    now = timezone.now()
    with transaction.atomic():
        job = ImportJob.objects.select_for_update().filter(pk=job_id).first()
        if job is None or job.state not in WORKED_ON:
            return False
        beat = job.heartbeat_at
        if job.lease_owner and beat is not None and beat >= now - silent_after:
            return False
        crashes = job.crashes + (1 if job.lease_owner else 0)
        ImportJob.objects.filter(pk=job_id).update(
            lease_owner=owner, heartbeat_at=now, crashes=crashes
        )
    if crashes >= CRASHES_MAX:
        message = "The worker stopped three times on this file. Report it with the import's number."
        import_fail(job_id, code="QUARANTINED", message=message)
        return False
    return True


class _Work:
    def __init__(self, job_id: int, owner: str, merge_rows: int) -> None:
        self.owner = owner
        self.merge_rows = merge_rows
        self.job = ImportJob.objects.select_related("upload").get(pk=job_id)
        self.plan: Plan = import_plan(self.job)
        self.stage: Stage = stage_of(self.job, self.plan)

    def run(self) -> None:
        if not self._intact():
            self._restart()
        if self.job.phase == "reading":
            self._read()
        if self.job.phase != "merging":
            self._compare()
            if not self._go_on():
                return
        self._merge()
        self._finish()

    def _intact(self) -> bool:
        """Whether the staged rows are those that were committed (a crash of PostgreSQL empties
        them).
        """
        job = self.job
        if job.phase not in ("reading", "comparing", "checked", "merging"):
            return False
        staged, numbers = int(job.counts.get("staged", 0)), int(job.counts.get("numbers", -1))
        if stage_size(self.stage.table) != staged:
            return False
        return job.phase != "merging" or stage_size(self.stage.todo) == numbers

    def _restart(self) -> None:
        with transaction.atomic():
            self._beat(phase="reading", rows_read=1, rows_done=0, rows_total=None, counts={})
            self.job.rejects.all().delete()
            stage_create(self.stage)

    def _beat(self, **changes: object) -> None:
        """Save how far we are and a sign of life, if the job is still ours."""
        job_beat(self.job, self.owner, **changes)

    def _read(self) -> None:
        job = self.job
        if not file_intact(job.upload):
            raise FileRefused("FILE_CHANGED", file_changed().message)
        rows = file_rows(
            job.stored_path, encoding=job.encoding, delimiter=job.delimiter, after=job.rows_read
        )
        reader = RowReader(self.plan)
        while True:
            with transaction.atomic():
                chunk = chunk_stage(rows, reader, self.stage)
                if chunk is None:
                    break
                counts = Counter(job.counts)
                counts.update(rows=chunk.rows, staged=chunk.staged, rejected=chunk.rejected)
                self._beat(counts=dict(counts), rows_read=chunk.last_row, crashes=0)
        if not job.counts.get("rows"):
            raise FileRefused("NO_ROWS", "The file has a header row and no other row.")
        self._beat(phase="comparing", rows_total=job.counts["rows"])

    def _compare(self) -> None:
        """Decide what each number needs, and count it for the dry run."""
        job, stage = self.job, self.stage
        now = timezone.now()
        with transaction.atomic():
            job.rejects.filter(code=_DUPLICATE).delete()
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL work_mem = '64MB'")
                cursor.execute(f"DROP TABLE IF EXISTS {stage.todo}")
                cursor.execute(
                    f"CREATE UNLOGGED TABLE {stage.todo} (seq bigint, line integer, action text)"
                )
                cursor.execute(f"ANALYZE {stage.table} (phone, line)")
                if job.kind == "events":
                    numbers = events_merge.events_compare(cursor, stage, job, self.plan)
                elif job.kind == "contacts":
                    params = contacts_merge.merge_params(job, self.plan, now=now)
                    cursor.execute(contacts_merge.compare_sql(stage, self.plan, job), params)
                    numbers = int(cursor.rowcount)
                else:
                    params = opt_outs_merge.opt_out_params(job, now=now)
                    cursor.execute(opt_outs_merge.compare_sql(stage), params)
                    numbers = int(cursor.rowcount)
                self._index(cursor)
                counts = self._counted(cursor, numbers)
            self._beat(phase="checked", counts=counts, rows_done=0, crashes=0)

    def _index(self, cursor: object) -> None:
        stage = self.stage
        for sql in (
            f"CREATE INDEX IF NOT EXISTS {stage.table}_line ON {stage.table} (line)",
            f"CREATE INDEX ON {stage.todo} (seq) WHERE action <> 'unchanged'",
            f"ANALYZE {stage.todo}",
        ):
            cursor.execute(sql)  # type: ignore[attr-defined]

    def _counted(self, cursor: object, numbers: int) -> dict[str, int]:
        job, stage = self.job, self.stage
        if job.kind == "events":
            return events_merge.events_counted(cursor, stage, job, numbers)
        execute = cursor.execute  # type: ignore[attr-defined]
        staged = job.counts["staged"]
        if staged > numbers:
            execute(
                f"""
                INSERT INTO contacts_importreject (job_id, row_number, field, code, message, row)
                SELECT %s, d.line, %s, %s, 'The same number stands again in row ' || d.last
                    || '; the last row counts.', '[]'
                FROM (SELECT line, max(line) OVER (PARTITION BY phone) AS last
                    FROM {stage.table}) d WHERE d.line < d.last
                """,  # noqa: S608 - a name of ours
                [job.pk, self.plan.headers["phone"], _DUPLICATE],
            )
        execute(f"SELECT action, count(*) FROM {stage.todo} GROUP BY action")  # noqa: S608
        actions = dict(cursor.fetchall())  # type: ignore[attr-defined]
        execute(
            f"""
            SELECT count(DISTINCT s.phone) FROM {stage.table} s
            JOIN contacts_suppression x ON x.phone_hash = s.phone_hash AND x.lifted_at IS NULL
                AND (x.brand_id IS NULL OR x.brand_id = %s)
            """,  # noqa: S608
            [job.brand_id],
        )
        suppressed = int(cursor.fetchone()[0])  # type: ignore[attr-defined]
        rejected = job.counts["rows"] - staged
        return {
            "rows": job.counts["rows"],
            "staged": staged,
            "numbers": numbers,
            "work": numbers - actions.get("unchanged", 0),
            "create": actions.get("create", 0),
            "change": actions.get("change", 0) + actions.get("attach", 0),
            "unchanged": actions.get("unchanged", 0) + actions.get("repeat", 0),
            "repeated": actions.get("repeat", 0),
            "rejected": rejected,
            "duplicates": staged - numbers,
            "suppressed": suppressed,
        }

    def _go_on(self) -> bool:
        """The dry run ends here; a started import goes on to merge."""
        with transaction.atomic():
            job = row_lock(ImportJob, self.job.pk)
            if job.lease_owner != self.owner:
                raise LeaseLost
            if job.state == "uploaded":
                job.lease_owner = ""
                job.version += 1
                transition_apply(job, "preview", save=("lease_owner", "version"))
                return False
            planned = dict(self.job.counts)
            done = dict.fromkeys(_DONE, 0)
            self._beat(phase="merging", rows_done=0, counts={**planned, **done})
        return True

    def _merge(self) -> None:
        """Chunk after chunk; what a chunk did, its progress and its counts commit together."""
        work = self.job.counts["work"]
        fresh, pace = self._fresh(), Pace(self.merge_rows)
        if self.job.kind == "events":
            pace.rows = min(self.merge_rows, events_merge.MERGE_EVENTS)
        while self.job.rows_done < work:
            after = self.job.rows_done
            upto = min(after + self.merge_rows, fresh) if after < fresh else after + pace.rows
            upto = min(upto, work)
            now, began = timezone.now(), monotonic()
            with transaction.atomic():
                done, bounds = self._chunk(after, upto, now, fresh=after < fresh)
                counts = Counter(self.job.counts)
                counts.update(done)
                self._beat(
                    rows_done=upto,
                    counts=dict(counts),
                    bounds=_widened(self.job.bounds, bounds),
                    crashes=0,
                )
            if self.job.kind == "events":  # no STOP waits for them, and they make nobody sendable
                continue
            if after >= fresh:
                pace.took(upto - after, monotonic() - began)
            self._settle(after, upto)

    def _fresh(self) -> int:
        """How many rows stand first that are new as contacts or events, so that nobody can wait for
        a lock of them.
        """
        if self.job.kind == "opt_outs":
            return 0
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {self.stage.todo} WHERE action = 'create'")  # noqa: S608
            return int(cursor.fetchone()[0])

    def _chunk(
        self, after: int, upto: int, now: datetime, *, fresh: bool
    ) -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
        job = self.job
        span = {"after": after, "upto": upto}
        if job.kind == "events":
            done = events_merge.events_chunk(
                self.stage, job, self.plan, after=after, upto=upto, now=now, fresh=fresh
            )
            return done, {}
        if job.kind == "opt_outs":
            params = {**opt_outs_merge.opt_out_params(job, now=now), **span}
            return opt_outs_merge.opt_outs_chunk(self.stage, params), {}
        params = {**contacts_merge.merge_params(job, self.plan, now=now), **span}
        done, bounds = contacts_merge.contacts_chunk(
            self.stage, self.plan, params, audience=job.audience_id is not None
        )
        done["change"] += done.pop("attach")
        return done, bounds

    def _settle(self, after: int, upto: int) -> None:
        """Look once more for a "no" that was committed while the chunk was (states.py says why)."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT DISTINCT x.phone_hash FROM {self.stage.todo} t
                JOIN {self.stage.table} s ON s.line = t.line
                JOIN contacts_suppression x ON x.phone_hash = s.phone_hash AND x.lifted_at IS NULL
                WHERE t.action <> 'unchanged' AND t.seq > %s AND t.seq <= %s
                """,  # noqa: S608 - names of ours
                [after, upto],
            )
            hashes = [bytes(row[0]) for row in cursor.fetchall()]
            if hashes:
                send_states_settle(hashes)

    def _finish(self) -> None:
        with transaction.atomic():
            job = row_lock(ImportJob, self.job.pk)
            if job.lease_owner != self.owner:
                raise LeaseLost
            job.phase = ""
            job.lease_owner = ""
            job.finished_at = timezone.now()
            job.version += 1
            transition_apply(job, "finish", save=("phase", "lease_owner", "finished_at", "version"))
            if job.audience_id:
                Audience.objects.filter(pk=job.audience_id).update(synced_at=job.finished_at)
            audit_append_system(
                operation="imports.run",
                outcome="done",
                object_type="contacts.importjob",
                object_id=str(job.pk),
                facts={"counts": job.counts, "kind": job.kind},
            )
            stage_drop(job.pk)


def _widened(held: dict[str, list[int]], more: dict[str, tuple[int, int]]) -> dict[str, list[int]]:
    """The bounds that hold both."""
    wide = dict(held)
    for kind, (first, last) in more.items():
        low, high = wide.get(kind, [first, last])
        wide[kind] = [min(low, first), max(high, last)]
    return wide


def imports_stalled(*, silent_after: timedelta = SILENT_AFTER) -> list[int]:
    """Jobs that a worker should have and none is working on."""
    silent = Q(heartbeat_at=None) | Q(heartbeat_at__lt=timezone.now() - silent_after)
    return list(
        ImportJob.objects.filter(silent | Q(lease_owner=""), state__in=WORKED_ON)
        .order_by("id")
        .values_list("pk", flat=True)
    )
