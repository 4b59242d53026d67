"""Background work of contacts. Thin: the rows are the truth, a lost or doubled task is harmless."""

from celery import shared_task
from django.db import transaction

from smsmarketing.contacts.services import send_states_expire
from smsmarketing.contacts.services.imports import import_work, imports_expire, imports_stalled

BEAT = {
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
    """Refresh the states of consents and suppressions that ran out."""
    with transaction.atomic():
        send_states_expire()


@shared_task(name="contacts.imports_expire", expires=3600)
def imports_expire_task() -> None:
    """Delete uploaded files and dry runs that are too old."""
    imports_expire()
