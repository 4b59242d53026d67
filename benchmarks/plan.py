"""Planning an audience: the product's preview against a hand-written best statement over the same tables.

    python -m benchmarks plan                      200,000 contacts on a database of its own
    DATABASE_URL=... python -m benchmarks.plan --contacts 1000000

The hand-written statement knows the answer's shape beforehand: it aggregates by country, reason and "capped" and leaves
the countries to the reader (perf.md §2, S7). The product's figure is the whole `audience_plan`: criteria, rates,
sender, caps, decision, counts by reason and country. Target (perf.md §7): at most 1.5 times the statement's time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import django

TARGET = 1.5
RUNS = 7

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

    from smsmarketing.gateways.selectors.limits import caps_for

    now = timezone.now()
    caps = caps_for(world.brand, "marketing")
    capped = " OR ".join("s.recent[%s] > %s" for _ in caps)
    moments = [value for cap in caps for value in (cap.limit, now - cap.window)]
    with connection.cursor() as cursor:
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
    }


def main() -> int:
    """Print the table; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=200_000)
    rows = parser.parse_args().contacts
    django.setup()
    from django.db import transaction
    from django.utils import timezone

    from benchmarks.plan_world import world_fill
    from smsmarketing.campaigns.plan import PlanRequest, audience_plan
    from smsmarketing.contacts.criteria import criteria_parse

    world = world_fill(rows)
    missed = []
    print(
        f"{'criteria':<18}{'matched':>10}{'sendable':>10}{'product ms':>12}{'best ms':>10}{'ratio':>8}"
    )
    for name, (tree, join, where, params) in cases_of(world).items():
        request = PlanRequest(
            criteria=criteria_parse(tree, brand_id=world.brand.pk, team_ids=[world.team.pk]),
            brand_id=world.brand.pk,
            purpose="marketing",
            gateway=world.gateway,
            sender=world.sender,
            now=timezone.now(),
        )

        def product(request: PlanRequest = request) -> Any:
            with transaction.atomic():
                return audience_plan(request)

        def best(join: str = join, where: str = where, params: Sequence[Any] = params) -> Any:
            with transaction.atomic():
                return best_rows(world, join=join, where=where, params=params)

        plan = product()
        if plan.matched != sum(row[3] for row in best()):
            raise SystemExit(f"{name}: the two do not count the same contacts")
        ours, theirs = timed(product, best)
        ratio = ours / theirs
        print(
            f"{name:<18}{plan.matched:>10}{plan.sendable:>10}{ours * 1e3:>12.1f}{theirs * 1e3:>10.1f}{ratio:>8.2f}"
        )
        if ratio > TARGET:
            missed.append(name)
    print(f"target: at most {TARGET} times the hand-written statement over the same tables")
    if missed:
        print(f"missed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
