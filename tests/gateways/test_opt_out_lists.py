"""Opt-outs here and the list that SMSAPI keeps: told with retry, taken over once, never mixed up."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connections, transaction
from django.utils import timezone

from smsmarketing.accounts.selectors import actor_for_user
from smsmarketing.contacts.models import Suppression
from smsmarketing.contacts.selectors import suppressed_phones
from smsmarketing.contacts.services import suppression_add
from smsmarketing.contacts.services.lifting import suppressions_expire
from smsmarketing.gateways import services
from smsmarketing.gateways.models import Gateway, GatewayListing, GatewayOptOut, GatewaySync
from smsmarketing.gateways.selectors.listings import listings_told
from smsmarketing.gateways.services.lists import listings_follow, listings_mend, listings_push
from smsmarketing.gateways.services.syncing import sync_request, syncs_run
from smsmarketing.operations.types import Surface
from tests.gateways.world import World
from tests.webhooks.receiver import Receiver, Request

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = "+48327201200"


class Provider:
    """SMSAPI's lists, in memory, over a real socket."""

    def __init__(self) -> None:
        self.blacklist: dict[str, str] = {}
        self.opt_outs: list[dict[str, Any]] = []
        self.faults: list[tuple[str, int, bytes]] = []
        """(method, status, body) of the next calls of that method, oldest first; status 0 does the
        work and then answers with HTML."""
        self.next_id = 1

    def answer(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        assert request.headers["authorization"] == "Bearer test-token"
        url = urlsplit(request.path)
        fault = next((each for each in self.faults if each[0] == request.method), None)
        if fault is not None:
            self.faults.remove(fault)
            if fault[1]:
                return fault[1], {}, fault[2]
        status, told = self.work(request.method, url.path, parse_qs(url.query), request.body)
        body = b"<html>" if fault is not None else json.dumps(told).encode() if told else b""
        return status, {}, body

    def work(
        self, method: str, path: str, query: dict[str, list[str]], body: bytes
    ) -> tuple[int, Any]:
        if path == "/opt_outs":
            start, most = int(query["offset"][0]), int(query["limit"][0])
            page = self.opt_outs[start : start + most]
            return 200, {"size": len(self.opt_outs), "collection": page}
        if path == "/profile":
            return 200, {"points": 12.5}
        assert path.startswith("/blacklist/phone_numbers")
        if method == "GET":
            found = [
                {"id": key, "phone_number": digits, "created_at": None, "expire_at": None}
                for key, digits in self.blacklist.items()
                if query["q"][0] in digits
            ]
            return 200, {"size": len(found), "collection": found}
        if method == "POST":
            entry_id, self.next_id = f"{self.next_id:024x}", self.next_id + 1
            self.blacklist[entry_id] = parse_qs(body.decode())["phone_number"][0]
            return 201, {"id": entry_id, "phone_number": self.blacklist[entry_id]}
        entry_id = path.removeprefix("/blacklist/phone_numbers").strip("/")
        assert entry_id, "this would empty the list"
        return (204, None) if self.blacklist.pop(entry_id, None) else (404, {"message": "none"})


@pytest.fixture
def provider() -> Iterator[tuple[Provider, Receiver]]:
    fake = Provider()
    with Receiver(fake.answer) as receiver:
        yield fake, receiver


@pytest.fixture
def gateway(world: World, provider: tuple[Provider, Receiver]) -> Gateway:
    return services.gateway_create(
        name="SMSAPI",
        slug="smsapi",
        transport="smsapi",
        base_url=provider[1].url.removesuffix("/in"),
        credentials={"token": "test-token"},
        countries=["PL", "LT"],
    )


def no(phone: str = PHONE, **more: Any) -> Suppression:
    fields: dict[str, Any] = {"scope": "global", "reason": "opt_out", "source": "api"} | more
    with transaction.atomic():
        return suppression_add(phone=phone, evidence={"message": "no more"}, **fields)


def block(reason: str = "manual") -> Suppression:
    """The house's own block, for a day."""
    return no(reason=reason, expires_at=timezone.now() + timedelta(days=1))


def lifted(row: Suppression) -> None:
    """Its day is over."""
    later = timezone.now() + timedelta(days=2)
    with transaction.atomic():
        suppressions_expire(Suppression.objects.filter(pk=row.pk), now=later)


def told(phone_hash: bytes) -> str:
    return str(listings_told([phone_hash])[0]["words"])


def test_a_no_goes_onto_the_list_and_comes_off_when_it_ends(
    gateway: Gateway, provider: tuple[Provider, Receiver]
) -> None:
    row = block("blocked")
    assert listings_follow() == 1
    assert listings_push() == 1
    assert list(provider[0].blacklist.values()) == [PHONE[1:]]
    assert told(bytes(row.phone_hash)) == "on the provider's list"
    assert (listings_follow(), listings_push()) == (0, 0)  # nothing is told twice
    second = no()  # a person's own "no" beside the house's block
    lifted(row)
    assert (listings_follow(), listings_push()) == (0, 0)
    assert list(provider[0].blacklist.values()) == [PHONE[1:]]
    Suppression.objects.filter(pk=second.pk).update(lifted_at=timezone.now())
    assert (listings_follow(), listings_push()) == (1, 1)
    assert provider[0].blacklist == {}
    assert told(bytes(row.phone_hash)) == "not on the provider's list"


def test_only_what_holds_for_every_text_goes_to_a_list_that_knows_no_brand(
    world: World, gateway: Gateway, provider: tuple[Provider, Receiver]
) -> None:
    """[R-2.15] one-time codes pass a marketing opt-out, so the provider must not stop them."""
    no(scope="brand", brand=world.brand)
    no("+48327201201", scope="global", reason="invalid")
    no("+48327201202", scope="global", reason="hold")
    assert listings_follow() == 0
    services.gateway_update(gateway, opt_out_push="every")
    assert listings_follow() == 1
    services.gateway_update(gateway, opt_out_push="none")
    no("+48327201203")
    assert (listings_follow(), listings_push()) == (0, 0)
    assert provider[1].requests == []


def test_a_number_is_told_only_where_the_gateway_sends(
    gateway: Gateway, provider: tuple[Provider, Receiver]
) -> None:
    row = no("+447400123456")
    assert (listings_follow(), listings_push()) == (1, 1)
    assert provider[1].requests == []
    assert "sends nothing to that country" in told(bytes(row.phone_hash))
    services.gateway_update(gateway, countries=["GB"])
    assert listings_push() == 1
    assert list(provider[0].blacklist.values()) == ["447400123456"]


def test_what_others_put_there_stays(gateway: Gateway, provider: tuple[Provider, Receiver]) -> None:
    provider[0].blacklist["theirs"] = PHONE[1:]
    row = block()
    listings_follow()
    listings_push()
    lifted(row)
    assert (listings_follow(), listings_push()) == (1, 1)
    assert provider[0].blacklist == {"theirs": PHONE[1:]}
    assert "others put it there" in told(bytes(row.phone_hash))


def test_a_lost_answer_makes_no_second_entry_and_the_entry_is_ours(
    gateway: Gateway, provider: tuple[Provider, Receiver]
) -> None:
    provider[0].faults = [("POST", 0, b"")]
    row = block()
    listings_follow()
    assert listings_push() == 1
    listing = GatewayListing.objects.get()
    assert (listing.state, listing.error_code) == ("pending", "unreadable")
    GatewayListing.objects.update(next_at=timezone.now())
    assert listings_push() == 1
    assert len(provider[0].blacklist) == 1
    lifted(row)
    listings_follow()
    listings_push()
    assert provider[0].blacklist == {}


def test_somebody_was_faster(gateway: Gateway, provider: tuple[Provider, Receiver]) -> None:
    """The provider says "already there": that is what was wanted, and the entry is not ours."""
    before = provider[0].work

    def raced(method: str, *rest: Any) -> tuple[int, Any]:
        if method == "POST":
            provider[0].blacklist["theirs"] = PHONE[1:]
            return 409, {"message": "exists", "error": "conflict"}
        return before(method, *rest)

    provider[0].work = raced  # type: ignore[method-assign]
    row = block()
    listings_follow()
    assert listings_push() == 1
    listing = GatewayListing.objects.get()
    assert (listing.state, listing.ours, listing.error) == ("synced", False, "")
    lifted(row)
    listings_follow()
    listings_push()
    assert provider[0].blacklist == {"theirs": PHONE[1:]}


def test_two_workers_tell_a_number_once(
    gateway: Gateway, provider: tuple[Provider, Receiver]
) -> None:
    for last in range(12):
        no(f"+482272012{last:02}")
    listings_follow()

    def push() -> int:
        try:
            return listings_push()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=2) as pool:
        tried = sum(each.result() for each in [pool.submit(push) for _ in range(2)])
    assert tried == 12
    assert len(provider[0].blacklist) == 12
    posts = [each for each in provider[1].requests if each.method == "POST"]
    assert len(posts) == 12


def test_a_worker_that_comes_too_late_changes_nothing_but_whose_it_is(
    gateway: Gateway, provider: tuple[Provider, Receiver]
) -> None:
    block()
    listings_follow()
    before = provider[0].work

    def overtaken(method: str, *rest: Any) -> tuple[int, Any]:
        told = before(method, *rest)
        if method == "POST":
            GatewayListing.objects.update(lease_until=timezone.now() + timedelta(minutes=9))
            connections.close_all()  # of the provider's thread
        return told

    provider[0].work = overtaken  # type: ignore[method-assign]
    assert listings_push(waves=1) == 1
    listing = GatewayListing.objects.get()
    assert (listing.state, listing.ours) == ("pending", True)
    assert listing.lease_until is not None


def test_no_number_and_no_token_in_the_logs(
    gateway: Gateway, provider: tuple[Provider, Receiver], caplog: pytest.LogCaptureFixture
) -> None:
    provider[0].faults = [("POST", 503, b"<html>")]
    caplog.set_level(logging.DEBUG)
    no()
    listings_follow()
    listings_push()
    GatewayListing.objects.update(next_at=timezone.now())
    listings_push()
    assert len(provider[0].blacklist) == 1
    assert PHONE[1:] not in caplog.text
    assert "test-token" not in caplog.text


def test_a_refused_token_is_shown_and_tried_anew_after_a_day(
    gateway: Gateway, provider: tuple[Provider, Receiver]
) -> None:
    provider[0].faults = [("GET", 401, b'{"error": 101}')]
    row = no()
    listings_follow()
    assert listings_push() == 1
    assert "did not accept the token" in told(bytes(row.phone_hash))
    assert GatewayListing.objects.get().state == "failed"
    assert provider[0].blacklist == {}
    listings_mend(now=timezone.now() + timedelta(hours=25))
    assert listings_push(now=timezone.now() + timedelta(hours=25), waves=1) == 1
    assert len(provider[0].blacklist) == 1


def test_a_no_that_comes_while_the_number_is_taken_off_goes_on_again(
    gateway: Gateway, provider: tuple[Provider, Receiver]
) -> None:
    row = block()
    listings_follow()
    listings_push()
    lifted(row)
    listings_follow()
    before = provider[0].work

    def stop_arrives(method: str, *rest: Any) -> tuple[int, Any]:
        if method == "DELETE":
            listing = GatewayListing.objects.get()
            GatewayListing.objects.filter(pk=listing.pk).update(
                wanted=True, version=listing.version + 1, attempts=0
            )
            connections.close_all()  # of the provider's thread
        return before(method, *rest)

    provider[0].work = stop_arrives  # type: ignore[method-assign]
    assert listings_push(waves=1) == 1
    provider[0].work = before  # type: ignore[method-assign]
    assert GatewayListing.objects.get().state == "pending"
    assert listings_push() == 1
    assert list(provider[0].blacklist.values()) == [PHONE[1:]]


def test_their_opt_outs_become_ours_once(
    world: World, gateway: Gateway, provider: tuple[Provider, Receiver]
) -> None:
    """[R-2.14] marketing and notifications end; [R-2.20] with evidence; a later yes is not undone."""
    provider[0].opt_outs = [
        {"id": "a", "phoneNumber": int(PHONE[1:]), "date": "2026-01-01T00:00:00Z"},
        {"id": "b", "phoneNumber": "none", "date": "2026-01-01T00:00:00Z"},
        *({"id": f"n{n}", "phoneNumber": 37061200000 + n, "date": None} for n in range(150)),
    ]
    syncs_run()
    kinds = GatewaySync.objects.filter(gateway=gateway).values_list("kind", flat=True)
    assert sorted(kinds) == ["balance", "opt_outs"]  # SMSAPI's prices are in points of its own
    sync = GatewaySync.objects.get(kind="opt_outs")
    assert (sync.error, dict(sync.counts)) == ("", {"listed": 152, "new": 151, "unreadable": 1})
    row = Suppression.objects.get(phone=PHONE)
    assert (row.reason, row.source, row.scope) == ("opt_out", "gateway", "purpose")
    assert row.evidence["gateway_list_entry"] == "a"
    assert row.evidence["said_at"] == "2026-01-01T00:00:00+00:00"
    for purpose, word in (("marketing", "opted_out"), ("otp", None)):
        found = suppressed_phones([PHONE], brand_id=world.brand.pk, purpose=purpose)
        assert found.get(PHONE) == word
    Suppression.objects.filter(pk=row.pk).update(lifted_at=timezone.now())  # the person wrote START
    sync_request(gateway, "opt_outs", now=timezone.now())
    assert syncs_run() == 1
    assert Suppression.objects.filter(phone=PHONE).count() == 1
    assert GatewayOptOut.objects.count() == 152
    services.gateway_update(gateway, opt_out_push="every")
    assert listings_follow() == 0  # their own entries are not told back to them


def test_a_provider_that_fails_halfway_loses_nothing(
    gateway: Gateway, provider: tuple[Provider, Receiver]
) -> None:
    provider[0].opt_outs = [
        {"id": f"n{n}", "phoneNumber": 37061200000 + n, "date": None} for n in range(101)
    ]
    syncs_run()
    assert Suppression.objects.count() == 101
    provider[0].opt_outs.append({"id": "late", "phoneNumber": int(PHONE[1:]), "date": None})
    provider[0].faults = [("GET", 503, b"<html>")]
    sync_request(gateway, "opt_outs", now=timezone.now())
    syncs_run()
    sync = GatewaySync.objects.get(kind="opt_outs")
    assert (sync.error_code, sync.failures, sync.lease_until) == ("http_503", 1, None)
    assert not Suppression.objects.filter(phone=PHONE).exists()
    sync_request(gateway, "opt_outs", now=timezone.now())
    syncs_run()
    assert Suppression.objects.filter(phone=PHONE).exists()
    assert GatewaySync.objects.get(kind="opt_outs").failures == 0


def test_the_opt_out_shows_where_it_was_told(
    world: World, gateway: Gateway, provider: tuple[Provider, Receiver]
) -> None:
    from smsmarketing.accounts.models import Role
    from smsmarketing.accounts.rules.permissions import PERMISSIONS
    from smsmarketing.operations.dispatch import execute
    from smsmarketing.operations.types import Done

    world.user.roles.add(Role.objects.create(key="x", name="x", permissions=sorted(PERMISSIONS)))
    actor = actor_for_user(world.user, surface=Surface.ADMIN, is_session=True)
    row = no()
    listings_follow()
    listings_push()
    done = execute("opt_outs.get", {"suppression_id": row.pk}, actor=actor)
    assert isinstance(done, Done)
    lists = done.result.model_dump()["gateway_lists"]
    assert [(each["gateway"], each["state"]) for each in lists] == [("SMSAPI", "synced")]
