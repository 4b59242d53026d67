"""How PostgreSQL finds a person: by an index, in a table that is worth one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from smsmarketing.accounts.models import Brand, Role, User
from smsmarketing.contacts.selectors.contacts import countries_present
from smsmarketing.operations.surfaces.calls import operation_call
from smsmarketing.operations.types import Actor, Done

pytestmark = pytest.mark.django_db

PEOPLE = 20_000
PHONE = "+447400010000"
FN_OF_1 = "c4ca4238a0b923820dcc509a6f75849b"
LN_OF_3 = "745e9cdc76ffef9a8c1ae15e3f2e8cf9"
FILL = """
INSERT INTO contacts_contact (phone, phone_hash, hash_key, country, line_type, first_name, last_name,
    language, region, time_zone, time_zone_source, customer_key, customer_group, crm_keys, tags,
    custom, source, version, created_at, updated_at)
SELECT '+4474' || lpad(n::text, 8, '0'), sha256(n::text::bytea), '',
    CASE WHEN n %% 5000 = 1 THEN 'LI' WHEN n %% 10 = 0 THEN 'IE' ELSE 'GB' END,
    'mobile', CASE WHEN n %% 3 = 0 THEN '' ELSE 'Fn' || md5(n::text) END, 'Ln' || md5('l' || n),
    'en', '', '', 'number', 'k-' || n, '', '{}', ARRAY['t' || n %% 2000], '{}', 'test', 1, now(), now()
FROM generate_series(1, %(people)s) n;
INSERT INTO contacts_sendstate (contact_id, brand_id, country, recent)
SELECT id, %(brand)s, country, '{}' FROM contacts_contact;
ANALYZE contacts_contact;
ANALYZE contacts_sendstate;
ANALYZE accounts_brand
"""


@pytest.fixture
def crowd(brand: Brand) -> None:
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"people": PEOPLE, "brand": brand.pk})


def plan_of(work: Callable[[], Any]) -> str:
    """The plan of the statement by which `work` looks for contacts."""
    with CaptureQueriesContext(connection) as caught:
        work()
    looks = [
        query["sql"]
        for query in caught.captured_queries
        if query["sql"].startswith("SELECT") and 'FROM "contacts_contact"' in query["sql"]
    ]
    assert looks
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + looks[-1])
        return "\n".join(row[0] for row in cursor.fetchall())


SEARCHES: tuple[tuple[dict[str, str], set[str]], ...] = (
    ({"name": "fn7e"}, {"contact_first_name", "contact_last_name"}),
    ({"name": "Ln0%_"}, {"contact_first_name", "contact_last_name"}),
    ({"phone": PHONE}, {"contact_phone_once"}),
    ({"customer_key": "k-77"}, {"contact_customer_key"}),
    ({"tag": "t7"}, {"contact_tags"}),
    ({"country": "IE"}, set()),  # many: either by age or by country
    ({"country": "LI"}, {"contact_country"}),  # few: a walk by age would read everybody
)


def test_a_search_reads_an_index(crowd: None, actor: Actor) -> None:
    for criteria, indexes in SEARCHES:
        plan = plan_of(
            partial(operation_call, "contacts.search", {**criteria, "limit": 5}, actor=actor)
        )
        assert "Seq Scan on contacts_contact" not in plan, (criteria, plan)
        assert all(name in plan for name in indexes), (criteria, plan)
    # It finds what reading finds, in any case, by either name; a sign of LIKE is a letter; an empty
    # name begins with nothing.
    for name, found in (("fN%", 0), ("fn_", 0), ("FN" + FN_OF_1, 1), ("ln" + LN_OF_3.upper(), 1)):
        outcome = operation_call("contacts.search", {"name": name}, actor=actor)
        assert isinstance(outcome, Done)
        assert len(outcome.result.items) == found, name


def test_the_list_of_the_admin_reads_an_index(crowd: None, user: User) -> None:
    """The search box, and the filter by country: it offers the countries that there are, by name."""
    user.is_staff = True
    user.save()
    user.roles.add(Role.objects.get(key="crm"))
    client = Client()
    client.force_login(user)
    address = reverse("admin:contacts_contact_changelist")
    for asked, index in (
        ({"q": "fn7e"}, "contact_first_name"),
        ({"q": "LN0A"}, "contact_last_name"),
        ({"q": "k-77"}, "contact_customer_key"),
        ({"q": PHONE}, "contact_phone_once"),
        ({"country": "LI"}, "contact_country"),
    ):
        plan = plan_of(partial(client.get, address, asked))
        assert "Seq Scan on contacts_contact" not in plan, (asked, plan)
        assert index in plan, (asked, plan)
    answer = client.get(address, {"country": "LI"})
    assert {row.country for row in answer.context["cl"].result_list} == {"LI"}
    assert "Liechtenstein" in answer.content.decode()
    with CaptureQueriesContext(connection) as caught:
        assert countries_present() == ["GB", "IE", "LI"]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + caught.captured_queries[-1]["sql"])
        assert "Seq Scan on contacts_contact" not in str(cursor.fetchall())
    assert client.get(address, {"country": "\x00"}).status_code == 200
