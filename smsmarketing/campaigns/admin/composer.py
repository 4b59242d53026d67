"""The composer: a campaign on one page, with the phone beside it. Saving calls create_draft or update."""

from __future__ import annotations

import zoneinfo
from functools import lru_cache
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse

from smsmarketing.campaigns.admin.calls import (
    KEY_FIELD,
    Answer,
    answer_tell,
    errors_split,
    key_new,
    key_of,
    page_call,
)
from smsmarketing.campaigns.admin.composed import (
    TEXTS,
    draft_payload,
    update_payload,
    values_of,
)
from smsmarketing.campaigns.admin.copy_form import (
    FieldRow,
    fit_call,
    fit_view,
    message_read,
    replaced,
    rows_complete,
    rows_of,
    rows_read,
    rows_shown,
)
from smsmarketing.campaigns.admin.steps import missing_words
from smsmarketing.campaigns.models import Campaign, TemplateVersion
from smsmarketing.campaigns.selectors import (
    brands_usable,
    gateways_usable,
    segments_usable,
    versions_visible,
)
from smsmarketing.campaigns.services.drafts import EDITABLE
from smsmarketing.gateways.selectors.visibility import senders_visible
from smsmarketing.operations.errors import VersionConflict
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.types import Actor

EDIT = "campaigns.campaign_edit"
QUIET_WORDS = {
    "default": "As usual: strict for the US and Canada",
    "strict": "Strict: every zone of the number awake",
    "normal": "Normal: the person's likely zone counts",
}


@lru_cache(maxsize=1)
def zone_names() -> list[str]:
    """IANA zones to offer, places before abbreviations."""
    return [*sorted(name for name in zoneinfo.available_timezones() if "/" in name), "UTC"]


def compose_page(request: HttpRequest, site: AdminSite, campaign: Campaign | None) -> HttpResponse:
    """GET shows the form; POST previews, takes a template's text over, replaces characters, or saves."""
    actor = admin_actor(request)
    form = _Form(request, actor, campaign)
    if request.method == "POST":
        done = form.post()
        if done is not None:
            return done
    else:
        form.fill()
    refused = "" if actor.may(EDIT) else missing_words("Save", EDIT)
    if campaign is not None and str(campaign.state) not in EDITABLE:
        refused = refused or "It has started or ended, so it can no longer be changed."
    context = {
        **site.each_context(request),
        "title": f"Change: {campaign.name}" if campaign else "New campaign",
        "opts": Campaign._meta,
        "original": campaign,
        "campaign": campaign,
        "refused": refused,
        "warns": campaign is not None
        and str(campaign.state) in {"in_review", "approved", "scheduled"},
        "key_field": KEY_FIELD,
        "zones": zone_names(),
        "quiet_modes": QUIET_WORDS,
        **form.context(),
    }
    return TemplateResponse(request, "admin/campaigns/compose.html", context, status=form.status)


class _Form:
    """What stands in the form, and what became of sending it."""

    def __init__(self, request: HttpRequest, actor: Actor, campaign: Campaign | None) -> None:
        self.request = request
        self.actor = actor
        self.campaign = campaign
        self.values: dict[str, str] = dict.fromkeys(TEXTS, "")
        self.rows: list[FieldRow] = []
        self.answer = Answer()
        self.token = ""
        self.key = key_new()
        self.status = 200

    def fill(self) -> None:
        """The form as it opens: the campaign, or sensible defaults for a new one."""
        if self.campaign is None:
            self.values |= _defaults(self.actor)
            for name in ("segment_id", "template_version_id"):
                self.values[name] = self.request.GET.get(name, "")
            if self.values["template_version_id"]:
                self._template_take()
            return
        self.values |= values_of(self.campaign)
        self.rows = rows_of(self.campaign.fields)
        self.token = self._token_now()

    def post(self) -> HttpResponse | None:
        """Do what the pressed button says; a response when it was saved."""
        data = self.request.POST
        self._read(data)
        do = data.get("do", "save")
        if do == "take":
            self._template_take()
        elif do == "replace":
            self.values["message"] = replaced(self.values["message"], self._fit())
        elif do == "preview":
            self.rows = rows_complete(self.rows, self.values["message"])
        else:
            if do == "save_over":
                self.token = self._token_now()
            return self._save()
        return None

    def context(self) -> dict[str, Any]:
        """What the template gets."""
        at_fields, on_top = errors_split(self.answer, (*TEXTS, "fields"))
        if "tracking" in self.answer.errors or "tracking.utm_campaign" in self.answer.errors:
            at_fields["utm_campaign"] = self.answer.errors.get("tracking.utm_campaign", "")
        preview = fit_view(self._fit(), self._fields())
        return {
            "values": self.values,
            "rows": rows_shown(self.rows, self.answer.errors),
            "errors": at_fields,
            "on_top": on_top,
            "stale": isinstance(self.answer.error, VersionConflict),
            "token": self.token,
            "idempotency_key": self.key,
            "preview": preview,
            "sender": self._sender(),
            **_choices(self.actor, self.campaign),
        }

    def _read(self, data: QueryDict) -> None:
        for name in TEXTS:
            self.values[name] = (
                data.get(name, "").strip() if name != "message" else message_read(data)
            )
        if self.campaign is not None:
            self.values["brand_id"] = str(self.campaign.brand_id)
            self.values["purpose"] = self.campaign.purpose
        self.rows = rows_read(data)
        self.token = data.get("base_version_token", "")
        self.key = key_of(self.request) or self.key

    def _save(self) -> HttpResponse | None:
        if self.campaign is None:
            self.answer = page_call(
                self.request,
                "campaigns.create_draft",
                draft_payload(self.values, self.rows, self._template()),
                idempotency_key=self.key,
            )
        else:
            payload = update_payload(self.campaign, self.values, self.rows, self._template())
            self.answer = page_call(
                self.request,
                "campaigns.update",
                {**payload, "campaign_id": self.campaign.pk, "base_version_token": self.token},
                idempotency_key=self.key,
            )
        if not self.answer.ok:
            self.rows = rows_complete(self.rows, self.values["message"])
            self.status = self.answer.status
            self.key = key_new()
            return None
        result = self.answer.result
        made = self.campaign.pk if self.campaign else getattr(result, "campaign_id", None)
        answer_tell(self.request, self.answer, _done_words(self.campaign, result))
        if made is None:
            return HttpResponseRedirect(reverse("admin:campaigns_campaign_changelist"))
        return HttpResponseRedirect(reverse("admin:campaigns_campaign_change", args=[made]))

    def _template(self) -> TemplateVersion | None:
        pk = self.values["template_version_id"]
        return versions_visible(self.actor).filter(pk=pk).first() if pk.isdecimal() else None

    def _template_take(self) -> None:
        """Put the chosen template's text and fields into the form."""
        version = self._template()
        if version is not None:
            self.values["message"] = version.body
            self.rows = rows_of(version.fields)
            if not self.values["brand_id"]:
                self.values["brand_id"] = str(version.template.brand_id)

    def _message(self) -> str:
        """The text; while it is a template's own wording, with the opt-out line of that version."""
        text, version = self.values["message"], self._template()
        if version is not None and version.body == text and version.opt_out_line:
            return text if version.opt_out_line in text else f"{text}\n{version.opt_out_line}"
        return text

    def _sender(self) -> str:
        pk = self.values["sender_id"]
        row = senders_visible(self.actor).filter(pk=pk).first() if pk.isdecimal() else None
        return row.value if row is not None else ""

    def _token_now(self) -> str:
        if self.campaign is None:
            return ""
        read = page_call(self.request, "campaigns.get", {"campaign_id": self.campaign.pk})
        return str(read.result.base_version_token) if read.result else ""

    def _fields(self) -> list[dict[str, Any]]:
        return [row.payload() for row in rows_complete(self.rows, self.values["message"])]

    def _fit(self) -> Answer:
        return fit_call(
            self.request,
            brand_id=self.values["brand_id"],
            message=self._message(),
            fields=self._fields(),
            purpose=self.values["purpose"],
            sender_id=self.values["sender_id"],
            gateway_id=self.values["gateway_id"],
        )


def _defaults(actor: Actor) -> dict[str, str]:
    """A single brand, sender or gateway is chosen already."""
    values = {"purpose": "marketing", "quiet_mode": "default"}
    for name, rows in (
        ("brand_id", brands_usable(actor)),
        ("sender_id", senders_visible(actor).filter(state="verified")),
        ("gateway_id", gateways_usable(actor)),
    ):
        found = list(rows.order_by("pk").values_list("pk", flat=True)[:2])
        values[name] = str(found[0]) if len(found) == 1 else ""
    values["time_zone"] = getattr(actor.user, "time_zone", "") or "UTC"
    return values


def _choices(actor: Actor, campaign: Campaign | None) -> dict[str, Any]:
    """What can be chosen, in words."""
    brand = {"brand": campaign.brand} if campaign else {}
    segments = segments_usable(actor).filter(**brand).select_related("brand").order_by("-id")[:200]
    senders = senders_visible(actor).filter(**brand).order_by("value")
    versions = (
        versions_visible(actor).exclude(state="retired").order_by("template__name", "-number")
    )
    newest: dict[int, TemplateVersion] = {}
    for version in versions:
        newest.setdefault(version.template_id, version)
    return {
        "brands": brands_usable(actor).order_by("name"),
        "segments": [
            (str(row.pk), f"{row.name} · {row.preview.get('sendable', 0):,} sendable when saved")
            for row in segments
        ],
        "senders": [
            (
                str(row.pk),
                row.value
                if row.state == "verified"
                else f"{row.value} ({row.state}, not usable yet)",
            )
            for row in senders
        ],
        "gateways": [(str(row.pk), row.name) for row in gateways_usable(actor).order_by("name")],
        "templates": [
            (str(row.pk), f"{row.template.name}, version {row.number} ({row.language})")
            for row in newest.values()
        ],
    }


def _done_words(campaign: Campaign | None, result: Any) -> str:
    if campaign is None:
        return "The draft is saved. Look at the cost, send yourself a test, then ask for review."
    changed = getattr(result, "changed", [])
    if not changed:
        return "Nothing was different, so nothing was changed."
    if getattr(result, "needs_new_review", False):
        return "Saved. What was changed is part of what is signed, so it is a draft again and needs a new review."
    return "Saved."
