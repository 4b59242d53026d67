"""The last wall: a batch runs only by an approval of exactly this content (design.md §1, promise 2).

Every road to a sent message passes here, whoever made the batch: at release, when a worker takes it
up, and with each wave (`BATCH_APPROVED_SQL`).
"""

from __future__ import annotations

from django.db import connection

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.gateways.models import Batch
from smsmarketing.operations.errors import ApprovalRequired

APPROVED_STATES = ("approved", "executing", "succeeded", "partially_succeeded")
MAX_TEST_MESSAGES = 20

BATCH_APPROVED_SQL = """(
    b.purpose IN ('test', 'reply', 'opt_in')
    OR (b.content_hash <> '' AND EXISTS (
        SELECT 1 FROM approvals_actionrequest r
        WHERE r.id = b.action_request_id
          AND r.content_hash = b.content_hash
          AND r.state IN ('approved', 'executing', 'succeeded', 'partially_succeeded')
    ))
)"""
"""True for a batch `b` that may hand over now; part of every wave's lock statement."""

# A test goes to own people, a reply to whoever wrote: neither can carry a campaign past approval.
_FOREIGN_TESTS = """
SELECT count(*) FROM gateways_message m
WHERE m.batch_id = %s AND NOT EXISTS (
    SELECT 1 FROM accounts_user u
    JOIN accounts_user_teams t ON t.user_id = u.id AND t.team_id = %s
    WHERE u.is_active AND u.test_phone <> '' AND u.test_phone = m.phone
)
"""
_FOREIGN_REPLIES = """
SELECT count(*) FROM gateways_message m
WHERE m.batch_id = %s AND NOT EXISTS (
    SELECT 1 FROM gateways_inboundmessage i
    WHERE i.reply_message_id = m.id AND i.phone = m.phone
)
"""


# A request to confirm goes to whom it is written down for, in the words that were written down;
# those come from a form that was published.
_FOREIGN_REQUESTS = """
SELECT count(*) FROM gateways_message m
WHERE m.batch_id = %s AND NOT EXISTS (
    SELECT 1 FROM contacts_doubleoptin d
    WHERE d.message_id = m.id AND d.phone = m.phone AND d.request_text = m.body
        AND d.brand_id = %s AND d.state = 'requested'
)
"""


def batch_gate_check(batch: Batch) -> None:
    """Refuse a batch that nobody approved. Raises ApprovalRequired.

    Purposes other than test and reply need an ActionRequest that is approved (or running by its
    approval), signs this batch's content hash, belongs to the batch's team, covers its cost ceiling
    and names every gateway that may carry it. Tests may go only to numbers of the team's own
    people, at most 20; replies only to people who wrote to us; requests to confirm an opt-in only
    as they are written down [R-4.6].
    """
    if batch.purpose == "test":
        foreign = _count(_FOREIGN_TESTS, [batch.pk, batch.team_id])
        if foreign or batch.planned > MAX_TEST_MESSAGES:
            raise ApprovalRequired(
                f"A test may go only to test numbers of the team's people, {MAX_TEST_MESSAGES} at"
                " most. Enter the number as someone's test phone, or submit the campaign for"
                " review.",
                details={"not_own_numbers": foreign, "messages": batch.planned},
            )
        return
    if batch.purpose == "reply":
        if _count(_FOREIGN_REPLIES, [batch.pk]):
            raise ApprovalRequired("An automatic reply may go only to a person who wrote to us.")
        return
    if batch.purpose == "opt_in":
        if _count(_FOREIGN_REQUESTS, [batch.pk, batch.brand_id]):
            raise ApprovalRequired(
                "A request to confirm may go only to a number that asked for it."
            )
        return
    _request_check(batch)


def _request_check(batch: Batch) -> None:
    request = (
        ActionRequest.objects.filter(pk=batch.action_request_id).first()
        if batch.action_request_id
        else None
    )
    if request is None:
        raise ApprovalRequired(
            "This batch has no approval. Submit its campaign for review; a second person approves."
        )
    wrong = ""
    if request.state not in APPROVED_STATES:
        wrong = f"the request is {request.state.replace('_', ' ')}"
    elif not batch.content_hash or request.content_hash != batch.content_hash:
        wrong = "the content is not the approved one"
    elif request.team_id is not None and request.team_id != batch.team_id:
        wrong = "the request belongs to another team"
    elif request.cost_ceiling is not None and batch.cost_ceiling > request.cost_ceiling:
        wrong = "the cost ceiling is above the approved one"
    elif set(batch.route_ids) - set(request.content.get("route_gateways") or ()):
        wrong = "a gateway may carry it that was not approved"
    if wrong:
        raise ApprovalRequired(
            f"The approval does not cover this batch: {wrong}. Submit the campaign for review"
            " again.",
            action_request_id=request.pk,
        )


def _count(statement: str, parameters: list[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.fetchone()[0])
