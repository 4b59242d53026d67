"""Who must not be texted: the truth, read at the last moment."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import Suppression
from smsmarketing.contacts.phones import phone_hashes
from smsmarketing.contacts.rules.suppressions import HARD_REASONS, STATE_REASONS
from smsmarketing.operations.types import Actor

_HARD = ", ".join(f"'{reason}'" for reason in HARD_REASONS)
_RANKS = " ".join(
    f"WHEN '{reason}' THEN {rank}" for rank, reason in enumerate(STATE_REASONS, start=1)
)
_WORDS = " ".join(
    f"WHEN {rank} THEN '{word}'" for rank, word in enumerate(STATE_REASONS.values(), start=1)
)

SUPPRESSION_RANK = f"CASE x.reason {_RANKS} ELSE {len(STATE_REASONS)} END"
"""SQL over alias x = contacts_suppression: gravest first."""


def suppression_word(rank_sql: str) -> str:
    """SQL that turns such a rank into the word a send state shows, NULL for NULL."""
    return f"CASE {rank_sql} {_WORDS} END"


def suppression_covers(purpose_sql: str) -> str:
    """SQL over alias x: whether the row stands against the purpose. Sender scope is looked at
    apart: a sender is only known when a message is handed over.
    """
    return (
        f"(x.scope = 'global' OR x.reason IN ({_HARD}) OR x.purposes = '{{}}'"
        f" OR {purpose_sql} = ANY(x.purposes))"
    )


def suppressed_now(
    phone_hashes: Collection[bytes],
    *,
    brand_id: int | None,
    purpose: str,
    sender: str = "",
    now: datetime | None = None,
) -> dict[bytes, str]:
    """Which of the hashed numbers must not get a text of this purpose from this sender, and why.

    Reads the suppressions themselves, never a copy of them [R-2.9]. `purpose` is marketing,
    notification, transactional or otp; one-time codes pass a marketing opt-out, and nothing passes
    a global, hard or carrier block, nor a block of that very sender [R-2.15].
    """
    if not phone_hashes:
        return {}
    sql = f"""
        SELECT x.phone_hash, {suppression_word(f"min({SUPPRESSION_RANK})")}
        FROM contacts_suppression x
        WHERE x.phone_hash = ANY(%(hashes)s) AND x.lifted_at IS NULL
            AND (x.expires_at IS NULL OR x.expires_at > %(now)s)
            AND (x.brand_id IS NULL OR x.brand_id = %(brand)s)
            AND CASE WHEN x.scope = 'sender' THEN lower(x.sender) = lower(%(sender)s)
                ELSE {suppression_covers("%(purpose)s")} END
        GROUP BY x.phone_hash
    """  # noqa: S608 - fixed words only
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                "hashes": list(phone_hashes),
                "now": now or timezone.now(),
                "brand": brand_id,
                "sender": sender,
                "purpose": purpose,
            },
        )
        return {bytes(found): str(word) for found, word in cursor.fetchall()}


def suppressed_phones(
    phones: Iterable[str],
    *,
    brand_id: int | None,
    purpose: str,
    sender: str = "",
    now: datetime | None = None,
) -> dict[str, str]:
    """Like `suppressed_now`, by E.164 number, under all keys of PHONE_HASH_KEYS [R-4.10]."""
    owner = {hashed: phone for phone in phones for hashed in phone_hashes(phone)}
    found = suppressed_now(owner, brand_id=brand_id, purpose=purpose, sender=sender, now=now)
    return {owner[hashed]: word for hashed, word in found.items()}


def suppressions_visible(actor: Actor) -> QuerySet[Suppression]:
    """Those of the actor's brands, and those that hold for every brand."""
    return Suppression.objects.filter(Q(brand=None) | Q(brand__in=brands_visible(actor)))


def suppressions_live(now: datetime) -> Q:
    """Neither lifted nor expired."""
    return Q(lifted_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))
