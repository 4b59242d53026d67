"""The shape of consent evidence in an input."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from smsmarketing.operations.types import Input, Moment


class EvidenceIn(Input):
    """What the person saw and did [R-4.1]. It is written to the ledger, never changed later."""

    basis: str = Field(
        default="express",
        max_length=20,
        description="express, written, soft_opt_in, implied_purchase or implied_inquiry.",
    )
    method: str = Field(
        max_length=20,
        description="web_form, paper, verbal, keyword_reply, qr, import, api or double_opt_in.",
    )
    disclosure_text: str = Field(max_length=4000, description="The exact text the person saw.")
    captured_at: Moment = Field(description="When the person agreed; not now, not the future.")
    source_url: str = Field(default="", max_length=500, description="Where it was given.")
    form_version: str = Field(default="", max_length=80, description="Version of the form.")
    language: str = Field(default="", max_length=12, description="Language of the text.")
    checkbox_default: bool = Field(
        default=False, description="True when the box was ticked beforehand: refused [R-4.4]."
    )
    sender_scope: str = Field(
        default="", max_length=16, description="The one sender it was given for; empty: all."
    )
    ip: str = Field(default="", max_length=45, description="Address the person came from.")
    user_agent: str = Field(default="", max_length=300, description="Browser the person used.")
    evidence_file: str = Field(
        default="", max_length=300, description="Name of the document that proves it, if any."
    )
    evidence_file_id: UUID | None = Field(default=None, description="Id of an uploaded file.")
    evidence_sha256: str = Field(
        default="", pattern="^([0-9a-f]{64})?$", description="SHA-256 of that document, hex."
    )
    expires_at: Moment | None = Field(default=None, description="When it lapses.")
