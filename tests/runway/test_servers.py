"""The servers of a test session: a clean database each time, committed work undone, nothing shared."""

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import connection

from tests.conftest import database_url
from tests.database import SEQUENCES, TABLES, TestDatabase
from tools.testservers import STARTED_VARIABLE, TEMPLATE_VARIABLE


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


def _state(url: str) -> dict[str, object]:
    """Whatever a test could leave behind: rows, where sequences stand, what guards the tables."""
    with psycopg.connect(url) as other:
        tables = [str(row[0]) for row in other.execute(TABLES).fetchall()]
        state: dict[str, object] = {
            table: other.execute(
                f"SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM \"{table}\" t"
            ).fetchone()
            for table in tables
        }
        state["sequences"] = sorted(other.execute(SEQUENCES).fetchall())
        state["triggers"] = other.execute(
            "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2"
        ).fetchall()
        return state


DAMAGE = {
    "nothing": "SELECT 1",
    "rows": "INSERT INTO django_session SELECT n::text, 'x', now() FROM generate_series(1, 5000) n",
    "seeded rows": "UPDATE accounts_role SET name = name || '!'; DELETE FROM approvals_approvalpolicy",
    "an append-only table": "UPDATE operations_audithead SET seq = seq + 1",
    "sequences": "SELECT nextval('accounts_team_id_seq'), nextval('accounts_role_id_seq')",
    "a guard": "ALTER TABLE operations_auditentry DISABLE TRIGGER USER",
    "a new table": "CREATE TABLE left_over (word text)",
    "a table less": "DROP TABLE operations_ratewindow",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_whatever_a_test_commits_is_undone(own_database: TestDatabase, damage: str) -> None:
    before = _state(own_database.url)
    with psycopg.connect(own_database.url) as other:
        other.execute(DAMAGE[damage])
    assert (_state(own_database.url) == before) is (damage == "nothing")
    own_database.restore()
    assert _state(own_database.url) == before


def test_a_transaction_that_a_test_left_open_ends_with_it(own_database: TestDatabase) -> None:
    """A killed worker's server process may still hold locks and rows nobody sees."""
    before = _state(own_database.url)
    left = psycopg.connect(own_database.url)
    left.execute("LOCK TABLE accounts_team")
    own_database.restore()
    with pytest.raises(psycopg.OperationalError):
        left.execute("SELECT 1")
    left.close()
    assert _state(own_database.url) == before


@pytest.fixture(scope="module")
def own_database(django_db_blocker: Any) -> Iterator[TestDatabase]:
    """A database beside this worker's, so that a test sees it before and after."""
    database = TestDatabase(f"beside_{os.getpid()}", os.environ[TEMPLATE_VARIABLE])
    with django_db_blocker.unblock():
        database.clone()
    yield database
    with django_db_blocker.unblock():
        database.drop()


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.django_db
def test_rows_of_a_rolled_back_test_are_gone(attempt: int) -> None:
    assert _people() == 0
    get_user_model().objects.create(username=f"person-{attempt}")


def test_redis_answers() -> None:
    cache.set("runway", "works", timeout=5)
    assert cache.get("runway") == "works"
