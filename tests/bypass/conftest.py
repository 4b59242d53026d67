"""A desk with a real carrier behind it, and the proof that nothing got past the approval."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from django.apps import apps
from django.db import connection

from smsmarketing.accounts.models import Role, User
from tests.campaigns.desk import Desk, desk_make
from tests.simulator.process import RunningSimulator, simulator_running

Shut = Callable[[], AbstractContextManager[None]]

# What a refusal may write: that it happened, how often, that a page was looked at.
TRACES = {
    "operations_auditentry",
    "operations_audithead",
    "operations_auditanchor",
    "operations_ratewindow",
    "operations_idempotencyclaim",
    "operations_previewrecord",
    "approvals_ownernotification",
    "accounts_apitoken",  # `call` makes one for MCP
}


def tables() -> list[str]:
    """Every table of the product whose rows a refusal must leave alone."""
    names = {
        model._meta.db_table
        for config in apps.get_app_configs()
        if config.name.startswith("smsmarketing.")
        for model in config.get_models(include_auto_created=True)
    }
    return sorted(names - TRACES)


def fingerprint() -> dict[str, str]:
    """A hash of all rows of each table, in one statement; signing in is no change of anything that sends."""
    rows = dict.fromkeys(tables(), "t::text")
    rows["accounts_user"] = "(to_jsonb(t) - 'last_login')::text"
    each = [
        f"SELECT '{table}', coalesce(md5(string_agg(md5({row}), '' ORDER BY {row})), '') FROM \"{table}\" t"
        for table, row in rows.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(each))
        return dict(cursor.fetchall())


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    with simulator_running(receipt_delay_ms=0) as process:
        yield process


@pytest.fixture
def carrier(running: RunningSimulator) -> RunningSimulator:
    running.reset()
    return running


@pytest.fixture
def desk(carrier: RunningSimulator, db: None) -> Desk:
    return desk_make(contacts=5, base_url=carrier.base_url)


@pytest.fixture
def shut(carrier: RunningSimulator) -> Shut:
    """A block that must leave every row as it was and the carrier without a message."""

    @contextmanager
    def check() -> Iterator[None]:
        before = fingerprint()
        yield
        after = fingerprint()
        assert [table for table in after if after[table] != before[table]] == []
        assert carrier.stats()["accepted"] == 0

    return check


@pytest.fixture
def chief(desk: Desk) -> User:
    """A superuser with every role: may do anything except go around the second person."""
    user = User.objects.create_user("chief", password=None, is_staff=True, is_superuser=True)
    user.teams.add(desk.world.team)
    user.roles.set(Role.objects.all())
    return user
