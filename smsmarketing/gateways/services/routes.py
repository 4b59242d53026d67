"""Routes and pins: written here, read by dispatch within a second."""

from __future__ import annotations

from datetime import datetime

from smsmarketing.accounts.models import User
from smsmarketing.gateways.models import Gateway, Route, RoutePin, SenderId


def route_save(
    *,
    country: str,
    purpose: str,
    sender: SenderId | None,
    gateway: Gateway,
    weight: int,
    active: bool,
    now: datetime,
) -> tuple[Route, bool]:
    """The route and whether it is new; in the caller's transaction."""
    route, created = Route.objects.select_for_update(of=("self",)).get_or_create(
        country=country,
        purpose=purpose,
        sender=sender,
        gateway=gateway,
        defaults={"weight": weight, "active": active, "created_at": now},
    )
    if not created:
        route.weight, route.active = weight, active
        route.version += 1
        route.save(update_fields=["weight", "active", "version"])
    return route, created


def pin_set(
    *,
    country: str,
    purpose: str,
    gateway: Gateway,
    reason: str,
    user: User,
    expires_at: datetime,
    now: datetime,
) -> RoutePin:
    """Keep a country on a gateway; a pin that was there ends."""
    pin_lift(country=country, purpose=purpose, now=now)
    return RoutePin.objects.create(
        country=country,
        purpose=purpose,
        gateway=gateway,
        reason=reason,
        set_by=user,
        created_at=now,
        expires_at=expires_at,
    )


def pin_lift(*, country: str, purpose: str, now: datetime) -> RoutePin | None:
    """End the pin; None when there is none in force. The row stays, as a record."""
    pin = (
        RoutePin.objects.select_for_update(of=("self",))
        .filter(country=country, purpose=purpose, lifted_at=None)
        .first()
    )
    if pin is None:
        return None
    in_force = pin.expires_at > now
    pin.lifted_at = now
    pin.save(update_fields=["lifted_at"])
    return pin if in_force else None
