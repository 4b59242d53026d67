"""Self-hosted SMS marketing: consent, approval, sending and proof behind one set of operations."""

import warnings

# django-fsm 3.0.1 advertises its AGPL successor on import; the choice is ours (docs/adr/0004).
warnings.filterwarnings("ignore", message="The 'django-fsm' package", category=UserWarning)

from smsmarketing.celery import app as celery_app  # noqa: E402

__version__ = "0.1.0"

__all__ = ["__version__", "celery_app"]
