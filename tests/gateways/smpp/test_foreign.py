"""Against SMPP that other people wrote: a server and a client in Rust (smpp34), and a second codec
(smpp.pdu) that speaks for a carrier.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pytest
import smpp34
from smpp.pdu.operations import DeliverSM, SubmitSM, SubmitSMResp, Unbind, UnbindResp
from smpp.pdu.pdu_encoding import PDUEncoder
from smpp.pdu.pdu_types import EsmClass, EsmClassMode, EsmClassType, MessageState

from smsmarketing.gateways.models import InboundMessage, Message, Receipt
from tests.gateways.smpp.bound import bound_world, serve, settled
from tests.gateways.smpp.peers import Client, Smsc
from tests.simulator.process import simulator_running


def port_free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class RustServer:
    """smpp34's server in a thread with a loop of its own. `decide` answers a submit and may return
    the text of a receipt.
    """

    def __init__(self, decide: Callable[[Any, int], str | None]) -> None:
        self.port = 0
        self.texts: list[tuple[str, bytes]] = []
        self._decide = decide
        self._loop = asyncio.new_event_loop()
        self._ready, self._done = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        server = await self._started()
        self._ready.set()
        esme: Any = None
        stop = asyncio.ensure_future(self._done.wait())
        sending: set[asyncio.Future[Any]] = set()
        while True:
            event = asyncio.ensure_future(server.next())
            await asyncio.wait([event, stop], return_when=asyncio.FIRST_COMPLETED)
            if stop.done():
                event.cancel()
                break
            got: Any = event.result()
            if isinstance(got, smpp34.Esme):
                esme = got
            elif isinstance(got, smpp34.SubmitSmEvent):
                self.texts.append((got.destination_addr, got.short_message))
                receipt = self._decide(got, len(self.texts))
                if receipt is not None:
                    told = esme.deliver_sm(
                        got.source_addr,
                        receipt.encode(),
                        source_addr=got.destination_addr,
                        source_addr_ton=1,
                        source_addr_npi=1,
                        esm_class=4,
                    )
                    sending.add(asyncio.ensure_future(told))
        await asyncio.gather(*sending, return_exceptions=True)
        await server.stop()

    async def _started(self) -> Any:
        """It takes no port 0, and a free one may be gone a moment later."""
        for _ in range(10):
            self.port = port_free()
            server = smpp34.Server("127.0.0.1", self.port, system_id="smsc")
            try:
                await server.start()
            except smpp34.SmppError:
                continue
            return server
        raise AssertionError("No port was free.")

    def __enter__(self) -> str:
        self._thread.start()
        assert self._ready.wait(10)
        return f"smpp://127.0.0.1:{self.port}"

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(10)
        self._loop.close()


@pytest.mark.django_db
class TestRustServer:
    def test_every_message_once_with_its_receipt(self) -> None:
        """The id is hexadecimal in the answer and decimal in the receipt."""

        def decide(event: Any, count: int) -> str:
            event.accept(f"{0xB000 + count:08X}")
            return (
                f"id:{0xB000 + count} sub:001 dlvrd:001 submit date:2611281200"
                " done date:2611281201 stat:DELIVRD err:000 text:x"
            )

        server = RustServer(decide)
        with server as address:
            here = bound_world(address, password="secret")
            batch = here.batch(here.contacts(40))
            serve(here, settled(batch, delivered=40))
        assert len(server.texts) == len(set(server.texts)) == 40

    def test_refusals_of_a_number_and_of_the_pace(self) -> None:
        def decide(event: Any, count: int) -> None:
            event.reject(
                smpp34.ESME_RINVDSTADR
                if event.destination_addr.endswith("0")
                else smpp34.ESME_RTHROTTLED
            )

        server = RustServer(decide)
        with server as address:
            here = bound_world(address, password="secret")
            batch = here.batch(here.contacts(2))
            serve(here, settled(batch, rejected=1, queued=1))
        classes = set(Message.objects.filter(batch=batch).values_list("state", "error_class"))
        assert classes == {("rejected", "hard"), ("queued", "throttle")}


def test_a_rust_client_finds_the_simulator_a_carrier() -> None:
    async def talk(address: str) -> tuple[Any, Any, Any]:
        host, port = address.removeprefix("smpp://").split(":")
        client = smpp34.Client(host, int(port), "shop", "token")
        smsc = await client.connect()
        answer = await smsc.submit_sm(
            "37069912345", b"Hello", source_addr="Shop", source_addr_ton=5, registered_delivery=1
        )
        receipt = await asyncio.wait_for(smsc.next(), 10)
        refused = await smsc.submit_sm("37069999911", b"Hello", source_addr="Shop")
        await smsc.unbind()
        return answer, receipt, refused

    with simulator_running(smpp_port=0, receipt_delay_ms=0, token="token") as carrier:
        answer, receipt, refused = asyncio.run(talk(carrier.smpp_url))
        assert answer.is_success
        assert int(answer.message_id, 16)
        assert receipt.esm_class == 4
        assert receipt.source_addr == "37069912345"
        assert refused.command_status == smpp34.ESME_RINVDSTADR
        assert carrier.stats()["accepted"] == 1


@contextmanager
def pdu_carrier(said: list[Any]) -> Iterator[str]:
    """A carrier whose every byte but the bind is read and written by smpp.pdu."""
    codec = PDUEncoder()

    def talk(client: Client, _: Smsc) -> None:
        sequence = 100
        while True:
            pdu = codec.decode(BytesIO(client.read().raw))
            said.append(pdu)
            if isinstance(pdu, Unbind):
                client.stream.sendall(codec.encode(UnbindResp(seqNum=pdu.seqNum)))
                return
            if not isinstance(pdu, SubmitSM):
                continue
            sequence += 1
            answer = SubmitSMResp(seqNum=pdu.seqNum, message_id=f"id-{sequence}".encode())
            client.stream.sendall(codec.encode(answer))
            receipt = DeliverSM(
                seqNum=sequence,
                source_addr=pdu.params["destination_addr"],
                destination_addr=pdu.params["source_addr"],
                esm_class=EsmClass(EsmClassMode.DEFAULT, EsmClassType.SMSC_DELIVERY_RECEIPT),
                short_message=b"",
                receipted_message_id=f"ID-{sequence}".encode(),
                message_state=MessageState.DELIVERED,
            )
            reply = DeliverSM(
                seqNum=sequence + 1000,
                source_addr=pdu.params["destination_addr"],
                destination_addr=pdu.params["source_addr"],
                short_message=b"thanks",
            )
            client.stream.sendall(codec.encode(receipt) + codec.encode(reply))

    with Smsc(talk) as smsc:
        yield smsc.base_url


@pytest.mark.django_db
def test_receipts_by_parameters_and_replies_of_another_codec() -> None:
    said: list[Any] = []
    with pdu_carrier(said) as address:
        here = bound_world(address, password="secret")
        batch = here.batch(here.contacts(5))
        done = settled(batch, delivered=5)
        serve(here, lambda: done() and InboundMessage.objects.count() == 5)
    submits = [each for each in said if isinstance(each, SubmitSM)]
    assert {each.params["short_message"] for each in submits} == {b"Hello"}
    assert len(submits) == 5
    assert {each.text for each in InboundMessage.objects.all()} == {"thanks"}
    assert set(Receipt.objects.values_list("state", flat=True)) == {"applied"}
