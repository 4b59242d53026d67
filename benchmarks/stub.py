"""A carrier that does nothing but answer: what is measured against it is the sender, not the
carrier.

python -m benchmarks.stub [--latency-ms 50]

It reads no field, checks nothing and answers every request that ends in "}" with the same id. The
first line of output is its address.
"""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-control: no-cache\r\n"
    b'X-VertexSMS-Amount-Sent: 1\r\nContent-Length: 14\r\n\r\n["1281532560"]'
)


class _Answering(asyncio.Protocol):
    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not data.endswith(b"}") or self._transport is None:
            return
        if self._latency_s:
            asyncio.get_running_loop().call_later(self._latency_s, self._transport.write, ANSWER)
        else:
            self._transport.write(ANSWER)


async def _serve(latency_s: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Answering(latency_s), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


@contextmanager
def stub_running(*, latency_ms: float = 0.0) -> Iterator[str]:
    """A stub in a process of its own; gives its base URL."""
    command = [sys.executable, "-m", "benchmarks.stub", "--latency-ms", str(latency_ms)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    asyncio.run(_serve(parser.parse_args().latency_ms / 1000))
