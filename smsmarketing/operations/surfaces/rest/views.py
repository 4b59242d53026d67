"""One DRF view per path of the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from smsmarketing.operations.errors import AuthInvalid, NotFound
from smsmarketing.operations.surfaces.adapters import JsonOnly, StrictJSONParser, is_json
from smsmarketing.operations.surfaces.bodies import held_body
from smsmarketing.operations.surfaces.calls import (
    bearer_actor,
    operation_call,
    request_id_of,
    session_actor,
)
from smsmarketing.operations.surfaces.payloads import BODY_LIMIT_BYTES
from smsmarketing.operations.surfaces.rest.openapi import OperationSchema
from smsmarketing.operations.surfaces.rest.problems import (
    CHALLENGE,
    Refused,
    exception_handler,
    problem_response,
)
from smsmarketing.operations.surfaces.rest.requests import (
    READ_METHODS,
    VERSION_FIELD,
    dry_run_of,
    idempotency_key_of,
    payload_of,
)
from smsmarketing.operations.surfaces.rest.routes import creates
from smsmarketing.operations.types import Actor, Done, Held, Operation, Surface


class BearerAuthentication(BaseAuthentication):
    """An API token. With an Authorization header the session is never looked at."""

    def authenticate(self, request: Request) -> tuple[Any, Actor] | None:
        actor = bearer_actor(request._request, Surface.REST)
        if actor is not None:
            return actor.user, actor
        if "Authorization" in request.headers:
            raise AuthInvalid("Send the token as `Authorization: Bearer <token>`.")
        return None

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class BrowserAuthentication(BaseAuthentication):
    """A signed-in browser session; Django's CSRF rules hold (the actor source checks them)."""

    def authenticate(self, request: Request) -> tuple[Any, Actor] | None:
        actor = session_actor(request._request, Surface.REST)
        return None if actor is None else (actor.user, actor)


class OperationView(APIView):
    """The operations of one path, by HTTP method."""

    operations: ClassVar[Mapping[str, Operation[Any, Any]]] = {}
    authentication_classes = [BearerAuthentication, BrowserAuthentication]
    permission_classes = [IsAuthenticated]
    parser_classes = [StrictJSONParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = JsonOnly
    metadata_class = None
    schema = OperationSchema()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length) > BODY_LIMIT_BYTES:
            raise Refused(f"The body is larger than {BODY_LIMIT_BYTES // 1024} KiB.", status=413)
        if request.method not in READ_METHODS:
            _body_check(request, empty=length == "0")
        super().initial(request, *args, **kwargs)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        allowed = ", ".join(sorted(self.operations))
        raise Refused(
            f"{request.method} is not offered here; this path takes {allowed}.",
            status=405,
            allow=allowed,
        )

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        return self.http_method_not_allowed(request)

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}

    def get_exception_handler(self) -> Callable[..., Response]:
        return exception_handler

    def handle(self, request: Request, **path_arguments: str) -> Response:
        """Call the operation and answer with its outcome."""
        operation = self.operations["GET" if request.method == "HEAD" else str(request.method)]
        actor = cast(Actor, request.auth)
        outcome = operation_call(
            operation.key,
            payload_of(operation, request, path_arguments),
            actor=actor,
            idempotency_key=idempotency_key_of(request) if operation.writes else None,
            dry_run=dry_run_of(operation, request),
        )
        return outcome_response(operation, outcome, request_id_of(request._request))


def _body_check(request: Request, *, empty: bool) -> None:
    """Refuse a body that would not be read, before the form token of a session is looked for in it."""
    if "Transfer-Encoding" in request.headers:
        raise Refused("Send the body with its Content-Length, not in chunks.", status=411)
    if not empty and not is_json(request):
        raise UnsupportedMediaType(str(request.content_type))


def outcome_response(
    operation: Operation[Any, Any], outcome: Done | Held, request_id: str
) -> Response:
    """200 or 201 with the output, 202 for a held call."""
    headers = {"Cache-Control": "no-store"}
    if outcome.replayed:
        headers["Idempotent-Replayed"] = "true"
    if isinstance(outcome, Held):
        return Response(held_body(outcome, request_id), status=202, headers=headers)
    body = outcome.result.model_dump(mode="json")
    if isinstance(body.get(VERSION_FIELD), str):
        headers["ETag"] = f'"{body[VERSION_FIELD]}"'
    if outcome.dry_run:
        headers["Dry-Run"] = "true"
        if outcome.approval is not None:
            headers["Approval-Needed"] = ", ".join(outcome.approval.policies)
    created = creates(operation) and not outcome.dry_run and body.get("created") is not False
    return Response(body, status=201 if created else 200, headers=headers)


def view_build(operations: Mapping[str, Operation[Any, Any]]) -> Any:
    """The view function for one path."""

    def handle(self: OperationView, request: Request, **path_arguments: str) -> Response:
        return self.handle(request, **path_arguments)

    members: dict[str, Any] = {"operations": dict(operations)}
    members.update({method.lower(): handle for method in operations})
    name = "".join(
        part.title() for operation in operations.values() for part in operation.key.split(".")
    )
    view: type[OperationView] = type(f"{name}View", (OperationView,), members)
    return view.as_view()


@csrf_exempt
def path_unknown(request: HttpRequest, rest: str = "") -> HttpResponse:
    """404 for every other path under /api/, in the envelope."""
    return problem_response(
        NotFound("There is no such path. The paths are listed at /api/docs/."), request
    )
