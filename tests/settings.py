"""The product's settings against servers of this test session."""

import os
from urllib.parse import urlsplit, urlunsplit

from tools.testservers import servers_ensure

servers_ensure()

from smsmarketing.settings import *  # noqa: E402, F403
from smsmarketing.settings import REDIS_URL  # noqa: E402

# Every worker of pytest-xdist has its own PostgreSQL database (tests/conftest.py) and its own numbered Redis database.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
_NUMBER = int(_WORKER.removeprefix("gw")) + 1 if _WORKER else 0
REDIS_URL = urlunsplit(urlsplit(REDIS_URL)._replace(path=f"/{_NUMBER}"))
BROKER_URL = CELERY_BROKER_URL = REDIS_URL
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "sms",
    }
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Each test client makes a middleware stack of its own; without this each of them lists all static files first (60 ms).
WHITENOISE_AUTOREFRESH = True
