"""An import survives the death of its worker at any moment, and two workers never share it."""

import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from smsmarketing.accounts.models import Brand, User
from smsmarketing.contacts.models import (
    AudienceMember,
    ConsentEvent,
    Contact,
    ImportJob,
    SendState,
)
from smsmarketing.contacts.services import audience_save
from smsmarketing.contacts.services.imports import (
    ImportOptions,
    import_create,
    import_start,
    import_work,
    imports_stalled,
    undo_start,
    undoing,
    upload_store,
)
from tests.contacts.test_imports import CONSENT

ROWS = 40_000
FEW = 500
AT_ONCE = timedelta(0)


@pytest.fixture
def make_job(brand: Brand, user: User, tmp_path: Path, settings: Any) -> Callable[[int], ImportJob]:
    """An import in which every tenth number stands twice and every tenth row is bad."""
    settings.MEDIA_ROOT = tmp_path

    def make(rows: int) -> ImportJob:
        lines = ["phone,first_name"]
        for number in range(rows):
            phone = f"+4474{number - number % 10 // 9:08}" if number % 10 != 5 else "nobody"
            lines.append(f"{phone},N{number}")
        upload = upload_store(["\n".join(lines).encode()], file_name="many.csv", user=user)
        audience = audience_save(team_id=brand.team_id, brand=brand, name="Many")
        return import_create(
            upload,
            kind="contacts",
            brand=brand,
            created_by=user,
            audience=audience,
            options=ImportOptions(consent=CONSENT),
        )

    return make


@pytest.fixture
def job(make_job: Callable[[int], ImportJob]) -> ImportJob:
    return make_job(FEW)


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_again_and_again_loses_and_doubles_nothing(
    make_job: Callable[[int], ImportJob],
) -> None:
    """SIGKILL while reading and while merging; the next worker goes on from the resume point."""
    job = make_job(ROWS)
    with transaction.atomic():
        import_start(job)
    job.refresh_from_db()
    kills = {"reading": 0, "merging": 0}
    wanted = {"reading": 2, "merging": 3}
    deadline = time.monotonic() + 90
    while job.state == "running" and time.monotonic() < deadline:
        start = _progress(job)
        worker = _worker(job)
        while os.waitpid(worker, os.WNOHANG) == (0, 0):
            now = _progress(job)
            phase = now[0]
            if now != start and kills.get(phase, 0) < wanted.get(phase, 0):
                kills[phase] += 1
                os.kill(worker, signal.SIGKILL)
                os.waitpid(worker, 0)
                break
            time.sleep(0.005)
        job.refresh_from_db()
    assert (job.state, job.error_message) == ("done", "")
    assert kills == wanted
    numbers = ROWS - ROWS // 10 * 2
    counts = job.counts
    assert (counts["rows"], counts["rejected"], counts["duplicates"]) == (
        ROWS,
        ROWS // 10,
        ROWS // 10,
    )
    assert counts["create"] + counts["unchanged"] == numbers
    for model in (Contact, SendState, AudienceMember, ConsentEvent):
        assert model.objects.count() == numbers, model
    assert job.rejects.count() == ROWS // 10 * 2
    assert Contact.objects.get(phone="+447400000008").first_name == "N9"


def _worker(job: ImportJob) -> int:
    """A process of its own that works on the job; its pid."""
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        try:
            import_work(job.pk, silent_after=AT_ONCE, merge_rows=2000)
        finally:
            os._exit(0)
    return pid


def _progress(job: ImportJob) -> tuple[str, int, int]:
    row = ImportJob.objects.values_list("phase", "rows_read", "rows_done").get(pk=job.pk)
    return (str(row[0]), int(row[1]), int(row[2]))


def test_a_job_with_a_living_worker_is_left_alone(job: ImportJob) -> None:
    ImportJob.objects.filter(pk=job.pk).update(
        lease_owner="other", heartbeat_at=timezone.now(), phase="reading"
    )
    import_work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.lease_owner, job.counts) == ("uploaded", "other", {})
    assert imports_stalled() == []


def test_the_sweep_finds_a_job_whose_worker_fell_silent(job: ImportJob) -> None:
    ImportJob.objects.filter(pk=job.pk).update(
        lease_owner="dead", heartbeat_at=timezone.now() - timedelta(minutes=5), phase="reading"
    )
    assert imports_stalled() == [job.pk]
    import_work(job.pk)
    job.refresh_from_db()
    assert job.state == "previewed"
    assert imports_stalled() == []


def test_the_sweep_finds_a_job_whose_task_was_lost(job: ImportJob) -> None:
    """The broker was down when it was asked for: the row is enough."""
    assert imports_stalled() == [job.pk]


def test_a_file_that_kills_its_worker_three_times_is_given_up(job: ImportJob) -> None:
    """[R-10.26]"""
    ImportJob.objects.filter(pk=job.pk).update(
        lease_owner="dead", heartbeat_at=timezone.now(), phase="reading", crashes=2
    )
    import_work(job.pk, silent_after=AT_ONCE)
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "QUARANTINED")
    assert not Contact.objects.exists()


def test_staged_rows_that_a_crash_of_the_database_emptied_are_read_again(job: ImportJob) -> None:
    """The staging tables are UNLOGGED."""
    import_work(job.pk)
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE contacts_import_stage_{job.pk}")
    import_start(job)
    import_work(job.pk)
    job.refresh_from_db()
    assert job.state == "done"
    assert Contact.objects.count() == FEW - FEW // 10 * 2


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_an_undo_killed_again_and_again_takes_everything_back_once(
    make_job: Callable[[int], ImportJob], user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL in every phase; the next worker goes on from the resume point."""
    monkeypatch.setattr(undoing, "SLICE_IDS", 300)
    job = make_job(4000)
    with transaction.atomic():
        import_start(job)
    import_work(job.pk)
    with transaction.atomic():
        undo_start(job, by=user, now=timezone.now())
    job.refresh_from_db()
    killed: set[str] = set()
    deadline = time.monotonic() + 90
    while job.state == "undoing" and time.monotonic() < deadline:
        worker = _worker(job)
        while os.waitpid(worker, os.WNOHANG) == (0, 0):
            phase, after = _undo_progress(job)
            if after and phase not in killed:
                killed.add(phase)
                os.kill(worker, signal.SIGKILL)
                os.waitpid(worker, 0)
                break
            time.sleep(0.002)
        job.refresh_from_db()
    assert job.state == "undone"
    assert killed >= {"trashing", "consents"}
    numbers = 4000 - 4000 // 10 * 2
    assert job.undo_counts == {
        "trashed": numbers,
        "consents_voided": numbers,
        "consents_restated": 0,
        "members_removed": numbers,
    }
    assert Contact.objects.filter(trashed_at=None).count() == 0
    assert AudienceMember.objects.count() == 0
    assert ConsentEvent.objects.count() == 2 * numbers
    assert not SendState.objects.filter(marketing_reason=None).exists()


def _undo_progress(job: ImportJob) -> tuple[str, int]:
    row = ImportJob.objects.values_list("phase", "undo_after").get(pk=job.pk)
    return (str(row[0]), int(row[1]))


def test_an_undo_with_a_living_worker_is_left_alone(job: ImportJob, user: User) -> None:
    with transaction.atomic():
        import_start(job)
    import_work(job.pk)
    undo_start(job, by=user, now=timezone.now())
    ImportJob.objects.filter(pk=job.pk).update(lease_owner="other", heartbeat_at=timezone.now())
    import_work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.undo_counts) == ("undoing", {})
    assert imports_stalled() == []
    import_work(job.pk, silent_after=AT_ONCE)
    job.refresh_from_db()
    assert job.state == "undone"
