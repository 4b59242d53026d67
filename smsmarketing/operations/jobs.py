"""Starting background work: by task name, after commit, never a reason for a request to fail."""

from __future__ import annotations

from typing import Any

import structlog
from celery import current_app
from django.db import transaction

logger = structlog.get_logger("smsmarketing.jobs")


def enqueue(task_name: str, /, *, countdown_s: float | None = None, **arguments: Any) -> None:
    """Start the task after the current transaction commits (at once outside of one).

    Rows are the truth: when the broker is down, the beat sweep finds the work again (design.md §5),
    so a failure to publish is logged and not raised. Raises KeyError for a task name that is not
    registered.
    """
    task = current_app.tasks[task_name]

    def publish() -> None:
        try:
            task.apply_async(kwargs=arguments, countdown=countdown_s, retry=False)
        except Exception:
            logger.exception("job_publish_failed", task=task_name)

    transaction.on_commit(publish)
