"""What the tests of the operation framework share."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections


@pytest.fixture
def threads() -> Callable[[list[Callable[[], Any]]], list[Any]]:
    """Run functions at the same time, each with its own connection; returns values or
    exceptions in order.
    """

    def run(functions: list[Callable[[], Any]]) -> list[Any]:
        results: list[Any] = [None] * len(functions)

        def one(index: int) -> None:
            try:
                results[index] = functions[index]()
            except Exception as exc:  # noqa: BLE001 - handed to the test
                results[index] = exc
            finally:
                connections.close_all()

        workers = [threading.Thread(target=one, args=(index,)) for index in range(len(functions))]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(timeout=60)
        assert not any(worker.is_alive() for worker in workers)
        return results

    return run
