"""The pages: describing a provider, and the test console of a gateway."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from smsmarketing.accounts.models import User
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.gateways.models import DefinitionVersion, Gateway, GatewayTest
from smsmarketing.gateways.services.gateway_tests import tests_run as run_all
from smsmarketing.operations.types import Actor
from tests.gateways.transports.test_definitions import LOCAL, Provider, count, used
from tests.gateways.transports.test_definitions import people as people
from tests.gateways.transports.test_definitions import provider as provider
from tests.gateways.world import World

NEW = "/admin/gateways/gatewaydefinition/new/"


@pytest.fixture
def desk(people: tuple[Actor, Actor], client: Client) -> Client:
    User.objects.filter(pk=people[0].user.pk).update(is_staff=True)
    client.force_login(User.objects.get(pk=people[0].user.pk))
    return client


def form(**changed: str) -> dict[str, str]:
    own = ("submit", "answer", "webhook")
    parts = {name: json.dumps(LOCAL[name]) for name in own}
    general = {name: LOCAL[name] for name in ("label", "credentials")}
    return {"general": json.dumps(general), **parts, "check": "", "name": "Local"} | changed


@pytest.mark.django_db
class TestEditor:
    def test_begins_from_a_ready_made_one_and_checks_it(self, desk: Client) -> None:
        for key in ("mitake", ""):
            page = desk.get(NEW, {"from": key}).content.decode()
            assert 'id="fine"' in page
            assert "SECRET-" in page
            assert "gc-fault" not in page

    def test_tells_each_part_what_is_wrong_while_it_is_written(self, desk: Client) -> None:
        broken = form(submit='{"path": "/a b"', do="check")
        page = desk.post(NEW, broken, headers={"X-Live-Check": "1"}).content.decode()
        assert 'data-part="submit"' in page
        assert "Line 1" in page
        assert "<form" not in page
        unknown = form(answer=json.dumps({**LOCAL["answer"], "surprise": 1}), do="check")
        page = desk.post(NEW, unknown).content.decode()
        assert 'data-part="answer"' in page
        assert "answer.surprise" in page
        assert count() == (0, 0, 0)

    def test_reads_samples_as_sending_would(self, desk: Client) -> None:
        tried = form(do="check", answer_status="200", answer_body='{"ok": "false"}',
                     call_body='{"id": "7", "state": "lost"}')  # fmt: skip
        page = desk.post(NEW, tried).content.decode()
        assert "Refused" in page
        assert "State undelivered" in page
        assert "taken" in page

    def test_saves_versions_and_nothing_that_is_wrong(self, desk: Client) -> None:
        assert desk.post(NEW, form(do="save", name="")).status_code == 200
        assert desk.post(NEW, form(do="save", general="[]")).status_code == 200
        assert count() == (0, 0, 0)
        assert desk.post(NEW, form(do="save")).status_code == 302
        version = DefinitionVersion.objects.get()
        address = f"/admin/gateways/gatewaydefinition/{version.definition_id}/edit/"
        page = desk.get(address)
        assert page.context["values"]["base_version"] == "1"
        changed = json.dumps({**LOCAL["submit"], "path": "/v2"})
        assert (
            desk.post(address, form(do="save", submit=changed, base_version="1")).status_code == 302
        )
        assert (
            desk.post(address, form(do="save", submit=changed, base_version="1")).status_code == 200
        )
        assert count() == (1, 2, 0)
        assert (
            b"Write a new version"
            in desk.get(
                f"/admin/gateways/gatewaydefinition/{version.definition_id}/change/"
            ).content
        )
        assert b"Describe a provider" in desk.get("/admin/gateways/gatewaydefinition/").content

    def test_is_closed_for_people_without_the_right(self, desk: Client) -> None:
        User.objects.get(username="asker").roles.clear()
        assert desk.get(NEW).status_code in (302, 403)
        assert desk.post(NEW, form(do="save")).status_code in (302, 403)
        assert count() == (0, 0, 0)


def console(gateway: Gateway) -> str:
    return f"/admin/gateways/gateway/{gateway.pk}/test/"


@pytest.mark.django_db(transaction=True)
class TestConsole:
    def test_a_check_from_the_button_to_its_words(
        self, world: World, people: tuple[Actor, Actor], desk: Client, provider: Provider
    ) -> None:
        gateway = used(world, people, provider)
        page = desk.get(console(gateway)).content.decode()
        assert "Billed when sent." in page
        assert 'id="no-test-mode"' in page
        assert "SECRET-token" in page
        assert "s3cret" not in page
        asked = desk.post(console(gateway), {"do": "check", "sender": "Shop", "text": "Hello."})
        assert asked.status_code == 302
        assert b'http-equiv="refresh"' in desk.get(asked["Location"].split("#")[0]).content
        assert run_all() == 1
        done = desk.get(asked["Location"].split("#")[0]).content.decode()
        assert "The provider can be reached; the credentials are not proven." in done
        assert "cannot be checked" in done
        assert "It works" not in done
        assert 'http-equiv="refresh"' not in done
        assert (
            str(gateway.pk)
            in desk.get(f"/admin/gateways/gateway/{gateway.pk}/change/").content.decode()
        )

    def test_what_is_wrong_is_said_and_nothing_is_kept(
        self, world: World, people: tuple[Actor, Actor], desk: Client, provider: Provider
    ) -> None:
        gateway = used(world, people, provider)
        refused: Any = desk.post(console(gateway), {"do": "test_mode", "to": "12", "text": "x"})
        assert (refused.status_code, "to" in refused.context["errors"]) == (200, True)
        read = desk.post(
            console(gateway), {"do": "read", "status": "200", "body": "<html>", "text": "x",
                               "sender": "Shop"})  # fmt: skip
        assert "not sent again" in read.content.decode()
        assert desk.get(console(gateway) + "?test=999999").status_code == 200
        assert (GatewayTest.objects.count(), ActionRequest.objects.count()) == (0, 0)
        assert provider.got == []
