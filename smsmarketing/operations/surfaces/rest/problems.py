"""Every exception under /api/ becomes an answer here, and only here: the envelope beside RFC 9457 members."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response

from smsmarketing.operations.errors import (
    AuthInvalid,
    AuthRequired,
    InvalidInput,
    KeyInProgress,
    NotFound,
    NotPermitted,
    OperationError,
    RateLimited,
)
from smsmarketing.operations.surfaces.adapters import BodyMalformed
from smsmarketing.operations.surfaces.bodies import ERROR_CODES
from smsmarketing.operations.surfaces.calls import internal_error, request_id_of

logger = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"
CHALLENGE = 'Bearer realm="sms-marketing"'


class Refused(InvalidInput):
    """A request that HTTP itself refuses (405, 413, 415, 400): INVALID_INPUT with that status."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        allow: str = "",
        field_errors: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, field_errors=field_errors)
        self.http_status = status
        self.allow = allow


def problem_body(error: OperationError, request_id: str) -> dict[str, Any]:
    """The JSON of an error answer: `{"type", "title", "status", "detail", "error": {...}}`."""
    envelope = error.envelope(request_id)
    return {
        "type": envelope["error"]["help_url"],
        "title": ERROR_CODES[error.code][0],
        "status": error.http_status,
        "detail": error.message,
        **envelope,
    }


def problem_headers(error: OperationError) -> dict[str, str]:
    """Headers that belong to the status: challenge, Retry-After, Allow."""
    headers = {"Cache-Control": "no-store"}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    elif isinstance(error, KeyInProgress):
        headers["Retry-After"] = "1"
    if isinstance(error, AuthRequired):
        headers["WWW-Authenticate"] = CHALLENGE
    elif isinstance(error, AuthInvalid):
        headers["WWW-Authenticate"] = f'{CHALLENGE}, error="invalid_token"'
    elif error.code == "INSUFFICIENT_SCOPE":
        scopes = " ".join(error.details.get("required_scopes", []))
        headers["WWW-Authenticate"] = f'{CHALLENGE}, error="insufficient_scope", scope="{scopes}"'
    if isinstance(error, Refused) and error.allow:
        headers["Allow"] = error.allow
    return headers


def problem_response(error: OperationError, request: HttpRequest) -> JsonResponse:
    """The error answer outside of a DRF view."""
    return JsonResponse(
        problem_body(error, request_id_of(request)),
        status=error.http_status,
        headers=problem_headers(error),
        content_type=PROBLEM_TYPE,
    )


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER for everything under /api/."""
    request = context["request"]._request
    error = exc if isinstance(exc, OperationError) else error_from(exc)
    if error.http_status >= 500 and not isinstance(exc, OperationError):
        logger.error("api_failed", exc_info=exc, extra={"request_id": request_id_of(request)})
    return Response(
        problem_body(error, request_id_of(request)),
        status=error.http_status,
        headers=problem_headers(error),
        content_type=PROBLEM_TYPE,
    )


def error_from(exc: Exception) -> OperationError:
    """Our error for an exception of DRF or Django."""
    if isinstance(exc, exceptions.MethodNotAllowed):
        return Refused(str(exc.detail), status=405)
    if isinstance(exc, exceptions.UnsupportedMediaType):
        return Refused("Send the body as `Content-Type: application/json`.", status=415)
    if isinstance(exc, exceptions.ParseError):
        fields = exc.field_errors if isinstance(exc, BodyMalformed) else None
        return Refused(str(exc.detail), status=400, field_errors=fields)
    if isinstance(exc, exceptions.NotAuthenticated):
        return AuthRequired("Send `Authorization: Bearer <token>`, or sign in with a browser.")
    if isinstance(exc, exceptions.AuthenticationFailed):
        return AuthInvalid("This token is not valid. Ask an admin for a new one.")
    if isinstance(exc, exceptions.Throttled):
        return RateLimited("Too many requests. Wait a minute, then repeat.", retry_after_s=60)
    if isinstance(exc, exceptions.PermissionDenied | PermissionDenied):
        return NotPermitted(
            "A browser session must send its CSRF token with every write (header X-CSRFToken)."
            if "CSRF" in str(exc)
            else "This is not permitted."
        )
    if isinstance(exc, Http404 | exceptions.NotFound):
        return NotFound("There is no such path. The paths are listed at /api/docs/.")
    return _django_error(exc)


def _django_error(exc: Exception) -> OperationError:
    if isinstance(exc, UnreadablePostError):
        return Refused("The body ended too early. Send it again.", status=400)
    if isinstance(exc, RequestDataTooBig):
        return Refused("The body is too large.", status=413)
    if isinstance(exc, TooManyFieldsSent):
        return Refused("The query has too many parameters. Send fewer.", status=400)
    return internal_error()
