"""Saving templates: every change is a new version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from smsmarketing.accounts.models import Brand
from smsmarketing.campaigns.models import Template, TemplateVersion
from smsmarketing.campaigns.services.copy import copy_check
from smsmarketing.operations.errors import Conflict, InvalidInput
from smsmarketing.operations.states import transition_apply


def purpose_of(use_case: str) -> str:
    """A promotion is marketing; everything else serves what the person asked for."""
    return "marketing" if use_case == "promotion" else "transactional"


def template_check(
    template: Template | None,
    *,
    brand: Brand,
    name: str | None,
    use_case: str | None,
    body: str,
    fields: Sequence[dict[str, Any]],
    opt_out_line: str,
) -> str:
    """Refuse what could not be saved; returns the use case the template will have.

    Raises InvalidInput (missing parts, copy that does not fit or lacks brand and opt-out), NoOptOutPath, Conflict
    (name taken, use case of an approved template).
    """
    if template is None:
        missing = {
            field: "Required for a new template."
            for field, value in (("name", name), ("use_case", use_case))
            if not value
        }
        if missing:
            raise InvalidInput("A new template needs a name and a use case.", field_errors=missing)
    elif (
        use_case not in (None, template.use_case)
        and template.versions.filter(state__in=["approved", "retired"]).exists()
    ):
        raise Conflict(
            "The use case of a template that was approved cannot change. Save it as a new template.",
            field_errors={"use_case": f"It is {template.use_case}."},
        )
    same_name = Template.objects.filter(team_id=brand.team_id, name=name)
    if template is not None:
        same_name = same_name.exclude(pk=template.pk)
    if same_name.exists():
        raise _name_taken()
    word = use_case or (template.use_case if template else "")
    copy_check(
        body=body,
        fields=fields,
        brand=brand,
        purpose=purpose_of(word),
        sender=None,
        split_mode="codepoint",
        opt_out_line=opt_out_line,
        field="body",
    )
    return word


def opt_out_changes(template: Template | None, *, brand: Brand, opt_out_line: str) -> bool:
    """Whether the opt-out line would differ from the one in force: the newest version's, or the brand's own."""
    newest = template.versions.order_by("-number").first() if template is not None else None
    before = (newest.opt_out_line if newest is not None else "") or brand.opt_out_line
    return (opt_out_line or brand.opt_out_line).strip() != before.strip()


def template_save(
    template: Template | None,
    *,
    brand: Brand,
    name: str | None,
    use_case: str | None,
    language: str,
    body: str,
    fields: Sequence[dict[str, Any]],
    opt_out_line: str,
    approved: bool,
    change_note: str,
    created_by: Any,
    now: datetime,
) -> TemplateVersion:
    """Create a template, or add a version to a locked one. `approved` marks wording that people approved; it retires
    the approved version in the same language that it follows.

    Raises the refusals of `template_check`.
    """
    word = template_check(
        template,
        brand=brand,
        name=name,
        use_case=use_case,
        body=body,
        fields=fields,
        opt_out_line=opt_out_line,
    )
    try:
        with transaction.atomic():
            template = _row_save(template, brand=brand, name=name, use_case=word, now=now)
    except IntegrityError:
        raise _name_taken() from None
    newest = template.versions.order_by("-number").values_list("number", flat=True).first() or 0
    if approved:
        for old in template.versions.select_for_update().filter(
            state="approved", language=language
        ):
            transition_apply(old, "retire")
    return TemplateVersion.objects.create(
        template=template,
        number=newest + 1,
        state="approved" if approved else "draft",
        language=language,
        body=body,
        fields=list(fields),
        opt_out_line=opt_out_line,
        created_by=created_by,
        created_at=now,
        change_note=change_note,
    )


def _row_save(
    template: Template | None, *, brand: Brand, name: str | None, use_case: str, now: datetime
) -> Template:
    if template is None:
        return Template.objects.create(
            team_id=brand.team_id, brand=brand, name=name or "", use_case=use_case, created_at=now
        )
    template.use_case = use_case
    template.name = name or template.name
    template.version += 1
    template.save(update_fields=["use_case", "name", "version"])
    return template


def _name_taken() -> Conflict:
    return Conflict(
        "A template with this name exists. Choose another name, or add a version to it by template_id.",
        field_errors={"name": "Already used in this team."},
    )
