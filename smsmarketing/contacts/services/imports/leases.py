"""A worker's hold on an import: whoever has lost it writes nothing more."""

from __future__ import annotations

from django.utils import timezone

from smsmarketing.contacts.models import ImportJob


class LeaseLost(Exception):
    """Another worker has taken the job over."""


def job_beat(job: ImportJob, owner: str, **changes: object) -> None:
    """Save how far the work is and a sign of life. Raises LeaseLost when the job is not ours."""
    mine = ImportJob.objects.filter(pk=job.pk, lease_owner=owner)
    if not mine.update(heartbeat_at=timezone.now(), **changes):
        raise LeaseLost
    for name, value in changes.items():
        setattr(job, name, value)
