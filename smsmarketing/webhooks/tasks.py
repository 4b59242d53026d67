"""Background work of webhooks. Thin: the outbox is the truth, a lost or doubled task is harmless."""

from celery import shared_task
from django.utils import timezone

from smsmarketing.webhooks.services.delivery import deliveries_due, deliveries_run

BEAT = {"webhooks.sweep": 30.0}


@shared_task(name="webhooks.deliver")
def deliver_task() -> None:
    """Send what is due."""
    deliveries_run()


@shared_task(name="webhooks.sweep", expires=30)
def sweep_task() -> None:
    """Find what is due again: a retry whose time has come, or the work of a worker that died."""
    if deliveries_due(now=timezone.now()):
        deliver_task.apply_async()
