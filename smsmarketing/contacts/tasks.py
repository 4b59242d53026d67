"""Background work of contacts. Thin: the rows are the truth, a lost or doubled task is harmless."""

from typing import Any

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.accounts.selectors import actor_for_user
from smsmarketing.contacts.services import send_states_expire
from smsmarketing.contacts.services.imports import import_work, imports_expire, imports_stalled
from smsmarketing.contacts.services.imports.folders import folder_run, folders_due
from smsmarketing.contacts.services.lifting import suppressions_expire
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.types import Done, Held, Surface

BEAT = {
    "contacts.import_folders_sweep": 60.0,
    "contacts.imports_sweep": 30.0,
    "contacts.imports_expire": 3600.0,
    "contacts.send_states_sweep": 300.0,
}


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
    """Delete uploaded files and dry runs that are too old."""
    imports_expire()


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
