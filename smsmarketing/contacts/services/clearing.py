"""Ending all blocks of a brand in one act, and taking that act back (design.md §3)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import F, QuerySet

from smsmarketing.accounts.models import Brand, User
from smsmarketing.contacts.models import BlockClearing, Contact, Suppression
from smsmarketing.contacts.rules.lifting import CLEARABLE_REASONS
from smsmarketing.contacts.selectors.suppressions import suppressions_live
from smsmarketing.contacts.services.outbound import suppressions_emit
from smsmarketing.contacts.services.states import send_state_refresh
from smsmarketing.operations.errors import Conflict

_RESTORE = """
    INSERT INTO contacts_suppression (phone_hash, hash_key, phone, contact_id, scope, brand_id, sender,
        purposes, reason, source, language, evidence, sync_state, created_at, expires_at)
    SELECT x.phone_hash, x.hash_key, x.phone, x.contact_id, x.scope, x.brand_id, x.sender, x.purposes,
        x.reason, x.source, x.language,
        x.evidence || jsonb_build_object('restored_from', x.id, 'clearing', l.clearing_id,
            'first_blocked_at', x.created_at),
        'local_only', %(now)s, x.expires_at
    FROM contacts_suppressionlift l JOIN contacts_suppression x ON x.id = l.suppression_id
    WHERE l.clearing_id = %(clearing)s AND (x.expires_at IS NULL OR x.expires_at > %(now)s)
    ORDER BY x.id
    RETURNING id
"""


def blocks_of(brand: Brand, reasons: Collection[str], *, now: datetime) -> QuerySet[Suppression]:
    """The house's own live blocks for this brand: never what a person, carrier or law said."""
    return Suppression.objects.filter(
        suppressions_live(now),
        brand=brand,
        reason__in=sorted(set(reasons) & set(CLEARABLE_REASONS)),
    )


def blocks_clear(
    brand: Brand,
    *,
    reasons: Collection[str],
    expected: int,
    note: str,
    user: User,
    action_request_id: UUID | None,
    now: datetime,
) -> BlockClearing:
    """Lift every block of the brand, as a second person approved it, in one act.

    `expected` is how many the people saw who decided. Raises Conflict when there are more or fewer
    by now: nobody agreed to those.
    """
    rows = blocks_of(brand, reasons, now=now)
    hashes = [bytes(found) for found in rows.values_list("phone_hash", flat=True)]
    contact_ids = _contacts_lock(hashes)
    ids = list(rows.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
    if len(ids) != expected:
        raise Conflict(
            f"There are {len(ids):,} such blocks now, not {expected:,}. Look at them with"
            " opt_outs.list and ask again with the present number.",
            details={"count": len(ids)},
        )
    if not ids:
        raise Conflict("This brand has no such block. There is nothing to clear.")
    clearing = BlockClearing.objects.create(
        brand=brand,
        reasons=sorted(set(reasons)),
        count=len(ids),
        note=note,
        action_request_id=action_request_id,
        created_by=user,
        created_at=now,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE contacts_suppression SET lifted_at = %(now)s WHERE id = ANY(%(ids)s)",
            {"now": now, "ids": ids},
        )
        cursor.execute(
            "INSERT INTO contacts_suppressionlift (suppression_id, actor, reason, ground,"
            " action_request_id, clearing_id, created_at)"
            " SELECT unnest(%(ids)s::bigint[]), %(actor)s, %(note)s, 'decision', %(request)s,"
            " %(clearing)s, %(now)s",
            {
                "ids": ids,
                "actor": f"user:{user.pk}",
                "note": note,
                "request": action_request_id,
                "clearing": clearing.pk,
                "now": now,
            },
        )
    _follow(contact_ids, now=now)
    suppressions_emit(ids, kind="opt_out.lifted", at=now)
    return clearing


def blocks_restore(clearing: BlockClearing, *, user: User, now: datetime) -> int:
    """Take a clearing back: block exactly those numbers again, each as it was. Returns how many.

    Blocks whose own time ran out since stay ended. Raises Conflict when it was taken back before.
    """
    if clearing.undone_at is not None:
        raise Conflict("This clearing was taken back already.")
    lifted = Suppression.objects.filter(lift__clearing=clearing)
    contact_ids = _contacts_lock(
        [bytes(found) for found in lifted.values_list("phone_hash", flat=True)]
    )
    with connection.cursor() as cursor:
        cursor.execute(_RESTORE, {"clearing": clearing.pk, "now": now})
        ids = [int(row[0]) for row in cursor.fetchall()]
    clearing.undone_at, clearing.undone_by = now, user
    clearing.save(update_fields=["undone_at", "undone_by"])
    _follow(contact_ids, now=now)
    suppressions_emit(ids, kind="opt_out.created", at=now)
    return len(ids)


def _follow(contact_ids: list[int], *, now: datetime) -> None:
    Contact.objects.filter(pk__in=contact_ids).update(version=F("version") + 1, updated_at=now)
    send_state_refresh(contact_ids, now=now)


def _contacts_lock(hashes: Collection[bytes]) -> list[int]:
    rows = Contact.objects.select_for_update(no_key=True).filter(phone_hash__in=list(hashes))
    return [contact.pk for contact in rows.order_by("pk").only("pk")]
