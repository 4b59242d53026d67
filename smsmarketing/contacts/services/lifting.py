"""Ending a "no" before its time, row by row, on proof; and noting the end of what ran out."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import F, QuerySet

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import ConsentEvent, Contact, Suppression, SuppressionLift
from smsmarketing.contacts.phones import phone_hashes
from smsmarketing.contacts.rules.lifting import lift_faults
from smsmarketing.contacts.selectors.suppressions import suppressions_live
from smsmarketing.contacts.services.locks import number_lock
from smsmarketing.contacts.services.outbound import lifts_emit
from smsmarketing.contacts.services.states import send_state_refresh
from smsmarketing.operations.errors import Conflict, InvalidInput

EXPIRE_MOST = 1000
_OWN_WORDS = ("express", "written")


def suppression_lock_first(suppression_id: int) -> None:
    """Lock the number and its contact before the row, in the order that a STOP does."""
    found = Suppression.objects.filter(pk=suppression_id).values_list("phone", "phone_hash").first()
    if found is None:
        return
    phone, hashed = found
    if phone:
        number_lock(phone)
    _contacts_lock([bytes(hashed)])


def lift_check(
    row: Suppression,
    *,
    ground: str,
    document: str,
    consent_event: ConsentEvent | None,
    now: datetime,
) -> None:
    """Refuse a lift that the table of rules.lifting does not allow, or whose proof is not proof.

    Raises Conflict for a row that no longer holds and InvalidInput, naming the field.
    """
    if row.lifted_at is not None:
        raise Conflict("This suppression was lifted already. Read it again with opt_outs.get.")
    if row.expires_at is not None and row.expires_at <= now:
        raise Conflict("This suppression ran out by itself; there is nothing to lift.")
    faults = lift_faults(
        row.reason, ground=ground, document=document, has_consent=consent_event is not None
    )
    if not faults and consent_event is not None:
        faults = _consent_faults(row, consent_event, now=now)
    if faults:
        raise InvalidInput("This suppression cannot be lifted like this.", field_errors=faults)


def _consent_faults(row: Suppression, event: ConsentEvent, *, now: datetime) -> dict[str, str]:
    """What keeps a consent from being an answer to this "no"."""
    said = max(row.created_at, row.repeated_at or row.created_at)
    hashes = {bytes(row.phone_hash), *(phone_hashes(row.phone) if row.phone else ())}
    text = ""
    if bytes(event.phone_hash) not in hashes:
        text = "This consent is of another number."
    elif row.brand_id is not None and event.brand_id != row.brand_id:
        text = "This consent is for another brand."
    elif event.captured_at <= said:
        text = (
            "This consent is older than the opt-out. Ask the person again, or let them write START."
        )
    elif not _consents_again(event, now=now):
        text = (
            "This consent is not complete, not the person's own, over, or not the newest one of its"
            " brand."
        )
    elif row.brand_id is None and not _consents_everywhere(row, event, said=said, now=now):
        text = (
            "The person refused every brand. Each active brand needs a consent that is newer than"
            " that."
        )
    return {"consent_event_id": text} if text else {}


def _consents_again(event: ConsentEvent, *, now: datetime) -> bool:
    newest = (
        ConsentEvent.objects.filter(
            contact_id=event.contact_id, brand_id=event.brand_id, purpose="marketing"
        )
        .order_by("-captured_at", "-id")
        .first()
    )
    return bool(
        newest is not None
        and newest.pk == event.pk
        and event.direction == "granted"
        and event.basis in _OWN_WORDS
        and event.method not in ("", "import")
        and event.disclosure_text
        and (event.source_url or event.evidence_file)
        and (event.expires_at is None or event.expires_at > now)
    )


def _consents_everywhere(
    row: Suppression, event: ConsentEvent, *, said: datetime, now: datetime
) -> bool:
    for brand_id in Brand.objects.filter(active=True).values_list("pk", flat=True):
        newest = (
            ConsentEvent.objects.filter(
                contact_id=event.contact_id, brand_id=brand_id, purpose="marketing"
            )
            .order_by("-captured_at", "-id")
            .first()
        )
        if newest is None or newest.captured_at <= said or not _consents_again(newest, now=now):
            return False
    return True


def suppression_lift(
    row: Suppression,
    *,
    ground: str,
    reason: str,
    document: str,
    consent_event: ConsentEvent | None,
    actor: str,
    action_request_id: UUID | None,
    now: datetime,
) -> SuppressionLift:
    """Lift one locked row, as a second person approved it. The row stays [R-2.16].

    The number must be locked (`suppression_lock_first`): a STOP that comes at the same moment is
    either seen here, because it made the version stale, or waits and writes a row of its own.
    Raises what `lift_check` raises.
    """
    lift_check(row, ground=ground, document=document, consent_event=consent_event, now=now)
    row.lifted_at = now
    row.save(update_fields=["lifted_at"])
    lift = SuppressionLift.objects.create(
        suppression=row,
        actor=actor,
        reason=reason,
        ground=ground,
        document=document,
        consent_event=consent_event,
        action_request_id=action_request_id,
        created_at=now,
    )
    contacts = Contact.objects.filter(phone_hash=row.phone_hash)
    contacts.update(version=F("version") + 1, updated_at=now)
    send_state_refresh(list(contacts.values_list("pk", flat=True)), now=now)
    lifts_emit([lift])
    return lift


def suppressions_expire(
    rows: QuerySet[Suppression] | None = None, *, now: datetime, limit: int = EXPIRE_MOST
) -> list[Suppression]:
    """Note the end of blocks whose time is over, oldest first; returns them.

    They stopped counting by themselves at their time: every reader compares it with the clock. This
    writes the lift that says so, brings the shown states up to date and tells the team's systems.
    No row is removed [R-2.16].
    """
    chosen = Suppression.objects.all() if rows is None else rows
    due = list(
        chosen.filter(lifted_at=None, expires_at__lte=now)
        .order_by("expires_at", "id")
        .values_list("pk", "phone_hash")[:limit]
    )
    if not due:
        return []
    contact_ids = _contacts_lock({bytes(hashed) for _, hashed in due})
    ended = list(
        Suppression.objects.select_for_update()
        .filter(pk__in=[pk for pk, _ in due], lifted_at=None)
        .order_by("pk")
    )
    Suppression.objects.filter(pk__in=[row.pk for row in ended]).update(lifted_at=now)
    lifts = SuppressionLift.objects.bulk_create(
        SuppressionLift(
            suppression=row,
            actor="system",
            reason=f"It held until {row.expires_at:%Y-%m-%d %H:%M} UTC.",
            ground="expired",
            created_at=now,
        )
        for row in ended
    )
    send_state_refresh(contact_ids, now=now)
    lifts_emit(lifts)
    for row in ended:
        row.lifted_at = now
    return ended


def suppressions_ran_out(now: datetime) -> int:
    """How many blocks are over and not noted yet."""
    due = Suppression.objects.filter(lifted_at=None).exclude(suppressions_live(now))
    return due.count()


def _contacts_lock(hashes: Collection[bytes]) -> list[int]:
    """Lock the contacts of these numbers in the order of their ids."""
    rows = Contact.objects.select_for_update(no_key=True).filter(phone_hash__in=list(hashes))
    return [contact.pk for contact in rows.order_by("pk").only("pk")]
