"""templates.list and templates.save."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.campaigns.models import Template, TemplateVersion
from smsmarketing.campaigns.selectors import (
    brands_usable,
    pick,
    templates_visible,
    versions_visible,
)
from smsmarketing.campaigns.services.copy import copy_fit
from smsmarketing.campaigns.services.templates import (
    opt_out_changes,
    purpose_of,
    template_check,
    template_save,
)
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
)
from smsmarketing.operations.versions import version_check, version_token


class FieldIn(Input):
    """A place in the text that differs by recipient."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,39}$",
        description="Contact field (first_name, last_name, customer_key, language) or custom field.",
    )
    max_chars: int = Field(ge=1, le=500, description="Longest value in characters.")
    charset: Literal["gsm", "any"] = Field(
        default="any", description="gsm: values outside GSM-7 exclude the recipient."
    )
    fallback: str = Field(
        default="", max_length=500, description="Used when the contact has no value."
    )
    required: bool = Field(
        default=False, description="Exclude a contact that has neither a value nor a fallback."
    )
    truncate: bool = Field(
        default=False, description="Cut a longer value instead of excluding the contact."
    )


class TemplateListIn(PageInput):
    use_case: Literal["promotion", "reminder", "transactional", "otp"] | None = Field(
        default=None, description="Only this use case."
    )


class TemplateRow(Output):
    template_id: int = Field(description="Id of the template.")
    name: str = Field(description="Name.")
    brand: str = Field(description="Brand.")
    use_case: str = Field(description="promotion, reminder, transactional or otp.")
    template_version_id: int = Field(description="Newest version; pass to campaigns.create_draft.")
    number: int = Field(description="Number of the newest version.")
    approval_state: str = Field(description="draft, in_review, approved or retired.")
    language: str = Field(description="BCP 47.")
    languages: list[str] = Field(description="Languages over all versions.")
    body: str = Field(description="Text with {field} places.")
    dynamic_fields: list[dict[str, Any]] = Field(description="Declared fields.")
    opt_out_text: str = Field(
        description="Opt-out line that is composed in when the text has none."
    )
    characters: int = Field(
        description="Characters of the composed text in the worst case, in units."
    )
    encoding: str = Field(description="GSM-7 or UCS-2 in the worst case.")
    parts_worst: int = Field(description="SMS parts in the worst case.")
    updated_at: datetime = Field(description="When the newest version was saved.")
    base_version_token: str = Field(description="Pass to templates.save to add a version.")


class TemplatePage(Page[TemplateRow]):
    """Templates of the teams the caller may see."""


def _row(version: TemplateVersion, languages: list[str], context: Context) -> TemplateRow:
    template = version.template
    fit = copy_fit(
        body=version.body,
        fields=version.fields,
        brand=template.brand,
        purpose=purpose_of(template.use_case),
        split_mode="codepoint",
        opt_out_line=version.opt_out_line,
    )
    return TemplateRow(
        template_id=template.pk,
        name=template.name,
        brand=template.brand.name,
        use_case=template.use_case,
        template_version_id=version.pk,
        number=version.number,
        approval_state=str(version.state),
        language=version.language,
        languages=languages,
        body=version.body,
        dynamic_fields=version.fields,
        opt_out_text=version.opt_out_line or template.brand.opt_out_line,
        characters=fit.units_worst,
        encoding=fit.encoding_worst,
        parts_worst=fit.parts_worst,
        updated_at=version.created_at,
        base_version_token=version_token(template, context.actor),
    )


def _list(context: Context, data: TemplateListIn) -> TemplatePage:
    rows = templates_visible(context.actor).order_by("name", "id")
    if data.use_case:
        rows = rows.filter(use_case=data.use_case)
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    versions = versions_visible(context.actor).filter(template__in=page).order_by("number")
    newest = {version.template_id: version for version in versions}
    languages: dict[int, set[str]] = {}
    for version in versions:
        languages.setdefault(version.template_id, set()).add(version.language)
    items = [
        _row(newest[template.pk], sorted(languages[template.pk]), context)
        for template in page
        if template.pk in newest
    ]
    return TemplatePage(items=items, next_cursor=cursor)


class TemplateSaveIn(Input):
    template_id: int | None = Field(
        default=None,
        ge=1,
        description="Existing template to add a version to; leave out for a new one.",
    )
    base_version_token: str | None = Field(
        default=None, max_length=200, description="From templates.list; required with template_id."
    )
    brand_id: int | None = Field(
        default=None, ge=1, description="Brand; required for a new template."
    )
    name: str | None = Field(
        default=None, min_length=1, max_length=120, description="Name; required for a new template."
    )
    use_case: Literal["promotion", "reminder", "transactional", "otp"] | None = Field(
        default=None, description="Required for a new template; cannot change after an approval."
    )
    language: str = Field(
        default="en",
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
        description="BCP 47, e.g. en, zh-TW.",
    )
    body: str = Field(min_length=1, max_length=1600, description="Text with {field} places.")
    fields: list[FieldIn] = Field(
        default_factory=list, max_length=20, description="Every field of the text."
    )
    opt_out_line: str = Field(
        default="",
        max_length=80,
        description="Opt-out line of promotions; default: the brand's. Another wording than before waits for approval.",
    )
    official: bool = Field(
        default=False,
        description="True: make it official brand wording; OTP and official wording wait for approval.",
    )
    change_note: str = Field(default="", max_length=200, description="What changed and why.")


def _brand(context: Context, data: TemplateSaveIn, template: Template | None) -> Brand:
    if template is not None:
        return template.brand
    if data.brand_id is None:
        raise InvalidInput(
            "A new template needs a brand.",
            field_errors={"brand_id": "Required for a new template."},
        )
    brand: Brand = pick(brands_usable(context.actor), data.brand_id, field="brand_id", what="brand")
    return brand


def _save(context: Context, data: TemplateSaveIn) -> TemplateRow:
    template = _target(context, data)
    brand = _brand(context, data, template)
    version = template_save(
        template,
        brand=brand,
        name=data.name,
        use_case=data.use_case,
        language=data.language,
        body=data.body,
        fields=[field.model_dump() for field in data.fields],
        opt_out_line=data.opt_out_line,
        approved=data.official and context.action_request_id is not None,
        change_note=data.change_note,
        created_by=context.actor.user,
        now=context.now,
    )
    context.audit_object = ("campaigns.templateversion", str(version.pk))
    languages = versions_visible(context.actor).filter(template=version.template_id)
    return _row(version, sorted(set(languages.values_list("language", flat=True))), context)


def _target(context: Context, data: TemplateSaveIn) -> Template | None:
    if data.template_id is None:
        return None
    rows = templates_visible(context.actor).select_for_update(of=("self",)).select_related("brand")
    template: Template = pick(rows, data.template_id, field="template_id", what="template")
    version_check(template, context.actor, data.base_version_token, tool="templates.list")
    return template


def _facts(context: Context, data: TemplateSaveIn) -> dict[str, Any]:
    """Refuses what could not be saved before people are asked about it."""
    template = _target(context, data)
    brand = _brand(context, data, template)
    use_case = template_check(
        template,
        brand=brand,
        name=data.name,
        use_case=data.use_case,
        body=data.body,
        fields=[field.model_dump() for field in data.fields],
        opt_out_line=data.opt_out_line,
    )
    return {
        "official": data.official
        or opt_out_changes(template, brand=brand, opt_out_line=data.opt_out_line),
        "use_case": use_case,
        "new_template": template is None,
        "team_id": brand.team_id,
    }


registry.add(
    Operation(
        key="templates.list",
        summary="List templates with languages, dynamic fields, use case, counts, opt-out text and approval state.",
        kind=Kind.READ,
        input=TemplateListIn,
        output=TemplatePage,
        run=_list,
        permission="campaigns.template_view",
        scope="sms:read",
        requires=("config.get",),
        rest=RestRoute("GET", "/templates"),
        group="content",
    ),
    Operation(
        key="templates.save",
        summary="Save a new template, or a new version of one. Versions are never overwritten.",
        description=(
            "Brand name and opt-out path stay required for promotions. Official and OTP wording waits for "
            "approval; other wording is saved as a draft version."
        ),
        kind=Kind.WRITE,
        input=TemplateSaveIn,
        output=TemplateRow,
        run=_save,
        permission="campaigns.template_save",
        scope="sms:draft",
        requires=("templates.list", "approval_policies.list"),
        approval=Approval.POLICY,
        facts=_facts,
        rest=RestRoute("POST", "/templates"),
        group="content",
    ),
)
