"""Writing down a campaign's messages: the product against INSERT..SELECT of the same columns into the same table.

    python -m benchmarks materialise               200,000 contacts on a database of its own
    DATABASE_URL=... python -m benchmarks.materialise --contacts 1000000

The product decides on every contact, renders and counts each text in Python, prices it, cuts the slices, stores why the
others were left out, checks drift and reserves the money. The limit is one INSERT..SELECT that fills gateways_message
with the same columns for the same contacts. Target (perf.md §7): at least 0.6 of its rows per second.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
from time import perf_counter
from typing import Any

import django

TARGET = 0.6
ROUNDS = 3
TEXTS = {
    "no fields": ("Acme: 20% off in all our shops, this weekend only. See you soon.", []),
    "two fields": (
        "Acme: {first_name}, 20% off in our shop in {city}, this weekend only.",
        [{"name": "first_name", "max_chars": 20}, {"name": "city", "max_chars": 20}],
    ),
}
_LIMIT = """
INSERT INTO gateways_message (batch_id, contact_id, phone, country, body, encoding, parts, price, created_at)
SELECT %s, s.contact_id, c.phone, s.country, {body}, 'gsm7', 1, 0.05, now()
FROM contacts_sendstate s JOIN contacts_contact c ON c.id = s.contact_id
WHERE s.brand_id = %s AND s.marketing_reason IS NULL AND s.country <> %s
  AND NOT coalesce({capped}, false)
"""
_BODIES = {
    "no fields": "'Acme: 20%% off in all our shops, this weekend only. See you soon.' || E'\\nReply STOP to opt out'",
    "two fields": "format('Acme: %%s, 20%%%% off in our shop in %%s, this weekend only.' "
    "|| E'\\nReply STOP to opt out', c.first_name, c.custom->>'city')",
}


def limit_time(world: Any, name: str) -> tuple[float, int]:
    """Seconds and rows of the INSERT..SELECT, undone afterwards."""
    from django.db import connection, transaction
    from django.utils import timezone

    from benchmarks.plan_world import COUNTRIES
    from smsmarketing.gateways.selectors.limits import caps_for

    caps, now = caps_for(world.brand, "marketing"), timezone.now()
    capped = " OR ".join("s.recent[%s] > %s" for _ in caps)
    moments = [value for cap in caps for value in (cap.limit, now - cap.window)]
    statement = _LIMIT.format(body=_BODIES[name], capped=f"({capped})")
    with transaction.atomic(), connection.cursor() as cursor:
        start = perf_counter()
        cursor.execute(statement, [1, world.brand.pk, COUNTRIES[-1], *moments])
        rows = cursor.rowcount
        seconds = perf_counter() - start
        transaction.set_rollback(True)
    tidy()
    return seconds, rows


def product_time(campaign: Any) -> tuple[float, int]:
    """Seconds and rows of the product's materialisation, undone afterwards."""
    from django.db import transaction

    from smsmarketing.campaigns.services.materialise import campaign_materialise

    with transaction.atomic():
        start = perf_counter()
        campaign_materialise(campaign.pk)
        seconds = perf_counter() - start
        planned = campaign.sends.get(kind="main").batch.planned
        transaction.set_rollback(True)
    tidy()
    return seconds, planned


def tidy() -> None:
    """Give both sides the same empty table."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM gateways_message, campaigns_decision, gateways_batchslice")


def campaign_started(world: Any, name: str) -> Any:
    """A campaign that was approved and started, and waits for its messages."""
    from django.db import transaction
    from django.utils import timezone

    from smsmarketing.accounts.selectors import actor_for_user
    from smsmarketing.approvals.models import ActionRequest
    from smsmarketing.campaigns.services.approval import campaign_lock
    from smsmarketing.campaigns.services.drafts import campaign_create
    from smsmarketing.campaigns.services.review import campaign_submit
    from smsmarketing.campaigns.services.start import campaign_start
    from smsmarketing.contacts.services import segment_create
    from smsmarketing.operations.states import row_lock, transition_apply
    from smsmarketing.operations.types import Surface

    body, fields = TEXTS[name]
    now = timezone.now()
    with transaction.atomic():
        segment = segment_create(
            team_id=world.team.pk,
            brand_id=world.brand.pk,
            name=f"All for {name}",
            criteria={"everyone": True},
            preview={},
            created_by=world.user,
        )
        campaign = campaign_create(
            created_by=world.user,
            now=now,
            values={
                "team": world.team, "brand": world.brand, "name": name, "segment": segment,
                "body": body, "fields": fields, "sender": world.sender, "gateway": world.gateway,
            },
        )  # fmt: skip
        actor = actor_for_user(world.user, surface=Surface.SYSTEM)
        request = campaign_submit(campaign_lock(campaign.pk), actor=actor, note="", now=now)
        # The vote is not what is measured here.
        transition_apply(row_lock(ActionRequest, request.pk), "approve")
        transition_apply(campaign_lock(campaign.pk), "approve")
        return campaign_start(campaign_lock(campaign.pk), now=now)


def main() -> int:
    """Print the table; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=200_000)
    rows = parser.parse_args().contacts
    django.setup()
    from benchmarks.plan_world import world_fill

    world = world_fill(rows)
    missed = []
    print(f"{'text':<12}{'messages':>10}{'product /s':>12}{'limit /s':>12}{'ratio':>8}")
    for name in TEXTS:
        campaign = campaign_started(world, name)
        pairs = []
        for _ in range(ROUNDS):
            seconds, planned = product_time(campaign)
            best, inserted = limit_time(world, name)
            if abs(planned - inserted) > rows // 1000:  # a cap's window may end between the two
                raise SystemExit(f"{name}: {planned} messages against {inserted}")
            pairs.append((planned / seconds, inserted / best))
        ours = statistics.median(pair[0] for pair in pairs)
        theirs = statistics.median(pair[1] for pair in pairs)
        print(f"{name:<12}{planned:>10}{ours:>12,.0f}{theirs:>12,.0f}{ours / theirs:>8.2f}")
        if ours / theirs < TARGET:
            missed.append(name)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"peak memory {peak:.0f} MB; target: at least {TARGET} of INSERT..SELECT into the same table"
    )
    if missed:
        print(f"missed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
