"""From a wall time in a zone to an instant [R-3.11]."""

from __future__ import annotations

from datetime import datetime, timedelta

from smsmarketing.campaigns.models import Campaign
from smsmarketing.gateways.rules.quiet_hours import LocalTimeInvalid, local_time_resolve
from smsmarketing.operations.errors import InvalidInput

LEAST_NOTICE = timedelta(minutes=1)
MOST_AHEAD = timedelta(days=366)


def planned_at(campaign: Campaign) -> datetime | None:
    """The instant of the send time that the draft names; None for "any time while the approval holds"."""
    if not campaign.scheduled_local:
        return None
    naive = datetime.strptime(campaign.scheduled_local, "%Y-%m-%dT%H:%M")  # noqa: DTZ007 - a wall time
    return local_time_resolve(naive, campaign.scheduled_zone, on_gap="shift")


def schedule_resolve(local: str, zone: str, *, now: datetime) -> datetime:
    """The UTC instant of a wall time in a zone. Raises InvalidInput for a past time, a DST gap or
    an unknown zone [R-3.11].
    """
    try:
        naive = datetime.strptime(local, "%Y-%m-%dT%H:%M")  # noqa: DTZ007 - a wall time; the zone is applied next
    except ValueError:
        raise InvalidInput(
            "The send time is not a date and time.",
            field_errors={"send_at_local": "Write it as YYYY-MM-DDTHH:MM, e.g. 2026-12-01T10:00."},
        ) from None
    try:
        moment = local_time_resolve(naive, zone)
    except LocalTimeInvalid as exc:
        field = "time_zone" if exc.code == "UNKNOWN_ZONE" else "send_at_local"
        raise InvalidInput(
            str(exc), field_errors={field: str(exc)}, details={"reason": exc.code}
        ) from None
    if moment > now + MOST_AHEAD:
        raise InvalidInput(
            "The send time is more than a year away. Choose an earlier one.",
            field_errors={"send_at_local": "At most 366 days from now."},
        )
    if moment < now + LEAST_NOTICE:
        raise InvalidInput(
            "The send time is in the past. Choose a later one, or send now with campaigns.send_approved.",
            field_errors={"send_at_local": "Must be at least one minute from now."},
        )
    return moment
