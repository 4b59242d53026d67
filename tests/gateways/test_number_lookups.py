"""numbers.lookup over a loopback provider: reserved, asked for once, answered by its callback, settled."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from django.utils import timezone

from smsmarketing.accounts.models import Role
from smsmarketing.accounts.rules.permissions import PERMISSIONS
from smsmarketing.accounts.selectors import actor_for_user
from smsmarketing.contacts.phones import phone_hash
from smsmarketing.contacts.services.erasing.jobs import Traces
from smsmarketing.gateways import services
from smsmarketing.gateways.models import (
    Gateway,
    LedgerEntry,
    NumberingList,
    NumberLookup,
    Quota,
    Receipt,
)
from smsmarketing.gateways.services.erasing import lookups_erase
from smsmarketing.gateways.services.lookups import lookups_run
from smsmarketing.gateways.services.numbering import numbering_read
from smsmarketing.gateways.services.retention import texts_expire
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import (
    BudgetExceeded,
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
)
from smsmarketing.operations.types import Actor, Done, Held, Surface
from tests.gateways.world import World
from tests.webhooks.receiver import Receiver, Request

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = "+37061860698"
OTHER = "+37069912345"


class Provider:
    """VertexSMS, as far as numbers go, over a real socket."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b""
        self.asked: list[dict[str, str]] = []

    def answer(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        assert request.headers["x-vertexsms-token"] == "test-token"
        path = request.path.split("?")[0]
        if path == "/hlr":
            self.asked.append(json.loads(request.body))
            if self.status != 200 or self.body:
                return self.status, {}, self.body
            return 200, {}, b"[%d]" % (1203877132 + len(self.asked))
        if path == "/operators/493":
            return 200, {}, b'{"name": "BITE", "country": "LT", "mcc": "246", "mnc": ["02"]}'
        if path == "/mccmnc/LT":
            rows = b'[{"country": "LT", "MCC": "246", "MNC": "01", "operatorId": "1891"}]'
            return 200, {}, rows if request.path.endswith("Page=1") else b"[]"
        if path == "/prefixes/LT":
            return (
                200,
                {},
                b'[{"prefix": "3706000", "country": "LT", "operatorId": "2536"},'
                b' {"prefix": "3706100", "country": "LT", "operatorId": "493"}]',
            )
        return 503, {}, b"<html>"


@pytest.fixture
def provider() -> Iterator[tuple[Provider, Receiver]]:
    fake = Provider()
    with Receiver(fake.answer) as receiver:
        yield fake, receiver


@pytest.fixture
def gateway(world: World, provider: tuple[Provider, Receiver]) -> Gateway:
    Gateway.objects.all().update(state="disabled")
    return services.gateway_create(
        name="Vertex",
        slug=f"vertex-{uuid4().hex[:8]}",  # webhooks remember a slug for two seconds
        transport="vertexsms",
        base_url=provider[1].url.removesuffix("/in"),
        credentials={"token": "test-token"},
        countries=["LT"],
        webhook_secret="hook-secret",
        lookup_price=Decimal("0.004"),
    )


@pytest.fixture
def actor(world: World) -> Actor:
    world.user.roles.add(Role.objects.create(key="x", name="x", permissions=sorted(PERMISSIONS)))
    return actor_for_user(world.user, surface=Surface.ADMIN, is_session=True)


def ask(actor: Actor, world: World, *numbers: str, **more: Any) -> dict[str, Any]:
    payload = {"team_id": world.team.pk, "numbers": list(numbers) or [PHONE], **more}
    done = execute("numbers.lookup", payload, actor=actor, idempotency_key=uuid4().hex)
    assert isinstance(done, Done)
    return done.result.model_dump()


def status(actor: Actor, **more: Any) -> dict[str, Any]:
    done = execute("numbers.lookup_status", more, actor=actor)
    assert isinstance(done, Done)
    return done.result.model_dump()


def callback(asked: dict[str, str], remote_id: object, **more: Any) -> tuple[int, bytes]:
    """The provider posts to the address it was given."""
    body = {"id": str(remote_id), "error": "0", "imsi": "2460210051600001"} | more
    path = "/webhooks/" + asked["callBackUrl"].split("/webhooks/")[1]
    response = Client().post(path, json.dumps(body), content_type="application/json")
    return response.status_code, response.content


def quota_of(world: World) -> tuple[Decimal, Decimal]:
    quota = Quota.objects.get(team=world.team, brand=None)
    entries = LedgerEntry.objects.filter(quota=quota).values_list("kind", "amount")
    sums = {
        kind: sum(a for k, a in entries if k == kind) for kind in ("reserve", "release", "settle")
    }
    assert quota.money_reserved == sums["reserve"] - sums["release"]
    assert quota.money_spent == sums["settle"]
    return quota.money_reserved, quota.money_spent


def test_a_number_is_asked_for_answered_and_paid(
    world: World, gateway: Gateway, actor: Actor, provider: tuple[Provider, Receiver]
) -> None:
    first = ask(actor, world, "8 618 60698", country="LT")
    assert (first["asked"], first["known"], first["gateway"]) == (1, 0, "Vertex")
    assert first["lookups"][0]["number"] == "+370•••••••98"
    assert quota_of(world) == (Decimal("0.004"), Decimal(0))
    assert lookups_run() == 1
    assert quota_of(world) == (Decimal(0), Decimal("0.004"))
    assert [each["msisdn"] for each in provider[0].asked] == [PHONE[1:]]
    row = NumberLookup.objects.get()
    assert (row.state, row.phone, row.remote_id) == ("asked", "", "1203877133")
    told = callback(
        provider[0].asked[0], row.remote_id, country="LT", mcc="246", mnc="02", operatorId=493
    )
    assert told == (200, b"OK")
    assert callback(provider[0].asked[0], row.remote_id, error="40") == (200, b"OK")  # a repetition
    page = status(actor, call_id=first["call_id"], wait_seconds=5)
    assert page["open"] == 0
    found = page["items"][0]
    assert (found["state"], found["result"], found["operator"], found["ported"]) == (
        "done",
        "active",
        "24602",
        False,
    )
    assert found["source"] == "HLR by Vertex"
    again = ask(actor, world)
    assert (again["asked"], again["known"], again["lookups"][0]["result"]) == (0, 1, "active")
    assert ask(actor, world, max_age_days=0)["asked"] == 1
    assert quota_of(world) == (Decimal("0.004"), Decimal("0.004"))
    assert status(actor, number=PHONE)["items"][0]["state"] == "queued"


def test_the_answer_may_overtake_the_record_of_the_asking(
    world: World, gateway: Gateway, actor: Actor, provider: tuple[Provider, Receiver]
) -> None:
    before = provider[0].answer

    def fast(request: Request) -> tuple[int, dict[str, str], bytes]:
        told = before(request)
        assert callback(provider[0].asked[-1], 1203877133, error="40") == (200, b"OK")
        connections.close_all()  # of the provider's thread
        return told

    provider[1].answer = fast
    ask(actor, world)
    assert lookups_run() == 1
    row = NumberLookup.objects.get()
    assert (row.state, row.result, row.error_code) == ("done", "unknown_subscriber", "40")
    assert quota_of(world) == (Decimal(0), Decimal("0.004"))


@pytest.mark.parametrize(
    ("answer", "state", "spent"),
    [
        ((400, b'{"message": "no"}'), "failed", "0"),
        ((401, b""), "failed", "0"),
        ((429, b""), "queued", "0"),
        ((500, b"<html>"), "asked", "0.004"),
        ((200, b"<html>"), "asked", "0.004"),
    ],
)
def test_what_may_have_been_billed_is_never_asked_twice(
    world: World,
    gateway: Gateway,
    actor: Actor,
    provider: tuple[Provider, Receiver],
    answer: tuple[int, bytes],
    state: str,
    spent: str,
) -> None:
    """[R-8.12] what cannot be known is not repeated; what was certainly refused costs nothing."""
    provider[0].status, provider[0].body = answer
    ask(actor, world)
    lookups_run()
    lookups_run()
    row = NumberLookup.objects.get()
    assert (row.state, len(provider[0].asked)) == (state, 1)
    assert row.error
    reserved = "0.004" if state == "queued" else "0"
    assert quota_of(world) == (Decimal(reserved), Decimal(spent))
    if state == "asked":  # its answer comes all the same
        assert callback(provider[0].asked[0], 77) == (200, b"OK")
        row.refresh_from_db()
        assert (row.state, row.result) == ("done", "active")
        assert quota_of(world) == (Decimal(0), Decimal(spent))
    if state == "queued":
        provider[0].status, later = 200, timezone.now() + timedelta(hours=1)
        provider[0].body = b""
        assert lookups_run(now=later) == 1
        assert quota_of(world) == (Decimal(0), Decimal("0.004"))


def test_an_unclear_answer_is_not_paid_twice_by_itself(
    world: World, gateway: Gateway, actor: Actor, provider: tuple[Provider, Receiver]
) -> None:
    """What was billed is known, clear or not; asking anew takes a word. A clear answer wins over it."""
    ask(actor, world)
    lookups_run()
    callback(provider[0].asked[0], "1203877133", error="51")
    again = ask(actor, world)
    assert (again["asked"], again["lookups"][0]["result"]) == (0, "unclear")
    assert ask(actor, world, max_age_days=0)["asked"] == 1
    lookups_run()
    callback(provider[0].asked[1], "1203877134")
    assert ask(actor, world, max_age_days=0)["asked"] == 1
    lookups_run()
    callback(provider[0].asked[2], "1203877135", error="51")
    assert ask(actor, world)["lookups"][0]["result"] == "active"
    assert len(provider[0].asked) == 3
    assert quota_of(world) == (Decimal(0), Decimal("0.012"))


def test_two_who_ask_for_the_same_pay_once(world: World, gateway: Gateway, actor: Actor) -> None:
    barrier = Barrier(2)

    def run() -> int:
        try:
            barrier.wait(20)
            return int(ask(actor, world)["asked"])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=2) as pool:
        assert sorted(each.result() for each in [pool.submit(run) for _ in range(2)]) == [0, 1]
    assert NumberLookup.objects.count() == 1
    assert quota_of(world) == (Decimal("0.004"), Decimal(0))


def test_after_its_time_a_lookup_knows_nobody(
    world: World, gateway: Gateway, actor: Actor, provider: tuple[Provider, Receiver]
) -> None:
    """[R-4.14] what it cost stays; its late answer is not taken."""
    ask(actor, world, PHONE)
    lookups_run()
    ask(actor, world, OTHER)
    late = timezone.now() + timedelta(days=settings.DELIVERY_DATA_DAYS + 1)
    assert texts_expire(now=late)["number_lookups"] == 0
    NumberLookup.objects.filter(state="asked").update(state="no_answer")
    assert texts_expire(now=late)["number_lookups"] == 1
    assert texts_expire(now=late)["number_lookups"] == 0
    assert callback(provider[0].asked[0], "1203877133") == (200, b"OK")
    rows = NumberLookup.objects.order_by("pk").values_list("masked", "state", "result", "price")
    assert list(rows) == [
        ("removed", "no_answer", "", Decimal("0.004")),
        ("+370•••••••45", "queued", "", Decimal("0.004")),
    ]


def test_no_answer_within_a_day_is_shown_and_a_late_one_is_taken(
    world: World, gateway: Gateway, actor: Actor, provider: tuple[Provider, Receiver]
) -> None:
    ask(actor, world)
    lookups_run()
    lookups_run(now=timezone.now() + timedelta(hours=25))
    row = NumberLookup.objects.get()
    assert row.state == "no_answer"
    callback(provider[0].asked[0], row.remote_id, error=43)
    row.refresh_from_db()
    assert (row.state, row.result) == ("done", "absent")
    assert quota_of(world) == (Decimal(0), Decimal("0.004"))


def test_two_workers_ask_once(
    world: World, gateway: Gateway, actor: Actor, provider: tuple[Provider, Receiver]
) -> None:
    ask(actor, world, *(f"+3706186{number:04}" for number in range(20)))

    def run() -> int:
        try:
            return lookups_run()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=2) as pool:
        assert sum(each.result() for each in [pool.submit(run) for _ in range(2)]) == 20
    assert len({each["msisdn"] for each in provider[0].asked}) == len(provider[0].asked) == 20
    assert quota_of(world) == (Decimal(0), Decimal("0.08"))


@pytest.mark.parametrize("change", ["secret", "other", "unknown", "remote"])
def test_whose_answer_is_not_believed(
    world: World, gateway: Gateway, actor: Actor, provider: tuple[Provider, Receiver], change: str
) -> None:
    """[R-10.1] the secret of the address, our id and the provider's id must fit together."""
    ask(actor, world)
    lookups_run()
    before = list(NumberLookup.objects.values())
    asked = dict(provider[0].asked[0])
    remote_id: object = before[0]["remote_id"]
    if change == "secret":
        asked["callBackUrl"] = asked["callBackUrl"].replace("hook-secret", "guess")
    elif change == "other":  # another gateway's address
        own = f"/webhooks/{world.gateway.slug}/{world.secret}/"
        asked["callBackUrl"] = asked["callBackUrl"].replace(
            f"/webhooks/{gateway.slug}/hook-secret/", own
        )
    elif change == "unknown":
        asked["callBackUrl"] += "999"
    else:
        remote_id = 4711
    assert callback(asked, remote_id)[0] == (403 if change == "secret" else 200)
    assert list(NumberLookup.objects.values()) == before


def test_an_unreadable_answer_is_kept_for_people(
    world: World, gateway: Gateway, actor: Actor, provider: tuple[Provider, Receiver]
) -> None:
    ask(actor, world)
    lookups_run()
    path = "/webhooks/" + provider[0].asked[0]["callBackUrl"].split("/webhooks/")[1]
    for _ in range(2):
        response = Client().post(path, b'{"id": "12', content_type="application/json")
        assert response.status_code == 400
    kept = Receipt.objects.get()
    assert (kept.kind, kept.state, bytes(kept.raw)) == ("lookup", "unusable", b'{"id": "12')
    assert NumberLookup.objects.get().state == "asked"
    assert Client().get(path).status_code == 405


def test_refusals_change_nothing(world: World, gateway: Gateway, actor: Actor) -> None:
    with pytest.raises(InvalidInput, match=r"numbers\.correct"):
        ask(actor, world, PHONE, "123")
    with pytest.raises(NotFound):
        ask(actor, world, team_id=987_654_321)
    Quota.objects.filter(team=world.team).update(money_limit=Decimal("0.005"))
    with pytest.raises(BudgetExceeded, match="left this month"):
        ask(actor, world, PHONE, OTHER)
    Gateway.objects.filter(pk=gateway.pk).update(lookup_price=None)
    with pytest.raises(Conflict, match="lookup_price"):
        ask(actor, world)
    nobody = actor_for_user(world.user, surface=Surface.ADMIN, is_session=True)
    nobody = type(nobody)(**{**nobody.__dict__, "permissions": frozenset()})
    with pytest.raises(NotPermitted):
        ask(nobody, world)
    assert not NumberLookup.objects.exists()
    assert not LedgerEntry.objects.exists()
    assert Quota.objects.get(team=world.team).money_reserved == 0


def test_many_at_once_wait_for_a_second_person(
    world: World, gateway: Gateway, actor: Actor
) -> None:
    numbers = [f"+3706186{number:04}" for number in range(51)]
    payload = {"team_id": world.team.pk, "numbers": numbers}
    held = execute("numbers.lookup", payload, actor=actor, idempotency_key=uuid4().hex)
    assert isinstance(held, Held)
    assert not NumberLookup.objects.exists()
    assert not LedgerEntry.objects.exists()
    assert ask(actor, world, *numbers[:50], numbers[0])["asked"] == 50


def test_an_erased_number_is_not_asked_and_its_answer_forgotten(
    world: World,
    gateway: Gateway,
    actor: Actor,
    provider: tuple[Provider, Receiver],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """[R-4.9] and no number, token or secret in the logs."""
    caplog.set_level(logging.DEBUG)
    ask(actor, world, OTHER)
    lookups_run()
    callback(provider[0].asked[0], "1203877133", mcc="246", mnc="02")
    ask(actor, world, PHONE)
    for phone in (PHONE, OTHER):
        traces = Traces(phone=phone, phone_hash=phone_hash(phone), contact_ids=())
        assert lookups_erase(traces, timezone.now()).rows == 1
        assert lookups_erase(traces, timezone.now()).rows == 0
    lookups_run()
    assert len(provider[0].asked) == 1
    rows = NumberLookup.objects.order_by("pk").values(
        "state", "masked", "phone", "operator", "result"
    )
    assert list(rows) == [
        {"state": "done", "masked": "erased", "phone": "", "operator": "", "result": ""},
        {"state": "failed", "masked": "erased", "phone": "", "operator": "", "result": ""},
    ]
    assert quota_of(world) == (Decimal(0), Decimal("0.004"))
    for word in (PHONE[1:], OTHER[1:], "test-token", "hook-secret", "2460210051600001"):
        assert word not in caplog.text


def test_networks_prefixes_and_operators_tell_their_source(
    world: World, gateway: Gateway, actor: Actor, provider: tuple[Provider, Receiver]
) -> None:
    def told(key: str, **payload: Any) -> dict[str, Any]:
        done = execute(key, payload, actor=actor)
        assert isinstance(done, Done)
        return done.result.model_dump()

    first = told("numbers.prefixes", country="LT", starts_with="37061")
    assert first["refreshing"] is True
    assert "libphonenumber" in first["source"]
    assert {"prefix": "37061", "operator_id": "", "holder": "Telia"} in first["prefixes"]
    assert "price lists" in told("numbers.networks", country="LT")["source"]
    assert told("numbers.operator", number=PHONE)["name"] == "Telia"
    assert told("numbers.operator", operator_id="493")["name"] == ""
    assert numbering_read() == 3
    second = told("numbers.prefixes", country="LT", starts_with="37061")
    assert (second["refreshing"], second["source"]) == (False, "Vertex, its list of prefixes")
    assert [each["prefix"] for each in second["prefixes"]] == ["3706100"]
    assert second["age_seconds"] is not None
    networks = told("numbers.networks", country="LT")
    assert networks["networks"] == [{"operator": "24601", "operator_id": "1891", "name": ""}]
    assert told("numbers.operator", operator_id="493")["name"] == "BITE"
    ask(actor, world)
    lookups_run()
    callback(provider[0].asked[0], "1203877133", mcc="246", mnc="02", operatorId=493)
    by_number = told("numbers.operator", number=PHONE)
    assert (by_number["name"], by_number["source"]) == ("BITE", "HLR by Vertex")
    provider[1].answer = lambda request: (503, {}, b"<html>")
    told("numbers.networks", country="GB")
    numbering_read()
    failed = told("numbers.networks", country="GB")
    assert failed["error"]
    assert NumberingList.objects.get(key="GB").read_at is None
    with pytest.raises(InvalidInput):
        told("numbers.networks", country="QQ")
    with pytest.raises(InvalidInput):
        told("numbers.operator")
