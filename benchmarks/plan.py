"""Planning an audience: the product's preview against a hand-written best statement over the same tables.

    python -m benchmarks plan                          200,000 contacts on a database of its own
    PLAN_CONTACTS=1000000 python -m benchmarks plan   the size of perf.md §7 (5000000 too)

The hand-written statement knows the answer's shape beforehand: it aggregates by country, reason and "capped" and leaves
the countries to the reader (perf.md §2, S7); of events it reads the roll-up once, knowing which columns matter. The
product's figure is the whole `audience_plan` as a preview asks for it (planner first, bounded time): criteria, rates,
sender, caps, decision, counts by reason and country. Target (perf.md §7): at most 1.5 times the statement's time,
below 1 s at 1 M and 4 s at 5 M contacts. "live" is the count of the builder (`segment_count`), without reasons, caps
and countries.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import django

TARGET = 1.5
RUNS = 5

_BEST = """
SELECT s.country, s.marketing_reason, {capped} AS capped, count(*)
FROM contacts_sendstate s {join}
WHERE s.brand_id = %s {where} GROUP BY 1, 2, 3
"""


def timed(run: Callable[[], Any], against: Callable[[], Any]) -> tuple[float, float]:
    """Median seconds of both, in turns, so that a busy machine hurts both alike."""
    run(), against()
    pairs = [(_seconds(run), _seconds(against)) for _ in range(RUNS)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def _seconds(run: Callable[[], Any]) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start


def best_rows(world: Any, *, join: str, where: str, params: Sequence[Any]) -> list[Any]:
    """The hand-written statement's rows."""
    from django.db import connection
    from django.utils import timezone

    from smsmarketing.contacts.criteria.bounds import WORK_MEM
    from smsmarketing.gateways.selectors.limits import caps_for

    now = timezone.now()
    caps = caps_for(world.brand, "marketing")
    capped = " OR ".join("s.recent[%s] > %s" for _ in caps)
    moments = [value for cap in caps for value in (cap.limit, now - cap.window)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', %s, true)", [WORK_MEM])
        cursor.execute(
            _BEST.format(capped=f"({capped})", join=join, where=where),
            [*moments, world.brand.pk, *params],
        )
        return list(cursor.fetchall())


def cases_of(world: Any) -> dict[str, tuple[dict[str, Any], str, str, list[Any]]]:
    """Name → (criteria, join, where, parameters) of the same question, asked both ways."""
    wide = "JOIN contacts_contact c ON c.id = s.contact_id"
    members = "JOIN contacts_audiencemember m ON m.contact_id = s.contact_id"
    return {
        "everyone": ({"everyone": True}, "", "", []),
        "one list": (
            {"audience": world.audience.pk},
            members,
            "AND m.audience_id = %s",
            [world.audience.pk],
        ),
        "tag and language": (
            {"all": [{"tag": "vip"}, {"language": ["de"]}]},
            wide,
            "AND c.tags && ARRAY['vip']::varchar[] AND lower(c.language) = 'de'",
            [],
        ),
        "two countries": ({"country": ["DE", "FR"]}, "", "AND s.country IN ('DE', 'FR')", []),
        **_event_cases(world, wide),
    }


def _event_cases(world: Any, wide: str) -> dict[str, tuple[dict[str, Any], str, str, list[Any]]]:
    """The same for what people did."""
    team = world.team.pk
    orders = (
        f"JOIN contacts_eventsummary v ON v.contact_id = s.contact_id AND v.team_id = {team}"
        " AND v.kind = 'order'"
    )
    pickups = orders.replace("'order'", "'pickup'")
    recent = "last_at >= now() - interval '{} days'"
    return {
        "VIPs slipping away": (
            {
                "all": [
                    {"tag": "vip"},
                    {"event": {"kind": "order", "within_days": 90}},
                    {"not": {"event": {"kind": "order", "within_days": 30}}},
                ]
            },
            f"{wide} {orders}",
            f"AND c.tags && ARRAY['vip']::varchar[] AND v.{recent.format(90)} AND NOT v.{recent.format(30)}",
            [],
        ),
        "pickup ready": (
            {"newest": {"kind": "pickup", "state": ["ready"]}},
            pickups,
            "AND v.last_state = 'ready'",
            [],
        ),
        "3 orders, 200 spent": (
            {
                "purchases": {
                    "count": {"op": "ge", "value": 3},
                    "total": {"op": "ge", "value": 200},
                }
            },
            orders,
            "AND v.count >= 3 AND v.amount_sum >= 200",
            [],
        ),
        "due again": (
            {"repurchase": {"factor": 1.2}},
            orders,
            "AND v.mean_gap_days IS NOT NULL AND v.last_at + GREATEST(v.mean_gap_days, 1) * 1.2"
            " * interval '1 day' <= now()",
            [],
        ),
        **_detail_cases(world, wide, orders, pickups),
    }


def _detail_cases(
    world: Any, wide: str, orders: str, pickups: str
) -> dict[str, tuple[dict[str, Any], str, str, list[Any]]]:
    """Questions that no roll-up answers, or several at once."""
    team = world.team.pk
    amount = {"name": "amount", "type": "number", "op": "ge", "value": 150}
    return {
        "order of 150, 60 days": (
            {"event": {"kind": "order", "within_days": 60, "properties": [amount]}},
            "JOIN (SELECT DISTINCT contact_id FROM contacts_contactevent"
            f" WHERE team_id = {team} AND kind = 'order' AND occurred_at >= now() - interval '60 days'"
            " AND (properties ->> 'amount')::numeric >= 150) v ON v.contact_id = s.contact_id",
            "",
            [],
        ),
        "consent by web form": (
            {"consent": {"method": "web_form"}},
            "",
            "AND s.consent_method = 'web_form'"
            " AND (s.consent_expires_at IS NULL OR s.consent_expires_at > now())",
            [],
        ),
        "any of three": (
            {
                "any": [
                    {"newest": {"kind": "pickup", "state": ["ready"]}},
                    {"purchases": {"total": {"op": "ge", "value": 500}}},
                    {"all": [{"tag": "vip"}, {"not": {"never_sent": True}}]},
                ]
            },
            f"{wide} LEFT {orders} LEFT {pickups.replace(' v ', ' w ').replace('v.', 'w.')}",
            "AND (w.last_state = 'ready' OR v.amount_sum >= 500 OR (c.tags && ARRAY['vip']::varchar[]"
            " AND s.recent[1] IS NOT NULL))",
            [],
        ),
    }


def measured(
    world: Any, name: str, tree: dict[str, Any], best: Callable[[], Any]
) -> tuple[float, float]:
    """Seconds of the product's preview of one question, and of the hand-written statement. Prints the row."""
    from django.db import transaction
    from django.utils import timezone

    from smsmarketing.campaigns.plan import PlanRequest, audience_plan
    from smsmarketing.contacts.criteria import criteria_parse
    from smsmarketing.contacts.selectors.segment_counts import segment_count

    request = PlanRequest(
        criteria=criteria_parse(tree, brand_id=world.brand.pk, team_ids=[world.team.pk]),
        brand_id=world.brand.pk,
        purpose="marketing",
        gateway=world.gateway,
        sender=world.sender,
        now=timezone.now(),
    )

    def product() -> Any:
        with transaction.atomic():
            return audience_plan(request, seconds=600)

    def live() -> Any:
        with transaction.atomic():
            return segment_count(request.criteria, now=request.now, seconds=600)

    plan = product()
    if plan.matched != sum(row[3] for row in best()):
        raise SystemExit(f"{name}: the two do not count the same contacts")
    ours, theirs = timed(product, best)
    live()
    quick = statistics.median(_seconds(live) for _ in range(3))
    print(
        f"{name:<23}{plan.matched:>9}{plan.sendable:>9}{ours * 1e3:>12.1f}{theirs * 1e3:>10.1f}"
        f"{ours / theirs:>7.2f}{quick * 1e3:>10.1f}",
        flush=True,
    )
    return ours, theirs


def main() -> int:
    """Print the table; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--contacts", type=int, default=int(os.environ.get("PLAN_CONTACTS", "200000"))
    )
    rows = parser.parse_args().contacts
    limit = max(1.0, 0.8 * rows / 1_000_000)
    django.setup()
    from django.db import transaction

    from benchmarks.plan_world import world_fill

    world = world_fill(rows)
    missed = []
    print(
        f"{'criteria':<23}{'matched':>9}{'sendable':>9}{'product ms':>12}{'best ms':>10}{'ratio':>7}{'live ms':>10}"
    )
    for name, (tree, join, where, params) in cases_of(world).items():

        def best(join: str = join, where: str = where, params: Sequence[Any] = params) -> Any:
            with transaction.atomic():
                return best_rows(world, join=join, where=where, params=params)

        ours, theirs = measured(world, name, tree, best)
        if ours / theirs > TARGET or ours > limit:
            missed.append(name)
    print(f"target: at most {TARGET} times the hand-written statement, and {limit:.1f} s")
    if missed:
        print(f"missed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
