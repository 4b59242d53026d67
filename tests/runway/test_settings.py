"""Production settings: complete, clean for `check --deploy`, and refused when something is missing."""

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from smsmarketing import env
from tools import settings_page
from tools.embedded.place import CHECKOUT

KEY = "k9" * 32
PRODUCTION = {
    "DJANGO_ENV": "production",
    "SECRET_KEY": "Q7r!x9" * 12,
    "VERSION_TOKEN_KEY": KEY,
    "CREDENTIALS_KEYS": f"2026:{KEY}",
    "PHONE_HASH_KEYS": f"2026:{KEY}",
    "PUBLIC_BASE_URL": "https://sms.example.com",
    "ALLOWED_HOSTS": "sms.example.com",
    "DATABASE_URL": "postgresql://sms:pw@db.example:5432/sms",
    "REDIS_URL": "redis://redis.example:6379/0",
}


def _manage(*arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_deployment_check_is_clean_with_production_settings() -> None:
    done = _manage("check", "--deploy", "--fail-level", "WARNING", environment=PRODUCTION)
    assert done.returncode == 0, done.stderr
    assert "no issues (0 silenced)" in done.stdout


@pytest.mark.parametrize("missing", sorted(PRODUCTION.keys() - {"DJANGO_ENV"}))
def test_production_does_not_start_without(missing: str) -> None:
    partial = {key: value for key, value in PRODUCTION.items() if key != missing}
    done = subprocess.run(
        [sys.executable, "-c", "import smsmarketing.settings"],
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], **partial},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert f"EnvironmentRefused: {missing}:" in done.stderr


def test_production_refuses_debug() -> None:
    done = _manage("check", environment={**PRODUCTION, "DEBUG": "true"})
    assert done.returncode != 0
    assert "DEBUG: must be false" in done.stderr


def test_settings_page_is_current() -> None:
    """docs/settings.md is what `make docs` would write; the rendering process has an empty environment."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.settings_page", "--check"],
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], "DJANGO_ENV": "development"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_settings_page_names_every_declared_variable() -> None:
    page = settings_page.PAGE.read_text(encoding="utf-8")
    assert [name for name in env.DECLARED if f"`{name}`" not in page] == []


def test_no_other_module_reads_the_environment() -> None:
    """Settings are declared in one place; smsmarketing/env.py is the only reader of os.environ."""
    entry_points = {"smsmarketing/env.py", "smsmarketing/celery.py", "smsmarketing/wsgi.py"}
    apart = ("smsmarketing/simulator/", "smsmarketing/reporting/management/")
    readers = {
        str(path.relative_to(CHECKOUT))
        for path in (CHECKOUT / "smsmarketing").rglob("*.py")
        if "os.environ" in path.read_text(encoding="utf-8")
        or "getenv(" in path.read_text(encoding="utf-8")
    }
    assert {path for path in readers if not path.startswith(apart)} == entry_points
