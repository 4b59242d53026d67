"""From a request to an actor: a bearer token or a signed-in browser session, never a mix of both."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import timezone

from smsmarketing.accounts.models import ApiToken, User
from smsmarketing.accounts.rules.tokens import address_allowed, digest_matches, token_prefix
from smsmarketing.accounts.selectors import actor_for_token, actor_for_user
from smsmarketing.operations.errors import AuthInvalid, AuthRequired, NotPermitted
from smsmarketing.operations.types import Actor, Surface

LAST_USED_EVERY = timedelta(minutes=1)
"""How exact "last used" is: a busy token does not write a row per call."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_QUERY_NAMES = frozenset({"access_token", "api_key", "api_token", "token"})
_DUMMY_DIGEST = "0" * 64


def actor_from_request(request: HttpRequest, surface: Surface) -> Actor:
    """The caller: by token on MCP, by session in the admin, by either over REST.

    Raises AuthRequired when nobody is named, AuthInvalid when the token is not good.
    """
    if surface is not Surface.ADMIN:
        found = actor_from_bearer(request, surface)
        if found is not None:
            return found
    if surface in {Surface.ADMIN, Surface.REST}:
        found = actor_from_session(request, surface)
        if found is not None:
            return found
    raise AuthRequired(
        "Sign in first: send an API token as `Authorization: Bearer ...`. "
        "A person creates tokens in the admin under API tokens."
    )


def actor_from_bearer(request: HttpRequest, surface: Surface = Surface.REST) -> Actor | None:
    """The actor of the Authorization header; None without one. Raises AuthInvalid.

    A token in the address is refused, valid or not: addresses end up in logs [R-9.21].
    """
    if _QUERY_NAMES & request.GET.keys():
        raise AuthInvalid(
            "A token must not travel in the address. Revoke it if it was real, "
            "and send a new one in the Authorization header."
        )
    header = request.headers.get("Authorization", "")
    if not header:
        return None
    kind, _, plaintext = header.partition(" ")
    if kind.lower() != "bearer":
        raise AuthInvalid("Only `Authorization: Bearer <API token>` is understood.")
    token = token_find(plaintext.strip())
    ip = client_address(request)
    now = timezone.now()
    token_check(token, ip=ip, now=now)
    _last_used_note(token, now)
    return actor_for_token(token, surface=surface, request_id=_request_id(request), ip=ip)


def actor_from_session(request: HttpRequest, surface: Surface = Surface.ADMIN) -> Actor | None:
    """The signed-in person; None for a visitor. Unsafe methods need the form token (CSRF).

    Raises NotPermitted when the form token is missing or wrong.
    """
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not user.is_active:
        return None
    if request.method not in _SAFE_METHODS:
        _csrf_check(request)
    return actor_for_user(
        user,
        surface=surface,
        request_id=_request_id(request),
        ip=client_address(request),
        is_session=True,
    )


def token_find(plaintext: str) -> ApiToken:
    """The token with this plaintext. Raises AuthInvalid, the same for every wrong text."""
    prefix = token_prefix(plaintext)
    found = (
        ApiToken.objects.select_related("user", "team")
        .prefetch_related("user__roles", "user__teams")
        .filter(prefix=prefix)
        .first()
        if prefix
        else None
    )
    # The digest is computed for an unknown prefix too, so that an answer takes the same time.
    if not digest_matches(plaintext, found.digest if found else _DUMMY_DIGEST) or found is None:
        raise AuthInvalid("This API token is not known. Check that it was copied completely.")
    return found


def token_check(token: ApiToken, *, ip: str, now: datetime) -> None:
    """Refuse a token that is revoked, expired, of an inactive person or team, or used elsewhere.

    Raises AuthInvalid. The holder has proved to know the token, so the reason is told.
    """
    if token.revoked_at is not None:
        raise AuthInvalid("This API token was revoked. Create a new one in the admin.")
    if token.expires_at <= now:
        raise AuthInvalid("This API token has expired. Create a new one in the admin.")
    if not token.user.is_active:
        raise AuthInvalid("The person of this API token is not active any more.")
    if token.team is not None and not token.team.active:
        raise AuthInvalid("The team of this API token is not active.")
    if not address_allowed(ip, token.allowed_ips):
        raise AuthInvalid("This API token may not be used from this network address.")


def client_address(request: HttpRequest) -> str:
    """The caller's network address. Behind a trusted proxy: the address that the proxy saw."""
    if getattr(settings, "SECURE_PROXY_SSL_HEADER", None):
        forwarded = request.headers.get("X-Forwarded-For", "")
        if forwarded:
            # Only the last part was written by our own proxy; the rest is whatever a caller sent.
            return forwarded.rsplit(",", 1)[-1].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


def _last_used_note(token: ApiToken, now: datetime) -> None:
    stale = now - LAST_USED_EVERY
    if token.last_used_at is not None and token.last_used_at > stale:
        return
    ApiToken.objects.filter(Q(last_used_at=None) | Q(last_used_at__lte=stale), pk=token.pk).update(
        last_used_at=now
    )


def _request_id(request: HttpRequest) -> str:
    known = getattr(request, "request_id", "")
    return known if isinstance(known, str) and known else uuid.uuid4().hex


class _FormTokenCheck(CsrfViewMiddleware):
    """Django's check, asked directly: API views are exempt from the middleware."""

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        return HttpResponse(reason, status=403)


def _no_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def _csrf_check(request: HttpRequest) -> None:
    check = _FormTokenCheck(_no_view)
    check.process_request(request)
    if check.process_view(request, _no_view, (), {}) is not None:
        raise NotPermitted(
            "The form token (CSRF) is missing or wrong. Load the page again and repeat."
        )
