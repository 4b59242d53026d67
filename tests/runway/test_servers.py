"""The servers of a test session: a clean database each time, committed work undone, nothing shared."""

import os

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import connection

from tests.conftest import database_url
from tools.testservers import STARTED_VARIABLE


def _people() -> int:
    return int(get_user_model().objects.count())


@pytest.mark.django_db
def test_the_database_is_this_workers_own_clone() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        row = cursor.fetchone()
    session = os.environ[STARTED_VARIABLE]
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    assert row == (f"sms_test_{session}_{worker}",)


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.django_db(transaction=True)
def test_committed_rows_are_gone_for_the_next_test(attempt: int) -> None:
    assert _people() == 0
    get_user_model().objects.create(username=f"person-{attempt}")
    with psycopg.connect(database_url()) as other:
        assert other.execute("SELECT count(*) FROM accounts_user").fetchone() == (1,)


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.django_db
def test_rows_of_a_rolled_back_test_are_gone(attempt: int) -> None:
    assert _people() == 0
    get_user_model().objects.create(username=f"person-{attempt}")


def test_redis_answers() -> None:
    cache.set("runway", "works", timeout=5)
    assert cache.get("runway") == "works"
