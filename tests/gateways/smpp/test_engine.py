"""The bound link against an SMSC that does what it likes."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from smsmarketing.gateways.engine import NoAnswer, exchange_result
from smsmarketing.gateways.engine.smpp import BindRefused, LinkDown, SmppEngine
from smsmarketing.gateways.transports.base import TransportConfig, TransportDataError
from smsmarketing.gateways.transports.smpp.messages import message_decode
from smsmarketing.gateways.transports.smpp.pdu import DELIVER_SM, ENQUIRE_LINK, SUBMIT_SM, UNBIND
from tests.gateways.smpp.peers import (
    RESPONSE,
    SMPP,
    Client,
    Smsc,
    config,
    engine,
    idle_until,
    request,
    submit,
)
from tests.gateways.smpp.test_transport import delivered

HASTY = {"response_s": "2"}
"""For what is about answers that do not come; elsewhere a busy machine must not look like that."""


def answering(client: Client, smsc: Smsc) -> None:
    """A carrier as it should be."""
    number = 0
    while True:
        pdu = client.read()
        smsc.seen.put(pdu)
        if pdu.command == SUBMIT_SM:
            number += 1
            client.accept(pdu, f"{number:08X}")
        elif not pdu.command & RESPONSE:
            client.send(pdu.command | RESPONSE, sequence=pdu.sequence)


def texts(smsc: Smsc) -> Counter[tuple[str, bytes]]:
    found: Counter[tuple[str, bytes]] = Counter()
    while not smsc.seen.empty():
        pdu = smsc.seen.get()
        if pdu.command == SUBMIT_SM:
            read = message_decode(pdu)
            found[read.destination.value, read.short_message] += 1
    return found


def test_submits_keep_a_window_and_say_goodbye() -> None:
    with Smsc(answering) as smsc:
        bound = engine(smsc.base_url)
        results = submit(bound, 50)
        bound.unbind()
        assert {each.outcome for each in results.values()} == {"accepted"}
        assert len({each.gateway_message_id for each in results.values()}) == 50
        assert set(texts(smsc).values()) == {1}
        assert not bound.bound


def test_a_pair_submits_on_one_link_and_hears_on_the_other() -> None:
    def talk(client: Client, smsc: Smsc) -> None:
        if client.bound_as == 1:
            client.stream.sendall(delivered("id:1 stat:DELIVRD"))
            smsc.seen.put(client.read())
        answering(client, smsc)

    with Smsc(talk) as smsc:
        bound = engine(smsc.base_url, options={"bind_mode": "pair"})
        assert smsc.binds == [2, 1]
        assert submit(bound, 3)[3].outcome == "accepted"
        idle_until(bound, lambda: bound.kept)
        assert len(bound.kept) == 1
        bound.unbind()


def test_answers_in_any_order_belong_to_their_submits() -> None:
    def talk(client: Client, smsc: Smsc) -> None:
        pdus = [client.read() for _ in range(8)]
        for pdu in reversed(pdus):
            client.accept(pdu, message_decode(pdu).destination.value)

    with Smsc(talk) as smsc:
        results = submit(engine(smsc.base_url), 8)
        assert {key: each.gateway_message_id for key, each in results.items()} == {
            number: f"3706{number:07d}" for number in range(1, 9)
        }


class TestDoubt:
    @pytest.mark.parametrize("end", ["close", "reset", "unbind", "garbage", "huge"])
    def test_what_was_on_the_link_is_ambiguous_and_the_rest_not_started(self, end: str) -> None:
        """[R-8.12]"""

        def talk(client: Client, smsc: Smsc) -> None:
            first, *_ = [client.read() for _ in range(4)]
            client.accept(first)
            if end == "reset":
                smsc.seen.get(timeout=10)  # the answer is read before
                client.reset()
            elif end == "unbind":
                client.send(UNBIND, sequence=9)
                while client.read().command != UNBIND | RESPONSE:
                    pass
            elif end == "garbage":
                client.stream.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            elif end == "huge":
                client.stream.sendall(b"\x7f\xff\xff\xff" + bytes(12))

        with Smsc(talk) as smsc:
            bound = engine(smsc.base_url, window=4)
            results = {}

            def noted(key: int, exchange: object) -> None:
                results[key] = exchange
                if end == "reset" and len(results) == 1:
                    smsc.seen.put(None)  # type: ignore[arg-type]

            bound.submit_many(((n, request(n)) for n in range(1, 11)), noted)
            outcomes = {
                key: exchange_result(SMPP, each).outcome
                for key, each in results.items()
                if not (isinstance(each, NoAnswer) and each.kind == "not_started")
            }
            # After the first answer a fifth submit may have gone out.
            assert outcomes.pop(1) == "accepted"
            assert set(outcomes) in ({2, 3, 4}, {2, 3, 4, 5})
            assert set(outcomes.values()) == {"ambiguous"}
            assert not bound.bound
            assert bound.why_down

    def test_no_answer_in_time_is_ambiguous_and_a_late_one_still_tells_its_id(self) -> None:
        late: list[tuple[int, int, int, str]] = []

        def talk(client: Client, smsc: Smsc) -> None:
            pdu = client.read()
            smsc.seen.get(timeout=15)
            client.accept(pdu, "LATE1")
            answering(client, smsc)

        with Smsc(talk) as smsc:
            bound = engine(smsc.base_url, options=HASTY, late=lambda *told: late.append(told))
            result = submit(bound, 1)[1]
            assert (result.outcome, result.error_code) == ("ambiguous", "net_timeout")
            smsc.seen.put(None)  # type: ignore[arg-type]
            idle_until(bound, lambda: late)
            assert late == [(1, 1, 1, "LATE1")]
            assert bound.bound
            bound.unbind()

    def test_a_carrier_that_is_gone_is_noticed(self) -> None:
        def talk(client: Client, _: Smsc) -> None:
            assert client.read().command == ENQUIRE_LINK
            client.read()

        with Smsc(talk) as smsc:
            bound = engine(smsc.base_url, options=HASTY)
            bound._links[0].heard_at -= 10  # as if it had been silent
            idle_until(bound, lambda: not bound.bound)
            assert "enquire_link" in bound.why_down
            bound.close()


class TestParts:
    def test_a_refusal_of_the_first_part_sends_no_other(self) -> None:
        def talk(client: Client, smsc: Smsc) -> None:
            pdu = client.read()
            smsc.seen.put(pdu)
            client.refuse(pdu, 0x0B)
            answering(client, smsc)

        with Smsc(talk) as smsc:
            bound = engine(smsc.base_url)
            result = submit(bound, 1, body="x" * 300, parts=2)[1]
            assert (result.outcome, result.error_class) == ("rejected", "hard")
            bound.unbind()
            assert sum(texts(smsc).values()) == 1

    def test_a_throttled_second_part_is_offered_again_and_nothing_twice(self) -> None:
        def talk(client: Client, smsc: Smsc) -> None:
            client.accept(client.read(), "A")
            for _ in range(2):
                client.refuse(client.read(), 0x58)
            answering(client, smsc)

        with Smsc(talk) as smsc:
            bound = engine(smsc.base_url)
            result = submit(bound, 1, body="x" * 300, parts=2)[1]
            assert (result.outcome, result.part_ids) == ("accepted", ("A", "00000001"))
            bound.unbind()
            assert set(texts(smsc).values()) == {1}

    def test_a_link_that_drops_between_parts_leaves_doubt(self) -> None:
        def talk(client: Client, _: Smsc) -> None:
            client.accept(client.read(), "A")
            client.read()

        with Smsc(talk) as smsc:
            result = submit(engine(smsc.base_url), 1, body="x" * 300, parts=2)[1]
            assert (result.outcome, result.definitely_not_accepted) == ("ambiguous", False)


def test_a_throttle_slows_the_whole_bind_down() -> None:
    def talk(client: Client, smsc: Smsc) -> None:
        for _ in range(8):
            client.refuse(client.read(), 0x14)
        answering(client, smsc)

    with Smsc(talk) as smsc:
        bound = engine(smsc.base_url)
        outcomes = Counter(each.outcome for each in submit(bound, 30).values())
        assert outcomes == {"throttled": 8, "accepted": 22}
        bound.unbind()


class TestDeliveries:
    def test_what_is_not_kept_is_not_acknowledged(self) -> None:
        """The carrier offers it again."""

        def refuse(_: object) -> list[int]:
            raise RuntimeError("no database")

        def talk(client: Client, smsc: Smsc) -> None:
            client.stream.sendall(delivered("id:1 stat:DELIVRD"))
            smsc.seen.put(client.read())
            answering(client, smsc)

        with Smsc(talk) as smsc:
            bound = engine(smsc.base_url, deliver=refuse)
            idle_until(bound, lambda: not smsc.seen.empty())
            answer = smsc.seen.get()
            assert (answer.command, answer.status, answer.sequence) == (
                DELIVER_SM | RESPONSE,
                0x64,
                3,
            )
            bound.unbind()

    def test_other_requests_get_an_answer(self) -> None:
        def talk(client: Client, smsc: Smsc) -> None:
            client.send(ENQUIRE_LINK, sequence=5)
            client.send(0x77, sequence=6)
            smsc.seen.put(client.read())
            smsc.seen.put(client.read())
            answering(client, smsc)

        with Smsc(talk) as smsc:
            bound = engine(smsc.base_url)
            idle_until(bound, lambda: smsc.seen.qsize() >= 2)
            first, second = smsc.seen.get(), smsc.seen.get()
            assert (first.command, first.sequence) == (ENQUIRE_LINK | RESPONSE, 5)
            assert (second.command, second.status, second.sequence) == (0x80000000, 3, 6)
            bound.unbind()


class TestBind:
    def test_a_refusal_names_its_status(self) -> None:
        class Refusing(Smsc):
            def _one(self, stream):  # type: ignore[no-untyped-def]
                client = Client(stream)
                client.refuse(client.read(), 0x0D)
                stream.close()

        with Refusing(answering) as smsc:
            with pytest.raises(BindRefused) as refusal:
                engine(smsc.base_url)
            assert refusal.value.status == 0x0D

    @pytest.mark.parametrize(
        ("address", "kind"),
        [
            ("smpp://127.0.0.1:9", "connect"),
            ("https://127.0.0.1", "bad_request"),
            ("smpp://127.0.0.1:99999", "bad_request"),
        ],
    )
    def test_no_connection_says_why(self, address: str, kind: str) -> None:
        with pytest.raises(LinkDown) as down:
            engine(address)
        assert down.value.kind == kind

    def test_without_credentials_nothing_is_connected(self) -> None:
        with Smsc(answering) as smsc:
            lost = SmppEngine(
                TransportConfig(base_url=smsc.base_url), window=1, deliver=lambda _: []
            )
            with pytest.raises(TransportDataError):
                lost.bind()
            assert smsc.binds == []

    def test_tls_is_checked(self, tmp_path: Path, certificate: Callable[[Path], Path]) -> None:
        file = certificate(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        with Smsc(answering, tls=context) as smsc:
            bound = engine(smsc.base_url, ca_file=str(file))
            assert {each.outcome for each in submit(bound, 20).values()} == {"accepted"}
            bound.unbind()
            with pytest.raises(LinkDown) as down:
                engine(smsc.base_url)
            assert down.value.kind == "tls"

    def test_numbers_never_show_in_a_repr(self) -> None:
        assert "secret" not in repr(config("smpp://127.0.0.1"))
