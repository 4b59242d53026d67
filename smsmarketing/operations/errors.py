"""The errors an operation may raise. Each has a stable code; surfaces map them to HTTP, MCP or a
form (design.md §3).

Codes are the contract with callers: never rename one. Messages are sentences for people and say
what to do next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

HELP_BASE = "/api/docs/errors#"


class OperationError(Exception):
    """Base: carries the one error envelope. `http_status` is used by the REST surface only."""

    code = "INTERNAL"
    http_status = 500
    retryable = False
    audited = True

    def __init__(
        self,
        message: str,
        *,
        field_errors: Mapping[str, str] | None = None,
        retry_after_s: int | None = None,
        action_request_id: UUID | None = None,
        gateway_error_code: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field_errors = dict(field_errors or {})
        self.retry_after_s = retry_after_s
        self.action_request_id = action_request_id
        self.gateway_error_code = gateway_error_code
        self.details = dict(details or {})
        self.request_id = ""
        """Set by `execute()`: the id under which the refusal is in the log and the audit chain."""

    def envelope(self, request_id: str = "") -> dict[str, Any]:
        """The envelope all surfaces return: `{"error": {...}}`."""
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "retryable": self.retryable or self.retry_after_s is not None,
                "retry_after_s": self.retry_after_s,
                "field_errors": self.field_errors,
                "action_request_id": str(self.action_request_id)
                if self.action_request_id
                else None,
                "request_id": request_id or self.request_id,
                "gateway_error_code": self.gateway_error_code,
                "help_url": f"{HELP_BASE}{self.code}",
                "details": self.details,
            }
        }


class InvalidInput(OperationError):
    """The input is malformed or breaks a rule that the caller can mend by changing a field."""

    code = "INVALID_INPUT"
    http_status = 422


class CriteriaUnbounded(InvalidInput):
    """A segment's conditions would read without bound; `details["limit"]` repeats the code."""

    code = "CRITERIA_UNBOUNDED"


class CriteriaCostly(InvalidInput):
    """The planner expects a segment's statement to cost too much; nothing was run."""

    code = "CRITERIA_COSTLY"


class CriteriaSlow(InvalidInput):
    """A segment's statement took longer than its time and was cancelled."""

    code = "CRITERIA_SLOW"


class DuplicatesSlow(InvalidInput):
    """The search for duplicates took longer than its time and was cancelled."""

    code = "DUPLICATES_SLOW"


class AuthRequired(OperationError):
    code = "AUTH_REQUIRED"
    http_status = 401


class AuthInvalid(OperationError):
    code = "AUTH_INVALID"
    http_status = 401


class NotPermitted(OperationError):
    code = "NOT_PERMITTED"
    http_status = 403


class InsufficientScope(OperationError):
    """The token lacks a scope; `details["required_scopes"]` lists all that the operation needs
    [R-9.22].
    """

    code = "INSUFFICIENT_SCOPE"
    http_status = 403


class NotFound(OperationError):
    """No such row, or not visible to this actor: the two are never told apart."""

    code = "NOT_FOUND"
    http_status = 404


class Erased(NotFound):
    """The person was erased: only the fact, and the proof of their opt-outs, is left [R-4.9]."""

    code = "ERASED"
    http_status = 410


class VersionConflict(OperationError):
    """The row changed since it was read; read it again and repeat with the new token [R-8.7]."""

    code = "VERSION_CONFLICT"
    http_status = 412


class PreconditionRequired(OperationError):
    """A prerequisite id or token is missing, unknown, used, expired or foreign [R-8.8],
    [R-9.14].
    """

    code = "PRECONDITION_REQUIRED"
    http_status = 428


class Conflict(OperationError):
    """The row is in a state that does not allow this."""

    code = "CONFLICT"
    http_status = 409


class KeyReused(OperationError):
    """The idempotency key was used with other content [R-8.10]."""

    code = "CONFLICT"
    http_status = 422


class KeyInProgress(OperationError):
    """The first call with this idempotency key is still running [R-8.10]."""

    code = "CONFLICT"
    http_status = 409
    retryable = True


class ApprovalRequired(OperationError):
    code = "APPROVAL_REQUIRED"
    http_status = 403


class QuotaExceeded(OperationError):
    code = "QUOTA_EXCEEDED"
    http_status = 402


class BudgetExceeded(OperationError):
    code = "BUDGET_EXCEEDED"
    http_status = 402


class RateLimited(OperationError):
    code = "RATE_LIMITED"
    http_status = 429
    retryable = True


class OptedOut(OperationError):
    code = "OPTED_OUT"
    http_status = 409


class ConsentIncomplete(OperationError):
    code = "CONSENT_INCOMPLETE"
    http_status = 422


class ConsentSourcePersonal(ConsentIncomplete):
    """The address of a consent holds the person's number or an e-mail address; nothing was kept."""

    code = "CONSENT_SOURCE_PERSONAL"


class SenderNotEligible(OperationError):
    code = "SENDER_NOT_ELIGIBLE"
    http_status = 409


class NoOptOutPath(OperationError):
    code = "NO_OPT_OUT_PATH"
    http_status = 422


class GatewayRejected(OperationError):
    code = "GATEWAY_REJECTED"
    http_status = 502


class GatewayUnavailable(OperationError):
    code = "GATEWAY_UNAVAILABLE"
    http_status = 503
    retryable = True


class RatesUnavailable(OperationError):
    code = "RATES_UNAVAILABLE"
    http_status = 409


class Internal(OperationError):
    """What callers see of a bug: no stack, no SQL, only the request id to quote [R-9.13]."""

    code = "INTERNAL"
    http_status = 500
