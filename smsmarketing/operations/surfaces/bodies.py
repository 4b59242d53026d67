"""Shapes of answers that are the same for every operation; REST and MCP publish their schemas."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from smsmarketing.operations.types import Done, Held, Output

ERROR_CODES: dict[str, tuple[str, str]] = {
    "INVALID_INPUT": (
        "Invalid input",
        "A field is missing, malformed or not allowed. `field_errors` names each one; change it and send again.",
    ),
    "CRITERIA_UNBOUNDED": (
        "Segment without bound",
        "A condition would read all events or search all texts. Say how far back, or add a list, tag or group.",
    ),
    "CRITERIA_COSTLY": (
        "Segment too costly",
        "The conditions together would look at far too many rows; nothing was run. Ask for less at once.",
    ),
    "CRITERIA_SLOW": (
        "Segment took too long",
        "Counting was stopped after its time; nothing was changed. Add a condition that narrows the segment.",
    ),
    "DUPLICATES_SLOW": (
        "Search took too long",
        "The search for duplicates was stopped after its time. Ask for one contact, or for one kind of likeness.",
    ),
    "AUTH_REQUIRED": (
        "Sign-in needed",
        "The request carries no API token and no session. Send `Authorization: Bearer <token>`.",
    ),
    "AUTH_INVALID": (
        "Token refused",
        "The token is unknown, expired, revoked or not allowed from this address. Ask an admin for a new one.",
    ),
    "NOT_PERMITTED": (
        "Not permitted",
        "Your roles do not allow this, or it must be done by a person in a signed-in browser session.",
    ),
    "INSUFFICIENT_SCOPE": (
        "Scope missing",
        "The token lacks a scope; `details.required_scopes` lists all that are needed. Ask for a token that has them.",
    ),
    "NOT_FOUND": (
        "Not found",
        "No such row, or none that you may see. The two are never told apart.",
    ),
    "ERASED": (
        "Person erased",
        "The contact was erased for good; nothing of them can be read. Take the id out of your own records.",
    ),
    "VERSION_CONFLICT": (
        "Changed meanwhile",
        "The row changed after you read it. Read it again and repeat with its new `base_version_token`.",
    ),
    "PRECONDITION_REQUIRED": (
        "Earlier step needed",
        "An id or token of an earlier step is missing, unknown, used or expired. "
        "The message names the operation to call first.",
    ),
    "CONFLICT": (
        "Conflict",
        "The state of the row does not allow this, or the idempotency key was used before.",
    ),
    "APPROVAL_REQUIRED": (
        "Approval needed",
        "A second person must agree first. Ask for it with the operation that the message names.",
    ),
    "QUOTA_EXCEEDED": (
        "Quota used up",
        "The team's message limit would be passed. Send less, wait for the next period, or ask for a higher limit.",
    ),
    "BUDGET_EXCEEDED": (
        "Budget used up",
        "The team's money limit or the approved cost ceiling would be passed.",
    ),
    "RATE_LIMITED": ("Too many requests", "Wait `retry_after_s` seconds, then repeat."),
    "OPTED_OUT": (
        "Opted out",
        "The recipient does not want messages. Only the recipient can change that.",
    ),
    "CONSENT_INCOMPLETE": (
        "Consent not proven",
        "There is no complete consent evidence for this recipient and purpose.",
    ),
    "CONSENT_SOURCE_PERSONAL": (
        "Address names a person",
        "The address or file name of a consent holds the person's number or an e-mail address. Give it without.",
    ),
    "SENDER_NOT_ELIGIBLE": (
        "Sender not usable",
        "The sender ID is not verified, or not allowed in a destination country.",
    ),
    "NO_OPT_OUT_PATH": (
        "No way to opt out",
        "A marketing text needs an opt-out line that works with this sender.",
    ),
    "GATEWAY_REJECTED": (
        "Gateway refused",
        "The gateway refused the request. `gateway_error_code` is its own code.",
    ),
    "GATEWAY_UNAVAILABLE": (
        "Gateway unreachable",
        "The gateway does not answer. Nothing was sent; repeat later.",
    ),
    "RATES_UNAVAILABLE": (
        "No rate known",
        "There is no price for a destination, so the cost cannot be bounded. Load rates first.",
    ),
    "INTERNAL": (
        "Internal error",
        "A fault on our side; nothing was changed. Quote the `request_id` when you report it.",
    ),
}
"""Code to (title, what to do next): the page /api/docs/errors and the problem titles."""


class ErrorBody(Output):
    """The one error envelope of all surfaces."""

    code: str = Field(description="Stable code, e.g. INVALID_INPUT; all are listed at help_url.")
    message: str = Field(description="A sentence for people that says what to do next.")
    retryable: bool = Field(
        description="True when the same call may succeed later without a change."
    )
    retry_after_s: int | None = Field(description="Seconds to wait before a retry, when known.")
    field_errors: dict[str, str] = Field(
        description="Input field (dotted path) to what is wrong with it."
    )
    action_request_id: str | None = Field(description="The action request this is about, if any.")
    request_id: str = Field(description="Quote this when you report a problem.")
    gateway_error_code: str | None = Field(
        description="The SMS gateway's own error code, if one was involved."
    )
    help_url: str = Field(description="Page about this code.")
    details: dict[str, Any] = Field(description="Machine-readable facts that depend on the code.")


class Problem(Output):
    """An error answer: RFC 9457 members for generic clients, and the envelope under `error`."""

    type: str = Field(
        description="URI reference of the page about this kind of problem (RFC 9457)."
    )
    title: str = Field(description="Short name of the kind of problem.")
    status: int = Field(description="The HTTP status code.")
    detail: str = Field(description="The same sentence as error.message.")
    error: ErrorBody


class HeldBody(Output):
    """The call waits for people: only the action request was written. Follow it with action_request.status."""

    status: Literal["held"] = "held"
    action_request_id: str = Field(description="Id for action_request.status.")
    message: str = Field(description="Why people must decide, and what happens next.")
    policies: list[str] = Field(description="Keys of the approval policies that matched.")
    request_id: str = Field(description="Id of this request.")


class ApprovalNeeded(Output):
    """Why the real call would be held."""

    message: str = Field(description="What people would have to decide.")
    policies: list[str] = Field(description="Keys of the approval policies that match.")


class MetaBody(Output):
    """About the call itself."""

    request_id: str = Field(description="Quote this when you report a problem.")
    replayed: bool = Field(
        description="True when this is the stored answer of an earlier call with the same idempotency key."
    )
    dry_run: bool = Field(description="True when nothing was written.")
    approval_needed: ApprovalNeeded | None = Field(
        description="After a dry run: people would have to agree to the real call, and why."
    )


def held_body(outcome: Held, request_id: str) -> dict[str, Any]:
    """The answer for a held call, as JSON values."""
    return HeldBody(
        action_request_id=str(outcome.action_request_id),
        message=outcome.message,
        policies=list(outcome.policies),
        request_id=outcome.request_id or request_id,
    ).model_dump(mode="json")


def meta_body(outcome: Done | Held | None, request_id: str) -> dict[str, Any]:
    """The envelope's `meta` member, as JSON values."""
    return MetaBody(
        request_id=(outcome.request_id if outcome else "") or request_id,
        replayed=bool(outcome and outcome.replayed),
        dry_run=isinstance(outcome, Done) and outcome.dry_run,
        approval_needed=approval_needed(outcome),
    ).model_dump(mode="json")


def approval_needed(outcome: Done | Held | None) -> ApprovalNeeded | None:
    """What would hold the real call of a dry run."""
    if not isinstance(outcome, Done) or outcome.approval is None:
        return None
    return ApprovalNeeded(
        message=outcome.approval.message, policies=list(outcome.approval.policies)
    )
