"""What is answered where no view answers: a plain page for people, the envelope for programs.

No page says more than what to do next; what went wrong is in the log under the request's id. None
reads the database, the session or the host, for these may be what failed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from mcp import types

from smsmarketing.contacts.public.pages import language_wished, public_page
from smsmarketing.contacts.rules.public_words import public_words
from smsmarketing.operations.errors import NotFound, NotPermitted, OperationError
from smsmarketing.operations.surfaces.calls import internal_error, request_id_of
from smsmarketing.operations.surfaces.mcp.server import RpcError, rpc_error_response
from smsmarketing.operations.surfaces.rest.problems import Refused, problem_response

logger = structlog.get_logger("smsmarketing.error_pages")

_SIGNED_IN: Final = "/admin/"
_PROGRAMS: Final[dict[str, Callable[[], OperationError]]] = {
    "bad": lambda: Refused("The request cannot be read. Mend it and send it again.", status=400),
    "denied": lambda: NotPermitted("This is not open to you."),
    "missing": lambda: NotFound("There is no such path. The paths are listed at /api/docs/."),
    "failed": internal_error,
}


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: a host that is not ours, a broken form, too large a one."""
    return _answer(request, "bad", status=400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403."""
    return _answer(request, "denied", status=403)


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404."""
    return _answer(request, "missing", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500, with the request's id for whoever helps."""
    return _answer(request, "failed", status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form that was sent without its token, most often because it was open for too long."""
    logger.info("csrf_refused", reason=reason)
    return _page(request, "expired", status=403)


def sign_in_locked(
    request: HttpRequest, response: Any = None, credentials: Any = None
) -> HttpResponse:
    """429 after too many wrong passwords (axes)."""
    return _page(request, "locked", status=429)


def _answer(request: HttpRequest, name: str, *, status: int) -> HttpResponse:
    path = request.path
    if path == "/api" or path.startswith("/api/"):
        return problem_response(_PROGRAMS[name](), request)
    if path == "/mcp" or path.startswith("/mcp/"):
        error = _PROGRAMS[name]()
        code = types.INTERNAL_ERROR if status == 500 else types.INVALID_REQUEST
        data = error.envelope(request_id_of(request))["error"]
        return rpc_error_response(RpcError(code, error.message, status=status, data=data))
    if path.startswith("/webhooks/"):
        return HttpResponse(status=status)
    return _page(request, name, status=status)


def _page(request: HttpRequest, name: str, *, status: int) -> HttpResponse:
    language = language_wished(request, "errors")
    words = public_words("errors", language)
    try:
        return public_page(
            "public/error.html",
            topic="errors",
            brand=None,
            language=language,
            context={
                "heading": words[f"{name}_title"],
                "text": words[name],
                "request_id": request_id_of(request) if status == 500 else "",
                "home": _SIGNED_IN if request.path.startswith(_SIGNED_IN) else "",
            },
            status=status,
        )
    except Exception:
        logger.exception("error_page_failed")
        text = f"{words[f'{name}_title']}. {words[name]}"
        return HttpResponseServerError(text, content_type="text/plain; charset=utf-8")
