"""Self-hosted SMS marketing: consent, approval, sending and proof behind one set of operations."""

from smsmarketing.celery import app as celery_app

__all__ = ["celery_app"]
