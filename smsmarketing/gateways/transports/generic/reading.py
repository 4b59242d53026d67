"""Finding values in what a provider said, and in what it calls us with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from smsmarketing.gateways.transports import payload
from smsmarketing.gateways.transports.base import MAX_WEBHOOK_BYTES, TransportDataError
from smsmarketing.gateways.transports.generic.definition import Find, Rule, Test
from smsmarketing.gateways.transports.generic.patterns import pattern_search
from smsmarketing.gateways.transports.generic.sending import TimeFormat

_MOST_LINES: Final = 400
_MOST_FIELDS: Final = 60
_LONGEST_VALUE: Final = 20_000
_TIMES: Final[Mapping[TimeFormat, str]] = {
    "compact": "%Y%m%d%H%M%S",
    "compact_minutes": "%Y%m%d%H%M",
}


@dataclass(frozen=True, slots=True)
class Said:
    """Something that was read: values can be found in it."""

    form: str
    whole: str = field(default="", repr=False)
    content: object = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def find(self, find: Find | None) -> str | None:
        """The value, or None when it is not there or the pattern does not fit."""
        if find is None:
            return None
        value = self._raw(find)
        if value is None:
            return None
        return pattern_search(find.pattern, value) if find.pattern else value[:_LONGEST_VALUE]

    def _raw(self, find: Find) -> str | None:
        if find.place == "header":
            return self.headers.get(find.at.lower())
        if not find.at:
            return self.whole
        if self.form == "json":
            return _text_of(pointed(self.content, find.at))
        if self.form == "csv":
            columns = self.content if isinstance(self.content, list) else []
            number = int(find.at) if find.at.isdecimal() and len(find.at) < 4 else len(columns)
            return str(columns[number]) if number < len(columns) else None
        return _text_of(payload.mapping(self.content).get(find.at))

    def fits(self, test: Test) -> bool:
        """Whether the value is there and is one that fits."""
        value = self.find(test)
        if value is None or (not value and not test.values):
            return False
        return not test.values or value in test.values


def rule_fits(rule: Rule, status: int, said: Said | None) -> bool:
    """Whether the status lies in the range and all tests fit; unread content fits no test."""
    if not rule.status_from <= status <= rule.status_to:
        return False
    return not rule.tests or (said is not None and all(said.fits(test) for test in rule.tests))


def answer_read(form: str, charset: str, headers: Mapping[str, str], body: bytes) -> Said:
    """Read an answer. Raises TransportDataError when it is not of that form."""
    text = _decoded(body, charset)
    content: object = None
    if form == "json":
        content = json_of(text)
    elif form == "lines":
        content = _lines(text)
    elif form == "csv":
        content = [each.strip() for each in text.strip().split("\n")[0].split(",")]
    return Said(form, text.strip(), content, headers)


def call_read(form: str, charset: str, headers: Mapping[str, str], body: bytes) -> Said:
    """Read a webhook call. Raises TransportDataError when it is not of that form."""
    if len(body) > MAX_WEBHOOK_BYTES:
        raise TransportDataError("too_large", f"The body has more than {MAX_WEBHOOK_BYTES} bytes.")
    if not body.strip():
        raise TransportDataError("empty", "The body is empty.")
    if form == "form":
        return Said("form", "", _fields(body, charset), headers)
    text = _decoded(body, charset)
    return Said(form, text, json_of(text) if form == "json" else _lines(text), headers)


def pointed(content: object, pointer: str) -> object:
    """What a JSON pointer (RFC 6901) leads to; None when there is nothing."""
    value = content
    for step in pointer.removeprefix("/").split("/") if pointer else ():
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
            number = int(name) if name.isdecimal() and name.isascii() and len(name) < 5 else -1
            value = value[number] if 0 <= number < len(value) else None
        else:
            return None
    return value


def moment_of(value: str | None, time_format: TimeFormat, zone: str) -> datetime | None:
    """A time as aware UTC; None when it cannot be read."""
    if not value:
        return None
    text = value.strip()
    try:
        if time_format == "unix":
            digits = text.partition(".")[0]
            return datetime.fromtimestamp(int(digits[:10]), UTC) if digits.isdecimal() else None
        form = _TIMES.get(time_format)
        found = datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007
        return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def moment_text(moment: datetime, time_format: TimeFormat, zone: str) -> str:
    """A moment as the provider wants it."""
    if time_format == "unix":
        return str(int(moment.timestamp()))
    local = moment.astimezone(ZoneInfo(zone))
    if time_format == "iso":
        return local.isoformat(timespec="seconds")
    return local.strftime(_TIMES[time_format])


def json_of(text: str) -> object:
    """One JSON value. Raises TransportDataError."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        raise TransportDataError("not_json", "The body is not one JSON value.") from None
    return value


def _decoded(body: bytes, charset: str) -> str:
    if not body.strip():
        raise TransportDataError("empty", "The body is empty.")
    try:
        text = body.decode(charset)
    except UnicodeDecodeError:
        raise TransportDataError("charset", f"The body is not {charset}.") from None
    return text.removeprefix("\ufeff")


def _lines(text: str) -> Mapping[str, str]:
    """`key=value` lines; of a key that comes twice the first counts; section heads are passed over."""
    found: dict[str, str] = {}
    for line in text.splitlines()[:_MOST_LINES]:
        key, equals, value = line.partition("=")
        if equals and key.strip():
            found.setdefault(key.strip(), value.strip())
    if not found:
        raise TransportDataError("no_lines", "The body has no line of the form key=value.")
    return found


def _fields(body: bytes, charset: str) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            encoding=charset,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:  # UnicodeDecodeError is one
        raise TransportDataError("not_a_form", f"The body is not a form in {charset}.") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    if not found:
        raise TransportDataError("not_a_form", "The body has no field.")
    return found


def _text_of(value: object) -> str | None:
    """A single value as text; what is nested is no value."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, Mapping | list):
        return None
    # Turning a number of a million digits into text is an attack, not a value.
    if isinstance(value, int) and abs(value) >= 10**20:
        return None
    return json.dumps(value)
