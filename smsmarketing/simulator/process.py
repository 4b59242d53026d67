"""The simulator as a process: flags, listening, reports, and a clean end."""

import argparse
import asyncio
import gc
import ipaddress
import logging
import signal
from collections.abc import Sequence
from dataclasses import fields

from smsmarketing.simulator.app import App
from smsmarketing.simulator.carrier import Carrier
from smsmarketing.simulator.server import Connection
from smsmarketing.simulator.settings import SettingError, Settings, settings_merge
from smsmarketing.simulator.smpp import SmppDesk

log = logging.getLogger("simulator")
_GRACE_S = 2.0
_MIXES = ("faults", "receipts", "replies")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal ends it. Returns the exit code: 0, or 2 when a flag or the port is
    unusable.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = _parser()
    flags = parser.parse_args(arguments)
    try:
        settings = _settings(flags)
        if not ipaddress.ip_address(flags.host).is_loopback:
            raise SettingError("host must be a loopback address such as 127.0.0.1.")
    except ValueError as error:
        parser.error(str(error))
    # Requests make many short-lived objects and no cycles; frequent full collections only cost.
    gc.set_threshold(100_000, 50, 50)
    return asyncio.run(_serve(flags, settings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m smsmarketing.simulator",
        description="VertexSMS on loopback. All flags: smsmarketing/simulator/__main__.py.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8091)
    parser.add_argument("--smpp-port", type=int)
    parser.add_argument("--no-magic", action="store_true")
    parser.add_argument("--seed", type=int)
    for flag, default in (("keep", 10_000), ("max-keys", 2_000_000), ("max-pending", 2_000_000)):
        parser.add_argument(f"--{flag}", type=int, default=default)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--report-s", type=float, default=10.0)
    for item in fields(Settings):
        if item.name != "magic":
            flag = "--" + item.name.replace("_", "-")
            kind = float if item.name.endswith(("_ms", "_share")) else str
            parser.add_argument(flag, type=kind, dest=f"set_{item.name}", default=None)
    return parser


def _settings(flags: argparse.Namespace) -> Settings:
    changes: dict[str, object] = {}
    for name, value in vars(flags).items():
        setting = name.removeprefix("set_")
        if name == setting or value is None:
            continue
        changes[setting] = _mix(setting, value) if setting in _MIXES else value
    if flags.no_magic:
        changes["magic"] = False
    return settings_merge(Settings(), changes)


def _mix(setting: str, text: str) -> dict[str, float]:
    mix: dict[str, float] = {}
    for entry in filter(None, text.split(",")):
        name, _, weight = entry.partition("=")
        try:
            mix[name.strip()] = float(weight)
        except ValueError:
            raise SettingError(f"{setting}: write name=weight,name=weight.") from None
    return mix


async def _serve(flags: argparse.Namespace, settings: Settings) -> int:
    loop = asyncio.get_running_loop()
    carrier = Carrier(
        settings,
        seed=flags.seed,
        keep=max(0, flags.keep),
        max_keys=max(0, flags.max_keys),
        max_pending=max(0, flags.max_pending),
        connections=max(1, flags.connections),
    )
    app = App(carrier)
    live: set[Connection] = set()
    try:
        server = await loop.create_server(
            lambda: Connection(app.handle, live), flags.host, flags.port, backlog=1024
        )
    except (OSError, OverflowError) as error:
        log.error("Cannot listen on %s port %s: %s", flags.host, flags.port, error)
        return 2
    smpp_server = await _smpp_serve(flags, carrier)
    if flags.smpp_port is not None and smpp_server is None:
        return 2
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    port = server.sockets[0].getsockname()[1]
    log.info("Carrier simulator listening on http://%s:%s", flags.host, port)
    reporter = loop.create_task(_report(carrier, flags.report_s)) if flags.report_s > 0 else None
    await ended.wait()
    server.close()
    if smpp_server is not None:
        smpp_server.close()
    await _finish_answers(live)
    if reporter is not None:
        reporter.cancel()
    await carrier.client.close()
    log.info("Carrier simulator stopped; %s callbacks were pending.", carrier.pending())
    return 0


async def _smpp_serve(flags: argparse.Namespace, carrier: Carrier) -> asyncio.Server | None:
    """The same carrier over SMPP; told in a line of its own, before the one of HTTP."""
    if flags.smpp_port is None:
        return None
    desk = SmppDesk(carrier, capacity=max(0, flags.max_pending))
    try:
        server = await asyncio.get_running_loop().create_server(
            desk.connection, flags.host, flags.smpp_port, backlog=64
        )
    except (OSError, OverflowError) as error:
        log.error("Cannot listen on %s port %s: %s", flags.host, flags.smpp_port, error)
        return None
    port = server.sockets[0].getsockname()[1]
    log.info("Carrier simulator listening on smpp://%s:%s", flags.host, port)
    return server


async def _finish_answers(live: set[Connection]) -> None:
    deadline = asyncio.get_running_loop().time() + _GRACE_S
    while any(connection.waiting for connection in live):
        if asyncio.get_running_loop().time() > deadline:
            break
        await asyncio.sleep(0.02)
    for connection in list(live):
        connection.close()


async def _report(carrier: Carrier, every_s: float) -> None:
    last = (0, 0, 0)
    while True:
        await asyncio.sleep(every_s)
        tally = carrier.tally
        now = (tally.requests, tally.receipts["acked"], tally.replies["acked"])
        if now != last:
            last = now
            log.info(
                "requests %s, accepted %s, receipts taken %s, replies taken %s, pending %s",
                tally.requests,
                tally.accepted,
                tally.receipts["acked"],
                tally.replies["acked"],
                carrier.pending(),
            )
