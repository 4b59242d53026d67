"""Taking our secrets and the person out of bytes that a gateway answered.

Error pages like to show the request again. What is searched for is taken out in every form in which
it may have been sent or be shown: as it is, in a URL, in JSON, in Base64.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import quote, quote_plus

SECRET: Final = b"[secret]"
NUMBER: Final = b"[number]"
TEXT: Final = b"[text]"
KEPT_BYTES: Final = 4096
_SHORTEST: Final = 4
"""Shorter words are no secrets, and taking them out would leave nothing to read."""
_DIGITS: Final = 7
"""Of a number these last ones are enough to know it by: the rest is written in many ways."""


def answer_redacted(raw: bytes, *, secrets: Sequence[str], number: str, text: str) -> bytes:
    """The bytes without secrets, the recipient's number and the text, at most KEPT_BYTES of them."""
    for form in _secret_forms(secrets):
        raw = raw.replace(form, SECRET)
        raw = _tail_cut(raw, form)
    for form in sorted(set(_forms(text)), key=len, reverse=True):
        raw = raw.replace(form, TEXT)
    digits = re.sub(r"\D", "", number)[-_DIGITS:]
    if len(digits) == _DIGITS:
        raw = re.sub(rb"(?:\+|%2B)?[0-9]{0,8}" + digits.encode(), NUMBER, raw)
    return raw[:KEPT_BYTES]


def _secret_forms(secrets: Sequence[str]) -> list[bytes]:
    """The longest first, so that no part of one stays behind another."""
    forms = {form for secret in secrets for form in _forms(secret)}
    pairs = (f"{one}:{other}" for one in secrets for other in secrets)
    for value in (*secrets, *pairs):
        if len(value) >= _SHORTEST:
            forms.add(base64.b64encode(value.encode()).rstrip(b"="))
    return sorted(forms, key=len, reverse=True)


def _forms(value: str) -> Iterator[bytes]:
    if len(value) < _SHORTEST:
        return
    quoted = json.dumps(value)[1:-1]
    for form in (
        value,
        quoted,
        quoted.replace("/", "\\/"),
        json.dumps(value, ensure_ascii=False)[1:-1],
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
    ):
        yield form.encode("utf-8", "surrogatepass")


def _tail_cut(raw: bytes, form: bytes) -> bytes:
    """An answer may have been cut within a secret: its beginning at the very end goes, too."""
    for length in range(min(len(form) - 1, len(raw)), _SHORTEST - 1, -1):
        if raw.endswith(form[:length]):
            return raw[:-length] + SECRET
    return raw
