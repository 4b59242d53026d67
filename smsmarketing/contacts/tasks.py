"""Background work of contacts. Thin: the rows are the truth, a lost or doubled task is harmless."""

from datetime import timedelta
from typing import Any

import structlog
from celery import shared_task
from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.accounts.selectors import actor_for_user
from smsmarketing.contacts.selectors.seals import consents_verify
from smsmarketing.contacts.services import send_states_expire
from smsmarketing.contacts.services.consent_end import consents_expire
from smsmarketing.contacts.services.double_opt_in import double_opt_ins_expire
from smsmarketing.contacts.services.erasing import (
    erase_work,
    erasures_open,
    former_numbers_expire,
    trash_expire,
)
from smsmarketing.contacts.services.exports import export_work, exports_expire, exports_stalled
from smsmarketing.contacts.services.imports import import_work, imports_expire, imports_stalled
from smsmarketing.contacts.services.imports.folders import folder_run, folders_due
from smsmarketing.contacts.services.lifting import suppressions_expire
from smsmarketing.contacts.services.reveals import reveals_forget
from smsmarketing.contacts.services.seals import consents_seal
from smsmarketing.contacts.services.tags import tag_rename
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.types import Done, Held, Surface

logger = structlog.get_logger("smsmarketing.contacts.consent")

BEAT = {
    "contacts.import_folders_sweep": 60.0,
    "contacts.erasures_sweep": 300.0,
    "contacts.exports_expire": 3600.0,
    "contacts.exports_sweep": 60.0,
    "contacts.imports_sweep": 30.0,
    "contacts.imports_expire": 3600.0,
    "contacts.consents_expire": 600.0,
    "contacts.consents_expire_all": 86_400.0,
    "contacts.consents_seal": 120.0,
    "contacts.consents_verify": 86_400.0,
    "contacts.double_opt_ins_expire": 300.0,
    "contacts.send_states_sweep": 300.0,
}


@shared_task(name="contacts.erase_work", expires=3600)
def erase_work_task(job_id: int) -> None:
    """Run the steps of one erasure."""
    erase_work(job_id)


@shared_task(name="contacts.erasures_sweep", expires=300)
def erasures_sweep_task() -> None:
    """Go on with erasures that have something left, and empty the trash of what is too old."""
    for job_id in erasures_open():
        erase_work(job_id)
    trash_expire()


@shared_task(name="contacts.import_work")
def import_work_task(job_id: int) -> None:
    """Check or bring in a file, or go on where a killed worker stopped."""
    import_work(job_id)


@shared_task(name="contacts.imports_sweep", expires=30)
def imports_sweep_task() -> None:
    """Find imports again whose worker died or whose task was lost."""
    for job_id in imports_stalled():
        import_work_task.apply_async(kwargs={"job_id": job_id})


@shared_task(name="contacts.send_states_sweep", expires=300)
def send_states_sweep_task() -> None:
    """Note the end of blocks that ran out, and refresh the states of consents that did."""
    with transaction.atomic():
        suppressions_expire(now=timezone.now())
    with transaction.atomic():
        send_states_expire()


@shared_task(name="contacts.imports_expire", expires=3600)
def imports_expire_task() -> None:
    """Delete uploaded files, dry runs, rejected cells, old former numbers and counts of shown ones
    [R-4.14].
    """
    imports_expire()
    former_numbers_expire(now=timezone.now())
    reveals_forget(now=timezone.now())


@shared_task(name="contacts.import_folders_sweep", expires=60)
def import_folders_sweep_task() -> None:
    """Look into the import folders whose time has come."""
    for folder_id in folders_due():
        import_folder_look_task.apply_async(kwargs={"folder_id": folder_id})


@shared_task(name="contacts.import_folder_look", expires=600)
def import_folder_look_task(folder_id: int) -> None:
    """Take the new files of one folder."""
    folder_run(folder_id, start_for)


def start_for(user: User, payload: dict[str, Any], key: str) -> Done | Held:
    """imports.start in the person's name, with their rights of this moment and all policies."""
    actor = actor_for_user(user, surface=Surface.SYSTEM)
    return execute("imports.start", payload, actor=actor, idempotency_key=key)


@shared_task(name="contacts.consents_expire", expires=600)
def consents_expire_task() -> None:
    """Write down which implied consents ran out in the last days [R-4.7]."""
    _consents_expire(since=timedelta(days=3))


@shared_task(name="contacts.consents_expire_all", expires=3600)
def consents_expire_all_task() -> None:
    """The same over the whole ledger, nightly: nothing is missed, however long beat stood still."""
    _consents_expire(since=None)


def _consents_expire(*, since: timedelta | None) -> None:
    for _ in range(1000):
        if not consents_expire(since=since):
            return


@shared_task(name="contacts.consents_seal", expires=120)
def consents_seal_task() -> None:
    """Seal the events that nobody can add to any more."""
    consents_seal()


@shared_task(name="contacts.consents_verify", expires=3600)
def consents_verify_task() -> None:
    """Compare the ledger with its seals, nightly, and alert at the first break."""
    found = consents_verify()
    if found.valid:
        logger.info("consents_verified", seals=found.seals, rows=found.rows)
    else:
        logger.error(
            "consent_ledger_broken",
            seal=found.broken_seal,
            row=found.broken_row,
            problem=found.problem,
        )


@shared_task(name="contacts.double_opt_ins_expire", expires=300)
def double_opt_ins_expire_task() -> None:
    """End requests to confirm by SMS that nobody answered in a day."""
    double_opt_ins_expire()


@shared_task(name="contacts.tag_rename")
def tag_rename_task(old: str, new: str, brand_ids: list[int], by: str = "") -> None:
    """Go on renaming a tag, one short transaction after the other."""
    while True:
        with transaction.atomic():
            if not tag_rename(old, new, brand_ids=brand_ids, by=by):
                return


@shared_task(name="contacts.export_work")
def export_work_task(export_id: str) -> None:
    """Make a large file that somebody asked for."""
    export_work(export_id)


@shared_task(name="contacts.exports_sweep", expires=60)
def exports_sweep_task() -> None:
    """Find files again whose worker died or whose task was lost."""
    for export_id in exports_stalled():
        export_work_task.apply_async(kwargs={"export_id": export_id})


@shared_task(name="contacts.exports_expire", expires=3600)
def exports_expire_task() -> None:
    """Delete files whose time is over."""
    exports_expire()
