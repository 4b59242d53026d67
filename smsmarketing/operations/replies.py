"""An outcome as plain JSON, for the command line."""

from __future__ import annotations

from typing import Any

from smsmarketing.operations.types import Held, Outcome


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """`data` for a call that ran, `held` for one that people must agree to, and `meta` about
    the call.
    """
    if isinstance(outcome, Held):
        held = {
            "action_request_id": str(outcome.action_request_id),
            "message": outcome.message,
            "policies": list(outcome.policies),
        }
        return {"held": held, "meta": _meta(outcome, dry_run=False)}
    meta = _meta(outcome, dry_run=outcome.dry_run)
    if outcome.approval is not None:
        meta["approval_needed"] = {
            "message": outcome.approval.message,
            "policies": list(outcome.approval.policies),
        }
    return {"data": outcome.result.model_dump(mode="json"), "meta": meta}


def _meta(outcome: Outcome, *, dry_run: bool) -> dict[str, Any]:
    return {"request_id": outcome.request_id, "replayed": outcome.replayed, "dry_run": dry_run}
