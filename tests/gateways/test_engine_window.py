"""The engine's window: pace, stop, idle sources, and errors of the caller."""

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from smsmarketing.gateways.engine import Answer, Engine, Exchange, NoAnswer
from smsmarketing.gateways.transports.base import SubmitRequest
from tests.gateways.peers import (
    OK,
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


class TestWindow:
    def test_a_proxy_of_the_environment_is_ignored(
        self, carrier: RunningSimulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.delenv("no_proxy", raising=False)
        with Engine(1) as engine:
            assert results(run(engine, carrier.base_url, 1))[1].outcome == "accepted"

    def test_the_pace_is_asked_for_what_is_ready_and_kept(
        self, carrier: RunningSimulator, engine: Engine
    ) -> None:
        asked: list[int] = []
        granted = 0

        def pace(wanted: int) -> tuple[int, float]:
            nonlocal granted
            asked.append(wanted)
            permits = min(2, wanted) if len(asked) % 2 else 0
            granted += permits
            return permits, 0.001

        outcomes = results(run(engine, carrier.base_url, 20, pace=pace))
        assert len(outcomes) == 20
        assert granted == 20
        assert max(asked) <= 8

    def test_a_stop_starts_nothing_more_and_awaits_what_flies(
        self, carrier: RunningSimulator, engine: Engine
    ) -> None:
        """[R-10.25]"""
        carrier.control(latency_ms=30)
        stopping = threading.Event()
        exchanges: dict[int, Exchange] = {}

        def requests() -> Iterator[tuple[int, SubmitRequest]]:
            for number in range(1000):
                if number == 20:
                    stopping.set()
                yield number, submit(number, carrier.base_url)

        engine.submit_many(requests(), exchanges.__setitem__, should_stop=stopping.is_set)

        not_started = [key for key, item in exchanges.items() if isinstance(item, NoAnswer)]
        accepted = [key for key, item in exchanges.items() if isinstance(item, Answer)]
        assert len(accepted) == carrier.stats()["accepted"]
        assert 20 <= len(exchanges) < 50
        for key in not_started:
            assert exchanges[key] == NoAnswer("not_started", False, 0.0)

    def test_what_waits_for_the_pace_is_given_back_on_a_stop(
        self, carrier: RunningSimulator, engine: Engine
    ) -> None:
        stop = threading.Event()

        def pace(_: int) -> tuple[int, float]:
            stop.set()
            return 0, 0.0

        exchanges = run(engine, carrier.base_url, 5, pace=pace, should_stop=stop.is_set)
        assert set(exchanges.values()) == {NoAnswer("not_started", False, 0.0)}
        assert len(exchanges) == 5
        assert carrier.stats()["requests"] == 0

    def test_none_from_the_source_means_ask_again(
        self, carrier: RunningSimulator, engine: Engine
    ) -> None:
        def requests() -> Iterator[tuple[int, SubmitRequest] | None]:
            for number in range(5):
                yield None
                yield number, submit(number, carrier.base_url)

        seen: list[int] = []
        engine.submit_many(requests(), lambda key, _: seen.append(key))
        assert sorted(seen) == list(range(5))

    def test_an_answer_is_not_lost_because_another_could_not_be_stored(
        self, carrier: RunningSimulator, engine: Engine
    ) -> None:
        carrier.control(latency_ms=20)
        stored: list[int] = []

        def store(key: int, exchange: Exchange) -> None:
            if isinstance(exchange, Answer) and not stored:
                stored.append(-key)
                raise ConnectionError("database")
            stored.append(key)

        requests = ((number, submit(number, carrier.base_url)) for number in range(1, 100))
        with pytest.raises(ConnectionError, match="database"):
            engine.submit_many(requests, store)

        accepted = carrier.stats()["accepted"]
        assert accepted == 8  # one window; nothing was started after the failure
        assert len(stored) >= accepted
        assert len({abs(key) for key in stored}) == len(stored)

    @pytest.mark.parametrize("culprit", ["source", "pace", "should_stop"])
    def test_an_error_of_the_caller_comes_out_at_the_end(
        self, carrier: RunningSimulator, engine: Engine, culprit: str
    ) -> None:
        def fail(*_: object) -> Any:
            raise RuntimeError(culprit)

        def requests() -> Iterator[tuple[int, SubmitRequest]]:
            yield 1, submit(1, carrier.base_url)
            if culprit == "source":
                fail()

        seen: dict[int, Exchange] = {}
        options = {} if culprit == "source" else {culprit: fail}
        with pytest.raises(RuntimeError, match=culprit):
            engine.submit_many(requests(), seen.__setitem__, **options)
        assert carrier.stats()["accepted"] == sum(isinstance(x, Answer) for x in seen.values())
        assert run(engine, carrier.base_url, 1)  # and the engine still works

    def test_is_not_entered_twice(self, carrier: RunningSimulator, engine: Engine) -> None:
        def again(*_: object) -> None:
            engine.submit_many([], lambda *_: None)

        with pytest.raises(RuntimeError, match="in use"):
            engine.submit_many([(1, submit(1, carrier.base_url))], again)

    def test_an_interrupt_leaves_it_usable(self, carrier: RunningSimulator, engine: Engine) -> None:
        carrier.control(latency_ms=200)

        def interrupted(number: int) -> tuple[int, float]:
            if interrupted_at:
                raise KeyboardInterrupt
            interrupted_at.append(1)
            return 1, 0.0

        interrupted_at: list[int] = []
        with pytest.raises(KeyboardInterrupt):
            run(engine, carrier.base_url, 3, pace=interrupted)
        carrier.control(latency_ms=0)
        assert results(run(engine, carrier.base_url, 1))[1].outcome == "accepted"

    @pytest.mark.parametrize(
        "request_made",
        [
            SubmitRequest("POST", "http://127.0.0.1:9/", (("A", "b\r\nc: d"),), b"x"),
            SubmitRequest("POST", "http://127.0.0.1:9/", (), b""),
        ],
    )
    def test_a_request_that_must_not_leave_is_refused(
        self, engine: Engine, request_made: SubmitRequest
    ) -> None:
        seen: list[Exchange] = []
        engine.submit_many([(1, request_made)], lambda _, exchange: seen.append(exchange))
        assert seen == [NoAnswer("bad_request", False, 0.0)]

    @pytest.mark.parametrize("window", [0, -1, 513])
    def test_refuses_a_window_out_of_range(self, window: int) -> None:
        with pytest.raises(ValueError, match="max_in_flight"):
            Engine(window)

    def test_a_forked_worker_starts_with_connections_of_its_own(self) -> None:
        """Celery's prefork children must not write into the parent's sockets."""
        with Peer(answering(OK)) as peer, Engine(1) as engine:
            run(engine, peer.base_url, 1)
            child = os.fork()
            if child == 0:
                try:
                    good = isinstance(run(engine, peer.base_url, 1)[1], Answer)
                    os._exit(0 if good else 1)
                finally:
                    os._exit(2)
            assert os.waitpid(child, 0)[1] == 0
            assert isinstance(run(engine, peer.base_url, 1)[1], Answer)
            assert peer.connections == 2
