"""What a migrated database is made of, and how to make one for tests."""

import hashlib
import os
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tools.embedded.place import CHECKOUT

SOURCES = (
    "smsmarketing/*/migrations/**/*.py",
    "smsmarketing/*/migrations/**/*.sql",
    "smsmarketing/*/apps.py",
    "smsmarketing/*/seeding.py",
    "smsmarketing/*/models.py",
    "smsmarketing/*/models/**/*.py",
    "smsmarketing/*/rules.py",
    "smsmarketing/*/rules/**/*.py",
    "smsmarketing/*/data/**/*",
    "smsmarketing/settings.py",
    "requirements.lock",
)


def migrations_key(server: str) -> str:
    """Return a hash of every file that decides what a database of ``server`` looks like once migrated."""
    digest = hashlib.sha256(server.encode())
    for pattern in SOURCES:
        for path in sorted(CHECKOUT.glob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(CHECKOUT)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def database_migrate(url: str) -> str:
    """Migrate the database of ``url``; return the error text, empty when it went well."""
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=CHECKOUT,
        env={
            **os.environ,
            "DJANGO_ENV": "development",
            "DJANGO_SETTINGS_MODULE": "smsmarketing.settings",
            "DATABASE_URL": url,
            "LOG_LEVEL": "WARNING",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else (done.stderr or done.stdout)[-4000:]


def template_ensure(url: str) -> tuple[str, str]:
    """Return the name of a migrated template on the server of ``url``, or why there is none.

    The template is a database of its own, made once per state of the migrations; the database that ``url``
    names is not touched.
    """
    template = f"sms_test_template_{migrations_key('external')}"
    name = sql.Identifier(template)
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("SELECT pg_advisory_lock(hashtext('sms_test_template'))")
        found = server.execute(
            "SELECT datallowconn FROM pg_database WHERE datname = %s", [template]
        ).fetchone()
        if found == (False,):
            return template, ""
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        server.execute(sql.SQL("CREATE DATABASE {}").format(name))
        problem = database_migrate(urlunsplit(urlsplit(url)._replace(path=f"/{template}")))
        if problem:
            return "", problem
        # A finished template accepts no connection: it cannot change, and cloning it never waits.
        server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        return template, ""
