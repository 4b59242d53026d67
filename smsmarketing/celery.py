"""The Celery application: queues, and what beat starts when.

Rows in PostgreSQL are the truth; Celery only wakes the code that looks at them. A lost or doubled task is
therefore harmless, and running beat twice is too.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smsmarketing.settings")

app = Celery("smsmarketing")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _keep_django_logging(**_: Any) -> None:
    """Keep the LOGGING of the settings; Celery would otherwise replace it and lose the redaction."""
