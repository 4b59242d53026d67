"""The API's documents: OpenAPI, the reference UI and the page of error codes. Nothing is loaded from a CDN."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.surfaces.bodies import ERROR_CODES


class ApiSchemaGenerator(SchemaGenerator):
    """Only `/api/v1`: the MCP endpoint and the documents are not part of the REST contract."""

    def _get_paths_and_endpoints(self) -> list[Any]:
        return [
            item
            for item in super()._get_paths_and_endpoints()  # type: ignore[no-untyped-call]
            if item[0].startswith("/api/v1/")
        ]


class SchemaView(SpectacularAPIView):
    """`/api/schema/`: JSON with `?format=json`, else YAML."""

    generator_class = ApiSchemaGenerator
    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    serve_public = True


class ApiDocsView(SpectacularSwaggerSplitView):
    """`/api/docs/`."""

    url_name = "api-schema"
    title = "SMS marketing API"
    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []


@require_safe
def errors_page(request: HttpRequest) -> HttpResponse:
    """`/api/docs/errors`: every code with its anchor; `help_url` of the envelope points here."""
    statuses = _statuses(OperationError)
    codes = [
        {"code": code, "title": title, "text": text, "statuses": sorted(statuses.get(code, {500}))}
        for code, (title, text) in ERROR_CODES.items()
    ]
    return render(request, "operations/errors.html", {"codes": codes})


def _statuses(base: type[OperationError]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for error in base.__subclasses__():
        found.setdefault(error.code, set()).add(error.http_status)
        for code, statuses in _statuses(error).items():
            found.setdefault(code, set()).update(statuses)
    return found
