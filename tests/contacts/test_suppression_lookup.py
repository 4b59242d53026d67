"""Every "no" of one number, lifted ones too, is found by an index, however many numbers there are."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import Q

from smsmarketing.contacts.models import Suppression, SuppressionLift
from smsmarketing.contacts.phones import phone_hash, phone_hashes

pytestmark = pytest.mark.django_db
NUMBERS = 50_000
PHONE = "+37069900011"
_FILL = """
INSERT INTO contacts_suppression (phone_hash, hash_key, phone, scope, sender, purposes, reason, source,
    language, evidence, sync_state, created_at, lifted_at)
SELECT sha256(g::text::bytea), '', NULL, 'global', '', '{}', 'opt_out', 'inbound', '', '{}',
    'local_only', now(), CASE WHEN g %% 2 = 0 THEN now() END
FROM generate_series(1, %s) g
"""


@pytest.mark.parametrize("told", ["one", "keys", "live", "lifted", "lifts"])
def test_the_rows_of_a_number_are_found_by_an_index(told: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_FILL, [NUMBERS])
        cursor.execute("ANALYZE contacts_suppression")
    hashed = phone_hash(PHONE)
    own = Suppression.objects.filter(phone_hash=hashed)
    plan = {
        "one": lambda: own.order_by("-created_at", "-pk")[:20].explain(),
        "keys": lambda: Suppression.objects.filter(phone_hash__in=phone_hashes(PHONE)).explain(),
        "live": lambda: own.filter(lifted_at=None).explain(),
        "lifted": lambda: own.filter(~Q(lifted_at=None)).explain(),
        "lifts": lambda: (
            SuppressionLift.objects.filter(suppression__in=own)
            .order_by("-created_at", "-pk")[:20]
            .explain()
        ),
    }[told]()
    assert "Seq Scan on contacts_suppression " not in plan, plan
    assert "suppression_newest" not in plan, plan
