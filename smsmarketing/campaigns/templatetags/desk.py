"""How numbers, money, countries, states and times read on the pages of the desk."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from smsmarketing.contacts.rules.country_names import country_name

register = template.Library()

STATES: Mapping[str, tuple[str, str]] = {
    # campaign
    "draft": ("Draft", "quiet"),
    "in_review": ("In review", "wait"),
    "changes_requested": ("Changes requested", "wait"),
    "approved": ("Approved", "good"),
    "scheduled": ("Scheduled", "good"),
    "sending": ("Sending", "live"),
    "paused": ("Paused", "wait"),
    "sent": ("Sent", "good"),
    "stopped": ("Stopped", "bad"),
    "rejected": ("Rejected", "bad"),
    "cancelled": ("Cancelled", "quiet"),
    # template version
    "retired": ("Retired", "quiet"),
    # message
    "planned": ("Written down", "quiet"),
    "queued": ("Waiting to go", "quiet"),
    "held": ("Held until its time", "wait"),
    "handing_over": ("On the wire", "live"),
    "accepted": ("Accepted, no receipt yet", "live"),
    "delivered": ("Delivered", "good"),
    "undelivered": ("Not delivered", "bad"),
    "expired": ("Expired", "bad"),
    "failed": ("Failed", "bad"),
    "skipped": ("Skipped by a rule", "quiet"),
    "unknown": ("Unknown", "wait"),
    "quarantined": ("Set aside", "bad"),
    # action request
    "pending": ("Waiting for a decision", "wait"),
    "executing": ("In use", "live"),
    "succeeded": ("Done", "good"),
    "partially_succeeded": ("Done in part", "wait"),
    "superseded": ("Replaced", "quiet"),
    "none": ("Not asked", "quiet"),
}
"""State → what people read, and the tone of its badge."""


@register.filter
def state_words(state: Any) -> str:
    """A state as people read it."""
    known = STATES.get(str(state))
    return known[0] if known else str(state).replace("_", " ").capitalize()


@register.filter
def state_tone(state: Any) -> str:
    """The tone of a state: quiet, wait, live, good or bad."""
    known = STATES.get(str(state))
    return known[1] if known else "quiet"


@register.filter
def state_badge(state: Any) -> SafeString:
    """A state as a badge."""
    return format_html(
        '<span class="cp-badge cp-{}">{}</span>', state_tone(state), state_words(state)
    )


@register.filter
def number(value: Any) -> str:
    """A whole number with thousands separators; nothing becomes a dash."""
    if value is None or value == "":
        return "—"
    try:
        return f"{Decimal(str(value)):,f}"
    except InvalidOperation:
        return str(value)


@register.filter
def money(value: Any) -> str:
    """`Money`, its JSON, or (amount, currency) as `12.34 EUR`; prices below one keep four digits."""
    amount, currency = _money(value)
    if amount is None:
        return "—"
    digits = 4 if 0 < abs(amount) < 1 else 2
    return f"{amount:,.{digits}f} {currency}".strip()


def _money(value: Any) -> tuple[Decimal | None, str]:
    if isinstance(value, Mapping):
        value = (value.get("amount"), value.get("currency", ""))
    elif hasattr(value, "amount"):
        value = (value.amount, value.currency)
    elif not isinstance(value, tuple | list):
        value = (value, "")
    try:
        return Decimal(str(value[0])), str(value[1])
    except (InvalidOperation, TypeError):
        return None, ""


@register.filter
def country(code: Any) -> str:
    """The English name of an ISO 3166-1 country; the code itself when it has none."""
    return country_name(str(code))


@register.filter
def ago(then: datetime | None) -> str:
    """How long ago, or how long from now, in the largest unit."""
    if then is None:
        return "—"
    gap = timezone.now() - then
    text = span_words(abs(gap))
    return f"{text} ago" if gap >= timedelta(0) else f"in {text}"


def span_words(span: timedelta) -> str:
    """A time span in its largest whole unit."""
    minutes = int(span.total_seconds() // 60)
    for size, name in ((1440, "day"), (60, "hour"), (1, "minute")):
        count = minutes // size
        if count:
            return f"{count} {name}{'s' if count > 1 else ''}"
    return "a moment"


@register.filter
def share(part: Any, whole: Any) -> str:
    """`part` of `whole` in percent, with one digit; a dash when there is no whole."""
    try:
        return f"{100 * Decimal(str(part)) / Decimal(str(whole)):.1f} %"
    except (InvalidOperation, ZeroDivisionError):
        return "—"


@register.filter
def wall_time(text: Any) -> str:
    """`2026-12-01T10:00` with a space instead of the T."""
    return str(text or "").replace("T", " ")


@register.filter
def moment(value: Any) -> datetime | None:
    """An ISO 8601 text as a time, so that it is shown on the person's clock."""
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None
