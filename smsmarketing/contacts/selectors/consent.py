"""Reading the consent ledger: which event counts, and what was known at a moment."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, Case, QuerySet, When

from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import ConsentEvent
from smsmarketing.operations.types import Actor

CONSENT_NEWEST = "e.captured_at DESC, (e.direction IN ('granted', 'expired')), e.id DESC"
"""SQL ORDER BY over the alias e that puts the event that counts first [R-4.1]: the newest by when
the person spoke, not by when it was written down. At the same instant a person's "no" stands before
a "yes", whatever was written first. An end that the system writes (implied consent that lapsed, an
import taken back) bears the time of the consent it ends and is ordered by when it was written: it
takes nothing from a newer consent, and the same evidence brought in again counts again.
"""


def consent_newest_first(events: QuerySet[ConsentEvent], *, by: str = "") -> QuerySet[ConsentEvent]:
    """The same order for the ORM; with `by` only the event that counts for each of that field."""
    no_word = Case(
        When(direction__in=("granted", "expired"), then=True),
        default=False,
        output_field=BooleanField(),
    )
    order = ("-captured_at", "_no_word", "-id")
    rows: QuerySet[ConsentEvent] = events.annotate(_no_word=no_word)
    return rows.order_by(by, *order).distinct(by) if by else rows.order_by(*order)


def consent_events_upto(
    phone_hashes: Collection[bytes],
    *,
    brand_id: int,
    moment: datetime,
    purpose: str | None = None,
) -> QuerySet[ConsentEvent]:
    """What the ledger held at `moment` about a number (under any of its hashes) for a brand, the
    event that counted first within each purpose.

    "Held" is by `recorded_at`: an event that was recorded later did not decide then, however early
    the person spoke. Whether the first one still held is `consent_holds(event, moment)`.
    """
    rows = ConsentEvent.objects.filter(
        phone_hash__in=list(phone_hashes), brand_id=brand_id, recorded_at__lte=moment
    )
    if purpose is not None:
        rows = rows.filter(purpose=purpose)
    return consent_newest_first(rows.select_related("hosted_form_version__form"))


def consent_holds(event: ConsentEvent | None, moment: datetime) -> str:
    """Why the event that counts does not allow a text at `moment`; empty when it does: the words
    of a send state (no_consent, consent_expired, consent_incomplete).
    """
    if event is None or event.direction != "granted":
        return "no_consent"
    if event.expires_at is not None and event.expires_at <= moment:
        return "consent_expired"
    complete = event.disclosure_text and event.method and (event.source_url or event.evidence_file)
    return "" if complete else "consent_incomplete"


def consents_visible(actor: Actor) -> QuerySet[Any]:
    """Events of the actor's brands."""
    return ConsentEvent.objects.filter(brand__in=brands_visible(actor))
