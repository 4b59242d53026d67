"""The database of a test session: cloned from a migrated template, so that migrations run once."""

import gc
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connections
from django.test import TransactionTestCase

from tests.database import TestDatabase
from tools.browser import ADVICE, browser_path
from tools.testservers import PROBLEM_VARIABLE, STARTED_VARIABLE, TEMPLATE_VARIABLE

TEMPLATE = os.environ.get(TEMPLATE_VARIABLE, "")
E164 = re.compile(r"(?<![\w.])\+\d{8,15}(?!\w)")
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")

# A worker holds some five thousand tests and every model: searching all that again and again finds nothing.
gc.set_threshold(50_000, 20, 50)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that start processes: the longest ones, which must not be alone at the end."""
    items.sort(key=lambda item: item.get_closest_marker("processes") is None)


def pytest_collection_finish() -> None:
    """Take what was imported and collected out of the garbage collector's sight."""
    gc.collect()
    gc.freeze()


def database_url() -> str:
    """Return the URL of this worker's database, for processes that a test starts."""
    entry = connections["default"].settings_dict
    host = entry["OPTIONS"].get("host") or entry["HOST"]
    login = f"{quote(entry['USER'])}:{quote(entry['PASSWORD'])}"
    port = f"&port={entry['PORT']}" if entry["PORT"] else ""
    return f"postgresql://{login}@/{quote(entry['NAME'])}?host={quote(host, safe='')}{port}"


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """Give this worker a database of its own on the session's server, and drop it at the end."""
    if not TEMPLATE:
        pytest.exit(f"manage.py migrate failed:\n{os.environ[PROBLEM_VARIABLE]}", returncode=3)
    name = f"sms_test_{os.environ[STARTED_VARIABLE]}_{WORKER}"
    database = TestDatabase(name, TEMPLATE)

    def restore(self: TransactionTestCase) -> None:
        """Django would TRUNCATE: that loses the rows that migrations seed and breaks on append-only triggers."""
        database.restore()

    with django_db_blocker.unblock():
        database.clone()
        settings.DATABASES["default"]["NAME"] = name
        connections["default"].settings_dict["NAME"] = name
        original = TransactionTestCase._fixture_teardown
        TransactionTestCase._fixture_teardown = restore  # type: ignore[method-assign]
        yield
        TransactionTestCase._fixture_teardown = original  # type: ignore[method-assign]
        database.drop()


@contextmanager
def database_shared(blocker: Any) -> Iterator[dict[str, str]]:
    """Lend this worker's database to several tests and the product processes that all of them use.

    Yields the environment of such a process. The tests take no fixture of pytest-django; what they wrote is undone at
    the end of the block, which must also end the processes.
    """
    with blocker.unblock():
        try:
            yield product_environment()
        finally:
            TransactionTestCase._fixture_teardown(None)  # type: ignore[arg-type]


@pytest.fixture
def process_environment(transactional_db: None) -> dict[str, str]:
    """Return the environment for a product process (worker, web server) that works on this test's database."""
    return product_environment()


def product_environment() -> dict[str, str]:
    """What a product process on this worker's database is told."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/tmp"),
        "DJANGO_SETTINGS_MODULE": "smsmarketing.settings",
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
    }


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Return the path of the Chromium that browser tests drive (`make test` installs or announces it)."""
    found = browser_path()
    if found is None:
        pytest.fail(f"No Chromium for the browser tests: {ADVICE}.")
    return str(found)


class NumberWatch(logging.Handler):
    """Remembers records of the product that carry an E.164 number before anything is masked."""

    def __init__(self) -> None:
        super().__init__(level=logging.DEBUG)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.msg} {record.args} {record.exc_text or ''}"
        if E164.search(text):
            self.found.append(f"{record.name}: {text}")


WATCH = NumberWatch()
logging.getLogger("smsmarketing").addHandler(WATCH)


@pytest.fixture(autouse=True)
def numbers_stay_out_of_logs() -> Iterator[None]:
    """Fail every test in which own code logs a phone number, although the log would mask it [R-10.10]."""
    WATCH.found.clear()
    yield
    assert WATCH.found == []
