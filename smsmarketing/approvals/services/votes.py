"""Votes: one word of one person on exactly what was shown to them [R-8.1]."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils import timezone
from django.utils.crypto import constant_time_compare

from smsmarketing.accounts.selectors import person_name
from smsmarketing.approvals import subjects
from smsmarketing.approvals.models import ActionRequest, Vote
from smsmarketing.approvals.rules.limits import approved_until
from smsmarketing.approvals.rules.voting import (
    APPROVE,
    REASON_NEEDED,
    REJECT,
    REQUEST_CHANGES,
    VERDICTS,
    quorum_reached,
)
from smsmarketing.approvals.selectors import (
    role_keys,
    self_approval_open,
    vote_refusal_for,
)
from smsmarketing.approvals.services.ending import conflict_if_over, request_end
from smsmarketing.approvals.services.notes import requester_notify
from smsmarketing.operations import jobs
from smsmarketing.operations.audit import audit_append
from smsmarketing.operations.canonical import sha256_hex
from smsmarketing.operations.errors import Conflict, InvalidInput, NotPermitted
from smsmarketing.operations.masking import text_masked
from smsmarketing.operations.states import row_lock, transition_apply
from smsmarketing.operations.types import Actor

RUN_TASK = "approvals.run_request"
ENDINGS = {
    REJECT: ("reject", "rejected"),
    REQUEST_CHANGES: ("request_changes", "changes_requested"),
}
"""Verdict that ends a request -> (transition, event of the subject's hook)."""


def request_vote(
    request_id: UUID,
    *,
    actor: Actor,
    verdict: str,
    content_hash: str,
    reason: str = "",
    now: datetime | None = None,
) -> ActionRequest:
    """Record a vote, and decide when it decides.

    The last approval that was needed approves: a review moves its row in this transaction, a held
    operation is run by a job after the commit. One rejection rejects. Raises NotPermitted for who
    may not vote, Conflict for a request that does not wait any more or whose content is not what
    was shown, InvalidInput for a missing reason.
    """
    now = now or timezone.now()
    request = row_lock(ActionRequest, request_id)
    _session_check(actor)
    _waiting_check(request, now)
    refusal = vote_refusal_for(actor.user, request)
    if refusal is not None:
        raise NotPermitted(refusal)
    _words_check(verdict, reason)
    _shown_check(request, content_hash)
    self_approved = self_approval_open(actor.user, request)
    vote = Vote.objects.create(
        request=request,
        voter=actor.user,
        roles=sorted(role_keys(actor.user)),
        verdict=verdict,
        content_hash=content_hash,
        reason=text_masked(reason.strip())[:300],
        created_at=now,
    )
    if self_approved:
        audit_append(
            operation="approvals.self_approval",
            outcome="done",
            actor=actor,
            object_type="approvals.actionrequest",
            object_id=str(request.pk),
            reason="ALLOW_SELF_APPROVAL is on and nobody else could decide.",
            at=now,
        )
    if verdict == APPROVE:
        return _approved(request, actor=actor, now=now)
    name, event = ENDINGS[verdict]
    return request_end(request, name, event, reason=vote.reason, now=now, actor=actor)


def _approved(request: ActionRequest, *, actor: Actor, now: datetime) -> ActionRequest:
    approvals = request.votes.filter(verdict=APPROVE).values_list("voter_id", "roles")
    if not quorum_reached(request.policies, list(approvals)):
        return request
    request.decided_at = now
    request.expires_at = approved_until(now, request.window_ends_at)
    transition_apply(request, "approve", save=["decided_at", "expires_at"])
    subject = subjects.find(request.operation)
    if subject is None:
        jobs.enqueue(RUN_TASK, request_id=str(request.pk))
    elif subject.on_approved is not None:
        subject.on_approved(request, actor)
    requester_notify(
        request,
        kind="request_approved",
        text=f"{request.title}: approved by {person_name(actor.user)}.",
        now=now,
    )
    return request


def _session_check(actor: Actor) -> None:
    """A signed-in browser session of a person, and nothing else, may decide [R-8.1]."""
    if not actor.is_session or actor.token_id is not None or actor.is_agent:
        raise NotPermitted(
            "Only a person who is signed in with a browser may decide; tokens and agents never can."
        )


def _waiting_check(request: ActionRequest, now: datetime) -> None:
    if request.state != "pending":
        raise Conflict(
            f"This request is {str(request.state).replace('_', ' ')} already; nothing waits here.",
            details={"state": str(request.state)},
        )
    conflict_if_over(request, now)


def _words_check(verdict: str, reason: str) -> None:
    if verdict not in VERDICTS:
        raise InvalidInput(
            "The verdict is approve, reject or request_changes.",
            field_errors={"verdict": "Unknown verdict."},
        )
    if verdict in REASON_NEEDED and not reason.strip():
        raise InvalidInput(
            "Say why, so that the author can mend it.", field_errors={"reason": "Give a reason."}
        )


def _shown_check(request: ActionRequest, shown: str) -> None:
    """The vote must be on the content as it is stored, and as it is in the world now [R-8.2]."""
    subject = subjects.find(request.operation)
    current = request.content_hash
    if subject is not None and subject.current_hash is not None:
        current = subject.current_hash(request)
    intact = sha256_hex(request.content) == request.content_hash
    if not (
        intact
        and constant_time_compare(shown, request.content_hash)
        and constant_time_compare(current, request.content_hash)
    ):
        raise Conflict(
            "The content is not what was shown to you. Open the request again and read it anew.",
            field_errors={"content_hash": "Not the hash of the current content."},
        )
