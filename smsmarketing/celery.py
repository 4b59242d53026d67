"""The Celery application: queues, and what beat starts when.

Rows in PostgreSQL are the truth; Celery only wakes the code that looks at them. A lost or doubled task is
therefore harmless, and running beat twice is too.
"""

import gc
import os
from importlib import import_module
from typing import Any

from celery import Celery
from celery.signals import beat_init, setup_logging, worker_before_create_process, worker_ready
from django.apps import apps
from django.utils.module_loading import module_has_submodule

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smsmarketing.settings")
# A worker would load every page and surface for the system checks, and drop what they say; migrate makes them.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("smsmarketing")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_finalize.connect
def _beat_schedule(sender: Celery, **_: Any) -> None:
    """Import every app's tasks, so that a web process can enqueue them by name, and collect their ``BEAT`` tables.

    ``BEAT`` maps a task's name to how often beat starts it.
    """
    for config in apps.get_app_configs():
        if config.name.startswith("smsmarketing.") and module_has_submodule(config.module, "tasks"):
            for name, every in getattr(import_module(f"{config.name}.tasks"), "BEAT", {}).items():
                sender.conf.beat_schedule[name] = {"task": name, "schedule": every}


@setup_logging.connect
def _keep_django_logging(**_: Any) -> None:
    """Keep the LOGGING of the settings; Celery would otherwise replace it and lose the redaction."""


@worker_before_create_process.connect
@worker_ready.connect
@beat_init.connect
def _memory_settle(**_: Any) -> None:
    """What start-up made stays for good: no collection looks at it again, and forked workers keep sharing it."""
    gc.freeze()
