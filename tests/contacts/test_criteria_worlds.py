"""Any tree over any small world: SQL and plain Python name the same people, and `not` the others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsmarketing.accounts.models import Brand, Team
from smsmarketing.contacts.criteria import criteria_compile, criteria_parse, criteria_words
from smsmarketing.contacts.services import audience_save
from tests.contacts.criteria_world import Person, fits, people, trees, world_store


def found(tree: dict[str, Any], brand: Brand, now: Any) -> set[int]:
    criteria = criteria_parse(tree, brand_id=brand.pk, team_ids=[brand.team_id])
    assert criteria_words(criteria)
    compiled = criteria_compile(criteria, now=now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT c.source FROM {compiled.source(contact=True)}"
            f" WHERE s.brand_id = %s AND ({compiled.where})",
            [*compiled.source_params, brand.pk, *compiled.params],
        )
        return {int(row[0]) for row in cursor.fetchall()}


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    persons=st.lists(people, min_size=1, max_size=6),
    several=st.lists(trees, min_size=3, max_size=6),
)
def test_sql_and_python_agree_on_everybody_and_on_the_opposite(
    team: Team, brand: Brand, persons: list[Person], several: list[dict[str, Any]]
) -> None:
    now = timezone.now()
    everybody = set(range(len(persons)))
    with transaction.atomic():
        audience = audience_save(team_id=team.pk, brand=brand, name="The list")
        world_store(persons, brand, audience, now)
        for raw in several:
            tree = json.loads(json.dumps(raw).replace('"THE LIST"', str(audience.pk)))
            expected = {number for number, who in enumerate(persons) if fits(tree, who)}
            assert found(tree, brand, now) == expected
            assert found({"not": tree}, brand, now) == everybody - expected
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        ({"all_tags": ["vip", "new"]}, 'tagged "vip" and "new"'),
        ({"customer_group": "Wholesale"}, 'customer group "Wholesale"'),
        ({"line_type": ["mobile", "voip"]}, "number is mobile or internet telephony"),
        ({"source": "shop"}, 'came in from "shop"'),
        ({"import": 12}, "came in with import 12"),
        ({"created": {"calendar": "last_month"}}, "added as a contact last month"),
        (
            {"created": {"since": "2026-03-01", "until": "2026-03-31"}},
            "added as a contact from 2026-03-01 to 2026-03-31",
        ),
        ({"last_sent": {"older_than_days": 7}}, "last text at least 7 days ago"),
        (
            {"sent": {"count": {"op": "lt", "value": 2}, "within_days": 30}},
            "got fewer than 2 texts in the last 30 days",
        ),
        ({"consent": True}, "has consent for marketing"),
        (
            {
                "consent": {
                    "method": ["web_form", "qr"],
                    "source": "acme.example",
                    "within_days": 365,
                    "expires_within_days": 30,
                }
            },
            'has consent for marketing, by a web form or a QR code, from an address with "acme.example", given in the'
            " last 365 days, lapsing within 30 days",
        ),
        (
            {
                "event": {
                    "kind": "order",
                    "count": {"op": "ge", "value": 2},
                    "between_days": [30, 60],
                }
            },
            "at least 2 orders between 30 and 60 days ago",
        ),
        ({"event": {"kind": "custom:quiz"}}, 'at least 1 "custom:quiz" event'),
        ({"replied": {"within_days": 30}}, "at least 1 reply in the last 30 days"),
        ({"not": {"clicked": True}}, "not (at least 1 click)"),
        ({"newest": {"kind": "pickup", "state": ["ready"]}}, 'newest pickup is "ready"'),
        (
            {"newest": {"kind": "payment", "state": ["open", "failed"], "between_days": [1, 3]}},
            'newest payment is "open" or "failed", between 1 and 3 days ago',
        ),
        (
            {
                "purchases": {
                    "count": {"op": "ge", "value": 3},
                    "total": {"op": "gt", "value": "99.50"},
                    "last": {"within_days": 90},
                }
            },
            "at least 3 orders, spent more than 99.50 in all, last order in the last 90 days",
        ),
        (
            {"repurchase": {"days": 60, "lapsed_days": 365}},
            "due for the next order: the last one at least 60 days ago, but at most 365 days ago",
        ),
        (
            {"repurchase": {"factor": 1.2}},
            "due for the next order: the last one longer ago than 1.2 times the person's own mean gap",
        ),
        (
            {"custom": {"name": "birthday", "type": "date", "op": "anniversary", "value": 7}},
            'field "birthday" comes round today or in the next 7 days, whatever the year',
        ),
        (
            {"custom": {"name": "joined", "type": "date", "op": "last_days", "value": 1}},
            'field "joined" is today or in the last 1 day',
        ),
    ],
)
def test_conditions_read_as_sentences(brand: Brand, leaf: dict[str, Any], words: str) -> None:
    criteria = criteria_parse(leaf, brand_id=brand.pk, team_ids=[brand.team_id])
    assert criteria_words(criteria) == words
