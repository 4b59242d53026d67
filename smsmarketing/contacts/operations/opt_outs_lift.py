"""opt_outs.get and opt_outs.lift: one suppression with its proof, and the request to end it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from smsmarketing.accounts.models import Team
from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts import selectors
from smsmarketing.contacts.models import ConsentEvent, Suppression, SuppressionLift
from smsmarketing.contacts.operations.opt_outs import SuppressionItem, suppression_item
from smsmarketing.contacts.rules.lifting import GROUND_WORDS, LIFT, LIFT_RULES
from smsmarketing.contacts.rules.phone import phone_hide
from smsmarketing.contacts.rules.suppressions import retention_years
from smsmarketing.contacts.selectors import suppressions_visible
from smsmarketing.contacts.services.lifting import (
    lift_check,
    suppression_lift,
    suppression_lock_first,
)
from smsmarketing.operations import registry
from smsmarketing.operations.errors import NotFound, NotPermitted
from smsmarketing.operations.text import untrusted
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
    Target,
    UntrustedText,
)
from smsmarketing.operations.versions import version_token

PROOF_WORDS = {
    "text": "what the person wrote",
    "message": "what the person wrote or said",
    "normalized": "the same, normalised",
    "matched_level": "how it was understood",
    "keyword": "keyword",
    "inbound_id": "stored reply",
    "list_version": "version of the keyword list",
    "said_at": "when the person said it",
    "received_at": "received by the gateway",
    "recorded_by": "recorded by",
    "surface": "through",
    "note": "note",
    "file": "file",
    "row": "row of the file",
    "import_id": "import",
    "opted_out_at": "opted out at",
    "document": "document",
    "restored_from": "blocked before as",
    "clearing": "after clearing",
    "taken_over_from": "taken over from",
    "gateway_list_of": "gateway",
    "gateway_list_entry": "entry of the gateway's list",
    "seen_at": "read from the gateway at",
}


class LiftRow(Output):
    """How a suppression ended."""

    suppression_id: int = Field(description="The suppression that ended.")
    reason: str = Field(description="Its reason.")
    ground: str = Field(
        description="start, new_consent, mistake, number_checked, withdrawn, decision or expired."
    )
    ground_words: str = Field(description="The ground as a phrase.")
    note: str = Field(description="What was said about it.")
    document: str = Field(description="Where the proof is kept.")
    actor: str = Field(description="Who ended it: user:<id>, inbound or system.")
    consent_event_id: int | None = Field(description="The consent it rests on.")
    action_request_id: UUID | None = Field(description="The approval, for a lift by people.")
    lifted_at: datetime = Field(description="When, UTC.")


class SuppressionGetIn(Input):
    suppression_id: int = Field(ge=1, description="Id from opt_outs.list.")


class GatewayListRow(Output):
    """A provider's own list, and whether it has the number."""

    gateway: str = Field(description="Gateway.")
    state: str = Field(description="pending, synced, failed, kept or elsewhere.")
    words: str = Field(description="The same as a sentence.")
    at: datetime = Field(description="Since when, UTC; of a pending one: when it is tried next.")


class SuppressionGetOut(Output):
    """Output of opt_outs.get."""

    suppression: SuppressionItem = Field(description="The suppression.")
    holds: bool = Field(description="Whether it stands against sending now.")
    evidence: list[UntrustedText] = Field(
        description="Proof [R-2.20], one line each: what was said, how it was understood, by whom."
    )
    repeated_at: datetime | None = Field(description="When it was said again last, UTC.")
    kept_years: int = Field(description="Years for which this proof is kept at least.")
    gateway_lists: list[GatewayListRow] = Field(
        description="Providers with a list of their own that were told of this number, or are to be."
    )
    lift: LiftRow | None = Field(description="How it ended; null while it holds.")
    earlier: list[LiftRow] = Field(
        description="Earlier suppressions of the same number that ended, newest first, at most 20."
    )
    liftable_by: list[str] = Field(
        description="Grounds on which people may ask to lift it; empty: nobody here can."
    )
    lift_help: str = Field(description="What ends it, as a sentence.")
    base_version_token: str = Field(
        description="Pass it to opt_outs.lift; a repeated opt-out makes it stale."
    )


def get(context: Context, data: SuppressionGetIn) -> SuppressionGetOut:
    row: Suppression = context.target
    lift = SuppressionLift.objects.filter(suppression=row).select_related("suppression").first()
    earlier = (
        SuppressionLift.objects.filter(
            suppression__in=suppressions_visible(context.actor).filter(phone_hash=row.phone_hash)
        )
        .exclude(suppression=row)
        .select_related("suppression")
        .order_by("-id")[:20]
    )
    rule = LIFT_RULES[row.reason]
    return SuppressionGetOut(
        suppression=suppression_item(row),
        holds=row.lifted_at is None and (row.expires_at is None or row.expires_at > context.now),
        evidence=[untrusted(line, "opt_out_evidence") for line in evidence_lines(row)],
        repeated_at=row.repeated_at,
        kept_years=retention_years(row.phone or ""),
        gateway_lists=[GatewayListRow(**each) for each in listings_told(row)],
        lift=lift_row(lift) if lift is not None else None,
        earlier=[lift_row(item) for item in earlier],
        liftable_by=list(rule.grounds),
        lift_help=lift_help(row.reason),
        base_version_token=version_token(row, context.actor),
    )


def listings_told(row: Suppression) -> list[dict[str, Any]]:
    """How telling the providers of this number stands; nothing where no gateway has a list."""
    ask = selectors.listings_provider
    return ask([bytes(row.phone_hash)]) if ask is not None else []


def evidence_lines(row: Suppression) -> list[str]:
    """The proof in words, without the number; empty values are left out."""
    return [
        phone_hide(f"{PROOF_WORDS.get(key, key.replace('_', ' '))}: {value}", row.phone or "")
        for key, value in row.evidence.items()
        if value not in ("", None, [], {})
    ][:40]


def lift_help(reason: str) -> str:
    """What ends a suppression of this reason, as a sentence."""
    rule = LIFT_RULES[reason]
    if not rule.grounds:
        return rule.instead
    able = "; or ".join(GROUND_WORDS[name] for name in rule.grounds)
    start = "The person can end it by writing START. " if rule.start else ""
    return f"{start}{rule.instead} Compliance can lift it when {able}.".strip()


def lift_row(lift: SuppressionLift) -> LiftRow:
    return LiftRow(
        suppression_id=lift.suppression_id,
        reason=lift.suppression.reason,
        ground=lift.ground,
        ground_words=GROUND_WORDS[lift.ground],
        note=lift.reason,
        document=lift.document,
        actor=lift.actor,
        consent_event_id=lift.consent_event_id,
        action_request_id=lift.action_request_id,
        lifted_at=lift.created_at,
    )


class LiftIn(Input):
    suppression_id: int = Field(ge=1, description="The suppression, from opt_outs.list.")
    base_version_token: str | None = Field(
        default=None, max_length=100, description="From opt_outs.get."
    )
    ground: Literal["new_consent", "mistake", "number_checked", "withdrawn", "decision"] = Field(
        description=(
            "Why it may end: new_consent (with consent_event_id), mistake, number_checked or withdrawn"
            " (each with a document), decision (our own blocks only)."
        )
    )
    consent_event_id: int | None = Field(
        default=None, ge=1, description="For new_consent: the consent given after the opt-out."
    )
    document: str = Field(
        default="",
        max_length=300,
        description="Where the proof is kept: ticket, letter, reference.",
    )
    note: str = Field(
        min_length=5, max_length=300, description="What happened, for the person who decides."
    )


class LiftOut(Output):
    """Output of opt_outs.lift."""

    lift: LiftRow = Field(description="The lift; the suppression itself stays on record.")


def lift(context: Context, data: LiftIn) -> LiftOut:
    row: Suppression = context.target
    _may(context, row)
    made = suppression_lift(
        row,
        ground=data.ground,
        reason=data.note,
        document=data.document,
        consent_event=_consent(context, data),
        actor=context.actor.principal,
        action_request_id=context.action_request_id,
        now=context.now,
    )
    context.audit_reason = data.ground
    return LiftOut(lift=lift_row(made))


def facts(context: Context, data: LiftIn) -> Mapping[str, Any]:
    """Nobody is asked about what cannot be lifted, or by somebody who may not ask."""
    row: Suppression = context.target
    _may(context, row)
    lift_check(
        row,
        ground=data.ground,
        document=data.document,
        consent_event=_consent(context, data),
        now=context.now,
    )
    return {"opt_out_lifts": 1, "state": row.reason}


def shown(context: Context, data: LiftIn) -> Mapping[str, Any]:
    """What the person who decides must see of the suppression."""
    row: Suppression = context.target
    event = _consent(context, data)
    found: dict[str, Any] = {
        "suppressed because": row.reason,
        "since": row.created_at.isoformat(),
        "holds for": row.brand.name if row.brand else "every brand",
        "source": row.source,
        "ground": GROUND_WORDS[data.ground],
    }
    if event is not None:
        found |= {
            "consent given at": event.captured_at.isoformat(),
            "consent by": event.method,
            "consent text": event.disclosure_text[:500],
            "consent source": event.source_url or event.evidence_file,
        }
    return found


def _may(context: Context, row: Suppression) -> None:
    """Grave reasons need a right of their own; what holds for every brand, a view of every brand."""
    needed = LIFT_RULES[row.reason].permission
    if not context.actor.may(needed):
        raise NotPermitted(
            f"A suppression of the reason {row.reason} needs the right {needed}. Ask an administrator."
        )
    if row.brand_id is None and not context.actor.sees_all_teams:
        active = set(Team.objects.filter(active=True).values_list("pk", flat=True))
        if not active <= set(context.actor.team_ids):
            raise NotPermitted(
                "This suppression holds for the brands of other teams too. Ask somebody who works in"
                " every team."
            )


def _consent(context: Context, data: LiftIn) -> ConsentEvent | None:
    if data.consent_event_id is None:
        return None
    event = ConsentEvent.objects.filter(
        pk=data.consent_event_id, brand__in=brands_visible(context.actor)
    ).first()
    if event is None:
        raise NotFound(
            "There is no such consent event.", field_errors={"consent_event_id": "Not found."}
        )
    return event


registry.add(
    Operation(
        key="opt_outs.get",
        summary="Read one suppression: its proof, what ended it, and what could.",
        kind=Kind.READ,
        input=SuppressionGetIn,
        output=SuppressionGetOut,
        run=get,
        permission="contacts.opt_out_view",
        scope="sms:contacts.read",
        requires=("opt_outs.list",),
        target=Target(argument="suppression_id", visible=suppressions_visible, label="suppression"),
        rest=RestRoute("GET", "/opt_outs/{suppression_id}"),
        group="contacts",
        audit_reads=True,
    ),
    Operation(
        key="opt_outs.lift",
        summary="Ask to lift one suppression on new evidence; a second person of compliance decides.",
        description=(
            "For signed-in people only. One row at a time. START of the person lifts an opt-out by"
            " itself. A carrier's block is lifted by the carrier only. An opt-out that arrives"
            " meanwhile wins."
        ),
        kind=Kind.WRITE,
        input=LiftIn,
        output=LiftOut,
        run=lift,
        facts=facts,
        shown=shown,
        permission=LIFT,
        scope="",
        approval=Approval.ALWAYS,
        human_only=True,
        requires=("opt_outs.get",),
        target=Target(
            argument="suppression_id",
            visible=suppressions_visible,
            label="suppression",
            versioned=True,
            lock_first=suppression_lock_first,
        ),
        rest=RestRoute("POST", "/opt_outs/{suppression_id}/lift"),
        group="contacts",
    ),
)
