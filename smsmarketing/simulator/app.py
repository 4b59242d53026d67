"""The simulator's addresses: the carrier's API, the control addresses, and a page for people."""

import html
import json
import time
from collections.abc import Mapping

from smsmarketing.simulator.carrier import MAGIC, Carrier
from smsmarketing.simulator.numbers import numbers_answer
from smsmarketing.simulator.rates import rates_csv, rates_json
from smsmarketing.simulator.server import Action, Request, answer
from smsmarketing.simulator.settings import SettingError, settings_merge, settings_public
from smsmarketing.simulator.tally import message_key

_LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})
_MOST_LISTED = 1000


class App:
    """Routes a request. The control addresses answer only to local host names, and take JSON only,
    so that a web page elsewhere cannot use a person's browser against them.
    """

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._started = time.monotonic()

    def handle(self, request: Request) -> Action:
        if request.method == "POST" and request.path == "/sms":
            if not self._token_fits(request):
                return self._carrier.refuse_token()
            return self._carrier.submit(request)
        if request.path.startswith(("/hlr", "/mccmnc/", "/prefixes/", "/operators/")):
            if not self._token_fits(request):
                return self._carrier.refuse_token()
            return numbers_answer(self._carrier, request) or _problem(404, "There is nothing here.")
        if request.path in ("/rates", "/rates/", "/sms"):
            return self._provider(request)
        if request.headers.get("host", "").lower().rsplit(":", 1)[0] not in _LOCAL_NAMES:
            return _problem(403, "Use 127.0.0.1 or localhost as the host name.")
        return self._control(request)

    def _token_fits(self, request: Request) -> bool:
        token = request.headers.get("x-vertexsms-token")
        if token is None:
            token = request.parameters().get("at")
        return token == self._carrier.settings.token

    def _provider(self, request: Request) -> Action:
        if not self._token_fits(request):
            return self._carrier.refuse_token()
        if request.method != "GET":
            return _problem(405, "The method is not allowed here.")
        if request.path == "/sms":  # the list of scheduled messages; none are ever scheduled
            return _json([]) if "scheduled" in request.parameters() else _problem(405, "Use POST.")
        form = request.parameters().get("format")
        if form == "json":
            return Action("answer", answer(200, rates_json()))
        if form == "csv":
            return Action("answer", answer(200, rates_csv(), "text/csv; charset=utf-8"))
        return _problem(400, "Invalid value for field 'format'. Use json or csv.")

    def _control(self, request: Request) -> Action:
        route = (request.method, request.path)
        if route == ("GET", "/"):
            return Action("answer", answer(200, self._page(), "text/html; charset=utf-8"))
        if route == ("GET", "/_health"):
            return Action("answer", answer(200, b"OK", "text/plain"))
        if route == ("GET", "/_stats"):
            return _json(self._stats(request.parameters()))
        if route == ("GET", "/_messages"):
            word = request.parameters().get("limit", "100")
            limit = min(int(word), _MOST_LISTED) if word.isdecimal() and len(word) < 8 else 100
            messages = list(self._carrier.tally.messages)
            return _json(messages[-limit:][::-1] if limit else [])
        if route == ("GET", "/_control"):
            return _json(settings_public(self._carrier.settings))
        if request.method == "POST" and request.path in ("/_control", "/_reset"):
            return self._change(request)
        return _problem(404, "There is nothing here.")

    def _change(self, request: Request) -> Action:
        if not request.headers.get("content-type", "").startswith("application/json"):
            return _problem(400, "Content-Type must be application/json.")
        try:
            document: object = json.loads(request.body or b"{}")
            if request.path == "/_reset":
                whole = isinstance(document, Mapping) and document.get("settings") is True
                self._carrier.reset(settings=whole)
            else:
                self._carrier.configure(settings_merge(self._carrier.settings, document))
        except SettingError as error:
            return _problem(400, str(error))
        except (ValueError, RecursionError):
            return _problem(400, "The body is not JSON.")
        return _json(settings_public(self._carrier.settings))

    def _stats(self, parameters: Mapping[str, str]) -> dict[str, object]:
        tally = self._carrier.tally
        stats = tally.summary()
        stats["pending"] = self._carrier.pending()
        stats["uptime_s"] = round(time.monotonic() - self._started, 1)
        stats["settings"] = settings_public(self._carrier.settings)
        if parameters.get("keys") == "1":
            stats["accepted_by_key"] = tally.accepted_by_key
        if parameters.get("messages") == "1":
            by_message: dict[str, int] = {}
            for key, count in tally.accepted_by_key.items():
                message = message_key(key)
                by_message[message] = by_message.get(message, 0) + count
            stats["accepted_by_message"] = by_message
        return stats

    def _page(self) -> bytes:
        stats = self._stats({})
        settings = stats.pop("settings")
        assert isinstance(settings, dict)  # noqa: S101  # put there above
        magic = {f"…{ending}": meaning for ending, meaning in MAGIC.items()}
        return (
            "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=3>"
            "<title>Carrier simulator</title><style>body{font:15px/1.5 system-ui;margin:2rem;"
            "max-width:60rem}td,th{padding:.1rem 1rem .1rem 0;text-align:left;vertical-align:top}"
            "h1{font-size:1.4rem}h2{font-size:1.1rem}</style>"
            "<h1>Carrier simulator</h1><p>It stands in for VertexSMS on this machine. No message "
            "leaves it; nobody is texted.</p>"
            f"<h2>Counts</h2>{_table(stats)}"
            f"<h2>Settings</h2><p>Change them with <code>POST /_control</code>.</p>"
            f"{_table(settings)}"
            f"<h2>Magic numbers</h2><p>Recipients that end in</p>{_table(magic)}"
            "</html>"
        ).encode()


def _table(rows: Mapping[str, object]) -> str:
    lines: list[str] = []
    for name, value in rows.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {count}" for key, count in value.items()) or "none"
        elif isinstance(value, list):
            value = ", ".join(str(item) for item in value) or "none"
        shown = html.escape(str(value))
        lines.append(f"<tr><th>{html.escape(name.replace('_', ' '))}</th><td>{shown}</td></tr>")
    return f"<table>{''.join(lines)}</table>"


def _json(value: object) -> Action:
    return Action("answer", answer(200, json.dumps(value).encode()))


def _problem(status: int, sentence: str) -> Action:
    return Action("answer", answer(status, json.dumps({"message": sentence}).encode()))
