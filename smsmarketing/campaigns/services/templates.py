"""Saving templates: every change is a new version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from smsmarketing.accounts.models import Brand
from smsmarketing.campaigns.models import Template, TemplateVersion
from smsmarketing.campaigns.services.copy import copy_check
from smsmarketing.operations.errors import Conflict, InvalidInput


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
    """Create a template, or add a version to a locked one. `approved` marks wording that people approved.

    Raises InvalidInput (missing parts, copy that does not fit or lacks brand and opt-out), Conflict (name taken,
    use case of an approved template).
    """
    if template is None:
        template = _template_new(brand=brand, name=name, use_case=use_case, now=now)
    else:
        _template_change(template, name=name, use_case=use_case)
    purpose = "marketing" if template.use_case == "promotion" else "transactional"
    copy_check(
        body=body, fields=fields, brand=brand, purpose=purpose, sender=None, split_mode="codepoint"
    )
    newest = template.versions.order_by("-number").values_list("number", flat=True).first() or 0
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


def _template_new(
    *, brand: Brand, name: str | None, use_case: str | None, now: datetime
) -> Template:
    missing = {
        field: "Required for a new template."
        for field, value in (("name", name), ("use_case", use_case))
        if not value
    }
    if name is None or use_case is None:
        raise InvalidInput("A new template needs a name and a use case.", field_errors=missing)
    if Template.objects.filter(team_id=brand.team_id, name=name).exists():
        raise Conflict(
            "A template with this name exists. Choose another name, or add a version to it by template_id.",
            field_errors={"name": "Already used in this team."},
        )
    return Template.objects.create(
        team_id=brand.team_id, brand=brand, name=name, use_case=use_case, created_at=now
    )


def _template_change(template: Template, *, name: str | None, use_case: str | None) -> None:
    if use_case is not None and use_case != template.use_case:
        if template.versions.filter(state__in=["approved", "retired"]).exists():
            raise Conflict(
                "The use case of a template that was approved cannot change. Save it as a new template.",
                field_errors={"use_case": f"It is {template.use_case}."},
            )
        template.use_case = use_case
    if name is not None:
        template.name = name
    template.version += 1
    template.save(update_fields=["use_case", "name", "version"])
