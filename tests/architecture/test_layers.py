"""Imports, foreign keys and tasks follow the layers of docs/architecture.md."""

import ast
import subprocess
import sys

from django.apps import apps
from django.conf import settings
from django.db import models

from tools.check import CHECKS
from tools.embedded.place import CHECKOUT

# From the top to the bottom; contacts and approvals do not know each other.
RANKS = {
    "reporting": 7,
    "campaigns": 6,
    "gateways": 5,
    "contacts": 4,
    "approvals": 4,
    "webhooks": 3,
    "accounts": 2,
    "operations": 1,
}


def test_import_linter_keeps_every_contract() -> None:
    done = subprocess.run(
        CHECKS["import-linter"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_import_linter_refuses_an_upward_import() -> None:
    """The contracts bite: the same command fails when an app imports one above it."""
    source = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    assert source.count('"smsmarketing.contacts | smsmarketing.approvals"') == 1


def test_foreign_keys_point_downwards() -> None:
    wrong = []
    for model in apps.get_models():
        owner = RANKS.get(model._meta.app_label)
        if owner is None:
            continue
        for field in model._meta.get_fields():
            if not isinstance(
                field, models.ForeignKey | models.OneToOneField | models.ManyToManyField
            ):
                continue
            target = field.related_model
            label = target._meta.label if not isinstance(target, str) else target
            if (
                label == settings.AUTH_USER_MODEL
                or label.partition(".")[0] == model._meta.app_label
            ):
                continue
            rank = RANKS.get(label.partition(".")[0])
            if rank is not None and rank >= owner:
                wrong.append(f"{model._meta.label}.{field.name} -> {label}")
    assert wrong == []


def test_apps_get_model_is_used_in_migrations_only() -> None:
    """The import checker cannot see models fetched by name, so they are not fetched by name."""
    users = []
    for path in (CHECKOUT / "smsmarketing").rglob("*.py"):
        if "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "get_model"
            ):
                users.append(f"{path.relative_to(CHECKOUT)}:{node.lineno}")
    assert users == []


def test_data_migrations_can_be_reversed() -> None:
    """RunPython and RunSQL name their way back."""
    one_way = []
    for path in (CHECKOUT / "smsmarketing").glob("*/migrations/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"RunPython", "RunSQL"}
                and len(node.args) < 2
                and not {"reverse_code", "reverse_sql"} & {word.arg for word in node.keywords}
            ):
                one_way.append(f"{path.relative_to(CHECKOUT)}:{node.lineno}")
    assert one_way == []


def test_no_file_names_a_package_registry() -> None:
    """Lock files and build files take their index from the machine, so that a mirror works (docs/adr/0001)."""
    hosts = ("pypi" + ".org", "files.python" + "hosted.org")
    names = [
        path
        for path in CHECKOUT.iterdir()
        if path.is_file() and path.suffix in {".toml", ".lock", ".in", ".txt", ".yaml", ".cfg", ""}
    ]
    assert [path.name for path in names if any(host in path.read_text() for host in hosts)] == []


def test_the_check_command_runs_with_this_python() -> None:
    assert all(command[0] == sys.executable for command in CHECKS.values())
