"""Action requests, as people choose them."""

from __future__ import annotations

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.selectors import requests_visible
from smsmarketing.operations import choosers
from smsmarketing.operations.choosers import Chooser


def _request(row: ActionRequest) -> str:
    state = row.state.replace("_", " ")
    return f"{row.title}, asked by {row.requester.username} on {row.created_at:%Y-%m-%d} ({state})"


choosers.add(
    Chooser(
        noun="action request",
        fields=("action_request_id",),
        visible=requests_visible,
        label=_request,
        names=("title", "requester__username", "state"),
        order=("-created_at", "-pk"),
        permission="approvals.request_view",
        hint="Write a part of its title, who asked, or a state such as pending.",
    ),
)
