"""Entry point for WSGI servers such as gunicorn."""

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smsmarketing.settings")

application = get_wsgi_application()

# Every page and surface now, not while somebody waits for the first answer.
import_module(settings.ROOT_URLCONF)
