"""Inputs and outputs of opt_in_forms.*."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from smsmarketing.operations.pages import Page, PageInput
from smsmarketing.operations.types import Input, Output

Purpose = Literal["marketing", "notification", "night"]
Asked = Literal["first_name", "last_name"]
Origin = Annotated[str, Field(min_length=8, max_length=120)]


class FormRow(Output):
    """One form in a list."""

    form_id: int = Field(description="Id.")
    name: str = Field(description="Name, for people of the team.")
    brand_id: int = Field(description="Brand the consent is for.")
    brand: str = Field(description="Brand name.")
    address: str = Field(description="Where the form is; it answers only while a version is live.")
    live_number: int | None = Field(description="Version that is shown; null while it is closed.")
    newest_number: int = Field(description="Newest version that was saved.")
    published_at: datetime | None = Field(description="When the live version went online, UTC.")
    base_version_token: str = Field(description="Pass to save, publish and close.")


class FormPage(Page[FormRow]):
    """Forms of the teams the caller may see."""


class FormVersionOut(Output):
    """The wording of one version, as people saw it."""

    number: int = Field(description="Number; grows by one.")
    heading: str = Field(description="Heading of the page.")
    disclosure_text: str = Field(description="The exact text beside the box.")
    programme: str = Field(description="What is sent, as the confirmation text says it.")
    frequency: str = Field(description="How often, as the confirmation text says it.")
    language: str = Field(description="BCP 47.")
    purposes: list[str] = Field(description="What is agreed to.")
    fields: list[str] = Field(description="What is asked besides the number.")
    double_opt_in: bool = Field(description="Whether the number must reply YES before it counts.")
    origins: list[str] = Field(description="Web sites that may show the form in a frame.")
    request_text: str = Field(description="The SMS that asks the number to confirm.")
    created_at: datetime = Field(description="When it was saved, UTC.")


class FormOut(FormRow):
    """A form with its versions."""

    versions: list[FormVersionOut] = Field(description="Newest first, at most 50.")
    embed: str = Field(description="HTML that shows the form on one of its sites; empty for none.")
    confirmations: dict[str, int] = Field(
        description="Requests to confirm by SMS by state: requested, sent, confirmed, denied, expired, refused."
    )


class FormListIn(PageInput):
    brand_id: int | None = Field(default=None, ge=1, description="Only forms of this brand.")


class FormGetIn(Input):
    form_id: int = Field(ge=1, description="Form.")


class FormSaveIn(Input):
    form_id: int | None = Field(default=None, ge=1, description="Existing form; none: a new one.")
    base_version_token: str | None = Field(
        default=None, max_length=200, description="From opt_in_forms.get; required with form_id."
    )
    brand_id: int | None = Field(default=None, ge=1, description="Brand; for a new form only.")
    slug: str | None = Field(
        default=None,
        pattern="^[a-z0-9]+(-[a-z0-9]+)*$",
        max_length=60,
        description="Last part of the address; for a new form only, it never changes.",
    )
    name: str = Field(min_length=1, max_length=120, description="Name, for people of the team.")
    heading: str = Field(min_length=1, max_length=120, description="Heading of the page.")
    disclosure_text: str = Field(
        min_length=1,
        max_length=2000,
        description="Exact text beside the box: brand, how often, what it costs, STOP.",
    )
    programme: str = Field(
        min_length=1, max_length=60, description="What is sent, e.g. offers and news."
    )
    frequency: str = Field(
        min_length=1, max_length=60, description="How often, e.g. up to 4 messages a month."
    )
    language: str = Field(
        default="en",
        pattern="^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
        max_length=12,
        description="BCP 47.",
    )
    purposes: list[Purpose] = Field(
        default=["marketing"], min_length=1, max_length=3, description="What is agreed to."
    )
    fields: list[Asked] = Field(
        default=[], max_length=2, description="What is asked besides the number."
    )
    double_opt_in: bool = Field(
        default=True,
        description="The number must reply YES. Without, the form proves little about who typed.",
    )
    origins: list[Origin] = Field(
        default=[], max_length=20, description="Sites that may frame it, e.g. https://shop.example."
    )


class FormSaveOut(Output):
    changed: bool = Field(description="False when the newest version says the same already.")
    hints: list[str] = Field(description="What is better said as well; nothing is refused for it.")
    details: FormOut = Field(description="The form with its versions.")


class FormPublishIn(Input):
    form_id: int = Field(ge=1, description="Form.")
    base_version_token: str = Field(max_length=200, description="From opt_in_forms.get.")
    number: int = Field(ge=1, description="Version that goes online.")


class FormCloseIn(Input):
    form_id: int = Field(ge=1, description="Form.")
