"""From a request to an actor and from a call to its outcome: what all surfaces share."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.module_loading import import_string

from smsmarketing.operations import registry
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import AuthRequired, Internal, NotPermitted, OperationError
from smsmarketing.operations.types import Actor, Done, Held, Surface

logger = logging.getLogger(__name__)

REQUEST_ID_HEADER = "X-Request-ID"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

ActorSource = Callable[[HttpRequest, Surface], Actor | None]


def request_id_of(request: HttpRequest) -> str:
    """The request's id: the caller's own when it has a sane form, else a new one; the same for the whole request."""
    known = getattr(request, "request_id", None)
    if isinstance(known, str) and known:
        return known
    given = request.headers.get(REQUEST_ID_HEADER, "")
    request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    request.request_id = request_id  # type: ignore[attr-defined]
    return request_id


@lru_cache(maxsize=8)
def _source(path: str) -> ActorSource:
    source: ActorSource = import_string(path)
    return source


def bearer_actor(request: HttpRequest, surface: Surface) -> Actor | None:
    """The actor of the request's API token; None without an Authorization header. Raises AuthInvalid.

    A token is never a signed-in person, whoever it belongs to: it can approve nothing [R-8.1].
    """
    request_id_of(request)
    found = _source(settings.ACTOR_FROM_REQUEST["bearer"])(request, surface)
    return None if found is None else replace(found, is_session=False)


def session_actor(request: HttpRequest, surface: Surface) -> Actor | None:
    """The actor of the browser session; None for a visitor who is not signed in.

    The source checks the form token (CSRF) of unsafe methods and raises NotPermitted.
    """
    request_id_of(request)
    return _source(settings.ACTOR_FROM_REQUEST["session"])(request, surface)


def rest_actor(request: HttpRequest) -> Actor:
    """The actor of a REST path beside the operations, by token or session. Raises AuthRequired."""
    actor = bearer_actor(request, Surface.REST)
    if actor is None and "Authorization" not in request.headers:
        actor = session_actor(request, Surface.REST)
    if actor is None:
        raise AuthRequired("Sign in, or send an API token as `Authorization: Bearer <token>`.")
    return actor


def operation_call(
    key: str,
    payload: Mapping[str, Any],
    *,
    actor: Actor,
    idempotency_key: str | None = None,
    dry_run: bool = False,
) -> Done | Held:
    """Run `execute` and raise nothing but OperationError: a bug is logged and becomes INTERNAL [R-9.13]."""
    try:
        return execute(key, payload, actor=actor, idempotency_key=idempotency_key, dry_run=dry_run)
    except NotPermitted as exc:
        operation = registry.find(key)
        if operation is not None and operation.human_only and not actor.is_session:
            where = f"{settings.PUBLIC_BASE_URL}{reverse('operation-call', args=[key])}"
            exc.message = f"{exc.message} Open {where}"
            exc.details["open_in_browser"] = where
        raise
    except OperationError:
        raise
    except Exception as exc:
        logger.exception(
            "operation_failed", extra={"operation": key, "request_id": actor.request_id}
        )
        raise internal_error() from exc


def internal_error() -> Internal:
    """The one answer for a bug: no stack, no SQL, no text of the exception [R-9.13]."""
    return Internal(
        "Something went wrong here, and nothing was changed. Try again; if it happens again, report the request id."
    )
