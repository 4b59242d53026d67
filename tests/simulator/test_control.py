"""Setting the simulator up, looking at it, and starting and ending it as a process."""

import http.client
import socket
import subprocess
import sys
import threading

import pytest

from smsmarketing.simulator.settings import FAULTS, loopback_target
from tests.simulator.process import ROOT, RunningSimulator, simulator_running


class TestSettings:
    @pytest.mark.parametrize(
        ("changes", "word"),
        [
            ({"latency": 5}, "latency"),
            ({"latency_ms": -1}, "latency_ms"),
            ({"latency_ms": "5"}, "latency_ms"),
            ({"latency_ms": True}, "latency_ms"),
            ({"receipt_duplicate_share": 1.1}, "receipt_duplicate_share"),
            ({"faults": {"earthquake": 1}}, "earthquake"),
            ({"faults": {}}, "at least one weight"),
            ({"faults": {"none": 0}}, "at least one weight"),
            ({"faults": ["none"]}, "faults"),
            ({"receipts": {"lost": 1}}, "lost"),
            ({"replies": {"STOP": 0.6, "HELP": 0.6}}, "sum"),
            ({"inbound_url": "http://example.com/"}, "inbound_url"),
            ({"inbound_format": "xml"}, "inbound_format"),
            ({"token": ""}, "token"),
            ({"magic": 1}, "magic"),
            ([], "object"),
        ],
    )
    def test_a_bad_one_is_refused_by_name_and_changes_nothing(
        self, carrier: RunningSimulator, changes: object, word: str
    ) -> None:
        before = carrier.call("GET", "/_control")
        if isinstance(changes, dict):
            changes = {"hang_ms": 7, **changes}
        status, document = carrier.call("POST", "/_control", changes)
        assert status == 400
        assert word in document["message"]
        assert carrier.call("GET", "/_control") == before

    def test_are_shown_without_the_token(self, carrier: RunningSimulator) -> None:
        carrier.control(latency_ms=1, faults={"none": 9, "http_503": 1})
        status, settings = carrier.call("GET", "/_control")
        assert status == 200
        assert settings["faults"] == {"none": 9, "http_503": 1}
        assert "token" not in settings

    def test_a_reset_forgets_counts_and_may_restore_settings(
        self, carrier: RunningSimulator
    ) -> None:
        carrier.control(receipts={"43": 1}, receipt_delay_ms=60_000)
        carrier.send(dlrUrl="http://127.0.0.1:9/x?m=1")
        carrier.reset(settings=False)
        stats = carrier.stats()
        assert (stats["accepted"], stats["pending"], carrier.messages()) == (0, 0, [])
        assert stats["settings"]["receipts"] == {"43": 1}
        carrier.reset()
        assert carrier.stats()["settings"]["receipts"] == {"delivered": 1}

    @pytest.mark.parametrize("path", ["/_control", "/_reset"])
    def test_a_form_of_a_web_page_cannot_change_anything(
        self, carrier: RunningSimulator, path: str
    ) -> None:
        assert carrier.call("POST", path, b"a=1", Content_Type="text/plain")[0] == 400
        assert carrier.call("POST", path, b"{", Content_Type="application/json")[0] == 400

    @pytest.mark.parametrize("path", ["/", "/_stats", "/_messages", "/_control"])
    def test_another_host_name_sees_nothing(self, carrier: RunningSimulator, path: str) -> None:
        assert carrier.call("GET", path, Host="rebound.example")[0] == 403

    @pytest.mark.parametrize(
        ("url", "target"),
        [
            ("http://127.0.0.1:8000/a?b=1", ("127.0.0.1", 8000, "/a?b=1")),
            ("http://localhost/", ("127.0.0.1", 80, "/")),
            ("http://[::1]:9", ("::1", 9, "/")),
            ("http://127.8.9.1/x", ("127.8.9.1", 80, "/x")),
            ("http://10.0.0.1/", None),
            ("http://0.0.0.0/", None),
            ("http://2130706433/", None),
            ("http://localhost.example.com/", None),
            ("http://127.0.0.1:99999/", None),
            ("file:///etc/passwd", None),
            ("http://[", None),
            ("", None),
        ],
    )
    def test_only_this_machine_is_ever_called(
        self, url: str, target: tuple[str, int, str] | None
    ) -> None:
        assert loopback_target(url) == target


class TestPages:
    def test_people_see_counts_and_no_numbers_or_texts(self, carrier: RunningSimulator) -> None:
        carrier.send(to="37069987654", message="Private words")
        status, page = carrier.call("GET", "/")
        assert status == 200
        text = page.decode()
        assert "<th>accepted</th><td>1</td>" in text
        assert "99908" in text
        assert "69987654" not in text
        assert "Private words" not in text
        assert carrier.token not in text

    def test_health_and_unknown_addresses(self, carrier: RunningSimulator) -> None:
        assert carrier.call("GET", "/_health") == (200, b"OK")
        assert carrier.call("GET", "/favicon.ico")[0] == 404
        assert carrier.call("DELETE", "/_stats")[0] == 404
        assert carrier.call("POST", "/rates/")[0] == 405


class TestProcess:
    def test_memory_is_bounded(self) -> None:
        with simulator_running(
            keep=2, max_keys=3, max_pending=4, receipt_delay_ms=60_000
        ) as carrier:
            for number in range(6):
                carrier.send(dlrUrl=f"http://127.0.0.1:9/x?m={number}")
            stats = carrier.stats()
            assert len(carrier.messages()) == 2
            assert (stats["accepted"], stats["distinct"], stats["keys_dropped"]) == (6, 3, 3)
            assert stats["duplicates"] == 0
            assert (stats["pending"], stats["receipts"]["dropped"]) == (4, 2)

    def test_nothing_private_is_logged(self) -> None:
        with simulator_running(report_s=0.05, receipt_delay_ms=0) as carrier:
            carrier.send(
                to="37069987654",
                message="Private words",
                dlrUrl="http://127.0.0.1:9/receipts/secret-path?m=1",
            )
            carrier.send(to="370699 private")
            assert carrier.process.stderr is not None
            lines = [carrier.process.stderr.readline()]
            assert carrier.stop() == 0
            lines += carrier.process.stderr.readlines()
        text = "".join(lines)
        assert "accepted 1" in text
        for secret in ("69987654", "Private", "private", "secret-path", carrier.token):
            assert secret not in text

    def test_a_term_signal_lets_the_answer_in_hand_out(self) -> None:
        with simulator_running(latency_ms=300) as carrier:
            answers: list[int] = []
            sender = threading.Thread(target=lambda: answers.append(carrier.send()[0]))
            sender.start()
            carrier.until(lambda stats: stats["accepted"] == 1)
            assert carrier.stop() == 0
            sender.join()
            assert answers == [200]

    def test_choices_can_be_repeated_with_a_seed(self) -> None:
        def outcomes() -> list[str]:
            with simulator_running(seed=7, receipts="delivered=1,43=1,none=1") as carrier:
                for _ in range(20):
                    carrier.send()
                return [str(item["outcome"]) for item in carrier.messages()]

        assert outcomes() == outcomes()

    @pytest.mark.parametrize(
        ("flags", "word"),
        [
            (["--host", "0.0.0.0"], "loopback"),
            (["--host", "example.com"], "example.com"),
            (["--faults", "earthquake=1"], "earthquake"),
            (["--faults", "none"], "name=weight"),
            (["--latency-ms", "-1"], "latency_ms"),
            (["--inbound-url", "http://10.0.0.1/"], "inbound_url"),
        ],
    )
    def test_a_bad_flag_is_named(self, flags: list[str], word: str) -> None:
        code, errors = self.fail(flags)
        assert code == 2
        assert word in errors

    def test_a_busy_port_is_named(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            code, errors = self.fail(["--port", port])
        assert code == 2
        assert port in errors

    def fail(self, flags: list[str]) -> tuple[int, str]:
        ended = subprocess.run(
            [sys.executable, "-m", "smsmarketing.simulator", *flags],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return ended.returncode, ended.stderr


def test_the_manual_names_every_setting_and_fault() -> None:
    manual = (ROOT / "smsmarketing/simulator/__main__.py").read_text()
    with simulator_running() as carrier:
        settings = carrier.call("GET", "/_control")[1]
    for name in settings:
        assert "--" + name.replace("_", "-") in manual or name == "magic"
    for fault in FAULTS:
        assert fault in manual
    assert "--no-magic" in manual


def test_a_hanging_connection_is_closed_in_the_end(carrier: RunningSimulator) -> None:
    carrier.control(faults={"hang": 1}, hang_ms=20)
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        carrier.send()
    assert carrier.stats()["accepted"] == 0
