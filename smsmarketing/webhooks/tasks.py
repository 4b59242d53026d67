"""Background work of webhooks. Thin: the outbox is the truth, a lost or doubled task is harmless."""

from celery import shared_task


@shared_task(name="webhooks.deliver", expires=60)
def deliver_task() -> None:
    """Send what is due. Nothing is, as long as no endpoint can be made."""
