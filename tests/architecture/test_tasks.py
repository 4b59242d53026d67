"""Every task has a queue that a worker of the demo and of compose.yaml reads."""

import ast
import re
from collections.abc import Iterator

import pytest
from celery import current_app

from smsmarketing.queues import QUEUES, ROUTES
from tools.demo.__main__ import BULK_QUEUES, FAST_QUEUES
from tools.embedded.place import CHECKOUT


def _own_tasks() -> dict[str, object]:
    current_app.loader.import_default_modules()
    return {
        name: task for name, task in current_app.tasks.items() if not name.startswith("celery.")
    }


def test_demo_workers_read_every_queue() -> None:
    assert sorted([*FAST_QUEUES.split(","), *BULK_QUEUES.split(",")]) == sorted(QUEUES)


def test_compose_workers_read_every_queue() -> None:
    compose = (CHECKOUT / "compose.yaml").read_text(encoding="utf-8")
    read = {
        name for found in re.findall(r'--queues, "([\w,]+)"', compose) for name in found.split(",")
    }
    assert read == set(QUEUES)


def test_every_task_goes_to_a_known_queue() -> None:
    router = current_app.amqp.router
    for name, task in _own_tasks().items():
        route = router.route({"queue": getattr(task, "queue", None)}, name)
        assert route["queue"].name in QUEUES, name


def test_every_scheduled_task_exists() -> None:
    scheduled = {entry["task"] for entry in current_app.conf.beat_schedule.values()}
    assert scheduled - _own_tasks().keys() == set()


def _enqueued_names() -> Iterator[tuple[str, str]]:
    for path in (CHECKOUT / "smsmarketing").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = (
                node.func.attr
                if isinstance(node.func, ast.Attribute)
                else getattr(node.func, "id", "")
            )
            first = node.args[0]
            if called == "enqueue" and isinstance(first, ast.Constant):
                yield str(first.value), f"{path.relative_to(CHECKOUT)}:{node.lineno}"


@pytest.mark.parametrize(("name", "place"), sorted(set(_enqueued_names())))
def test_every_enqueued_task_exists(name: str, place: str) -> None:
    assert name in _own_tasks(), place


def test_every_route_names_a_task_and_a_queue() -> None:
    """The table in smsmarketing/queues.py is the only place that says where a task goes."""
    assert ROUTES.keys() - _own_tasks().keys() == set()
    assert {route["queue"] for route in ROUTES.values()} <= set(QUEUES)
