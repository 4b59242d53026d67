"""inbound.classify: what an incoming text would do, without doing it."""

from __future__ import annotations

from pydantic import Field

from smsmarketing.contacts.rules.inbound import LIST_VERSION, inbound_classify
from smsmarketing.operations import registry
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute


class ClassifyIn(Input):
    text: str = Field(min_length=0, max_length=1600, description="The incoming text.")
    country: str = Field(
        default="US", pattern="^[A-Z]{2}$", description="Country of the sender's number."
    )
    opted_out: bool = Field(default=False, description="Whether the sender is opted out now.")
    waits_for_opt_in: bool = Field(
        default=False, description="Whether a double opt-in request waits for an answer."
    )


class ClassifyOut(Output):
    action: str = Field(description="opt_out, opt_in, help, hold_review or review.")
    level: str = Field(description="exact, phrase, fuzzy, intent, emoji or none.")
    keyword: str = Field(description="Keyword that matched; empty for none.")
    language: str = Field(description="Language of the keyword.")
    normalised: str = Field(description="The text as it was compared.")
    list_version: str = Field(description="Version of the keyword list, kept as proof.")


def _classify(context: Context, data: ClassifyIn) -> ClassifyOut:
    found = inbound_classify(
        data.text,
        country=data.country,
        pending_double_opt_in=data.waits_for_opt_in,
        opted_out=data.opted_out,
    )
    return ClassifyOut(
        action=found.action,
        level=found.level,
        keyword=found.keyword or "",
        language=found.language or "",
        normalised=found.normalised,
        list_version=LIST_VERSION,
    )


registry.add(
    Operation(
        key="inbound.classify",
        summary="Preview what an incoming text would do: opt out, opt in, help, or go to a person.",
        description="Writes nothing. No part of a word ever matches: 'unstoppable' is not STOP.",
        kind=Kind.PREVIEW,
        input=ClassifyIn,
        output=ClassifyOut,
        run=_classify,
        permission="contacts.opt_out_view",
        scope="sms:contacts.read",
        rest=RestRoute("POST", "/inbound/classify"),
        group="messages",
    )
)
