"""From the outbox to a real server: signed, retried, given up, switched off [R-10.6], [R-10.7]."""

import hashlib
import hmac
import json
import random
import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from smsmarketing.accounts.models import Brand, Role, Team, User
from smsmarketing.approvals.models import OwnerNotification
from smsmarketing.contacts.models import Suppression
from smsmarketing.contacts.services import suppression_add, suppression_lift_scope
from smsmarketing.webhooks.client import Reply
from smsmarketing.webhooks.models import WebhookDelivery, WebhookEvent
from smsmarketing.webhooks.services.delivery import (
    LEASE,
    deliveries_due,
    deliveries_run,
    parcels_claim,
    wave_send,
)
from smsmarketing.webhooks.services.endpoints import delivery_again, endpoint_secret_rotate
from smsmarketing.webhooks.services.outcomes import outcome_record
from tests.webhooks.conftest import EndpointMaker, secrets_of
from tests.webhooks.receiver import Receiver

GB = "+447400123456"
CHANCE = random.Random(7)


def stop(brand: Brand | None, phone: str = GB, **changes: Any) -> Suppression:
    with transaction.atomic():
        return suppression_add(
            phone=phone,
            scope="brand" if brand else "global",
            brand=brand,
            **{"reason": "opt_out", "source": "inbound", "evidence": {"text": "STOP"}, **changes},
        )


def due_now() -> None:
    """Let the waiting time of every retry pass."""
    WebhookDelivery.objects.filter(state="pending").update(next_at=timezone.now())


def run() -> int:
    return deliveries_run(chance=CHANCE)


def state_of(row: Suppression) -> str:
    return Suppression.objects.values_list("sync_state", flat=True).get(pk=row.pk)


@pytest.mark.django_db
def test_a_stop_arrives_signed_and_without_the_number(
    receiver: Receiver, make_endpoint: EndpointMaker, brand: Brand
) -> None:
    """The signature is computed here from what arrived, with the standard library alone."""
    endpoint = make_endpoint(receiver.url)
    row = stop(brand)
    assert state_of(row) == "pending"
    assert run() == 1
    request = receiver.requests[0]
    found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", request.headers["webhook-signature"])
    assert found is not None
    expected = hmac.new(
        secrets_of(endpoint)[0].encode(), f"{found[1]}.".encode() + request.body, hashlib.sha256
    )
    assert hmac.compare_digest(found[2], expected.hexdigest())
    assert abs(timezone.now().timestamp() - int(found[1])) < 300
    body = json.loads(request.body)
    assert body["kind"] == request.headers["webhook-kind"] == "opt_out.created"
    assert body["id"] == request.headers["webhook-id"]
    item = body["data"]["items"][0]
    assert (item["suppression_id"], item["reason"], item["brand_id"]) == (
        row.pk,
        "opt_out",
        brand.pk,
    )
    assert item["phone"] == "•••••••56"
    assert GB[1:].encode() not in request.body
    assert b"STOP" not in request.body
    assert state_of(row) == "synced"


@pytest.mark.django_db
def test_nothing_is_written_when_nobody_listens(
    make_endpoint: EndpointMaker, brand: Brand, receiver: Receiver
) -> None:
    make_endpoint(receiver.url, kinds=["consent.granted"])
    off = make_endpoint(receiver.url, name="Off")
    off.active = False
    off.save()
    row = stop(brand)
    assert state_of(row) == "local_only"
    assert not WebhookEvent.objects.exists()


@pytest.mark.django_db
def test_another_team_is_told_of_what_holds_for_every_brand_only(
    receiver: Receiver, make_endpoint: EndpointMaker, brand: Brand
) -> None:
    other = Team.objects.create(name="Rival", slug="rival")
    mine, theirs = make_endpoint(receiver.url), make_endpoint(receiver.url, of=other)
    stop(brand)
    assert list(WebhookDelivery.objects.values_list("endpoint_id", flat=True)) == [mine.pk]
    stop(None, reason="complaint")
    told = WebhookDelivery.objects.filter(event__payload__items__0__reason="complaint")
    assert set(told.values_list("endpoint_id", flat=True)) == {mine.pk, theirs.pk}


@pytest.mark.django_db
def test_a_rolled_back_stop_is_never_told(
    receiver: Receiver, make_endpoint: EndpointMaker, brand: Brand
) -> None:
    make_endpoint(receiver.url)
    with transaction.atomic():
        stop(brand)
        transaction.set_rollback(True)
    assert run() == 0
    assert receiver.requests == []


@pytest.mark.django_db
def test_start_tells_of_the_lift_and_the_state_follows_it(
    receiver: Receiver, make_endpoint: EndpointMaker, brand: Brand
) -> None:
    make_endpoint(receiver.url)
    row = stop(brand)
    with transaction.atomic():
        suppression_lift_scope(phone=GB, brand=brand, actor="inbound", reason="START", evidence={})
    assert state_of(row) == "pending"
    assert run() == 2
    kinds = sorted(request.headers["webhook-kind"] for request in receiver.requests)
    assert kinds == ["opt_out.created", "opt_out.lifted"]
    assert state_of(row) == "synced"


@pytest.mark.django_db
@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_what_may_pass_is_tried_again_with_the_same_id(
    receiver: Receiver, make_endpoint: EndpointMaker, brand: Brand, status: int
) -> None:
    make_endpoint(receiver.url)
    row = stop(brand)
    receiver.answer = lambda request: (status, {}, b"")
    assert run() == 1
    waiting = WebhookDelivery.objects.get()
    assert (waiting.state, waiting.attempts, waiting.status) == ("pending", 1, status)
    assert waiting.next_at > timezone.now() + timedelta(seconds=20)
    assert run() == 0
    receiver.answer = lambda request: (200, {}, b"")
    due_now()
    assert run() == 1
    assert WebhookDelivery.objects.get().state == "delivered"
    ids = {request.headers["webhook-id"] for request in receiver.requests}
    assert len(ids) == 1
    assert state_of(row) == "synced"


@pytest.mark.django_db
def test_retry_after_is_waited_for(
    receiver: Receiver, make_endpoint: EndpointMaker, brand: Brand
) -> None:
    make_endpoint(receiver.url)
    stop(brand)
    receiver.answer = lambda request: (429, {"Retry-After": "7200"}, b"")
    run()
    assert WebhookDelivery.objects.get().next_at > timezone.now() + timedelta(minutes=119)


@pytest.mark.django_db
@pytest.mark.parametrize(("status", "headers"), [(400, {}), (404, {}), (302, {"Location": "/x"})])
def test_what_will_not_pass_is_given_up_at_once(
    receiver: Receiver,
    make_endpoint: EndpointMaker,
    brand: Brand,
    status: int,
    headers: dict[str, str],
) -> None:
    make_endpoint(receiver.url)
    row = stop(brand)
    receiver.answer = lambda request: (status, headers, b"")
    assert run() == 1
    assert WebhookDelivery.objects.get().state == "failed"
    assert len(receiver.requests) == 1
    assert state_of(row) == "failed"
    receiver.answer = lambda request: (200, {}, b"")
    delivery_again(WebhookDelivery.objects.get(), now=timezone.now())
    assert run() == 1
    assert state_of(row) == "synced"


@pytest.mark.django_db
def test_after_the_last_attempt_it_is_failed(
    receiver: Receiver, make_endpoint: EndpointMaker, brand: Brand
) -> None:
    make_endpoint(receiver.url)
    row = stop(brand)
    receiver.answer = lambda request: (500, {}, b"")
    attempts = 0
    while WebhookDelivery.objects.get().state == "pending":
        due_now()
        attempts += run()
        assert attempts <= 10
    assert attempts == 8
    assert state_of(row) == "failed"


@pytest.mark.django_db
def test_410_switches_the_endpoint_off_and_tells_its_people(
    receiver: Receiver, make_endpoint: EndpointMaker, brand: Brand, team: Team
) -> None:
    technician = User.objects.create(username="tom")
    technician.teams.add(team)
    technician.roles.add(Role.objects.get(key="technical"))
    endpoint = make_endpoint(receiver.url)
    receiver.answer = lambda request: (410, {}, b"")
    first, second = stop(brand), stop(brand, "+447400123457")
    WebhookDelivery.objects.filter(event__subject_ids=[second.pk]).update(
        next_at=timezone.now() + timedelta(hours=1)
    )
    run()
    endpoint.refresh_from_db()
    assert not endpoint.active
    assert "410" in endpoint.disabled_reason
    assert [state_of(row) for row in (first, second)] == ["failed", "failed"]
    assert set(OwnerNotification.objects.values_list("user__username", flat=True)) == {
        "carla",
        "tom",
    }
    stop(brand, "+447400123458")
    assert run() == 0


@pytest.mark.django_db
def test_three_days_of_failure_switch_it_off_and_a_success_ends_the_streak(
    receiver: Receiver, make_endpoint: EndpointMaker, brand: Brand
) -> None:
    endpoint = make_endpoint(receiver.url)
    receiver.answer = lambda request: (500, {}, b"")
    stop(brand)
    run()
    endpoint.refresh_from_db()
    assert endpoint.failing_since is not None
    receiver.answer = lambda request: (200, {}, b"")
    due_now()
    run()
    endpoint.refresh_from_db()
    assert endpoint.failing_since is None
    endpoint.failing_since = timezone.now() - timedelta(days=3, minutes=1)
    endpoint.save()
    receiver.answer = lambda request: (500, {}, b"")
    stop(brand, "+447400123457")
    run()
    endpoint.refresh_from_db()
    assert not endpoint.active
    assert "three days" in endpoint.disabled_reason
    assert sorted(WebhookDelivery.objects.values_list("state", flat=True)) == [
        "abandoned",
        "delivered",
    ]


@pytest.mark.django_db
def test_an_address_that_turned_private_is_refused_at_delivery(
    receiver: Receiver, make_endpoint: EndpointMaker, brand: Brand, settings: Any
) -> None:
    """[R-10.8]: what was allowed when it was saved is checked again with every delivery."""
    make_endpoint(receiver.url)
    row = stop(brand)
    settings.INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES = False
    run()
    assert receiver.requests == []
    assert WebhookDelivery.objects.get().state == "failed"
    assert state_of(row) == "failed"


@pytest.mark.django_db
def test_both_secrets_sign_while_one_is_rotated(
    receiver: Receiver, make_endpoint: EndpointMaker, brand: Brand
) -> None:
    endpoint = make_endpoint(receiver.url)
    old = secrets_of(endpoint)[0]
    new = endpoint_secret_rotate(endpoint, now=timezone.now())
    assert secrets_of(endpoint) == [new, old]
    assert new.encode() not in bytes(endpoint.secret)
    stop(brand)
    run()
    request = receiver.requests[0]
    stamp, *marks = request.headers["webhook-signature"].split(",")
    signed = f"{stamp[2:]}.".encode() + request.body
    assert marks == [
        "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        for secret in (new, old)
    ]
    endpoint.before_until = timezone.now()
    endpoint.save()
    assert secrets_of(endpoint) == [new]


@pytest.mark.django_db
def test_the_work_of_a_killed_worker_comes_again(
    receiver: Receiver, make_endpoint: EndpointMaker, brand: Brand
) -> None:
    """Killed between the request and its record: sent again with the same id, counted once."""
    make_endpoint(receiver.url)
    row = stop(brand)
    now = timezone.now()
    lost = parcels_claim(now=now)
    assert len(lost) == 1
    assert parcels_claim(now=now) == []
    assert not deliveries_due(now=now)
    later = now + LEASE
    assert deliveries_due(now=later)
    again = parcels_claim(now=later)
    assert [parcel.delivery_id for parcel in again] == [lost[0].delivery_id]
    wave_send(again, chance=CHANCE)
    assert state_of(row) == "synced"
    outcome_record(  # the worker was only slow: its late answer changes nothing
        lost[0].delivery_id,
        attempts=lost[0].attempts,
        reply=Reply(status=500),
        now=timezone.now(),
        chance=CHANCE,
    )
    found = WebhookDelivery.objects.get()
    assert (found.state, found.attempts) == ("delivered", 2)


@pytest.mark.django_db
def test_a_dead_endpoint_holds_nobody_up(
    receiver: Receiver, make_endpoint: EndpointMaker, brand: Brand
) -> None:
    dead = make_endpoint("http://127.0.0.1:1/in", name="Dead")
    dead.failing_since = timezone.now()
    dead.save()
    make_endpoint(receiver.url)
    for number in range(6):
        stop(brand, f"+4474001234{number:02}")
    wave = parcels_claim(now=timezone.now())
    assert sum(parcel.url != receiver.url for parcel in wave) == 1
    assert sum(parcel.url == receiver.url for parcel in wave) == 4


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_two_workers_send_each_event_once(
    receiver: Receiver, make_endpoint: EndpointMaker, brand: Brand
) -> None:
    """Leases and SKIP LOCKED: nothing twice, nothing forgotten."""
    make_endpoint(receiver.url)
    rows = [stop(brand, f"+44740012{number:04}") for number in range(40)]

    def work() -> None:
        try:
            deliveries_run(chance=random.Random(1))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [request.headers["webhook-id"] for request in receiver.requests]
    assert len(ids) == len(set(ids)) == 40
    assert {state_of(row) for row in rows} == {"synced"}
