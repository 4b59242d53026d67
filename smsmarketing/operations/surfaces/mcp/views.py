"""The HTTP side of MCP: POST only, Origin before anything else, bearer tokens only."""

from __future__ import annotations

import logging
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import TooManyFieldsSent
from django.http import HttpResponse, UnreadablePostError
from mcp import types
from mcp.shared.version import SUPPORTED_PROTOCOL_VERSIONS
from mcp_server.views import MCPServerStreamableHttpView
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from smsmarketing.operations.errors import AuthInvalid, AuthRequired, OperationError
from smsmarketing.operations.surfaces.adapters import JsonOnly, StrictJSONParser
from smsmarketing.operations.surfaces.calls import bearer_actor, internal_error, request_id_of
from smsmarketing.operations.surfaces.mcp.server import (
    AUTH_FAILED,
    RpcError,
    ToolServer,
    View,
    rpc_error_response,
)
from smsmarketing.operations.surfaces.payloads import BODY_LIMIT_BYTES
from smsmarketing.operations.types import Actor, Surface

logger = logging.getLogger(__name__)

CHALLENGE = 'Bearer realm="sms-marketing-mcp"'
TRUE_WORDS = frozenset({"1", "true", "yes", "on"})


class McpBearer(BaseAuthentication):
    """API tokens only. A browser's session cookie never signs in here, so no page can drive an agent's tools."""

    def authenticate(self, request: Request) -> tuple[Any, Actor] | None:
        actor = bearer_actor(request._request, Surface.MCP)
        if actor is not None:
            return actor.user, actor
        if "Authorization" in request.headers:
            raise AuthInvalid("Send the token as `Authorization: Bearer <token>`.")
        return None

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class McpView(MCPServerStreamableHttpView):  # type: ignore[misc]
    """One endpoint. GET and DELETE answer 405: there is no stream and no session to end [R-9.1]."""

    mcp_server: ToolServer
    http_method_names = ["post"]
    authentication_classes = [McpBearer]
    permission_classes = [IsAuthenticated]
    parser_classes = [StrictJSONParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = JsonOnly
    metadata_class = None
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        _origin_check(request)
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length) > BODY_LIMIT_BYTES:
            raise RpcError(types.INVALID_REQUEST, "The body is larger than 1 MiB.", status=413)
        if "Transfer-Encoding" in request.headers:
            message = "Send the body with its Content-Length, not in chunks."
            raise RpcError(types.INVALID_REQUEST, message, status=411)
        super().initial(request, *args, **kwargs)
        version = request.headers.get("MCP-Protocol-Version")
        if version is not None and version not in SUPPORTED_PROTOCOL_VERSIONS:
            raise RpcError(
                types.INVALID_REQUEST,
                "This protocol version is not spoken here.",
                status=400,
                data={"supported": sorted(SUPPORTED_PROTOCOL_VERSIONS), "requested": version[:40]},
            )

    def http_method_not_allowed(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        response = rpc_error_response(
            RpcError(types.INVALID_REQUEST, "This endpoint takes POST only.", status=405)
        )
        response["Allow"] = "POST"
        return response

    def post(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer one message. `request.auth` is the actor."""
        return self.mcp_server.answer(request.data, cast(Actor, request.auth), _view_of(request))

    def handle_exception(self, exc: Exception) -> HttpResponse:
        """JSON-RPC errors for what goes wrong around the message; the text of a bug never leaves [R-9.13]."""
        request_id = request_id_of(self.request._request)
        error = _rpc_error_from(exc, request_id)
        if error.status >= 500:
            logger.error("mcp_failed", exc_info=exc, extra={"request_id": request_id})
        response = rpc_error_response(error)
        if error.status == 401:
            invalid = isinstance(exc, AuthInvalid | exceptions.AuthenticationFailed)
            response["WWW-Authenticate"] = CHALLENGE + (
                ', error="invalid_token"' if invalid else ""
            )
        return response


def _origin_check(request: Request) -> None:
    """A browser page may only call from an allowed origin; other clients send no Origin [R-9.2]."""
    origin = request.headers.get("Origin")
    if origin is not None and origin not in settings.MCP_ALLOWED_ORIGINS:
        raise RpcError(types.INVALID_REQUEST, "This origin is not allowed.", status=403)


def _view_of(request: Request) -> View:
    query = request.query_params
    groups = query.get("toolsets")
    return View(
        read_only=any(word.lower() in TRUE_WORDS for word in query.getlist("read_only")),
        dotted=query.get("names", settings.MCP_TOOL_NAMES) == "dotted",
        groups=None if groups is None else frozenset(name.strip() for name in groups.split(",")),
    )


def _rpc_error_from(exc: Exception, request_id: str) -> RpcError:
    if isinstance(exc, RpcError):
        return exc
    if isinstance(exc, TooManyFieldsSent):
        return RpcError(types.INVALID_REQUEST, "The query has too many parameters.", status=400)
    if isinstance(exc, UnreadablePostError):
        return RpcError(types.PARSE_ERROR, "The body ended too early.", status=400)
    if isinstance(exc, exceptions.ParseError):
        return RpcError(types.PARSE_ERROR, f"Parse error: {exc.detail}", status=400)
    if isinstance(exc, exceptions.UnsupportedMediaType):
        return RpcError(types.INVALID_REQUEST, "Send Content-Type: application/json.", status=415)
    if isinstance(exc, exceptions.NotAuthenticated | exceptions.PermissionDenied):
        exc = AuthRequired(
            "Send `Authorization: Bearer <token>` with an API token. Create one in the admin."
        )
    elif isinstance(exc, exceptions.AuthenticationFailed):
        exc = AuthInvalid("This token is not valid. Ask an admin for a new one.")
    elif not isinstance(exc, OperationError):
        exc = internal_error()
    code = AUTH_FAILED if exc.http_status in (401, 403, 429) else types.INTERNAL_ERROR
    return RpcError(
        code, exc.message, status=exc.http_status, data=exc.envelope(request_id)["error"]
    )
