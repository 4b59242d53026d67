"""URL patterns of `/api/`: one per path of the registry, the documents, and a 404 that speaks the envelope."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import URLPattern, path, re_path

from smsmarketing.operations import registry
from smsmarketing.operations.surfaces.rest.documents import ApiDocsView, SchemaView, errors_page
from smsmarketing.operations.surfaces.rest.routes import django_route
from smsmarketing.operations.surfaces.rest.views import path_unknown, view_build
from smsmarketing.operations.types import Operation, Surface


def operation_patterns(operations: Iterable[Operation[Any, Any]]) -> list[URLPattern]:
    """Patterns below `v1/`. Literal segments come before arguments, so `/x/preview` wins over `/x/{id}`."""
    by_path: dict[str, dict[str, Operation[Any, Any]]] = {}
    for operation in operations:
        if Surface.REST in operation.surfaces:
            by_path.setdefault(operation.rest.path, {})[operation.rest.method] = operation
    return [
        path(
            f"v1/{django_route(route)}",
            view_build(found),
            name=next(iter(found.values())).key,
        )
        for route, found in sorted(by_path.items(), key=lambda item: _order(item[0]))
    ]


def _order(route: str) -> list[tuple[bool, str]]:
    return [("{" in segment, segment) for segment in route.split("/")]


def patterns_build(operations: Iterable[Operation[Any, Any]]) -> list[URLPattern]:
    """All patterns below `/api/`."""
    return [
        *operation_patterns(operations),
        path("schema/", SchemaView.as_view(), name="api-schema"),
        path("docs/", ApiDocsView.as_view(), name="api-docs"),
        path("docs/errors", errors_page, name="api-errors"),
        re_path(r"^(?P<rest>.*)$", path_unknown),
    ]


urlpatterns = patterns_build(registry.every())
