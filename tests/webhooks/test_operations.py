"""Endpoints and deliveries through the operations and their pages: rights, second person, secrets, sending again."""

import hashlib
import hmac
import json
import random
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsmarketing.accounts.models import Brand, Role, Team, User
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.tasks import request_run
from smsmarketing.contacts.admin.suppressions import SYNC_WORDS
from smsmarketing.contacts.models import Suppression
from smsmarketing.contacts.services import suppression_add, suppression_lift_scope
from smsmarketing.operations.models import AuditEntry, IdempotencyClaim
from smsmarketing.webhooks.models import WebhookDelivery, WebhookEndpoint
from smsmarketing.webhooks.rules.outcomes import ATTEMPTS_MOST
from smsmarketing.webhooks.services import delivery as sending
from smsmarketing.webhooks.services.delivery import deliveries_run
from tests.surfaces import SURFACES, SurfaceName, call, token_for
from tests.webhooks.conftest import EndpointMaker, secrets_of
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db
GB = "+447400123456"
URL = "https://crm.example/hooks/1"
CHANCE = random.Random(3)
NEW = {"name": "CRM", "url": URL, "kinds": ["opt_out.created", "opt_out.lifted"]}


@pytest.fixture
def tess(user: User) -> User:
    """Who looks after webhooks."""
    user.is_staff = True
    user.save()
    user.roles.set(Role.objects.filter(key__in=["technical", "compliance"]))
    return user


@pytest.fixture
def anna(team: Team) -> User:
    person = User.objects.create(username="anna", is_staff=True)
    person.teams.add(team)
    person.roles.set(Role.objects.filter(key__in=["approver", "compliance"]))
    return person


@pytest.fixture
def stranger(db: None) -> User:
    person = User.objects.create(username="otto", is_staff=True)
    person.teams.add(Team.objects.create(name="Rival", slug="rival"))
    person.roles.set(Role.objects.filter(key__in=["technical", "compliance"]))
    return person


def stop(brand: Brand, phone: str = GB) -> Suppression:
    with transaction.atomic():
        return suppression_add(
            phone=phone, scope="brand", brand=brand, reason="opt_out", source="inbound", evidence={}
        )


def rows() -> list[dict[str, Any]]:
    """Every endpoint and delivery, for asserting that a refusal changed nothing."""
    found: list[dict[str, Any]] = [dict(row) for row in WebhookEndpoint.objects.values()]
    found += [dict(row) for row in WebhookDelivery.objects.values()]
    return sorted(found, key=lambda row: ("url" in row, row["id"]))


def token_of(user: User, endpoint: WebhookEndpoint) -> str:
    listed = call("rest", user, "webhooks.list", {})
    assert listed.data is not None
    found = {item["endpoint_id"]: item for item in listed.data["items"]}
    return str(found[endpoint.pk]["base_version_token"])


def approved(request_id: str, person: User) -> ActionRequest:
    request = ActionRequest.objects.get(pk=request_id)
    payload = {"action_request_id": request_id, "content_hash": request.content_hash}
    assert call("admin", person, "action_requests.approve", payload).status == "done"
    request_run(request.pk)
    request.refresh_from_db()
    return request


@pytest.mark.parametrize("surface", SURFACES)
def test_a_new_address_waits_for_a_second_person(
    tess: User, anna: User, surface: SurfaceName
) -> None:
    """[R-9.25] A way out of the system is opened by two people, also when a token asked."""
    answer = call(surface, tess, "webhooks.save", NEW)
    assert answer.status == "held", answer
    assert rows() == []
    request = approved(answer.action_request_id, anna)
    assert request.state == "succeeded", request.result
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.url, endpoint.active, endpoint.created_by) == (URL, True, tess)
    secret = secrets_of(endpoint)[0]
    assert secret not in str((request.result, request.content, answer))


@pytest.mark.parametrize(
    ("change", "held"),
    [
        ({"name": "Other name"}, False),
        ({"kinds": ["opt_out.created"]}, False),
        ({"active": False}, False),
        ({"url": "https://crm.example/hooks/2"}, True),
        ({"url": "https://other.example/hooks/1"}, True),
        ({"kinds": [*NEW["kinds"], "contact.erased"]}, True),
    ],
)
def test_where_and_what_is_told_changes_with_a_second_person_only(
    tess: User, make_endpoint: EndpointMaker, change: dict[str, Any], held: bool
) -> None:
    """One host serves many receivers: another path is another receiver."""
    endpoint = make_endpoint(URL, kinds=NEW["kinds"])
    before = rows()
    payload = {
        **NEW,
        "endpoint_id": endpoint.pk,
        "base_version_token": token_of(tess, endpoint),
        **change,
    }
    answer = call("rest", tess, "webhooks.save", payload)
    assert answer.status == ("held" if held else "done"), answer
    assert (rows() == before) == held


def test_switching_on_again_waits_too(tess: User, make_endpoint: EndpointMaker) -> None:
    endpoint = make_endpoint(URL, kinds=NEW["kinds"])
    off = {**NEW, "endpoint_id": endpoint.pk, "active": False}
    call("rest", tess, "webhooks.save", {**off, "base_version_token": token_of(tess, endpoint)})
    endpoint.refresh_from_db()
    assert (endpoint.active, endpoint.disabled_reason) == (False, "Switched off by a person.")
    on = {**off, "active": True, "base_version_token": token_of(tess, endpoint)}
    assert call("rest", tess, "webhooks.save", on).status == "held"
    endpoint.refresh_from_db()
    assert not endpoint.active


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example/hooks",
        "https://127.0.0.1/hooks",
        "https://127.1/",
        "https://0x7f000001/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fd00:ec2::254]/",
        "https://10.0.0.7/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://[64:ff9b::a00:1]/",
        "https://user:pass@crm.example/",
        "https://crm.example:8443/",
        "https://localhost./",
    ],
)
def test_addresses_inside_are_refused_before_anybody_is_asked(tess: User, url: str) -> None:
    """[R-10.8]"""
    for key in ("rest", "mcp", "admin"):
        answer = call(key, tess, "webhooks.save", {**NEW, "url": url})
        assert (answer.status, set(answer.field_errors)) == ("refused", {"url"}), answer
    assert rows() == []
    assert not ActionRequest.objects.exists()


def test_a_name_is_taken_once_a_team_and_a_stale_change_is_refused(
    tess: User, make_endpoint: EndpointMaker
) -> None:
    endpoint = make_endpoint(URL, kinds=NEW["kinds"])
    make_endpoint("https://shop.example/", name="Shop")
    token = token_of(tess, endpoint)
    taken = {**NEW, "endpoint_id": endpoint.pk, "name": "Shop", "base_version_token": token}
    before = rows()
    assert call("rest", tess, "webhooks.save", taken).field_errors.keys() == {"name"}
    assert rows() == before
    fine = {**NEW, "endpoint_id": endpoint.pk, "name": "CRM 2", "base_version_token": token}
    assert call("rest", tess, "webhooks.save", fine).status == "done"
    before = rows()
    assert call("rest", tess, "webhooks.save", fine).code == "VERSION_CONFLICT"
    assert rows() == before


def test_another_team_sees_and_changes_nothing(
    stranger: User, make_endpoint: EndpointMaker, brand: Brand
) -> None:
    endpoint = make_endpoint(URL)
    stop(brand)
    delivery = WebhookDelivery.objects.get()
    before = rows()
    for key, payload in (
        ("webhooks.test", {"endpoint_id": endpoint.pk}),
        ("webhooks.rotate_secret", {"endpoint_id": endpoint.pk}),
        ("webhooks.save", {**NEW, "endpoint_id": endpoint.pk, "base_version_token": "x"}),
        ("webhooks.redeliver", {"delivery_id": delivery.pk}),
    ):
        assert call("rest", stranger, key, payload).code == "NOT_FOUND", key
    for key in ("webhooks.list", "webhooks.deliveries"):
        seen = call("rest", stranger, key, {})
        assert seen.data is not None
        assert seen.data["items"] == []
    page = Client()
    page.force_login(stranger, backend="django.contrib.auth.backends.ModelBackend")
    address = reverse("admin:webhooks_webhookendpoint_change", args=[endpoint.pk])
    assert page.get(address).status_code in (302, 404)
    assert rows() == before


def test_a_secret_is_shown_once_to_a_person_and_kept_nowhere_in_plain(
    tess: User, make_endpoint: EndpointMaker
) -> None:
    endpoint = make_endpoint(URL)
    which = {"endpoint_id": endpoint.pk}
    before = rows()
    for surface in ("rest", "mcp"):
        answer = call(surface, tess, "webhooks.rotate_secret", which, token=token_for(tess))
        assert answer.code == "NOT_PERMITTED"
    assert call("cli", tess, "webhooks.rotate_secret", which).code == "NOT_PERMITTED"
    assert rows() == before
    once = "k" * 20
    made = call("admin", tess, "webhooks.rotate_secret", which, idempotency_key=once)
    assert made.data is not None, made
    secret = made.data["secret"]
    assert secret in secrets_of(endpoint)
    again = call("admin", tess, "webhooks.rotate_secret", which, idempotency_key=once)
    assert again.replayed
    assert again.data is not None
    assert again.data["secret"] is None
    listed = call("rest", tess, "webhooks.list", {})
    stored = [
        *WebhookEndpoint.objects.values_list("secret", "secret_before"),
        *AuditEntry.objects.values_list("facts"),
        *IdempotencyClaim.objects.values(),
    ]
    assert secret not in str(listed.data)
    assert secret not in str(
        [
            bytes(part) if isinstance(part, memoryview) else part
            for row in stored
            for part in (row.values() if isinstance(row, dict) else row)
        ]
    )


def test_a_ping_is_signed_with_the_secret_that_was_shown(
    tess: User, make_endpoint: EndpointMaker, receiver: Receiver
) -> None:
    """The receiver's own check, with the standard library: raw body, time, either secret [R-10.1]."""
    endpoint = make_endpoint(receiver.url)
    made = call("admin", tess, "webhooks.rotate_secret", {"endpoint_id": endpoint.pk})
    assert made.data is not None
    sent = call("rest", tess, "webhooks.test", {"endpoint_id": endpoint.pk})
    assert sent.data is not None, sent
    deliveries_run(chance=CHANCE)
    request = receiver.requests[0]
    parts = [part.split("=", 1) for part in request.headers["webhook-signature"].split(",")]
    at, marks = dict(parts)["t"], [mark for word, mark in parts if word == "v1"]
    expected = hmac.new(
        made.data["secret"].encode(), f"{at}.".encode() + request.body, hashlib.sha256
    ).hexdigest()
    assert expected in marks
    forged = hmac.new(
        made.data["secret"].encode(), f"{at}.".encode() + request.body + b" ", hashlib.sha256
    ).hexdigest()
    assert forged not in marks
    seen = call(
        "rest", tess, "webhooks.deliveries", {"delivery_id": sent.data["delivery"]["delivery_id"]}
    )
    assert seen.data is not None
    assert [(item["kind"], item["state"]) for item in seen.data["items"]] == [("ping", "delivered")]


def test_an_opt_out_that_did_not_arrive_is_seen_and_sent_again(
    tess: User, make_endpoint: EndpointMaker, receiver: Receiver, brand: Brand
) -> None:
    """[R-10.6] Tried again by itself, then given up where people see it, then sent by hand."""
    make_endpoint(receiver.url)
    receiver.answer = lambda request: (503, {}, b"")
    row = stop(brand)
    for _ in range(ATTEMPTS_MOST):
        WebhookDelivery.objects.update(next_at=timezone.now())
        deliveries_run(chance=CHANCE, waves=1)
    row.refresh_from_db()
    assert row.sync_state == "failed"
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("failed", ATTEMPTS_MOST)
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    page = Client()
    page.force_login(tess, backend="django.contrib.auth.backends.ModelBackend")
    listed = page.get(reverse("admin:webhooks_webhookdelivery_changelist") + "?state__exact=failed")
    assert "given up" in listed.content.decode()
    shown = page.get(reverse("admin:webhooks_webhookdelivery_change", args=[delivery.pk]))
    assert "Send again" in shown.content.decode()
    suppression = page.get(reverse("admin:contacts_suppression_change", args=[row.pk]))
    assert SYNC_WORDS["failed"] in suppression.content.decode()
    assert "CRM: given up" in suppression.content.decode()
    told = call("mcp", tess, "webhooks.deliveries", {"suppression_id": row.pk})
    other = call("mcp", tess, "webhooks.deliveries", {"suppression_id": row.pk + 1})
    assert told.data is not None
    assert other.data is not None
    assert [item["state"] for item in told.data["items"]] == ["failed"]
    assert other.data["items"] == []
    receiver.answer = lambda request: (200, {}, b"")
    again = call("admin", tess, "webhooks.redeliver", {"delivery_id": delivery.pk})
    assert again.status == "done", again
    deliveries_run(chance=CHANCE)
    delivery.refresh_from_db()
    row.refresh_from_db()
    assert (delivery.state, row.sync_state) == ("delivered", "synced")
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    refused = call("rest", tess, "webhooks.redeliver", {"delivery_id": delivery.pk})
    assert refused.code == "CONFLICT"
    delivery.refresh_from_db()
    assert delivery.state == "delivered"


def test_nothing_is_sent_to_what_is_switched_off(
    tess: User, make_endpoint: EndpointMaker, brand: Brand
) -> None:
    endpoint = make_endpoint(URL, kinds=NEW["kinds"])
    row = stop(brand)
    off = {**NEW, "endpoint_id": endpoint.pk, "active": False}
    call("rest", tess, "webhooks.save", {**off, "base_version_token": token_of(tess, endpoint)})
    delivery = WebhookDelivery.objects.get()
    row.refresh_from_db()
    assert (delivery.state, row.sync_state) == ("abandoned", "failed")
    before = rows()
    for key, payload in (
        ("webhooks.test", {"endpoint_id": endpoint.pk}),
        ("webhooks.redeliver", {"delivery_id": delivery.pk}),
    ):
        answer = call("rest", tess, key, payload)
        assert answer.code == "CONFLICT"
        assert "switched off" in answer.message
    assert rows() == before


def test_events_of_one_number_go_out_in_their_order(
    make_endpoint: EndpointMaker, receiver: Receiver, brand: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once and mostly in order; `occurred_at` and `lifted_at` tell a receiver which is newer."""
    monkeypatch.setattr(sending, "WAVE", 1)
    make_endpoint(receiver.url)
    stop(brand)
    with transaction.atomic():
        suppression_lift_scope(
            phone=GB, brand=brand, actor="system", reason="START", evidence={"inbound_id": 1}
        )
    stop(brand)
    deliveries_run(chance=CHANCE)
    bodies = [json.loads(request.body) for request in receiver.requests]
    kinds = [body["kind"] for body in bodies if body["kind"].startswith("opt_out")]
    assert kinds == ["opt_out.created", "opt_out.lifted", "opt_out.created"]
    times = [body["occurred_at"] for body in bodies if body["kind"].startswith("opt_out")]
    assert times == sorted(times)


@pytest.mark.parametrize("role", ["marketing", "viewer", "crm"])
def test_who_may_not_change_webhooks(team: Team, make_endpoint: EndpointMaker, role: str) -> None:
    endpoint = make_endpoint(URL)
    person = User.objects.create(username="mara", is_staff=True)
    person.teams.add(team)
    person.roles.set(Role.objects.filter(key=role))
    before = rows()
    for key, payload in (
        ("webhooks.save", NEW),
        ("webhooks.test", {"endpoint_id": endpoint.pk}),
        ("webhooks.rotate_secret", {"endpoint_id": endpoint.pk}),
    ):
        assert call("rest", person, key, payload).code == "NOT_PERMITTED", key
    assert rows() == before
