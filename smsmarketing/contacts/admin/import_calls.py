"""What a person reads after a call from a page of the import wizard."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest

from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.surfaces.admin.calls import held_tell
from smsmarketing.operations.types import Done, Held


def started_tell(request: HttpRequest, answer: Done | Held | OperationError) -> None:
    """Leave a message for the next page."""
    if isinstance(answer, OperationError):
        messages.error(request, answer.message)
    elif isinstance(answer, Held):
        held_tell(request, answer)
    else:
        messages.success(request, "The import has started. You may leave this page.")
