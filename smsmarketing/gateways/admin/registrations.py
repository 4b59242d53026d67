"""Registrations of senders in the admin: the list, opening one, and the page on which it is filled."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.gateways.admin.registration_form import RegistrationForm
from smsmarketing.gateways.models import Registration
from smsmarketing.gateways.rules.registration_words import PENDING, REGISTRATION_WORDS
from smsmarketing.gateways.rules.registries import registries
from smsmarketing.gateways.rules.sender_words import KIND_TITLES
from smsmarketing.gateways.selectors import senders_visible
from smsmarketing.gateways.selectors.registrations import registrations_visible, registry_of
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.surfaces.admin.calls import page_call
from smsmarketing.operations.surfaces.admin.links import action_request_url
from smsmarketing.operations.types import Actor, Held

EDIT = "gateways.registration_edit"
TONES = {"approved": "good", "rejected": "bad", "suspended": "bad", "expired": "bad"}


@admin.register(Registration)
class RegistrationAdmin(OperationAdmin):
    """Registrations of one's teams."""

    view_permission = "gateways.registration_view"
    icon = "verified"
    empty_hint = "No registration yet. Countries that ask for one are named in the previews and under Sender rules."
    list_display = ("subject", "registry", "where", "state_words", "changed_at", "expires_at")
    list_display_links = ("subject",)
    list_filter = ("state",)
    search_fields = ("sender__value", "registry", "company_name")
    ordering = ("-id",)
    change_list_template = "admin/gateways/registration_list.html"
    operation_buttons = (
        OperationButton(
            key="sender_registrations.record",
            label="Record the answer",
            icon="fact_check",
            when=lambda row: row.state in {"submitted", "in_review", "suspended", "expired"},
        ),
        OperationButton(
            key="sender_registrations.stop",
            label="Suspend, end or withdraw",
            icon="block",
            when=lambda row: row.state != "withdrawn",
        ),
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Registrations of the person's teams."""
        return registrations_visible(actor).select_related("sender", "brand")

    @admin.display(description="Sender", ordering="sender__value")
    def subject(self, row: Registration) -> str:
        """The sender, or the brand."""
        return row.sender.value if row.sender is not None else f"{row.brand.name} (brand)"

    @admin.display(description="Countries")
    def where(self, row: Registration) -> str:
        """Its countries."""
        return ", ".join(row.countries)

    @admin.display(description="State", ordering="state")
    def state_words(self, row: Registration) -> str:
        """The state as people read it."""
        return REGISTRATION_WORDS[row.state][0]

    def get_urls(self) -> list[URLPattern]:
        """Opening one comes before the admin's own patterns."""
        wrap = self.admin_site.admin_view
        return [
            path("new/", wrap(self.new_page), name="gateways_registration_new"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The list, with the way to open one for who may."""
        may = admin_actor(request).may(EDIT)
        return super().changelist_view(request, {"may_open": may, **(extra_context or {})})

    def new_page(self, request: HttpRequest) -> HttpResponse:
        """Which registry, for which sender. POST opens the draft."""
        actor = admin_actor(request)
        if not actor.may(EDIT):
            raise PermissionDenied
        given, errors, message, status = request.POST or request.GET, {}, "", 200
        if request.method == "POST":
            answer = page_call(request, "sender_registrations.save", _opening(given))
            if not isinstance(answer, OperationError | Held):
                pk = answer.result.registration_id  # type: ignore[attr-defined]
                return HttpResponseRedirect(
                    reverse("admin:gateways_registration_change", args=[pk])
                )
            message, status = answer.message, getattr(answer, "http_status", 200)
            errors = dict(getattr(answer, "field_errors", {}))
        brands = list(brands_visible(actor).order_by("name"))
        senders = senders_visible(actor).select_related("brand").order_by("value")
        context = {
            **self.admin_site.each_context(request),
            "title": "Apply for a sender",
            "opts": self.model._meta,
            "registries": list(registries().values()),
            "brands": brands,
            "senders": senders[:500],
            "kinds": list(KIND_TITLES.items()),
            "given": given,
            "errors": errors,
            "message": message,
        }
        return TemplateResponse(
            request, "admin/gateways/registration_new.html", context, status=status
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The registration: questions, papers, what happened. POST saves, adds, removes or applies."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        actor = admin_actor(request)
        row = self.visible(actor).filter(pk=object_id).first() if object_id.isdecimal() else None
        if row is None:
            raise Http404("There is no such registration, or it is not for you.")
        form = RegistrationForm(request, row)
        if request.method == "POST":
            target = form.send()
            if target:
                return HttpResponseRedirect(target)
        shown = form.shown()
        request_url = action_request_url(shown.waits_for) if shown.waits_for else ""
        context = {
            **self.admin_site.each_context(request),
            "title": f"{self.subject(row)}: {registry_of(row).title}",
            "opts": self.model._meta,
            "row": row,
            "shown": shown,
            "state": PENDING[0] if shown.waits_for else REGISTRATION_WORDS[row.state][0],
            "tone": "wait" if shown.waits_for else TONES.get(str(row.state), "quiet"),
            "request_url": request_url,
            "steps": [(REGISTRATION_WORDS[each.state][0], each) for each in shown.steps],
            "may_edit": actor.may(EDIT) and row.state in {"draft", "rejected"} and not request_url,
            "may_open": actor.may("gateways.registration_documents"),
            "operation_buttons": self.buttons_for(request, row),
            **form.context(),
        }
        return TemplateResponse(
            request, "admin/gateways/registration.html", context, status=form.status
        )


def _opening(given: Any) -> dict[str, Any]:
    """What the page asks sender_registrations.save for."""
    payload: dict[str, Any] = {"registry": given.get("registry", "")}
    for name in ("brand_id", "sender_id"):
        if given.get(name, "").isdecimal():
            payload[name] = int(given[name])
    value = given.get("value", "").strip()
    if value and "sender_id" not in payload:
        payload |= {"value": value, "kind": given.get("kind", "alphanumeric")}
        payload["can_receive"] = bool(given.get("can_receive"))
    countries = given.get("countries", "").replace(",", " ").upper().split()
    if countries:
        payload["countries"] = countries
    return payload
