"""What a request can be about besides a held operation: reviews whose decision moves a row of another
app in the same transaction.

Apps above register a Subject in their AppConfig.ready(); this app stays ignorant of their models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.operations.types import Actor

Hook = Callable[[ActionRequest, Actor | None], None]
"""Called inside the transaction of the decision, with the request's row locked and in its new state.

The actor is None when time or the system decided. Raising undoes the decision.
"""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The hooks of one kind of review, by the operation that asks for it."""

    operation: str
    on_approved: Hook | None = None
    on_rejected: Hook | None = None
    on_changes_requested: Hook | None = None
    on_superseded: Hook | None = None
    on_expired: Hook | None = None
    on_cancelled: Hook | None = None
    """Falls back to `on_superseded`: the row goes back to where it can be changed."""
    current_hash: Callable[[ActionRequest], str] | None = None
    """The hash of the content as it is now; a vote on anything else is refused [R-8.2]."""
    authors: Callable[[ActionRequest], set[int]] | None = None
    """Ids of the people who wrote the content: they may not vote on it [R-8.1]."""
    template: str = ""
    """Template of the content part of the approval page; empty for the generic one."""

    def hook(self, event: str) -> Hook | None:
        """The hook for `approved`, `rejected`, `changes_requested`, `superseded`, `expired`,
        `cancelled`.
        """
        found: Hook | None = getattr(self, f"on_{event}")
        return self.on_superseded if found is None and event == "cancelled" else found


_subjects: dict[str, Subject] = {}


def register(subject: Subject) -> None:
    """Raises ValueError when the operation has a subject already."""
    if subject.operation in _subjects:
        raise ValueError(f"approvals already have a subject for {subject.operation}")
    _subjects[subject.operation] = subject


def find(operation: str) -> Subject | None:
    """The subject of this operation; None for a held operation."""
    return _subjects.get(operation)
