"""Gateways described as data, from the first version to a receipt: saved, used, sent through, read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from smsmarketing.accounts.models import Role, User
from smsmarketing.accounts.rules.permissions import PERMISSIONS
from smsmarketing.accounts.selectors import actor_for_user
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.services import request_vote
from smsmarketing.approvals.tasks import request_run
from smsmarketing.gateways import services
from smsmarketing.gateways.credentials import credentials_write
from smsmarketing.gateways.dispatch.runner import batch_run
from smsmarketing.gateways.intake.receipts import receipts_apply
from smsmarketing.gateways.models import (
    DefinitionUse,
    DefinitionVersion,
    Gateway,
    GatewayDefinition,
    InboundMessage,
    Message,
)
from smsmarketing.gateways.selectors.carriers import config_of, transport_of
from smsmarketing.gateways.selectors.definitions import ready_made
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import Conflict, InvalidInput, NotFound, VersionConflict
from smsmarketing.operations.types import Actor, Done, Held, Surface
from tests.gateways.transports.test_generic import changed
from tests.gateways.world import World

pytestmark = pytest.mark.django_db
LOCAL = changed("webhook", {
    "methods": ["POST"],
    "read": "json",
    "receipt": {
        "id": {"at": "/id"},
        "recipient": {"at": "/to"},
        "status": {"at": "/state"},
        "words": [
            {"word": "done", "status": "delivered"},
            {"word": "lost", "status": "undelivered"},
        ],
    },
    "ack": {"body": "taken {id}"},
}).model_dump(mode="json")  # fmt: skip


class Provider:
    """A local provider: answers as it is told, and keeps what it got."""

    def __init__(self) -> None:
        self.answer = b'{"ok": "true", "id": "00A1B2"}'
        self.got: list[tuple[str, str, bytes]] = []
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                told.got.append((self.path, self.headers.get("Authorization", ""), body))
                self.send_response(200)
                self.send_header("Content-Length", str(len(told.answer)))
                self.end_headers()
                self.wfile.write(told.answer)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def people(world: World) -> tuple[Actor, Actor]:
    role = Role.objects.create(key="all-of-it", name="All", permissions=sorted(PERMISSIONS))
    found = []
    for name in ("asker", "decider"):
        user = User.objects.create_user(name, password=None)
        user.roles.add(role, *Role.objects.filter(key__in=["approver", "technical"]))
        user.teams.add(world.team)
        found.append(actor_for_user(user, surface=Surface.ADMIN, is_session=True))
    return found[0], found[1]


def saved(actor: Actor, **fields: Any) -> Any:
    payload = {"name": "Local shop", "definition": LOCAL} | fields
    done = execute("gateway_definitions.save", payload, actor=actor)
    assert isinstance(done, Done)
    return done.result


def agreed(payload: dict[str, Any], people: tuple[Actor, Actor]) -> ActionRequest:
    held = execute("gateway_definitions.use", payload, actor=people[0])
    assert isinstance(held, Held)
    request = ActionRequest.objects.get(pk=held.action_request_id)
    with transaction.atomic():
        request_vote(
            request.pk, actor=people[1], verdict="approve", content_hash=request.content_hash
        )
    request_run(request.pk)
    request.refresh_from_db()
    return request


def generic_gateway(
    world: World, base_url: str = "https://api.shop.example", slug: str = "local"
) -> Gateway:
    """The web remembers gateways by slug for seconds: who calls webhooks takes a slug of its own."""
    gateway = services.gateway_create(
        name="Local",
        slug=slug,
        transport="generic",
        base_url=base_url,
        credentials={"token": "s3cret"},
        countries=["LT"],
        webhook_secret="local-secret-path",
    )
    services.rate_set(
        gateway, country="LT", price=Decimal("0.05"),
        valid_from=timezone.now() - timedelta(days=1),
    )  # fmt: skip
    return gateway


def count() -> tuple[int, int, int]:
    return (
        GatewayDefinition.objects.count(),
        DefinitionVersion.objects.count(),
        DefinitionUse.objects.count(),
    )


class TestSaving:
    def test_versions_count_up_and_equal_content_stays(self, people: tuple[Actor, Actor]) -> None:
        first = saved(people[0])
        again = saved(people[0], definition_id=first.definition_id, base_version=1)
        assert (first.version, again.version, again.saved) == (1, 1, False)
        other = {**LOCAL, "notes": "Account 17."}
        second = saved(
            people[0], definition_id=first.definition_id, base_version=1, definition=other
        )
        assert (second.version, second.saved) == (2, True)
        got = execute(
            "gateway_definitions.get", {"definition_id": first.definition_id}, actor=people[0]
        )
        assert isinstance(got, Done)
        assert [row.number for row in got.result.versions] == [2, 1]  # type: ignore[attr-defined]
        with pytest.raises(VersionConflict) as caught:
            saved(people[0], definition_id=first.definition_id, base_version=1)
        assert caught.value.details == {"newest_version": 2}
        assert count() == (1, 2, 0)

    @pytest.mark.parametrize(
        ("fields", "at"),
        [
            ({"name": ""}, "name"),
            ({"definition": {**LOCAL, "credentials": []}}, "definition.submit.auth.secret"),
            ({"definition": {**LOCAL, "surprise": 1}}, "definition.surprise"),
        ],
    )
    def test_what_cannot_work_is_not_kept(
        self, people: tuple[Actor, Actor], fields: dict[str, Any], at: str
    ) -> None:
        with pytest.raises(InvalidInput) as caught:
            saved(people[0], **fields)
        assert at in caught.value.field_errors
        assert count() == (0, 0, 0)

    def test_a_taken_name_is_told(self, people: tuple[Actor, Actor]) -> None:
        saved(people[0])
        with pytest.raises(InvalidInput) as caught:
            saved(people[0])
        assert "taken" in caught.value.field_errors["name"]
        assert count() == (1, 1, 0)

    def test_versions_and_uses_cannot_be_changed(
        self, world: World, people: tuple[Actor, Actor]
    ) -> None:
        saved(people[0])
        with pytest.raises(DatabaseError), transaction.atomic():
            DefinitionVersion.objects.update(note="other")
        with pytest.raises(DatabaseError), transaction.atomic():
            DefinitionVersion.objects.all().delete()
        assert count() == (1, 1, 0)

    def test_another_teams_definition_is_not_there(
        self, world: World, people: tuple[Actor, Actor]
    ) -> None:
        """[R-10.9]"""
        mine = saved(people[0], team_id=world.team.pk)
        stranger = User.objects.create_user("stranger", password=None)
        here = sorted(PERMISSIONS.keys() - {"accounts.team_all"})
        stranger.roles.add(Role.objects.create(key="one-team", name="One", permissions=here))
        actor = actor_for_user(stranger, surface=Surface.ADMIN, is_session=True)
        with pytest.raises(NotFound):
            saved(actor, definition_id=mine.definition_id, base_version=1)
        with pytest.raises(NotFound):
            saved(actor, name="Mine", team_id=world.team.pk)
        assert count() == (1, 1, 0)


class TestUsing:
    def test_waits_for_a_second_person_who_sees_what_changes(
        self, world: World, people: tuple[Actor, Actor]
    ) -> None:
        """[R-8.4]"""
        made, gateway = saved(people[0]), generic_gateway(world)
        ask = {"definition_id": made.definition_id, "version": 1, "gateway_id": gateway.pk}
        assert transport_of(gateway).credential_fields == ()
        request = agreed(ask, people)
        assert request.state == "succeeded", request.result
        assert "SECRET-token" in str(request.content)
        assert "s3cret" not in str(request.content)
        assert [each.name for each in transport_of(gateway).credential_fields] == ["token"]
        assert request.result is not None
        assert request.result["credentials_missing"] == []

    def test_refuses_other_transports_and_earlier_times(
        self, world: World, people: tuple[Actor, Actor]
    ) -> None:
        made, gateway = saved(people[0]), generic_gateway(world)
        ask = {"definition_id": made.definition_id, "version": 1}
        with pytest.raises(InvalidInput) as caught:
            execute(
                "gateway_definitions.use", ask | {"gateway_id": world.gateway.pk}, actor=people[0]
            )
        assert "gateway_id" in caught.value.field_errors
        with pytest.raises(NotFound):
            execute(
                "gateway_definitions.use",
                {**ask, "version": 9, "gateway_id": gateway.pk},
                actor=people[0],
            )
        later = (timezone.now() + timedelta(days=2)).isoformat()
        assert agreed({**ask, "gateway_id": gateway.pk, "valid_from": later}, people).state == (
            "succeeded"
        )
        with pytest.raises(Conflict):
            execute("gateway_definitions.use", {**ask, "gateway_id": gateway.pk}, actor=people[0])
        assert count() == (1, 1, 1)
        assert not ActionRequest.objects.filter(state="pending").exists()


def used(
    world: World,
    people: tuple[Actor, Actor],
    provider: Provider,
    slug: str = "local",
    **fields: Any,
) -> Gateway:
    gateway = generic_gateway(world, provider.url, slug)
    made = saved(people[0], **fields)
    DefinitionUse.objects.create(
        gateway=gateway,
        version=DefinitionVersion.objects.get(definition_id=made.definition_id),
        valid_from=timezone.now() - timedelta(minutes=1),
        created_by=world.user,
        created_at=timezone.now(),
    )
    world.gateway = gateway
    provider.got.clear()
    provider.answer = b'{"ok": "true", "id": "00A1B2"}'
    return gateway


class TestSending:
    def test_to_a_receipt_that_names_the_providers_id_only(
        self, world: World, people: tuple[Actor, Actor], provider: Provider, client: Client
    ) -> None:
        """[R-10.3] the receipt comes first, and in another form of the id."""
        gateway = used(world, people, provider, slug="by-id")
        batch = world.batch(world.contacts(1))
        message = Message.objects.get(batch=batch)
        address = "/webhooks/by-id/local-secret-path/events"
        body = f'{{"id": "a1b2", "state": "done", "to": "{message.phone[1:]}"}}'
        early = client.post(address, body, content_type="application/json")
        assert (early.status_code, early.content) == (200, b"taken a1b2")
        receipts_apply()
        batch_run(batch.pk, follow_up=False)
        message.refresh_from_db()
        assert (message.state, message.gateway_message_id) == ("accepted", "00A1B2")
        [(path, login, sent)] = provider.got
        assert (path, login) == ("/send", "Bearer s3cret")
        assert message.phone[1:].encode() in sent
        receipts_apply()
        message.refresh_from_db()
        assert (message.state, transport_of(gateway).name) == ("delivered", "generic")

    def test_every8d_from_the_shipped_description_to_a_stop(
        self, world: World, people: tuple[Actor, Actor], provider: Provider, client: Client
    ) -> None:
        """[R-10.3] receipts name the batch id only; its calls are GETs that want an OK; a reply too."""
        every8d = ready_made()["every8d"].model_dump(mode="json")
        gateway = used(world, people, provider, slug="every8d", definition=every8d)
        credentials_write(gateway, {"uid": "shop", "pwd": "s3cret"})
        gateway.save(update_fields=["credentials"])
        batch_id = "5e1a9b7c-0d3f-4f7e-9a53-6d2c0b8f1a24"
        provider.answer = f"98.5,1,1,0,{batch_id}".encode()
        batch = world.batch(world.contacts(1))
        message = Message.objects.get(batch=batch)
        batch_run(batch.pk, follow_up=False)
        assert b"PWD=s3cret" in provider.got[0][2]
        number = {"BatchID": batch_id.upper(), "RM": message.phone, "RT": "20261129120000"}
        address = "/webhooks/every8d/local-secret-path/events"
        for status in ("0", "100", "100"):
            answer = client.get(address, number | {"STATUS": status})
            assert (answer.status_code, answer.content) == (200, b"OK")
        receipts_apply()
        message.refresh_from_db()
        assert (message.state, message.gateway_message_id) == ("delivered", batch_id)
        reply = client.get(address, number | {"STATUS": "999", "SM": "STOP"})
        assert (reply.status_code, reply.content) == (200, b"OK")
        assert InboundMessage.objects.get().action == "opt_out"
        assert client.get("/webhooks/every8d/wrong/events", number).status_code == 403
        assert len(provider.got) == 1

    def test_what_no_rule_names_is_unknown_and_sent_once(
        self, world: World, people: tuple[Actor, Actor], provider: Provider
    ) -> None:
        """[R-8.12]"""
        used(world, people, provider)
        provider.answer = b"<html>busy</html>"
        batch = world.batch(world.contacts(1))
        batch_run(batch.pk, follow_up=False)
        batch_run(batch.pk, follow_up=False)
        assert Message.objects.get(batch=batch).state == "unknown"
        assert len(provider.got) == 1

    def test_a_batch_keeps_the_version_it_was_made_under(
        self, world: World, people: tuple[Actor, Actor], provider: Provider
    ) -> None:
        """[R-8.2]"""
        gateway = used(world, people, provider)
        batch = world.batch(world.contacts(1))
        changed_content = LOCAL | {"submit": {**LOCAL["submit"], "path": "/other"}}
        second = saved(people[0], definition_id=GatewayDefinition.objects.get().pk, base_version=1,
                       definition=changed_content)  # fmt: skip
        DefinitionUse.objects.create(
            gateway=gateway,
            version=DefinitionVersion.objects.get(number=second.version),
            valid_from=timezone.now(),
            created_by=world.user,
            created_at=timezone.now(),
        )
        batch_run(batch.pk, follow_up=False)
        batch_run(world.batch(world.contacts(1)).pk, follow_up=False)
        assert [path for path, _, _ in provider.got] == ["/send", "/other"]

    def test_reaches_no_private_network_it_was_not_allowed_into(
        self, world: World, settings: Any
    ) -> None:
        """[R-10.8]"""
        gateway = generic_gateway(world)
        inside = ("127.0.0.1", "10.0.0.7", "169.254.169.254", "fe80::1", "not-an-address")
        may = config_of(gateway).may_connect
        assert may is not None
        assert [may(each) for each in (*inside, "93.184.216.34")] == [False] * 5 + [True]
        settings.INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES = True
        may = config_of(gateway).may_connect
        assert may is not None
        assert [may(each) for each in inside] == [True, True, False, False, False]


class TestChecking:
    def checked(self, actor: Actor, **fields: Any) -> Any:
        done = execute("gateway_definitions.check", {"definition": LOCAL} | fields, actor=actor)
        assert isinstance(done, Done)
        return done.result

    def test_shows_the_request_and_reads_samples(self, people: tuple[Actor, Actor]) -> None:
        result = self.checked(
            people[0],
            answers=[
                {"body": '{"ok": "true", "id": "7"}'},
                {"body": '{"ok": "false"}'},
                {"status": 503, "body": "busy"},
            ],
            calls=[{"body": '{"id": "7", "state": "lost"}'}, {"body": "?"}],
        )
        assert result.can_be_saved
        headers = {each.name: each.value for each in result.request.headers}
        assert headers["Authorization"] == "Bearer SECRET-token"
        assert [
            (each.outcome, each.error_class, each.may_be_sent_again) for each in result.answers
        ] == [
            ("accepted", "", False),
            ("rejected", "content", True),
            ("ambiguous", "ambiguous", False),
        ]
        assert [(each.kind, each.status) for each in result.calls] == [
            ("receipt", "undelivered"),
            ("unreadable", ""),
        ]
        assert result.acknowledgement.endswith("taken ")
        assert count() == (0, 0, 0)

    def test_names_faults_before_it_tries(self, people: tuple[Actor, Actor]) -> None:
        result = self.checked(people[0], definition={**LOCAL, "credentials": []})
        assert (result.can_be_saved, result.request) == (False, None)
        assert result.problems[0].code == "credential_unknown"

    def test_shows_the_ready_made_ones(self, people: tuple[Actor, Actor]) -> None:
        for key in sorted(ready_made()):
            got = execute("gateway_definitions.get", {"ready_made": key}, actor=people[0])
            assert isinstance(got, Done)
            definition = got.result.definition.model_dump(mode="json")  # type: ignore[attr-defined]
            result = self.checked(people[0], definition=definition)
            assert result.request_problem == ""
            assert "SECRET-" in str(result.request)
