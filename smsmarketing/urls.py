"""Mounts every surface. The paths of an app live in the app's own ``urls`` module."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path


def alive(request: HttpRequest) -> HttpResponse:
    """Answer that the web process runs; touches neither the database nor Redis."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns: list[URLPattern | URLResolver] = [
    path("health/live", alive, name="health-live"),
    path("api/", include("smsmarketing.operations.surfaces.rest.urls")),
    path("", include("smsmarketing.operations.surfaces.mcp.urls")),
    path("admin/operations/", include("smsmarketing.operations.surfaces.admin.urls")),
    path("admin/", admin.site.urls),
]
