"""The HTTP engine against the carrier simulator: each fault class, and what the carrier accepted."""

from collections import Counter
from collections.abc import Iterator

import pytest

from smsmarketing.gateways.engine import Answer, Engine
from smsmarketing.gateways.transports.base import OutboundMessage, SubmitRequest, TransportConfig
from tests.gateways.peers import (
    IMPATIENT,
    NUMBER,
    OK,
    PATIENT,
    VERTEXSMS,
    Peer,
    answering,
    results,
    run,
    submit,
)
from tests.simulator.process import RunningSimulator, simulator_running


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    with simulator_running(receipt_delay_ms=60_000) as simulator:
        yield simulator


@pytest.fixture
def carrier(running: RunningSimulator) -> RunningSimulator:
    running.reset()
    return running


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(8) as instance:
        yield instance


class TestAccepted:
    def test_every_message_once(self, carrier: RunningSimulator, engine: Engine) -> None:
        outcomes = results(run(engine, carrier.base_url, 500))

        assert {result.outcome for result in outcomes.values()} == {"accepted"}
        assert len({result.gateway_message_id for result in outcomes.values()}) == 500
        stats = carrier.stats(messages=1)
        assert (stats["accepted"], stats["distinct"], stats["duplicates"]) == (500, 500, 0)
        assert stats["accepted_by_message"] == {str(number): 1 for number in range(1, 501)}

    def test_gives_status_headers_body_and_time(
        self, carrier: RunningSimulator, engine: Engine
    ) -> None:
        (exchange,) = run(engine, carrier.base_url, 1).values()

        assert isinstance(exchange, Answer)
        assert (exchange.status, exchange.complete) == (200, True)
        assert exchange.headers["x-vertexsms-amount-sent"] == "1"
        assert exchange.body.startswith(b'["')
        assert exchange.seconds > 0

    def test_keeps_connections_between_calls(self) -> None:
        with Peer(answering(OK)) as peer, Engine(4) as engine:
            for _ in range(5):
                run(engine, peer.base_url, 40)
            assert len(peer.received) == 200
            assert peer.connections <= 4

    def test_sends_no_more_at_once_than_the_window(self, carrier: RunningSimulator) -> None:
        carrier.control(latency_ms=20)
        flying: set[int] = set()
        most = 0

        def requests() -> Iterator[tuple[int, SubmitRequest]]:
            nonlocal most
            for number in range(60):
                flying.add(number)
                most = max(most, len(flying))
                yield number, submit(number, carrier.base_url)

        with Engine(6) as engine:
            started = engine.submit_many(requests(), lambda key, _: flying.discard(key))
        assert started == 60
        assert most == 6
        assert not flying

    def test_carries_headers_and_body_as_described(self) -> None:
        with Peer(answering(OK)) as peer, Engine(1) as engine:
            run(engine, peer.base_url, 1)
            head, _, body = peer.received[0].partition(b"\r\n\r\n")
            assert head.startswith(b"POST /sms HTTP/1.1\r\n")
            assert b"X-VertexSMS-Token: test-token" in head
            assert b"Content-Type: application/json" in head
            assert b"expect" not in head.lower()
            assert body == submit(1, peer.base_url).body

    def test_sets_the_headers_of_each_gateway(self) -> None:
        """A reused handle must not send one gateway's token to another."""
        with Peer(answering(OK)) as one, Peer(answering(OK)) as two, Engine(1) as engine:
            for number in range(6):
                peer = (one, two)[number % 2]
                config = TransportConfig(
                    base_url=peer.base_url, credentials={"token": f"token-{number % 2}"}
                )
                planned = OutboundMessage(
                    message_id=number, to=NUMBER, sender="Shop", body="x", parts=1
                )
                request = VERTEXSMS.submit_request(planned, config)
                engine.submit_many([(number, request)], lambda *_: None)
            assert all(b"token-0" in data and b"token-1" not in data for data in one.received)
            assert all(b"token-1" in data and b"token-0" not in data for data in two.received)


@pytest.mark.parametrize(
    ("fault", "outcome", "error_class", "accepted"),
    [
        ("http_400", "rejected", "content", 0),
        ("http_401", "rejected", "auth", 0),
        ("http_403", "rejected", "auth", 0),
        ("http_429", "throttled", "throttle", 0),
        ("http_503", "throttled", "throttle", 0),
        ("http_500", "ambiguous", "ambiguous", 0),
        ("http_501", "ambiguous", "ambiguous", 0),
        ("http_500_after_accept", "ambiguous", "ambiguous", 20),
        ("html_200", "ambiguous", "ambiguous", 0),
        ("html_200_after_accept", "ambiguous", "ambiguous", 20),
        ("empty_200", "ambiguous", "ambiguous", 0),
        ("empty_200_after_accept", "ambiguous", "ambiguous", 20),
        ("cut_after_accept", "ambiguous", "ambiguous", 20),
        ("reset", "ambiguous", "ambiguous", 0),
        ("reset_after_accept", "ambiguous", "ambiguous", 20),
        ("hang", "ambiguous", "ambiguous", 0),
        ("hang_after_accept", "ambiguous", "ambiguous", 20),
    ],
)
def test_each_fault_has_its_class_and_nothing_is_sent_twice(
    carrier: RunningSimulator, fault: str, outcome: str, error_class: str, accepted: int
) -> None:
    """The carrier counts what it accepted; the engine must never have repeated a request."""
    with Engine(4) as engine:
        run(engine, carrier.base_url, 4)  # kept connections: where libcurl repeats by itself
        carrier.reset()
        carrier.control(faults={fault: 1})
        hangs = fault.startswith("hang")
        count = 4 if hangs else 20
        outcomes = results(run(engine, carrier.base_url, count, IMPATIENT if hangs else PATIENT))

    assert Counter(result.outcome for result in outcomes.values()) == {outcome: count}
    assert {result.error_class for result in outcomes.values()} == {error_class}
    stats = carrier.stats()
    assert stats["requests"] == count
    assert (stats["accepted"], stats["duplicates"]) == (min(accepted, count), 0)


def test_what_is_definitely_not_accepted_is_true_under_a_mix_of_all_faults(
    carrier: RunningSimulator, engine: Engine
) -> None:
    """design.md §7: a resend is allowed on `definitely_not_accepted` only, so it must never lie."""
    names = [
        "none", "http_400", "http_500", "http_503", "reset", "reset_after_accept", "html_200",
        "empty_200_after_accept", "cut_after_accept", "http_500_after_accept",
    ]  # fmt: skip
    carrier.control(faults=dict.fromkeys(names, 1), latency_ms=1, latency_jitter_ms=5)

    outcomes = results(run(engine, carrier.base_url, 400))

    stats = carrier.stats(messages=1)
    accepted = {int(key) for key in stats["accepted_by_message"]}
    assert stats["requests"] == 400
    assert stats["duplicates"] == 0
    assert len(outcomes) == 400
    for number, result in outcomes.items():
        if result.outcome == "accepted":
            assert number in accepted
        if result.definitely_not_accepted:
            assert number not in accepted
    unclear = {key for key, result in outcomes.items() if result.outcome == "ambiguous"}
    sure = {key for key, result in outcomes.items() if result.outcome == "accepted"}
    assert sure <= accepted <= sure | unclear
