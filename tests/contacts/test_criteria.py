"""Segment criteria: what is refused, what each condition finds, and that nothing can break out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsmarketing.accounts.models import Brand, Team
from smsmarketing.contacts.criteria import criteria_compile, criteria_parse, criteria_words
from smsmarketing.contacts.models import Contact, SendState
from smsmarketing.contacts.services import audience_add, audience_save
from smsmarketing.operations.errors import InvalidInput
from tests.contacts.conftest import order_of

A, B, C = "+447400123456", "+491711234567", "+12025550123"


def found(tree: dict[str, Any], brand: Brand) -> set[str]:
    criteria = criteria_parse(tree, brand_id=brand.pk, team_ids=[brand.team_id])
    compiled = criteria_compile(criteria)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT s.contact_id FROM {compiled.source()}"
            f" WHERE s.brand_id = %s AND ({compiled.where})",
            [*compiled.source_params, brand.pk, *compiled.params],
        )
        ids = [row[0] for row in cursor.fetchall()]
    return set(Contact.objects.filter(pk__in=ids).values_list("phone", flat=True))


@pytest.fixture
def people(brand: Brand, team: Team, make_contact: Callable[..., Contact]) -> dict[str, Contact]:
    """Three contacts that differ in everything; A is on a list and bought twice."""
    now = timezone.now()
    a = make_contact(
        A,
        consent=True,
        tags=["vip", "new"],
        language="en-GB",
        region="ENG",
        customer_key="c-1",
        custom={"points": 120, "size": "M", "joined": "2026-01-31", "member": True},
    )
    b = make_contact(
        B, tags=["new"], language="de", custom={"points": "80", "size": "L", "member": "FALSE"}
    )
    c = make_contact(C, language="es", region="FL", custom={"points": "many", "joined": "soon"})
    audience = audience_save(team_id=team.pk, brand=brand, name="Spring")
    audience_add(audience, [a.pk])
    for number, days in enumerate((3, 40)):
        order_of(a, team, str(number), at=now - timedelta(days=days), total=30 + number * 40)
    SendState.objects.filter(contact_id=a.pk).update(recent=[now - timedelta(days=5)])
    return {"a": a, "b": b, "c": c}


def custom(name: str, operator: str, value: Any = None, kind: str = "text") -> dict[str, Any]:
    leaf = {"name": name, "op": operator, "type": kind}
    return {"custom": leaf if value is None else {**leaf, "value": value}}


@pytest.mark.parametrize(
    ("tree", "phones"),
    [
        ({"everyone": True}, {A, B, C}),
        ({"tag": "vip"}, {A}),
        ({"tag": ["vip", "new"]}, {A, B}),
        ({"not": {"tag": "new"}}, {C}),
        ({"country": ["DE", "US"]}, {B, C}),
        ({"language": "en"}, {A}),
        ({"language": "en-US"}, set()),
        ({"region": ["US-FL", "GB-ENG"]}, {A, C}),
        ({"all": [{"tag": "new"}, {"country": "DE"}]}, {B}),
        ({"and": [{"tag": "new"}, {"or": [{"country": "DE"}, {"country": "US"}]}]}, {B}),
        ({"any": [{"tag": "vip"}, {"country": "US"}]}, {A, C}),
        (custom("points", "ge", 100, "number"), {A}),
        (custom("points", "lt", 100, "number"), {B}),
        (custom("points", "in", [80, 120.0], "number"), {A, B}),
        ({"not": custom("points", "ge", 100, "number")}, {B, C}),
        (custom("size", "eq", "M"), {A}),
        (custom("size", "in", ["L", "XL"]), {B}),
        (custom("size", "contains", "l"), {B}),
        (custom("size", "missing"), {C}),
        (custom("size", "exists"), {A, B}),
        (custom("joined", "le", "2026-01-31", "date"), {A}),
        (custom("joined", "gt", "2026-01-31", "date"), set()),
        (custom("member", "eq", True, "boolean"), {A}),
        (custom("member", "eq", False, "boolean"), {B}),
        ({"consent_age": {"op": "le", "days": 31}}, {A}),
        ({"consent_age": {"op": "gt", "days": 31}}, set()),
        ({"last_sent": {"op": "le", "days": 7}}, {A}),
        ({"last_sent": {"op": "ge", "days": 7}}, set()),
        ({"not": {"last_sent": {"op": "le", "days": 7}}}, {B, C}),
        ({"never_sent": True}, {B, C}),
        ({"customer_key": True}, {A}),
        ({"customer_key": False}, {B, C}),
        ({"event": {"kind": "order"}}, {A}),
        ({"event": {"kind": "order", "count": {"op": "ge", "value": 2}}}, {A}),
        (
            {"event": {"kind": "order", "within_days": 30, "count": {"op": "ge", "value": 2}}},
            set(),
        ),
        ({"event": {"kind": "order", "count": {"op": "eq", "value": 0}}}, {B, C}),
        (
            {
                "event": {
                    "kind": "order",
                    "properties": [{"name": "total", "type": "number", "op": "ge", "value": 70}],
                    "count": {"op": "eq", "value": 1},
                }
            },
            {A},
        ),
    ],
)
def test_each_condition_finds_its_contacts(
    people: dict[str, Contact], brand: Brand, tree: dict[str, Any], phones: set[str]
) -> None:
    assert found(tree, brand) == phones


def test_events_of_another_team_are_not_seen(
    people: dict[str, Contact], brand: Brand, other_brand: Brand
) -> None:
    """The rival knows the same people; its orders are its own."""
    for contact in people.values():
        order_of(contact, other_brand.team, f"their-{contact.pk}", at=timezone.now())
    assert found({"event": {"kind": "order"}}, brand) == {A}


def test_an_audience_of_the_brand_is_found_and_named(
    people: dict[str, Contact], brand: Brand
) -> None:
    audience = people["a"].memberships.get().audience
    tree = {"all": [{"audience": audience.pk}, {"not": {"tag": "staff"}}]}
    assert found(tree, brand) == {A}
    criteria = criteria_parse(tree, brand_id=brand.pk, team_ids=[brand.team_id])
    assert criteria.audience_ids == (audience.pk,)
    assert criteria_words(criteria) == 'on the list "Spring" and not (tagged "staff")'


def test_an_audience_of_another_team_does_not_exist(
    brand: Brand, other_brand: Brand, team: Team
) -> None:
    foreign = audience_save(team_id=other_brand.team_id, brand=other_brand, name="Theirs")
    with pytest.raises(InvalidInput) as refusal:
        found({"audience": foreign.pk}, brand)
    assert list(refusal.value.field_errors) == ["criteria.audience"]


def _deep(levels: int) -> dict[str, Any]:
    return {"not": _deep(levels - 1)} if levels else {"everyone": True}


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({}, "criteria"),
        ({"tag": "a", "country": "DE"}, "criteria"),
        ({"planet": "mars"}, "criteria.planet"),
        ({"all": []}, "criteria.all"),
        ({"all": {"tag": "a"}}, "criteria.all"),
        ({"any": [{"tag": "a"}, {"country": "Germany"}]}, "criteria.any[1].country"),
        ({"country": ["DE", "de"]}, "criteria.country[1]"),
        ({"tag": ""}, "criteria.tag"),
        ({"tag": ["x"] * 201}, "criteria.tag"),
        ({"audience": "3"}, "criteria.audience"),
        ({"audience": True}, "criteria.audience"),
        ({"region": "FL"}, "criteria.region"),
        ({"language": "english!"}, "criteria.language"),
        ({"never_sent": False}, "criteria.never_sent"),
        ({"custom": {"op": "eq", "value": "x"}}, "criteria.custom.name"),
        (custom("a", "like", "x"), "criteria.custom.op"),
        (custom("a", "eq", "x", "colour"), "criteria.custom.type"),
        (custom("a", "eq", "x", "number"), "criteria.custom.value"),
        (custom("a", "eq", "1e400", "number"), "criteria.custom.value"),
        (custom("a", "eq", float("nan"), "number"), "criteria.custom.value"),
        (custom("a", "eq", "1e1000000", "number"), "criteria.custom.value"),
        (custom("a", "in", [1, "-1e1000000"], "number"), "criteria.custom.value[1]"),
        ({"consent": {"purpose": []}}, "criteria.consent.purpose"),
        ({"consent": {"purpose": {"marketing": 1}}}, "criteria.consent.purpose"),
        (custom("a", "eq", "2026-02-30", "date"), "criteria.custom.value"),
        (custom("a", "exists", "x"), "criteria.custom.value"),
        (custom("a\x00", "eq", "x"), "criteria.custom.name"),
        ({"consent_age": {"op": "eq", "days": 3}}, "criteria.consent_age.op"),
        ({"last_sent": {"op": "le", "days": -1}}, "criteria.last_sent.days"),
        ({"last_sent": {"op": "le", "days": 10**9}}, "criteria.last_sent.days"),
        ({"event": {"kind": "order", "colour": 1}}, "criteria.event.colour"),
        (
            {"event": {"kind": "order", "properties": [{"name": "a", "op": "no", "value": "b"}]}},
            "criteria.event.properties[0].op",
        ),
        ({"event": {"kind": "order", "within_days": 1.5}}, "criteria.event.within_days"),
        ({"all": [{"everyone": True}] * 101}, "criteria.all[99]"),
        (_deep(8), "criteria" + ".not" * 8),
    ],
)
def test_a_fault_is_named_by_its_path(brand: Brand, tree: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        criteria_parse(tree, brand_id=brand.pk, team_ids=[brand.team_id])
    assert list(refusal.value.field_errors) == [path]


def test_a_condition_that_reads_only_the_narrow_row_says_so(brand: Brand) -> None:
    def wide(tree: dict[str, Any]) -> bool:
        parsed = criteria_parse(tree, brand_id=brand.pk, team_ids=[brand.team_id])
        return criteria_compile(parsed).needs_contact

    assert not wide({"all": [{"country": "DE"}, {"not": {"never_sent": True}}]})
    assert not wide({"consent": {"method": "web_form"}})
    assert not wide({"any": [{"country": "DE"}, {"tag": "vip"}]})
    assert wide({"all": [{"country": "DE"}, {"language": "de"}]})


def test_a_tag_is_read_from_the_contacts_row_where_that_is_there_anyhow(brand: Brand) -> None:
    def where(tree: dict[str, Any]) -> str:
        return criteria_compile(
            criteria_parse(tree, brand_id=brand.pk, team_ids=[brand.team_id])
        ).where

    assert "c.tags && " in where({"any": [{"tag": "vip"}, {"language": "de"}]})
    assert "EXISTS (SELECT 1 FROM contacts_contact t" in where({"not": {"all_tags": ["a", "b"]}})


_text = st.text(min_size=1, max_size=20)
_comparison = st.fixed_dictionaries(
    {
        "name": _text,
        "op": st.sampled_from(["eq", "ne", "lt", "ge", "in", "contains", "exists"]),
        "type": st.sampled_from(["text", "number", "date", "boolean"]),
    },
    optional={"value": st.one_of(_text, st.integers(), st.floats(), st.booleans(), st.none())},
)
_leaf = st.one_of(
    st.fixed_dictionaries({"tag": st.one_of(_text, st.lists(_text, max_size=3))}),
    st.fixed_dictionaries({"country": st.sampled_from(["DE", "GB", "de", 7])}),
    st.fixed_dictionaries({"custom": _comparison}),
    st.fixed_dictionaries(
        {"last_sent": st.fixed_dictionaries({"op": st.just("le"), "days": st.integers()})}
    ),
    st.fixed_dictionaries(
        {
            "event": st.fixed_dictionaries(
                {"kind": _text, "properties": st.lists(_comparison, max_size=2)}
            )
        }
    ),
    st.just({"everyone": True}),
    st.dictionaries(_text, _text, max_size=2),
)
_tree = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=8,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(tree=_tree)
def test_any_tree_is_refused_or_runs_and_its_opposite_is_the_rest(
    people: dict[str, Contact], brand: Brand, tree: dict[str, Any]
) -> None:
    """Never a database error, and every contact is either in it or in its opposite."""
    try:
        inside = found(tree, brand)
        outside = found({"not": tree}, brand)
    except InvalidInput:
        return
    assert inside | outside == {A, B, C}
    assert not inside & outside
    parsed = criteria_parse(tree, brand_id=brand.pk, team_ids=[brand.team_id])
    assert criteria_words(parsed)
