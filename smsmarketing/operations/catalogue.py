"""The framework's own operations: reading the audit log and verifying its chain."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from pydantic import Field, model_validator

from smsmarketing.operations import registry
from smsmarketing.operations.audit import audit_verify
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.text import untrusted
from smsmarketing.operations.types import (
    Context,
    Input,
    Kind,
    Moment,
    Operation,
    Output,
    RestRoute,
    UntrustedText,
)

PERMISSION = "operations.audit_view"
SCOPE = "sms:compliance"


class AuditListInput(PageInput):
    """Filters of the audit log; all given ones must match."""

    operation: str | None = Field(
        default=None, max_length=80, description="Key of an operation, e.g. campaigns.schedule."
    )
    outcome: str | None = Field(
        default=None, max_length=32, description="done, held, or the code of a refusal."
    )
    actor_id: str | None = Field(
        default=None,
        max_length=64,
        description='Who called: "user:5", "token:7" or "system"; also finds a person\'s tokens.',
    )
    object_type: str | None = Field(
        default=None, max_length=64, description="Type of the row, e.g. campaigns.campaign."
    )
    object_id: str | None = Field(default=None, max_length=64, description="Id of the row.")
    request_id: str | None = Field(
        default=None, max_length=64, description="Id of one request, as errors quote it."
    )
    since: Moment | None = Field(
        default=None, description="From this time on (ISO 8601 with offset)."
    )
    until: Moment | None = Field(
        default=None, description="Before this time (ISO 8601 with offset)."
    )

    @model_validator(mode="after")
    def _in_order(self) -> AuditListInput:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("until must be later than since.")
        return self


class AuditRow(Output):
    """One entry of the audit log. Holds ids and keyed hashes, no personal data [R-8.15]."""

    seq: int = Field(description="Position in the chain, without gaps.")
    at: datetime = Field(description="When, in UTC.")
    actor_type: str = Field(description="person, agent, token or system.")
    actor_id: str = Field(description='"user:5", "token:7" or "system".')
    on_behalf_of: str = Field(description="The person behind a token; empty otherwise.")
    auth_method: str = Field(description="session, token, command_line, job or none.")
    surface: str = Field(description="admin, rest, mcp, cli or system.")
    ip_truncated: str = Field(description="Network of the caller (IPv4 /24, IPv6 /48).")
    operation: str = Field(description="Key of the operation.")
    outcome: str = Field(description="done, held, or the code of the refusal.")
    object_type: str = Field(description="Type of the row it was about; may be empty.")
    object_id: str = Field(description="Id of that row.")
    object_version: int | None = Field(description="Version of that row afterwards.")
    input_hash: str = Field(description="Keyed hash of the parameters.")
    before_hash: str = Field(description="Keyed hash of the row before.")
    after_hash: str = Field(description="Keyed hash of the row afterwards.")
    reason: UntrustedText | None = Field(description="The reason people gave, if any.")
    facts: dict[str, Any] = Field(description="Counts, ids and policies that played a part.")
    request_id: str = Field(description="Id of the request.")
    prev_hash: str = Field(description="Hash of the entry before.")
    hash: str = Field(description="SHA-256 of prev_hash and this entry's canonical JSON.")


class AuditPage(Page[AuditRow]):
    """One page of the audit log, newest first."""


class AuditVerifyInput(Input):
    """A position known from outside the database makes a cut end visible."""

    anchor_seq: int | None = Field(
        default=None,
        ge=1,
        le=2**63 - 1,
        description="Position from a shipped audit_anchor log line.",
    )
    anchor_hash: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="The hash in that log line."
    )

    @model_validator(mode="after")
    def _both(self) -> AuditVerifyInput:
        if (self.anchor_seq is None) != (self.anchor_hash is None):
            raise ValueError("Give anchor_seq and anchor_hash together.")
        return self


class AuditVerdictOutput(Output):
    """Whether the chain holds, and where it breaks first."""

    valid: bool = Field(description="True when every entry, the head and all anchors agree.")
    entries: int = Field(description="Entries that were checked and hold.")
    head_seq: int = Field(description="Position of the last entry.")
    head_hash: str = Field(description="Its hash; compare it with a later run.")
    anchors: int = Field(description="Signed anchors that were compared.")
    broken_seq: int | None = Field(description="First position at which the chain does not hold.")
    problem: str = Field(description="What is wrong there; empty when valid.")


def audit_list(context: Context, data: AuditListInput) -> AuditPage:
    """The audit log, newest first."""
    rows, next_cursor = page_cut(_filtered(data), data, principal=context.actor.principal)
    return AuditPage(items=[_row(entry) for entry in rows], next_cursor=next_cursor)


def audit_check(context: Context, data: AuditVerifyInput) -> AuditVerdictOutput:
    """Walk the whole chain."""
    known = {}
    if data.anchor_seq is not None and data.anchor_hash is not None:
        known[data.anchor_seq] = data.anchor_hash
    verdict = audit_verify(expected=known)
    return AuditVerdictOutput(
        valid=verdict.valid,
        entries=verdict.entries,
        head_seq=verdict.head_seq,
        head_hash=verdict.head_hash,
        anchors=verdict.anchors,
        broken_seq=verdict.broken_seq,
        problem=verdict.problem,
    )


def _filtered(data: AuditListInput) -> QuerySet[AuditEntry]:
    rows = AuditEntry.objects.order_by("-seq")
    for name in ("operation", "outcome", "object_type", "object_id", "request_id"):
        wanted = getattr(data, name)
        if wanted is not None:
            rows = rows.filter(**{name: wanted})
    if data.actor_id is not None:
        rows = rows.filter(actor_id=data.actor_id) | rows.filter(on_behalf_of=data.actor_id)
    if data.since is not None:
        rows = rows.filter(at__gte=data.since)
    if data.until is not None:
        rows = rows.filter(at__lt=data.until)
    return rows


def _row(entry: AuditEntry) -> AuditRow:
    columns = {name: getattr(entry, name) for name in AuditRow.model_fields if name != "reason"}
    reason = untrusted(entry.reason, "audit_reason") if entry.reason else None
    return AuditRow(**columns, reason=reason)


registry.add(
    Operation(
        key="audit.list",
        summary="List audit entries, newest first: who called what, when, and how it ended.",
        description="Refusals are listed too. Entries name people by id only.",
        kind=Kind.READ,
        input=AuditListInput,
        output=AuditPage,
        run=audit_list,
        permission=PERMISSION,
        scope=SCOPE,
        rest=RestRoute("GET", "/audit"),
        group="governance",
    ),
    Operation(
        key="audit.verify",
        summary="Verify the hash chain of the audit log and name the first entry that does not hold.",
        description=(
            "Walks every entry and compares it with the signed hourly anchors. Pass anchor_seq and "
            "anchor_hash of a shipped log line to find an end that was cut off together with its "
            "anchors."
        ),
        kind=Kind.READ,
        input=AuditVerifyInput,
        output=AuditVerdictOutput,
        run=audit_check,
        permission=PERMISSION,
        scope=SCOPE,
        rest=RestRoute("POST", "/audit/verify"),
        group="governance",
    ),
)
