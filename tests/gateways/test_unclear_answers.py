"""The words of a gateway that left doubt: kept without secrets, numbers and texts, shown to few, deleted."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsmarketing.gateways.dispatch import batch_run
from smsmarketing.gateways.dispatch.unclear import MOST_OF_A_CODE
from smsmarketing.gateways.models import Message, UnclearAnswer
from smsmarketing.gateways.rules.answers import answer_text
from smsmarketing.gateways.rules.redaction import KEPT_BYTES, answer_redacted
from smsmarketing.gateways.services.retention import texts_expire
from smsmarketing.operations.errors import NotPermitted
from tests.gateways.peers import Peer
from tests.gateways.test_operations import actor_of, call
from tests.gateways.world import World, world_make

TOKEN = "tök/en-of 1 house"
NUMBER = "+37069912345"
TEXT = 'Šale "today" 20%'


class TestRedaction:
    @pytest.mark.parametrize(
        "shown",
        [
            TOKEN,
            quote(TOKEN),
            quote(TOKEN, safe=""),
            "t\\u00f6k\\/en-of 1 house",
            base64.b64encode(TOKEN.encode()).decode(),
            base64.b64encode(f"user-1:{TOKEN}".encode()).decode(),
            TOKEN[:-3],
        ],
    )
    def test_no_form_of_a_secret_stays(self, shown: str) -> None:
        """Also where the answer ends within it."""
        kept = answer_redacted(
            f"<p>Bad header: {shown}".encode(),
            secrets=["user-1", TOKEN, "ab", ""],
            number=NUMBER,
            text="Hi",
        )
        assert kept.startswith(b"<p>Bad header: [secret]")
        assert shown.encode() not in kept

    @pytest.mark.parametrize(
        "shown",
        [NUMBER, NUMBER[1:], "869912345", "0069912345", "%2B37069912345", "0037069912345"],
    )
    def test_no_form_of_the_number_stays(self, shown: str) -> None:
        """[R-4.12]"""
        raw = f"to={shown}&id=1281532560".encode()
        kept = answer_redacted(raw, secrets=[], number=NUMBER, text="")
        assert kept == b"to=[number]&id=1281532560"

    @pytest.mark.parametrize("shown", [TEXT, quote(TEXT), '\\u0160ale \\"today\\" 20%'])
    def test_no_form_of_the_text_stays(self, shown: str) -> None:
        raw = f"<b>{shown}</b>".encode()
        assert answer_redacted(raw, secrets=[], number=NUMBER, text=TEXT) == b"<b>[text]</b>"

    def test_it_is_cut_after_it_was_redacted(self) -> None:
        raw = b"x" * (KEPT_BYTES - 3) + TOKEN.encode()
        kept = answer_redacted(raw, secrets=[TOKEN], number="", text="")
        assert kept == b"x" * (KEPT_BYTES - 3) + b"[se"

    def test_bytes_that_are_no_text_are_shown_in_hexadecimal(self) -> None:
        assert answer_text(b"\0\0\0\x10\x80\0\0\x04") == "00000010 80000004"
        assert answer_text("<p>Ошибка</p>\n".encode()) == "<p>Ошибка</p>\n"


def echo(client: socket.socket, peer: Peer) -> None:
    """A page that shows the whole request, as debugging proxies do."""
    while True:
        asked = peer.request(client)
        page = b"<html><h1>It works</h1><pre>" + asked + b"</pre></html>"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n\r\n"
        client.sendall(head.encode() + page)


def saying(status: int, body: bytes) -> Any:
    def talk(client: socket.socket, peer: Peer) -> None:
        while True:
            peer.request(client)
            head = f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\n\r\n"
            client.sendall(head.encode() + body)

    return talk


@pytest.fixture
def doubted(db: None) -> Iterator[World]:
    """A world with some messages about which the gateway answered nonsense."""
    with Peer(echo) as peer:
        world = world_make(base_url=peer.base_url)
        batch = world.batch(world.contacts(MOST_OF_A_CODE + 5), body="Sale today, 20% off")
        batch_run(batch.pk, follow_up=False)
        yield world


@pytest.mark.django_db
def test_what_left_doubt_is_kept_once_and_bounded(doubted: World) -> None:
    """[R-8.12] the message is unknown, and people can see why."""
    unknown = Message.objects.filter(state="unknown", error_code="http_200")
    assert unknown.count() == MOST_OF_A_CODE + 5
    kept = list(UnclearAnswer.objects.order_by("pk"))
    assert len(kept) == MOST_OF_A_CODE
    assert {row.message_id for row in kept} <= set(unknown.values_list("pk", flat=True))
    first = kept[0]
    assert (first.outcome, first.http_status, first.content_type) == ("ambiguous", 200, "text/html")
    assert (first.attempt, first.whole, first.gateway_id) == (1, True, doubted.gateway.pk)
    words = bytes(first.raw)
    assert first.size > len(words) > 100
    phone = Message.objects.get(pk=first.message_id).phone[1:].encode()
    for hidden in (b"test-token", doubted.secret.encode(), phone, b"Sale today"):
        assert hidden not in words
    for shown in (b"It works", b"[secret]", b"[number]", b"[text]"):
        assert shown in words


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "body", "state", "kept"),
    [
        (200, b'["1281532560"]', "accepted", 0),
        (401, b"", "queued", 1),
        (418, b'{"message": "new"}', "rejected", 1),
        (502, b"", "unknown", 1),
    ],
)
def test_only_what_nothing_explains_is_kept(
    status: int, body: bytes, state: str, kept: int
) -> None:
    with Peer(saying(status, body)) as peer:
        world = world_make(base_url=peer.base_url)
        batch = world.batch(world.contacts(1))
        batch_run(batch.pk, follow_up=False)
    assert Message.objects.get(batch=batch).state == state
    assert UnclearAnswer.objects.count() == kept


@pytest.mark.django_db
def test_people_of_the_team_with_the_right_see_it(doubted: World) -> None:
    actor = actor_of(doubted)
    found = call("unclear_answers.list", actor, limit=5)
    assert len(found["items"]) == 5
    row = found["items"][0]
    assert (row["error_code"], row["http_status"], row["whole"]) == ("http_200", 200, True)
    assert row["answer"]["source"] == "gateway_error"
    assert "It works" in row["answer"]["text"]
    assert "<" not in row["answer"]["text"]
    own = call("unclear_answers.list", actor, message_id=row["message_id"], error_code="http_200")
    assert [each["answer_id"] for each in own["items"]] == [row["answer_id"]]
    assert call("unclear_answers.list", actor_of(world_make()))["items"] == []
    with pytest.raises(NotPermitted):
        call("unclear_answers.list", actor_of(doubted, "gateways.answer_view"))


@pytest.mark.django_db
def test_it_goes_with_the_texts(doubted: World) -> None:
    """[R-4.14]"""
    now = timezone.now()
    assert texts_expire(now=now + timedelta(days=89))["unclear_answers"] == 0
    assert texts_expire(now=now + timedelta(days=91))["unclear_answers"] == MOST_OF_A_CODE
    assert not UnclearAnswer.objects.exists()
    assert Message.objects.filter(error_code="http_200").count() == MOST_OF_A_CODE + 5


@pytest.mark.django_db
def test_the_page_shows_it_escaped(doubted: World, client: Client) -> None:
    row = UnclearAnswer.objects.latest("pk")
    page = reverse("admin:gateways_unclearanswer_change", args=[row.pk])
    user = doubted.user
    user.is_staff = True
    user.save()
    client.force_login(user)
    assert client.get(page).status_code in {302, 403}
    user.is_superuser = True
    user.save()
    html = client.get(page).content.decode()
    assert "&lt;h1&gt;It works" in html
    assert "unclear: the message is unknown" in html
    message = client.get(reverse("admin:gateways_message_change", args=[row.message_id]))
    assert f"?q={row.message_id}" in message.content.decode()
