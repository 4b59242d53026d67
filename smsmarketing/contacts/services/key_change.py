"""After PHONE_HASH_KEYS got a new first key: a "no" under an older key still holds [R-4.10].

Rows keep the hash they have: an erased row cannot be hashed again, and the consent ledger is bound
to the hash. A known contact's own hash is used for all that is written about it. Only a number that
becomes a contact anew gets the new key, and takes its older suppressions over here.
"""

from __future__ import annotations

from collections.abc import Collection

from django.conf import settings

from smsmarketing.contacts.models import Suppression
from smsmarketing.contacts.phones import hash_key_id, phone_hash, phone_hashes


def suppressions_take_over(phones: Collection[str]) -> int:
    """Write a successor under the current key for each live suppression of these new contacts that
    stands under an older key. Returns how many. Call it before the send states are derived.
    """
    if len(settings.PHONE_HASH_KEYS) < 2 or not phones:
        return 0
    owner = {hashed: phone for phone in phones for hashed in phone_hashes(phone)[1:]}
    older = Suppression.objects.filter(phone_hash__in=list(owner), lifted_at=None)
    successors = []
    for row in older:
        phone = owner[bytes(row.phone_hash)]
        successors.append(
            Suppression(
                phone_hash=phone_hash(phone),
                hash_key=hash_key_id(),
                phone=phone,
                scope=row.scope,
                brand_id=row.brand_id,
                sender=row.sender,
                purposes=row.purposes,
                reason=row.reason,
                source=row.source,
                language=row.language,
                evidence={"taken_over_from": row.pk},
                created_at=row.created_at,
                expires_at=row.expires_at,
            )
        )
    Suppression.objects.bulk_create(successors)
    return len(successors)
