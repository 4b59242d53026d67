"""What a person decides about a reply that rules could not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from smsmarketing.accounts.models import User
from smsmarketing.contacts.models import Suppression
from smsmarketing.contacts.services import suppression_add
from smsmarketing.contacts.services.holds import hold_lift
from smsmarketing.gateways.models import InboundMessage
from smsmarketing.gateways.selectors.review import WAITING_ACTIONS
from smsmarketing.operations.errors import Conflict

Decision = Literal["opt_out", "keep", "wrong_number", "complaint", "reopen"]
DECISION_WORDS: Final[Mapping[str, str]] = {
    "opt_out": "an opt-out",
    "keep": "no opt-out",
    "wrong_number": "a wrong number",
    "complaint": "a complaint",
}
_REASONS: Final = {"opt_out": "opt_out", "wrong_number": "reassigned", "complaint": "complaint"}


def inbound_decide(
    message: InboundMessage, *, decision: Decision, by: User, note: str, now: datetime
) -> InboundMessage:
    """Carry out the decision about a waiting reply whose row the caller holds locked.

    `opt_out` suppresses the brand (every brand when none is known), `complaint` and `wrong_number`
    the number everywhere; its consents end with that [R-4.3]. `keep` ends the hold unless
    another reply holds the number too; `reopen` takes a `keep` back and holds again. Raises
    Conflict when somebody decided before, or when nothing was to be decided.
    """
    if decision == "reopen":
        return _reopen(message, by, note, now)
    _waiting_check(message)
    if decision == "keep":
        _let_go(message, by, now)
    else:
        _stop(message, decision, by, note, now)
    message.decision = decision
    message.decided_by = by
    message.reviewed_at = now
    message.save(update_fields=["decision", "decided_by", "reviewed_at", "suppression_id"])
    return message


def _waiting_check(message: InboundMessage) -> None:
    if message.action not in WAITING_ACTIONS:
        raise Conflict(
            f"This reply was understood as {message.action} and needs no decision. "
            "Record an opt-out with contacts.opt_out.",
            details={"action": message.action},
        )
    if message.reviewed_at is not None:
        words = DECISION_WORDS.get(message.decision, "seen")
        who = message.decided_by.get_username() if message.decided_by else "somebody"
        raise Conflict(
            f"{who} decided this already: {words}. Nothing was changed. "
            "If the person does want to be left alone, record it with contacts.opt_out.",
            details={"decision": message.decision},
        )


def _stop(message: InboundMessage, decision: Decision, by: User, note: str, now: datetime) -> None:
    if not message.phone.startswith("+"):
        raise Conflict(
            "This came from a short code or a name, which nobody sends texts to. Keep it instead."
        )
    everywhere = decision != "opt_out" or message.brand is None
    suppression = suppression_add(
        phone=message.phone,
        scope="global" if everywhere else "brand",
        reason=_REASONS[decision],
        source="inbound",
        evidence=_evidence(message, by, note, now),
        brand=None if everywhere else message.brand,
        language=message.language if message.language != "*" else "",
        at=now,
    )
    message.suppression_id = suppression.pk


def _let_go(message: InboundMessage, by: User, now: datetime) -> None:
    """End the hold, unless another reply that waits holds the number as well."""
    if message.suppression_id is None or message.action != "hold_review":
        return
    others = InboundMessage.objects.filter(
        suppression_id=message.suppression_id, action="hold_review", reviewed_at=None
    ).exclude(pk=message.pk)
    if others.exists():
        return
    hold_lift(
        message.suppression_id,
        actor=f"user:{by.pk}",
        reason=f"Reply {message.pk} was read: no opt-out.",
        now=now,
    )


def _reopen(message: InboundMessage, by: User, note: str, now: datetime) -> InboundMessage:
    if message.decision != "keep":
        raise Conflict(
            "Only the decision that a reply is no opt-out can be taken back. An opt-out stays; "
            "the person may write START.",
            details={"decision": message.decision},
        )
    held = Suppression.objects.filter(pk=message.suppression_id or 0, reason="hold").first()
    if held is not None:
        again = suppression_add(
            phone=message.phone,
            scope=held.scope,
            reason="hold",
            source="inbound",
            evidence=_evidence(message, by, note, now),
            brand=held.brand,
            at=now,
        )
        message.suppression_id = again.pk
    message.decision = ""
    message.decided_by = None
    message.reviewed_at = None
    message.save(update_fields=["decision", "decided_by", "reviewed_at", "suppression_id"])
    return message


def _evidence(message: InboundMessage, by: User, note: str, now: datetime) -> dict[str, Any]:
    """Proof: the reply as it came, and who read it how [R-2.20]."""
    return {
        "inbound_id": message.pk,
        "text": message.text[:1000],
        "normalised": message.normalised[:1000],
        "level": message.level,
        "keyword": message.keyword,
        "from": message.phone,
        "to": message.to,
        "gateway_id": message.gateway_id,
        "gateway_message_id": message.external_id,
        "received_at": message.received_at.isoformat(),
        "stored_at": message.stored_at.isoformat(),
        "recorded_by": f"user:{by.pk}",
        "decided_by": f"user:{by.pk}",
        "decided_at": now.isoformat(),
        "note": note,
    }
