"""A carrier simulator of a test's own: a process on a free port, ended with the test.

with simulator_running(receipts="delivered=1", receipt_delay_ms=0) as carrier:
    carrier.base_url, carrier.token                  # for the gateway
    carrier.control(faults={"reset_after_accept": 1})
    carrier.until(lambda stats: stats["pending"] == 0)
    assert carrier.stats()["duplicates"] == 0
"""

import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "test-token"
_SMPP = re.compile(r"listening on smpp://([0-9.]+):([0-9]+)")
_READY = re.compile(r"listening on http://([0-9.]+):([0-9]+)")
Stats = dict[str, Any]


class RunningSimulator:
    def __init__(
        self, process: "subprocess.Popen[str]", host: str, port: int, smpp_port: int = 0
    ) -> None:
        self.process = process
        self.host = host
        self.port = port
        self.token = TOKEN
        self.base_url = f"http://{host}:{port}"
        self.smpp_url = f"smpp://{host}:{smpp_port}"

    def call(
        self, method: str, path: str, document: object = None, **headers: str
    ) -> tuple[int, Any]:
        """One request; the answer's status and JSON value (or bytes)."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        try:
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            kept = {"Content-Type": "application/json", "X-VertexSMS-Token": TOKEN}
            kept |= {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body if method == "POST" else None, kept)
            answer = connection.getresponse()
            raw = answer.read()
            is_json = "json" in (answer.getheader("Content-Type") or "")
            return answer.status, json.loads(raw) if is_json and raw else raw
        finally:
            connection.close()

    def send(self, **fields: object) -> tuple[int, Any]:
        """Submit one message with the defaults of a valid one."""
        document = {"to": "37069912345", "from": "Shop", "message": "Hello", **fields}
        return self.call("POST", "/sms", document)

    def stats(self, **parameters: int) -> Stats:
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        status, document = self.call("GET", f"/_stats?{query}")
        assert status == 200
        assert isinstance(document, dict)
        return document

    def messages(self, limit: int = 1000) -> list[dict[str, Any]]:
        status, document = self.call("GET", f"/_messages?limit={limit}")
        assert status == 200
        assert isinstance(document, list)
        return document

    def control(self, **settings: object) -> None:
        status, document = self.call("POST", "/_control", settings)
        assert status == 200, document

    def reset(self, *, settings: bool = True) -> None:
        status, document = self.call("POST", "/_reset", {"settings": settings})
        assert status == 200, document

    def until(self, ready: Callable[[Stats], bool], *, seconds: float = 10.0) -> Stats:
        """The first stats that are `ready`; AssertionError with the last ones after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            stats = self.stats()
            if ready(stats):
                return stats
            assert time.monotonic() < deadline, f"The simulator never got there: {stats}"
            time.sleep(0.01)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.terminate()
        return self.process.wait(10)


@contextmanager
def simulator_running(**flags: object) -> Iterator[RunningSimulator]:
    """A simulator with these flags (`receipt_delay_ms=0` is `--receipt-delay-ms 0`)."""
    command = [sys.executable, "-m", "smsmarketing.simulator"]
    for name, value in {"port": 0, "token": TOKEN, "report_s": 0, **flags}.items():
        flag = "--" + name.replace("_", "-")
        command += [flag] if value is True else [flag, str(value)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        yield RunningSimulator(process, *_address(process))
    finally:
        process.kill()
        process.wait(10)
        if process.stderr is not None:
            process.stderr.close()


def _address(process: "subprocess.Popen[str]") -> tuple[str, int, int]:
    assert process.stderr is not None
    seen: list[str] = []
    smpp_port = 0
    for line in process.stderr:
        seen.append(line)
        bound = _SMPP.search(line)
        smpp_port = int(bound[2]) if bound else smpp_port
        ready = _READY.search(line)
        if ready:
            return ready[1], int(ready[2]), smpp_port
    raise AssertionError(f"The simulator did not start: {''.join(seen)}")
