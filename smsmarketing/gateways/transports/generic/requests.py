"""From a message and a definition to one request."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote, quote_plus

from smsmarketing.gateways.rules.encoding import text_is_gsm
from smsmarketing.gateways.transports.answers import recipient_digits, validity_within
from smsmarketing.gateways.transports.base import (
    OutboundMessage,
    SubmitRequest,
    TransportConfig,
    TransportDataError,
)
from smsmarketing.gateways.transports.generic.definition import Definition, LoginCheck
from smsmarketing.gateways.transports.generic.placeholders import (
    CREDENTIAL,
    encoded,
    template_fill,
    template_names,
)
from smsmarketing.gateways.transports.generic.reading import moment_text
from smsmarketing.gateways.transports.generic.sending import Auth, Pair, Submit
from smsmarketing.gateways.transports.provider import basic_login

FORM: Final = "application/x-www-form-urlencoded"
_FORM_CHARSETS: Final = {"utf-8": "", "big5": "; charset=big5", "latin-1": "; charset=iso-8859-1"}


def submit_request(
    definition: Definition, message: OutboundMessage, config: TransportConfig
) -> SubmitRequest:
    """Describe the request of one message. Raises TransportDataError when it cannot be expressed."""
    submit = definition.submit
    values = _message_values(definition, message)
    values |= _secrets(definition, config)
    kind = "gsm" if text_is_gsm(message.body) else "unicode"
    extra = submit.test if message.test_mode is not None else []
    query = [*submit.query, *(extra if submit.body != "form" else [])]
    form = [*submit.form, *(extra if submit.body == "form" else [])]
    content_type, body = _body(submit, form, values, kind)
    headers = [("Accept", "*/*")]
    if content_type:
        headers.append(("Content-Type", content_type))
    headers += _plain_pairs(submit.headers, values, kind)
    headers += _auth_headers(submit.auth, values)
    return SubmitRequest(
        method=submit.method,
        url=_url(config.base_url, submit.path, query, submit.auth, values, submit.charset, kind),
        headers=_lines(headers),
        body=body,
        timeout=config.timeout,
        may_connect=config.may_connect,
    )


def check_request(
    definition: Definition, check: LoginCheck, config: TransportConfig
) -> SubmitRequest:
    """Describe the call that proves the account. Raises TransportDataError."""
    values = _secrets(definition, config)
    charset, auth = definition.submit.charset, definition.submit.auth
    headers = [("Accept", "*/*")]
    body = b""
    if check.method == "POST":
        headers.append(("Content-Type", FORM))
        body = _form(check.form, values, charset, "gsm") or b"&"
    headers += _auth_headers(auth, values)
    return SubmitRequest(
        method=check.method,
        url=_url(config.base_url, check.path, check.query, auth, values, charset, "gsm"),
        headers=_lines(headers),
        body=body,
        timeout=config.timeout,
        may_connect=config.may_connect,
    )


def _secrets(definition: Definition, config: TransportConfig) -> dict[str, str]:
    """Credentials by placeholder. Raises TransportDataError that names a missing one."""
    found = {}
    for secret in definition.credentials:
        value = config.credentials.get(secret.name, "")
        if (secret.required and not value) or not value.isprintable():
            raise TransportDataError(
                "credentials",
                f"The gateway has no usable {secret.label}. Enter it on the gateway.",
            )
        found[CREDENTIAL + secret.name] = value
    return found


def _message_values(definition: Definition, message: OutboundMessage) -> dict[str, str]:
    submit = definition.submit
    values = {
        "to": _recipient(submit, message),
        "from": message.sender,
        "from_digits": message.sender.removeprefix("+"),
        "text": _text(submit, message.body),
        "message_id": str(message.message_id),
        "parts": str(message.parts),
        "dlr_url": message.dlr_url,
    }
    if submit.validity_most_s:
        limits = (submit.validity_least_s, submit.validity_most_s)
        validity_s = validity_within(message, limits, definition.label)
        if validity_s is not None:
            values |= {"validity_s": str(validity_s), "validity_min": str(validity_s // 60)}
        if message.expires_at is not None and validity_s == message.validity_s:
            values["expires_at"] = moment_text(
                message.expires_at, submit.time_format, submit.time_zone
            )
    return values


def _recipient(submit: Submit, message: OutboundMessage) -> str:
    digits = recipient_digits(message)
    if submit.number_format == "e164":
        return f"+{digits}"
    if submit.number_format == "double_zero":
        return f"00{digits}"
    if submit.number_format == "national":
        if not submit.country_code or not digits.startswith(submit.country_code):
            raise TransportDataError(
                "not_national", "The recipient is not a number of the gateway's country."
            )
        return submit.trunk_prefix + digits.removeprefix(submit.country_code)
    return digits


def _text(submit: Submit, body: str) -> str:
    if submit.newline == "keep":
        return body
    return body.replace("\n", "\r\n" if submit.newline == "crlf" else "\x06")


def _plain_pairs(
    pairs: Sequence[Pair], values: Mapping[str, str], kind: str, charset: str = "ascii"
) -> list[tuple[str, str]]:
    """Names and filled values of those that are sent. Raises TransportDataError for an empty one
    that must be there.
    """
    found = []
    for pair in pairs:
        if pair.only not in ("always", kind):
            continue
        value = template_fill(pair.value, values, charset)
        if value is not None:
            found.append((pair.name, value))
        elif not pair.optional:
            raise TransportDataError(
                "empty_value", f"The field {pair.name} has no value for this message."
            )
    return found


def _form(pairs: Sequence[Pair], values: Mapping[str, str], charset: str, kind: str) -> bytes:
    return "&".join(
        f"{quote_plus(name)}={quote_plus(encoded(value, charset))}"
        for name, value in _plain_pairs(pairs, values, kind, charset)
    ).encode("ascii")


def _body(
    submit: Submit, form: Sequence[Pair], values: Mapping[str, str], kind: str
) -> tuple[str, bytes]:
    if submit.body == "form":
        return FORM + _FORM_CHARSETS.get(submit.charset, ""), _form(
            form, values, submit.charset, kind
        )
    if submit.body == "json":
        filled = _json_filled(json.loads(submit.json_text), values, submit.charset)
        return "application/json", json.dumps(filled, ensure_ascii=False).encode()
    if submit.body == "text":
        text = template_fill(submit.text, values, submit.charset)
        if text is None:
            raise TransportDataError("empty_value", "The body has a placeholder without a value.")
        return submit.content_type or "text/plain", encoded(text, submit.charset)
    return "", b""


def _json_filled(value: object, values: Mapping[str, str], charset: str) -> object:
    """The JSON with its strings filled; a member of an object without a value is left out."""
    if isinstance(value, str):
        filled = template_fill(value, values, charset)
        whole = value.startswith("{") and value.endswith("|int}") and value.count("{") == 1
        return int(filled) if whole and filled and filled.isdecimal() else filled
    if isinstance(value, list):
        return [_json_filled(each, values, charset) for each in value]
    if isinstance(value, dict):
        members = {name: _json_filled(each, values, charset) for name, each in value.items()}
        return {
            name: each for name, each in members.items() if each is not None or value[name] is None
        }
    return value


def _url(
    base_url: str,
    path: str,
    query: Sequence[Pair],
    auth: Auth,
    values: Mapping[str, str],
    charset: str,
    kind: str,
) -> str:
    names = template_names(path)
    safe = {name: quote(encoded(values.get(name, ""), charset), safe="") for name in names}
    filled = template_fill(path, safe, charset)
    if filled is None:
        raise TransportDataError("empty_value", "The path has a placeholder without a value.")
    pairs = _form(query, values, charset, kind).decode("ascii")
    if auth.kind == "query":
        secret = template_fill(auth.secret, values, charset) or ""
        mark = f"{quote_plus(auth.name)}={quote_plus(encoded(secret, charset))}"
        pairs = f"{pairs}&{mark}" if pairs else mark
    glue = "&" if "?" in filled else "?"
    return base_url.rstrip("/") + filled + (f"{glue}{pairs}" if pairs else "")


def _lines(headers: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The headers, each one line of ASCII: nothing in them may begin another header or a body."""
    for name, value in headers:
        if not (value.isascii() and value.isprintable()):
            raise TransportDataError("header", f"The header {name} would not be one plain line.")
    return tuple(headers)


def _auth_headers(auth: Auth, values: Mapping[str, str]) -> list[tuple[str, str]]:
    if auth.kind in ("none", "query"):
        return []
    secret = template_fill(auth.secret, values, "utf-8")
    user = template_fill(auth.user, values, "utf-8") if auth.user else ""
    if secret is None or user is None:
        raise TransportDataError(
            "credentials", "A credential of the login is missing. Enter it on the gateway."
        )
    if auth.kind == "basic":
        return [("Authorization", basic_login(user, secret))]
    if auth.kind == "bearer":
        return [("Authorization", f"Bearer {secret}")]
    return [(auth.name, secret)]
