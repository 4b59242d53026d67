"""Reading JSON from outside: strict where the standard library is lenient ([R-9.7])."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

BODY_LIMIT_BYTES = 1024 * 1024
JSON_DEPTH_LIMIT = 32


class JsonMalformed(ValueError):
    """The text is not JSON that this system reads; the message says why, for the caller."""


def json_read(raw: bytes) -> Any:
    """Parse UTF-8 JSON: no duplicate keys, no NaN, at most 32 levels deep ([R-9.7], RFC 8259).

    Raises JsonMalformed.
    """
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_pairs, parse_constant=_constant)
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
    except ValueError:
        raise JsonMalformed("The body holds a number that is too long.") from None
    _depth_check(value)
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise JsonMalformed(f"The key {name[:80]!r} is given twice in one object.")
        found[name] = value
    return found


def _constant(name: str) -> Any:
    raise JsonMalformed(f"{name} is not a JSON number.")


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
