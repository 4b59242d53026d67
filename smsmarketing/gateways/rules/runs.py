"""Which task runs a batch: its queue keeps urgent messages from waiting behind marketing [R-10.23]."""

from __future__ import annotations

RUN_TASKS: dict[str, str] = {
    "otp": "gateways.batch_run_urgent",
    "reply": "gateways.batch_run_urgent",
    "opt_in": "gateways.batch_run_transactional",
    "test": "gateways.batch_run_transactional",
    "transactional": "gateways.batch_run_transactional",
    "notification": "gateways.batch_run_transactional",
}
DEFAULT_RUN_TASK = "gateways.batch_run"


def run_task(purpose: str) -> str:
    """The task that sends batches of this purpose."""
    return RUN_TASKS.get(purpose, DEFAULT_RUN_TASK)
