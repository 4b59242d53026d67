"""Our submits beside those of the providers' own SDKs: the same address, login and fields."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from smsapi.client import Client as SmsApiSdk
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client as TwilioSdk

from smsmarketing.gateways import transports
from smsmarketing.gateways.transports.base import TransportConfig
from tests.gateways.transports.cases import CASES, NUMBER, message

SAMPLES = {case.name: case for case in CASES}


class _Captured(HttpClient):
    """Keeps what the SDK would send."""

    def __init__(self) -> None:
        self.sent: dict[str, Any] = {}

    def request(self, method: str, url: str, **arguments: Any) -> Response:  # type: ignore[override]
        self.sent = {"method": method, "url": url, **arguments}
        return Response(201, SAMPLES["twilio"].accepted[1].decode())


def test_twilio_gets_what_its_sdk_sends() -> None:
    captured = _Captured()
    sdk = TwilioSdk("AC0123", "secret-value-1", http_client=captured)
    sdk.messages.create(
        to=NUMBER,
        from_="Shop",
        body="Sale today",
        status_callback=message().dlr_url,
        validity_period=3600,
    )
    case = SAMPLES["twilio"]
    request = case.transport.submit_request(
        message(validity_s=3600),
        TransportConfig(base_url="https://api.twilio.com", credentials=case.credentials),
    )
    ours = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    theirs = {name: str(value) for name, value in captured.sent["data"].items()}
    assert (request.method, request.url) == (captured.sent["method"], captured.sent["url"])
    assert captured.sent["auth"] == ("AC0123", "secret-value-1")
    assert ours == theirs


@pytest.fixture
def smsapi_server() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that answers as SMSAPI does and keeps the forms it got."""
    forms: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            text = self.rfile.read(length).decode() or urlsplit(self.path).query
            fields = {name: values[0] for name, values in parse_qs(text).items()}
            forms.append({**fields, "path": urlsplit(self.path).path})
            forms[-1]["login"] = self.headers.get("authorization", "")
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(SAMPLES["smsapi"].accepted[1])

        def log_message(self, format: str, *arguments: object) -> None:
            """Silence."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", forms
    server.shutdown()
    thread.join()
    server.server_close()


def test_smsapi_gets_what_its_sdk_sends(
    smsapi_server: tuple[str, list[dict[str, str]]],
) -> None:
    address, forms = smsapi_server
    sdk = SmsApiSdk(address, access_token="secret-value-1")
    sdk.sms.send(
        to=NUMBER[1:],
        from_="Shop",
        message="Sale today",
        encoding="utf-8",
        max_parts="6",
        idx="41",
        check_idx="1",
        notify_url=message().dlr_url,
    )
    request = transports.get("smsapi").submit_request(message(), SAMPLES["smsapi"].config)
    ours = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    (theirs,) = forms
    assert theirs.pop("path") == urlsplit(request.url).path
    assert theirs.pop("login") == dict(request.headers)["Authorization"]
    assert ours == theirs
