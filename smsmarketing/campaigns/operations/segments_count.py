"""segments.count: the live figures of a segment that is being built."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from smsmarketing.campaigns.operations.segments import CRITERIA_HELP, criteria_bounded
from smsmarketing.campaigns.selectors import brands_usable, pick
from smsmarketing.contacts.criteria import criteria_words, limit_of
from smsmarketing.contacts.selectors.segment_counts import segment_count
from smsmarketing.operations import registry
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute


class CountIn(Input):
    brand_id: int = Field(ge=1, description="Brand whose contacts are counted.")
    criteria: dict[str, Any] = Field(description=CRITERIA_HELP)
    paths: list[Annotated[str, Field(max_length=200)]] = Field(
        default_factory=list,
        max_length=100,
        description="Nodes to count alone besides the whole, e.g. criteria.all[1].",
    )


class ConditionCount(Output):
    """One condition, alone."""

    path: str = Field(description="Where it stands in the tree.")
    in_words: str = Field(description="What it means.")
    matched: int | None = Field(
        description="Contacts of the brand that match it alone; null when it was not counted in time."
    )
    refused: str = Field(description="Why it cannot be counted alone; empty otherwise.")


class CountOut(Output):
    criteria_in_words: str = Field(description="The criteria as a sentence.")
    matched: int = Field(description="Contacts of the brand that match.")
    consented: int = Field(
        description="Of these, not opted out and with consent for marketing. Countries, caps and prices come with "
        "segments.preview."
    )
    conditions: list[ConditionCount] = Field(description="The nodes that were asked for.")


def _count(context: Context, data: CountIn) -> CountOut:
    brand = pick(brands_usable(context.actor), data.brand_id, field="brand_id", what="brand")
    _, criteria = criteria_bounded(data.criteria, brand, now=context.now)
    found = segment_count(
        criteria,
        now=context.now,
        paths=frozenset(data.paths),
        seconds=limit_of("SEGMENT_COUNT_SECONDS"),
    )
    return CountOut(
        criteria_in_words=criteria_words(criteria),
        matched=found.matched,
        consented=found.consented,
        conditions=[
            ConditionCount(
                path=node.path, in_words=node.words, matched=node.matched, refused=node.refused
            )
            for node in found.nodes
        ],
    )


registry.add(
    Operation(
        key="segments.count",
        summary="Count quickly how many contacts criteria find, and each condition alone.",
        description=(
            "For building criteria step by step; it has no exclusion reasons, no cost and no preview id. Use "
            "segments.preview before saving."
        ),
        kind=Kind.READ,
        input=CountIn,
        output=CountOut,
        run=_count,
        permission="campaigns.segment_preview",
        scope="sms:read",
        requires=("audiences.list",),
        rest=RestRoute("POST", "/segments/count"),
        group="segments",
    )
)
