"""Campaigns and templates, as people choose them."""

from __future__ import annotations

from smsmarketing.campaigns.models import Campaign, Template, TemplateVersion
from smsmarketing.campaigns.selectors import campaigns_visible, templates_visible, versions_visible
from smsmarketing.operations import choosers
from smsmarketing.operations.choosers import Chooser


def _campaign(row: Campaign) -> str:
    return f"{row.name}, {row.brand.name} ({row.state.replace('_', ' ')})"


def _template(row: Template) -> str:
    return f"{row.name}, {row.brand.name}"


def _version(row: TemplateVersion) -> str:
    return f"{row.template.name}, {row.template.brand.name}: version {row.number}, {row.language}"


choosers.add(
    Chooser(
        noun="campaign",
        fields=("campaign_id",),
        visible=lambda actor: campaigns_visible(actor).select_related("brand"),
        label=_campaign,
        names=("name", "brand__name", "state"),
        permission="campaigns.campaign_view",
        hint="Write a part of its name, of its brand's name, or a state such as draft.",
    ),
    Chooser(
        noun="template",
        fields=("template_id",),
        visible=lambda actor: templates_visible(actor).select_related("brand"),
        label=_template,
        names=("name", "brand__name"),
        order=("name", "pk"),
        permission="campaigns.template_view",
    ),
    Chooser(
        noun="template version",
        fields=("template_version_id",),
        visible=versions_visible,
        label=_version,
        names=("template__name", "template__brand__name"),
        order=("template__name", "-number"),
        permission="campaigns.template_view",
    ),
)
