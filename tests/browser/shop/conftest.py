"""One product with the demo's data for all journeys of people: starting it costs more than a journey.

Each journey brings people of its own numbers and counts what came with it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Pages
from tests.conftest import database_shared
from tests.journeys.processes import Product, product_running
from tools.embedded.place import CHECKOUT

CARRIER_TOKEN = "simulator-token"


@dataclass
class Shop:
    """The product as `make demo` shows it, and the logins it prints."""

    product: Product
    notes: dict[str, Any]

    @property
    def passwords(self) -> dict[str, str]:
        """By username."""
        return {login["username"]: login["password"] for login in self.notes["logins"]}

    def window(self, pages: Pages, username: str) -> Page:
        """A window in which this person is signed in."""
        return pages.signed_in(self.product.url, username, self.passwords[username])


@pytest.fixture(scope="package")
def running(django_db_setup: None, django_db_blocker: Any) -> Iterator[Shop]:
    """The processes, started once."""
    with (
        database_shared(django_db_blocker) as environment,
        product_running(environment, token=CARRIER_TOKEN) as product,
    ):
        yield Shop(product, _demo_load(product))


@pytest.fixture
def shop(running: Shop) -> Shop:
    """The running product, its carrier without messages."""
    running.product.carrier.reset()
    return running


def _demo_load(product: Product) -> dict[str, Any]:
    """What `make demo` loads and prints."""
    command = ["manage.py", "demo_data", "--json", "--carrier-url", product.carrier.base_url]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=CHECKOUT,
        env=dict(product.environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    notes: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return notes
