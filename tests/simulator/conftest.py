"""A simulator for a module's tests, and a web server that stands for the product."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.simulator.process import RunningSimulator, simulator_running


class Product:
    """Takes receipts and replies; `answer` decides status and body from the count so far."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, bytes]] = []
        self.answer: Callable[[int], tuple[int, bytes]] = lambda _: (200, b"OK")
        self.chunked = False
        self.closing = False
        self._arrived = threading.Condition()
        product = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with product._arrived:
                    product.got.append((self.path, self.headers["Content-Type"], body))
                    status, text = product.answer(len(product.got))
                    product._arrived.notify_all()
                self.send_response(status)
                if product.closing:
                    self.send_header("Connection", "close")
                if product.chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                    text = b"%x\r\n%b\r\n0\r\n\r\n" % (len(text), text)
                else:
                    self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def wait(self, count: int) -> list[tuple[str, str, bytes]]:
        """The first `count` posts, as soon as they are there."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.got) >= count, timeout=10), self.got
            return self.got[:count]


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    with simulator_running(receipt_delay_ms=0, reply_delay_ms=0, receipt_retry_ms=10) as process:
        yield process


@pytest.fixture
def carrier(running: RunningSimulator) -> RunningSimulator:
    running.reset()
    return running


@pytest.fixture
def product() -> Iterator[Product]:
    server = Product()
    yield server
    server.server.shutdown()
    server.server.server_close()
