"""Whether this worker is shutting down: told by the main process to its children through shared
memory, since a warm shutdown signals only the main process [R-10.25].
"""

from __future__ import annotations

import mmap
from typing import Any

from celery.signals import worker_shutting_down

_flag = mmap.mmap(-1, 1)  # anonymous and shared: children forked later see it change


def draining() -> bool:
    """True once the worker was asked to stop: finish the wave, claim nothing more."""
    return _flag[0] == 1


@worker_shutting_down.connect
def _drain(**_: Any) -> None:
    _flag[0] = 1
