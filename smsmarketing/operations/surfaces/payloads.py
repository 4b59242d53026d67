"""Reading JSON from outside: strict where the standard library is lenient ([R-9.7])."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

BODY_LIMIT_BYTES = 1024 * 1024
JSON_DEPTH_LIMIT = 32
FIELD_SHOWN = 120
DIGITS_READ = 4300
"""Python's own limit of digits."""


class JsonMalformed(ValueError):
    """The text is not JSON that this system reads; the message says why, for the caller, and
    `field` where, as far as there is a field.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field[:FIELD_SHOWN].encode("utf-8", "backslashreplace").decode()


class _NoNumber(str):
    """What stands where a number should, as it was written."""


def json_read(raw: bytes) -> Any:
    """Parse UTF-8 JSON: no duplicate keys, no NaN, at most 32 levels deep ([R-9.7], RFC 8259).

    Raises JsonMalformed.
    """
    try:
        value, wrong = _parsed(raw.decode("utf-8"))
    except JsonMalformed:
        raise
    except RecursionError:
        raise JsonMalformed(
            f"The JSON is nested more than {JSON_DEPTH_LIMIT} levels deep."
        ) from None
    except UnicodeDecodeError:
        raise JsonMalformed("The body is not UTF-8.") from None
    except json.JSONDecodeError as exc:
        raise JsonMalformed(
            f"The body is not valid JSON: {exc.msg} at line {exc.lineno}, column {exc.colno}."
        ) from None
    _depth_check(value)
    if wrong:
        path, text = next(_wrong_numbers(value, ""))
        if len(text) < DIGITS_READ:
            raise JsonMalformed(f"{text} is not a JSON number.", field=path)
        raise JsonMalformed("The body holds a number that is too long.", field=path)
    return value


def _parsed(text: str) -> tuple[Any, bool]:
    """The value, and whether it holds a NaN, an infinity or a number too long to read."""
    wrong: list[str] = []

    def marked(written: str) -> _NoNumber:
        wrong.append(written)
        return _NoNumber(written)

    def whole(written: str) -> Any:
        return int(written) if len(written) < DIGITS_READ else marked(written)

    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=marked)
    except (JsonMalformed, json.JSONDecodeError):
        raise
    except ValueError:  # too many digits: read again, by a slower road that tells where
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=marked, parse_int=whole)
    return value, bool(wrong)


def _wrong_numbers(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, _NoNumber):
        yield path, str(value)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _wrong_numbers(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _wrong_numbers(item, f"{path}.{index}" if path else str(index))


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise JsonMalformed(f"The key {name[:80]!r} is given twice in one object.", field=name)
        found[name] = value
    return found


def _depth_check(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(JSON_DEPTH_LIMIT):
        level = [
            child
            for parent in level
            for child in _children(parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise JsonMalformed(f"The JSON is nested more than {JSON_DEPTH_LIMIT} levels deep.")


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value
