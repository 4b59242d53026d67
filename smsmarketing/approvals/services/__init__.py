"""Writing requests: asking, voting, running, ending."""

from smsmarketing.approvals.services.ending import (
    request_cancel,
    request_supersede,
    requests_expire,
)
from smsmarketing.approvals.services.requests import request_create, request_draft
from smsmarketing.approvals.services.running import (
    request_begin,
    request_fail,
    request_finish,
    request_outgrow,
    request_result_keep,
    request_spend,
    request_start,
    requests_stuck,
)
from smsmarketing.approvals.services.votes import request_vote

__all__ = [
    "request_begin",
    "request_cancel",
    "request_create",
    "request_draft",
    "request_fail",
    "request_finish",
    "request_outgrow",
    "request_result_keep",
    "request_spend",
    "request_start",
    "request_supersede",
    "request_vote",
    "requests_expire",
    "requests_stuck",
]
