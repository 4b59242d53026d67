"""Mounts every surface. The paths of an app live in the app's own ``urls`` module."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from smsmarketing import health
from smsmarketing.contacts.public.forms import (
    opt_in_form,
    opt_in_form_done,
    opt_in_form_unknown,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("health/live", health.alive, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("api/v1/", include("smsmarketing.contacts.urls")),
    path("f/<slug:slug>", opt_in_form, name="opt-in-form"),
    path("f/<slug:slug>/done", opt_in_form_done, name="opt-in-form-done"),
    path("f/", opt_in_form_unknown, name="opt-in-form-bare"),
    path("f/<path:rest>", opt_in_form_unknown, name="opt-in-form-unknown"),
    path("api/", include("smsmarketing.operations.surfaces.rest.urls")),
    path("", include("smsmarketing.operations.surfaces.mcp.urls")),
    path("", include("smsmarketing.contacts.public.urls")),
    path("webhooks/", include("smsmarketing.gateways.urls")),
    path("admin/operations/", include("smsmarketing.operations.surfaces.admin.urls")),
    path("admin/reports/", include("smsmarketing.reporting.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "smsmarketing.error_pages.bad_request"
handler403 = "smsmarketing.error_pages.permission_denied"
handler404 = "smsmarketing.error_pages.page_not_found"
handler500 = "smsmarketing.error_pages.server_error"
