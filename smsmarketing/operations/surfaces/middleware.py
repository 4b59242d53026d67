"""What every request passes: an id, headers that tell the browser what a page may load, the person's clock."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from smsmarketing.operations.surfaces.calls import REQUEST_ID_HEADER, request_id_of


class RequestIdMiddleware:
    """Outermost, so that answers of other middleware carry the id too; log lines of the request carry it as well."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_id_of(request)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response[REQUEST_ID_HEADER] = request_id
        return response


# Alpine.js of the admin theme evaluates attributes: without 'unsafe-eval' no menu opens (stack.md §7). No page has
# an inline script, so 'unsafe-inline' is not given for scripts.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


class ContentSecurityMiddleware:
    """Sets Content-Security-Policy unless the view set a stricter one of its own (ASVS 3.4)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response


class PersonClockMiddleware:
    """Shows the times of admin pages on the clock of the person who is signed in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        try:
            zone = ZoneInfo(getattr(request.user, "time_zone", "") or "UTC")
        except (ZoneInfoNotFoundError, ValueError):
            zone = ZoneInfo("UTC")
        with timezone.override(zone):
            return self.get_response(request)
