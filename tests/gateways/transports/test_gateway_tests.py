"""Testing a gateway: what is found, what to do about it, and that nothing is sent twice or kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.contacts.services.suppressions import suppression_add
from smsmarketing.gateways import transports
from smsmarketing.gateways.models import Gateway, GatewayTest
from smsmarketing.gateways.rules.gateway_advice import BY_CLASS, BY_FAILURE, advice_for
from smsmarketing.gateways.services.gateway_tests import tests_run as run_all
from smsmarketing.gateways.transports.base import ERROR_CLASSES
from smsmarketing.gateways.transports.generic.trial import answer_shown, number_hidden
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import Conflict, InvalidInput
from smsmarketing.operations.types import Actor, Done
from tests.gateways.transports.test_definitions import LOCAL, Provider, used
from tests.gateways.transports.test_definitions import people as people
from tests.gateways.transports.test_definitions import provider as provider
from tests.gateways.world import World
from tests.surfaces import call

NUMBER = "+37061234567"
SANDBOX = LOCAL | {
    "submit": {**LOCAL["submit"], "test": [{"name": "test", "value": "1"}]},
    "check": {
        "method": "POST",
        "path": "/balance",
        "read": "json",
        "passed": [{"tests": [{"at": "/ok", "values": ["true"]}]}],
    },
}


@pytest.fixture
def gateway(
    world: World, people: tuple[Actor, Actor], provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> Gateway:
    monkeypatch.setattr("tests.gateways.transports.test_definitions.LOCAL", SANDBOX)
    return used(world, people, provider)


def asked(actor: Actor, gateway: Gateway, **fields: Any) -> int:
    done = execute("gateways.test", {"gateway_id": gateway.pk} | fields, actor=actor)
    assert isinstance(done, Done)
    return int(done.result.test_id)  # type: ignore[attr-defined]


def told(actor: Actor, gateway: Gateway, **fields: Any) -> Any:
    test_id = asked(actor, gateway, **fields)
    assert run_all() == 1
    done = execute("gateways.test_result", {"test_id": test_id}, actor=actor)
    assert isinstance(done, Done)
    return done.result


def found(result: Any) -> list[tuple[str, str]]:
    return [(step.step, step.found) for step in result.steps]


@pytest.mark.django_db(transaction=True)
class TestTesting:
    def test_sends_in_the_test_mode_only_and_forgets_the_number(
        self, people: tuple[Actor, Actor], gateway: Gateway, provider: Provider
    ) -> None:
        provider.answer = b'{"ok": "true", "id": "7", "to": "61234567", "key": "s3cret"}'
        result = told(people[0], gateway, mode="test_mode", to=NUMBER, sender="Shop")
        assert found(result) == [
            ("credentials", "passed"),
            ("reach", "passed"),
            ("login", "passed"),
            ("send", "passed"),
        ]
        assert (result.passed, result.state) == (True, "done")
        assert [path for path, _, _ in provider.got] == ["/balance", "/send"]
        assert b"test=1" in provider.got[1][2]
        assert NUMBER[1:].encode() in provider.got[1][2]
        shown = str(result)
        assert "SECRET-token" in shown
        assert not [each for each in ("s3cret", "61234567", "local-secret-path") if each in shown]
        assert GatewayTest.objects.get().phone is None
        assert run_all() == 0
        assert len(provider.got) == 2

    def test_says_what_failed_and_what_to_do(
        self, people: tuple[Actor, Actor], gateway: Gateway, provider: Provider
    ) -> None:
        for answer in (b'{"ok": "false"}', b"<html>busy</html>"):
            provider.answer = answer
            result = told(people[0], gateway, mode="test_mode", to=NUMBER)
            assert found(result)[-1] == ("login", "failed")
            assert "gateway_credentials local" in result.steps[-1].advice
            assert (result.passed, result.summary) == (False, result.steps[-1].sentence)
        assert [path for path, _, _ in provider.got] == ["/balance", "/balance"]

    def test_nobody_there(
        self, people: tuple[Actor, Actor], gateway: Gateway, settings: Any
    ) -> None:
        """Refused before anything leaves: a private address that was not opened [R-10.8]."""
        Gateway.objects.filter(pk=gateway.pk).update(base_url="http://127.0.0.1:9")
        assert found(told(people[0], gateway))[-1] == ("reach", "failed")
        settings.PRODUCTION = True
        Gateway.objects.filter(pk=gateway.pk).update(base_url=gateway.base_url)
        result = told(people[0], gateway)
        assert "private" in result.summary
        assert "INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES" in result.steps[-1].advice

    def test_a_definition_is_missing(
        self, world: World, people: tuple[Actor, Actor], gateway: Gateway, provider: Provider
    ) -> None:
        bare = Gateway.objects.create(
            name="Bare", slug="bare", transport="generic", base_url=provider.url, countries=["LT"]
        )
        result = told(people[0], bare)
        assert found(result) == [("definition", "failed")]
        assert provider.got == []

    def test_a_cut_off_test_is_not_done_again(
        self, people: tuple[Actor, Actor], gateway: Gateway, provider: Provider
    ) -> None:
        test_id = asked(people[0], gateway, mode="test_mode", to=NUMBER)
        long_ago = timezone.now() - timedelta(minutes=3)
        GatewayTest.objects.update(progress="running", started_at=long_ago)
        assert run_all() == 0
        row = GatewayTest.objects.get(pk=test_id)
        assert (row.progress, row.phone, provider.got) == ("lost", None, [])


@pytest.mark.django_db
class TestRefusing:
    def test_no_test_mode_no_number_a_blocked_number(
        self, world: World, people: tuple[Actor, Actor], gateway: Gateway
    ) -> None:
        with pytest.raises(InvalidInput) as caught:
            asked(people[0], gateway, mode="test_mode")
        assert "to" in caught.value.field_errors
        suppression_add(
            phone=NUMBER,
            scope="global",
            brand=None,
            reason="complaint",
            source="admin",
            evidence={},
        )
        with pytest.raises(InvalidInput) as caught:
            asked(people[0], gateway, mode="test_mode", to=NUMBER)
        assert "blocked" in str(caught.value)
        Gateway.objects.filter(pk=gateway.pk).update(transport="twilio")
        with pytest.raises(Conflict) as refused:
            asked(people[0], gateway, mode="test_mode", to=NUMBER)
        assert "billed" in str(refused.value)
        assert GatewayTest.objects.count() == 0
        assert ActionRequest.objects.count() == 0

    def test_an_agent_may_check_and_its_test_message_waits_for_a_person(
        self, people: tuple[Actor, Actor], gateway: Gateway
    ) -> None:
        """A gateway that is not there is not found over MCP too, as tests/parity shows."""
        user, key = people[0].user, "gateways.test"
        assert call("mcp", user, key, {"gateway_id": gateway.pk, "mode": "check"}).status == "done"
        sends = {"gateway_id": gateway.pk, "mode": "test_mode", "to": NUMBER, "sender": "Test"}
        answer = call("mcp", user, key, sends)
        assert answer.status == "held", answer
        request = ActionRequest.objects.get()
        assert request.policies[0]["key"] == "gateway-test-agent"
        assert "a message is handed over" in str(request.policies[0]["because"])
        assert GatewayTest.objects.get().mode == "check"

    def test_many_at_once(self, people: tuple[Actor, Actor], gateway: Gateway) -> None:
        for _ in range(5):
            asked(people[0], gateway)
        with pytest.raises(Conflict):
            asked(people[0], gateway)
        assert GatewayTest.objects.count() == 5


@pytest.mark.django_db
class TestPreview:
    def seen(self, actor: Actor, gateway: Gateway, **fields: Any) -> Any:
        done = execute("gateways.test_preview", {"gateway_id": gateway.pk} | fields, actor=actor)
        assert isinstance(done, Done)
        return done.result

    def test_shows_the_request_and_what_it_would_cost(
        self, people: tuple[Actor, Actor], gateway: Gateway, provider: Provider
    ) -> None:
        test = self.seen(people[0], gateway, to=NUMBER)
        assert (test.would_bill, "test=1" in test.request.body) == (False, True)
        real = self.seen(
            people[0], gateway, to=NUMBER, real=True, answer={"body": '{"ok": "false"}'}
        )
        assert (real.would_bill, "test=1" in real.request.body) == (True, False)
        assert "0.05" in real.bills
        assert (real.reading.outcome, real.reading.error_class) == ("rejected", "content")
        assert "s3cret" not in str((test, real))
        assert provider.got == []

    def test_every_provider_has_one(self, people: tuple[Actor, Actor], gateway: Gateway) -> None:
        for name in transports.names():
            Gateway.objects.filter(pk=gateway.pk).update(transport=name)
            result = self.seen(people[0], gateway, to=NUMBER, sender="12345")
            assert result.checks
            assert (result.request is None) == bool(result.request_problem), name
            if name != "generic":
                capable = transports.get(name).capabilities.test_mode
                assert (result.has_test_mode, result.would_bill) == (capable, not capable)


def test_every_class_and_failure_has_advice() -> None:
    assert BY_CLASS.keys() == ERROR_CLASSES
    assert all(each.endswith(".") for each in (*BY_CLASS.values(), *BY_FAILURE.values()))
    assert "gateway_credentials shop" in advice_for("auth", slug="shop")


def test_what_is_shown_holds_no_number_and_no_secret() -> None:
    body = b'{"to": "0061-2345-67", "n": "061234567", "t": "abcd-token", "x": "37061234567"}'
    shown = answer_shown(body, phone=NUMBER, credentials={"token": "abcd-token"})
    assert "1234567" not in shown.replace("0061-2345-67", "")
    assert "abcd" not in shown
    assert number_hidden(NUMBER) == "+37000000067"
