"""Canonical JSON (RFC 8785 style) and its SHA-256: the bytes that hashes, fingerprints and the
audit chain cover.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

# Outside of these bounds ECMAScript writes numbers with an exponent.
_SMALLEST_PLAIN_FLOAT = 1e-6
_EXACT_FLOAT_LIMIT = 1e21


def canonical_json(value: Any) -> bytes:
    """UTF-8 bytes that are equal exactly when the values are equal [R-8.2].

    Keys are sorted by UTF-16 code units, no spaces, shortest escapes (RFC 8785). Beyond plain JSON:
    Decimal becomes a string without exponent and without trailing zeros (so 1.5 read back from a
    numeric(12,6) column is still "1.5"), an aware datetime becomes UTC ISO 8601 with Z, date and
    UUID their text, a tuple a list. Integers keep all their digits. Raises TypeError for other
    types and non-text keys, ValueError for NaN, infinity, naive times and lone surrogates.
    """
    return _written(value).encode("utf-8")


def sha256_hex(value: Any) -> str:
    """SHA-256 over `canonical_json(value)`, 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def decimal_text(value: Decimal) -> str:
    """The shortest plain notation of a finite decimal: 1.50 and 1.5 give "1.5", -0 gives "0"."""
    if not value.is_finite():
        raise ValueError("a canonical number must be finite")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def _written(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(str(value), ensure_ascii=False)
    if isinstance(value, int):
        return int.__repr__(int(value))
    if isinstance(value, float):
        return _float_written(value)
    if isinstance(value, Mapping):
        return _mapping_written(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(_written(item) for item in value) + "]"
    return json.dumps(_scalar_text(value), ensure_ascii=False)


def _scalar_text(value: Any) -> str:
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a canonical time must be aware")
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no canonical JSON form")


def _mapping_written(value: Mapping[Any, Any]) -> str:
    for key in value:
        if not isinstance(key, str):
            raise TypeError("keys of canonical JSON must be text")
    ordered = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be"))
    return "{" + ",".join(f"{_written(key)}:{_written(item)}" for key, item in ordered) + "}"


def _float_written(value: float) -> str:
    """ECMAScript's Number::toString, which RFC 8785 §3.2.2.3 asks for."""
    if not math.isfinite(value):
        raise ValueError("a canonical number must be finite")
    if value == 0:
        return "0"
    text = repr(value)
    if _SMALLEST_PLAIN_FLOAT <= abs(value) < _EXACT_FLOAT_LIMIT:
        return format(Decimal(text), "f").removesuffix(".0")
    digits, _, exponent = text.partition("e")
    return f"{digits}e{int(exponent):+d}"
