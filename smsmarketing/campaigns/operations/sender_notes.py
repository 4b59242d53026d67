"""What a preview says about the sender, country by country [R-5.6], [R-5.7]."""

from __future__ import annotations

from pydantic import Field

from smsmarketing.campaigns.plan import AudiencePlan
from smsmarketing.operations.types import Output


class SenderNote(Output):
    """One country in which the sender may not be used, or looks different."""

    country: str = Field(description="ISO 3166-1 alpha-2.")
    status: str = Field(description="allowed, register, forbidden or unknown; only allowed sends.")
    contacts: int = Field(description="Contacts left out for it; with allowed, contacts reached.")
    why: str = Field(description="The reason; empty when it is allowed.")
    next_step: str = Field(description="What to do about it; empty when it is allowed.")
    shown_as: str = Field(
        description="What recipients see instead of the sender; empty when it is the sender itself."
    )
    rules: str = Field(
        description="What the country asks of texts and senders, as the source says."
    )


def sender_notes(audience: AudiencePlan) -> list[SenderNote]:
    """Countries in which the sender is not allowed, or is replaced by the gateway."""
    notes = []
    for country, verdict in audience.sender.items():
        allowed = verdict.status == "allowed"
        if allowed:
            contacts = audience.sendable_by_country.get(country, 0)
        else:
            excluded = audience.excluded_by_country.get(country, {})
            contacts = excluded.get("sender_not_eligible", 0)
        if not contacts or (allowed and not verdict.replacement):
            continue
        notes.append(
            SenderNote(
                country=country,
                status=verdict.status,
                contacts=contacts,
                why=verdict.why,
                next_step=verdict.next_step,
                shown_as=verdict.replacement if allowed else "",
                rules=verdict.note,
            )
        )
    return notes
