"""VertexSMS besides sending: prices, number lookups, networks and senders (providers.md A1, seed 002).

A lookup is answered by a POST to the address given with it, repeated until the answer is 200 with the
body `OK`; it is billed also when the subscriber is unknown. Balance is not documented.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from smsmarketing.gateways.transports import payload
from smsmarketing.gateways.transports.account_controls import vertexsms_prices
from smsmarketing.gateways.transports.answers import credential
from smsmarketing.gateways.transports.base import SubmitRequest, TransportConfig, TransportDataError
from smsmarketing.gateways.transports.controls import (
    SENDER_CATEGORIES,
    Answer,
    ControlCall,
    Controls,
    LookupAnswer,
    Network,
    Prefix,
    SenderName,
    SenderRequest,
    answer_json,
    status_error,
    unreadable,
)
from smsmarketing.gateways.transports.provider import headers_for

T = TypeVar("T")
LABEL: Final = "VertexSMS"
_COUNTRY = re.compile(r"[A-Z]{2}")
_DIGITS = re.compile(r"[1-9][0-9]{6,14}")
_OPERATOR_ID = re.compile(r"[0-9]{1,12}")
_PIN = re.compile(r"[0-9]{5}")
_MCC = re.compile(r"[0-9]{3}")
_MNC = re.compile(r"[0-9]{2,3}")
_PREFIX = re.compile(r"[1-9][0-9]{0,14}")
_NAME = re.compile(r"[0-9A-Za-z .\-_&#!]{3,11}")
_RESULTS: Final[Mapping[str, tuple[str, str]]] = {
    "0": ("active", ""),
    "1": ("invalid", "Illegal subscriber."),
    "20": ("unclear", "The country or operator is not configured for the account."),
    "21": ("unclear", "Blocked by the provider's filter."),
    "22": ("unclear", "The provider takes it for a duplicate."),
    "23": ("unclear", "The provider's limit for this number is reached."),
    "24": ("unclear", "The account's balance limit is reached."),
    "40": (
        "unknown_subscriber",
        "Subscriber unknown; if it persists the number is likely retired.",
    ),
    "41": ("barred", "The operator bars SMS for the subscriber."),
    "43": ("absent", "The phone is off or out of range."),
    "51": ("unclear", "Unknown error of the number lookup."),
    "53": ("invalid", "The number is invalid."),
    "999": ("unclear", "Unknown error of the provider."),
}


def _call(
    config: TransportConfig,
    method: str,
    path: str,
    read: Callable[[Answer], T],
    document: Mapping[str, str] | None = None,
) -> ControlCall[T]:
    token = credential(config.credentials.get("token", ""), "token", LABEL)
    body = b"" if document is None else json.dumps(document).encode("ascii")
    return ControlCall(
        SubmitRequest(
            method,
            config.base_url.rstrip("/") + path,
            headers_for("application/json", token, "X-VertexSMS-Token"),
            body,
            config.timeout,
        ),
        read,
    )


def lookup(config: TransportConfig, phone: str, *, callback_url: str) -> ControlCall[str]:
    """`POST /hlr`. The id that comes back is in the callback, too."""

    def read(answer: Answer) -> str:
        ids = answer_json(answer, LABEL, {})
        found = payload.identifier(ids[0]) if isinstance(ids, list) and len(ids) == 1 else None
        if found is None:
            raise unreadable(LABEL)
        return found

    document = {"msisdn": _digits(phone), "callBackUrl": callback_url}
    return _call(config, "POST", "/hlr", read, document)


def lookup_read(body: bytes) -> LookupAnswer:
    """The callback. The IMSI in it is read by nobody and kept nowhere."""
    told = payload.json_object(body)
    remote_id, code = payload.identifier(told.get("id")), payload.code_word(told.get("error"))
    if remote_id is None or code is None:
        raise TransportDataError(
            "lookup", "The answer to a number lookup has no id or no error code."
        )
    result, sentence = _RESULTS.get(code, ("unclear", "An error that is not known here."))
    country = str(told.get("country") or "").upper()
    ported = told.get("ported")
    origin = payload.mapping(ported[0] if isinstance(ported, list) and ported else ported)
    return LookupAnswer(
        remote_id=remote_id,
        result=result,
        error_code="" if code == "0" else code,
        sentence=sentence,
        country=country if _COUNTRY.fullmatch(country) else "",
        operator=_operator(told.get("mcc"), told.get("mnc")),
        operator_id=_operator_id(told.get("operatorId")),
        ported=bool(origin) if result == "active" or origin else None,
        ported_from=payload.text_clean(str(origin.get("operator") or ""))[:80],
    )


def networks(config: TransportConfig, country: str, *, page: int) -> ControlCall[list[Network]]:
    """A page of the networks of a country; an empty one is the end."""

    def read(answer: Answer) -> list[Network]:
        return [
            Network(
                country,
                _operator(row.get("MCC", row.get("mcc")), row.get("MNC", row.get("mnc"))),
                _operator_id(row.get("operatorId")),
                "",
            )
            for row in _rows(answer)
        ]

    return _call(config, "GET", f"/mccmnc/{_country(country)}?Page={page:d}", read)


def prefixes(config: TransportConfig, country: str) -> ControlCall[list[Prefix]]:
    """What mobile numbers of a country begin with."""

    def read(answer: Answer) -> list[Prefix]:
        found = []
        for row in _rows(answer):
            digits = str(row.get("prefix") or "")
            if not _PREFIX.fullmatch(digits):
                raise unreadable(LABEL)
            found.append(Prefix(digits, _operator_id(row.get("operatorId"))))
        return found

    return _call(config, "GET", f"/prefixes/{_country(country)}", read)


def operator(config: TransportConfig, operator_id: str) -> ControlCall[list[Network]]:
    """An operator with each of its networks; none when its id is not known there."""
    if not _OPERATOR_ID.fullmatch(operator_id):
        raise TransportDataError("operator_id", "The operator's id is digits.")

    def read(answer: Answer) -> list[Network]:
        if answer.status == 404:
            return []
        told = payload.mapping(answer_json(answer, LABEL, {}))
        name, country = told.get("name"), str(told.get("country") or "").upper()
        codes = told.get("mnc")
        if not isinstance(name, str) or not isinstance(codes, list):
            raise unreadable(LABEL)
        return [
            Network(
                country if _COUNTRY.fullmatch(country) else "",
                _operator(told.get("mcc"), code),
                operator_id,
                payload.text_clean(name)[:80],
            )
            for code in codes
        ]

    return _call(config, "GET", f"/operators/{operator_id}", read)


def sender_submit(config: TransportConfig, request: SenderRequest) -> ControlCall[SenderName]:
    """Apply for an alphanumeric sender. The decision comes to `notify_url`."""
    if not _NAME.fullmatch(request.name) or request.category not in SENDER_CATEGORIES:
        raise TransportDataError(
            "sender", "VertexSMS takes names of 3 to 11 letters, digits, spaces, dots and -_&#!"
        )
    document = {
        "name": request.name,
        "type": "AlphaNumeric",
        "category": request.category,
        "categoryDescription": request.about,
        "notificationUrl": request.notify_url,
    }
    return _call(config, "POST", "/senderId", _sender_read(request.name), document)


def sender_number_submit(config: TransportConfig, phone: str) -> ControlCall[SenderName]:
    """Register a mobile number as sender; its owner gets a five-digit PIN by text."""
    digits = _digits(phone)
    document = {"name": digits, "type": "MSISDN"}
    return _call(config, "POST", "/senderId", _sender_read(digits), document)


def sender_confirm(config: TransportConfig, remote_id: str, pin: str) -> ControlCall[None]:
    """Confirm a number with the PIN."""
    if not _OPERATOR_ID.fullmatch(remote_id) or not _PIN.fullmatch(pin):
        raise TransportDataError("pin", "The PIN has five digits.")

    def read(answer: Answer) -> None:
        if not 200 <= answer.status < 300:
            raise status_error(LABEL, answer)

    return _call(config, "POST", f"/senderId/confirm/{remote_id}", read, {"code": pin})


def _sender_read(name: str) -> Callable[[Answer], SenderName]:
    """The id comes as plain text."""

    def read(answer: Answer) -> SenderName:
        if not 200 <= answer.status < 300:
            raise status_error(LABEL, answer)
        found = answer.body.strip().decode("ascii", "replace")
        if not _OPERATOR_ID.fullmatch(found):
            raise unreadable(LABEL)
        return SenderName(name, "unknown", found, False)

    return read


def _rows(answer: Answer) -> list[Mapping[str, Any]]:
    rows = answer_json(answer, LABEL, {})
    if not isinstance(rows, list):
        raise unreadable(LABEL)
    return [payload.mapping(row) for row in rows]


def _operator(mcc: object, mnc: object) -> str:
    """MCC and MNC; empty when either is not told."""
    left, right = str(mcc or ""), str(mnc or "")
    return left + right if _MCC.fullmatch(left) and _MNC.fullmatch(right) else ""


def _operator_id(value: object) -> str:
    found = payload.identifier(value) or ""
    return found if _OPERATOR_ID.fullmatch(found) else ""


def _country(country: str) -> str:
    if not _COUNTRY.fullmatch(country):
        raise TransportDataError("country", "A country is two capital letters.")
    return country


def _digits(phone: str) -> str:
    if not phone.startswith("+") or not _DIGITS.fullmatch(phone[1:]):
        raise TransportDataError("not_e164", "The number is not an E.164 number.")
    return phone[1:]


CONTROLS: Final = Controls(
    prices=vertexsms_prices,
    lookup=lookup,
    lookup_read=lookup_read,
    networks=networks,
    prefixes=prefixes,
    operator=operator,
    sender_submit=sender_submit,
    sender_number_submit=sender_number_submit,
    sender_confirm=sender_confirm,
)
