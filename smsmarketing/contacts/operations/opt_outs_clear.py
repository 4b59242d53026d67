"""opt_outs.clear_blocks and opt_outs.restore_blocks: the one way to empty a blocklist, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from django.db.models import QuerySet
from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import BlockClearing
from smsmarketing.contacts.services.clearing import blocks_clear, blocks_of, blocks_restore
from smsmarketing.operations import registry
from smsmarketing.operations.errors import Conflict
from smsmarketing.operations.types import (
    Actor,
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
    Target,
)


class ClearIn(Input):
    brand_id: int = Field(ge=1, description="Brand whose blocks end. Never those of every brand.")
    reasons: list[Literal["blocked", "manual"]] = Field(
        default=["blocked", "manual"],
        min_length=1,
        max_length=2,
        description="Which blocks. Opt-outs, complaints, legal and carrier blocks are never among them.",
    )
    expected: int = Field(
        ge=1, le=1_000_000, description="How many there are, as opt_outs.list shows; checked again."
    )
    note: str = Field(min_length=5, max_length=300, description="Why, for the one who decides.")


class ClearOut(Output):
    """Output of opt_outs.clear_blocks."""

    clearing_id: int = Field(description="Pass it to opt_outs.restore_blocks to take it back.")
    lifted: int = Field(description="How many blocks ended.")


def clear(context: Context, data: ClearIn) -> ClearOut:
    made = blocks_clear(
        context.target,
        reasons=data.reasons,
        expected=data.expected,
        note=data.note,
        user=context.actor.user,
        action_request_id=context.action_request_id,
        now=context.now,
    )
    context.audit_object = ("contacts.blockclearing", str(made.pk))
    context.audit_facts = {"lifted": made.count}
    return ClearOut(clearing_id=made.pk, lifted=made.count)


def facts(context: Context, data: ClearIn) -> Mapping[str, Any]:
    """How many there are now: nobody is asked about a number that is wrong already."""
    brand: Brand = context.target
    count = blocks_of(brand, data.reasons, now=context.now).count()
    if count != data.expected:
        raise Conflict(
            f"There are {count:,} such blocks now, not {data.expected:,}. Look at them with"
            " opt_outs.list and ask with the present number.",
            details={"count": count},
        )
    return {"opt_out_lifts": count, "bulk": True, "team_id": brand.team_id}


def shown(context: Context, data: ClearIn) -> Mapping[str, Any]:
    return {"brand": context.target.name, "blocks that end": data.expected}


class RestoreIn(Input):
    clearing_id: int = Field(ge=1, description="From opt_outs.clear_blocks.")


class RestoreOut(Output):
    """Output of opt_outs.restore_blocks."""

    clearing_id: int = Field(description="The clearing that was taken back.")
    blocked_again: int = Field(description="Numbers that are blocked again, exactly as before.")
    undone_at: datetime = Field(description="When, UTC.")


def restore(context: Context, data: RestoreIn) -> RestoreOut:
    clearing: BlockClearing = context.target
    count = blocks_restore(clearing, user=context.actor.user, now=context.now)
    context.audit_facts = {"blocked_again": count}
    return RestoreOut(clearing_id=clearing.pk, blocked_again=count, undone_at=context.now)


def clearings_visible(actor: Actor) -> QuerySet[BlockClearing]:
    """Clearings of the actor's brands."""
    rows = BlockClearing.objects.select_related("brand", "created_by", "undone_by")
    return rows.filter(brand__in=brands_visible(actor)).order_by("-id")


registry.add(
    Operation(
        key="opt_outs.clear_blocks",
        summary="End all of a brand's own blocks in one act; a second person always decides.",
        description=(
            "Only blocks that the house made itself. Nothing is deleted, and opt_outs.restore_blocks"
            " takes it back. Not for tokens or agents."
        ),
        kind=Kind.WRITE,
        input=ClearIn,
        output=ClearOut,
        run=clear,
        facts=facts,
        shown=shown,
        permission="contacts.block_clear",
        scope="",
        approval=Approval.ALWAYS,
        human_only=True,
        requires=("opt_outs.list",),
        target=Target(argument="brand_id", visible=brands_visible, label="brand"),
        destructive=True,
        rest=RestRoute("POST", "/opt_outs/clear"),
        group="contacts",
    ),
    Operation(
        key="opt_outs.restore_blocks",
        summary="Take a clearing of blocks back: exactly those numbers are blocked again, at once.",
        kind=Kind.WRITE,
        input=RestoreIn,
        output=RestoreOut,
        run=restore,
        permission="contacts.opt_out_record",
        scope="sms:contacts.write",
        requires=("opt_outs.list",),
        target=Target(argument="clearing_id", visible=clearings_visible, label="clearing"),
        rest=RestRoute("POST", "/opt_outs/clearings/{clearing_id}/restore"),
        group="contacts",
    ),
)
