"""The signed-in person of an admin request."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from smsmarketing.operations.surfaces.calls import session_actor
from smsmarketing.operations.types import Actor, Surface

_ATTRIBUTE = "_operation_actor"


def admin_actor(request: HttpRequest) -> Actor:
    """The actor of this request, read once per request. Raises PermissionDenied for a visitor."""
    known = getattr(request, _ATTRIBUTE, None)
    if isinstance(known, Actor):
        return known
    actor = session_actor(request, Surface.ADMIN)
    if actor is None:
        raise PermissionDenied
    setattr(request, _ATTRIBUTE, actor)
    return actor
