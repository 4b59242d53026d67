"""SMSAPI besides sending: points, the blacklist, opt-outs, sender names (providers.md A2 and its
OpenAPI document). How it tells the result of an HLR lookup is in no document at hand, so none is asked.

`DELETE /blacklist/phone_numbers` without an id empties the whole list, so an id is checked before it
goes into an address. Prices name a country by its network code only and money differs from points;
they are not taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

from smsmarketing.gateways.transports import payload
from smsmarketing.gateways.transports.answers import credential, price_of
from smsmarketing.gateways.transports.base import SubmitRequest, TransportConfig, TransportDataError
from smsmarketing.gateways.transports.controls import (
    Answer,
    Balance,
    ControlCall,
    Controls,
    ListEntry,
    ListPage,
    SenderName,
    SenderRequest,
    answer_json,
    status_error,
    unreadable,
)
from smsmarketing.gateways.transports.provider import headers_for
from smsmarketing.gateways.transports.smsapi_codes import ERRORS

T = TypeVar("T")
LABEL: Final = "SMSAPI"
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_DIGITS = re.compile(r"[1-9][0-9]{6,14}")
_SENDER = re.compile(r"[0-9]{8,16}|[\w.\-&@ %!+]{1,11}", re.ASCII)
_BLACKLIST = "/blacklist/phone_numbers"
_SENDERS = "/sms/sendernames"
_SENDER_STATES = {"ACTIVE": "active", "INACTIVE": "inactive", "UNKNOWN": "unknown"}


def _call(
    config: TransportConfig,
    method: str,
    path: str,
    read: Callable[[Answer], T],
    body: bytes = b"",
) -> ControlCall[T]:
    token = credential(config.credentials.get("token", ""), "token", LABEL)
    return ControlCall(
        SubmitRequest(
            method,
            config.base_url.rstrip("/") + path,
            headers_for("application/x-www-form-urlencoded", f"Bearer {token}"),
            body,
            config.timeout,
        ),
        read,
    )


def balance(config: TransportConfig) -> ControlCall[Balance]:
    """Points of the account."""

    def read(answer: Answer) -> Balance:
        points = payload.mapping(answer_json(answer, LABEL, ERRORS)).get("points")
        amount = price_of(points)
        if amount is None:
            raise unreadable(LABEL)
        # price_of drops the sign; an account in the red says so with a minus.
        return Balance(-amount if str(points).startswith("-") else amount, "points")

    return _call(config, "GET", "/profile", read)


def blocked_find(config: TransportConfig, phone: str) -> ControlCall[ListEntry | None]:
    """The entry of exactly this number on the blacklist; None when it is not there."""

    def read(answer: Answer) -> ListEntry | None:
        found = _page(answer, "phone_number", "created_at").entries
        return next((entry for entry in found if entry.phone == phone), None)

    query = urlencode({"q": _digits(phone), "limit": "20"})
    return _call(config, "GET", f"{_BLACKLIST}?{query}", read)


def block_add(config: TransportConfig, phone: str) -> ControlCall[ListEntry | None]:
    """Put a number on the blacklist. Nothing of this account reaches it any more."""

    def read(answer: Answer) -> ListEntry | None:
        fields = payload.mapping(answer_json(answer, LABEL, ERRORS))
        entry_id = payload.identifier(fields.get("id"))
        if entry_id is None:
            raise unreadable(LABEL)
        return ListEntry(entry_id, phone, payload.moment(fields.get("created_at")))

    body = urlencode({"phone_number": _digits(phone)}).encode("ascii")
    return _call(config, "POST", _BLACKLIST, read, body)


def block_remove(config: TransportConfig, entry_id: str) -> ControlCall[None]:
    """Take one entry off. An entry that is not there any more is what was wanted."""
    if not _ID.fullmatch(entry_id):
        raise TransportDataError("entry_id", "The id of the blacklist entry is not usable.")

    def read(answer: Answer) -> None:
        if 200 <= answer.status < 300 or answer.status == 404:
            return
        answer_json(answer, LABEL, ERRORS)
        raise status_error(LABEL, answer)

    return _call(config, "DELETE", f"{_BLACKLIST}/{entry_id}", read)


def opt_outs(config: TransportConfig, *, offset: int, limit: int) -> ControlCall[ListPage]:
    """Who opted out at SMSAPI itself, e.g. through the link in a text."""
    query = urlencode({"offset": str(offset), "limit": str(limit)})
    return _call(
        config, "GET", f"/opt_outs?{query}", lambda answer: _page(answer, "phoneNumber", "date")
    )


def sender_names(config: TransportConfig) -> ControlCall[list[SenderName]]:
    """Every sender of the account with its state."""

    def read(answer: Answer) -> list[SenderName]:
        rows = payload.mapping(answer_json(answer, LABEL, ERRORS)).get("collection")
        if not isinstance(rows, list):
            raise unreadable(LABEL)
        return [_sender(row) for row in rows]

    return _call(config, "GET", _SENDERS, read)


def sender_name(config: TransportConfig, name: str) -> ControlCall[SenderName | None]:
    """One sender; None when the account has none of that name."""

    def read(answer: Answer) -> SenderName | None:
        return None if answer.status == 404 else _sender(answer_json(answer, LABEL, ERRORS))

    return _call(config, "GET", f"{_SENDERS}/{quote(_sender_word(name), safe='')}", read)


def sender_submit(config: TransportConfig, request: SenderRequest) -> ControlCall[SenderName]:
    """Apply for a sender; it may not be used before its state is active."""
    body = urlencode({"sender": _sender_word(request.name)}).encode("ascii")
    return _call(
        config,
        "POST",
        _SENDERS,
        lambda answer: _sender(answer_json(answer, LABEL, ERRORS)),
        body,
    )


def _sender(value: object) -> SenderName:
    told = payload.mapping(value)
    name, state = told.get("sender"), _SENDER_STATES.get(str(told.get("status")))
    if not isinstance(name, str) or not name or state is None:
        raise unreadable(LABEL)
    return SenderName(name, state, name, told.get("is_default") is True)


def _sender_word(name: str) -> str:
    if not _SENDER.fullmatch(name):
        raise TransportDataError(
            "sender",
            "SMSAPI takes senders of 8 to 16 digits, or up to 11 letters, digits and .-&@%!+",
        )
    return name


def _page(answer: Answer, number: str, since: str) -> ListPage:
    fields = payload.mapping(answer_json(answer, LABEL, ERRORS))
    rows, size = fields.get("collection"), fields.get("size")
    if not isinstance(rows, list) or not isinstance(size, int):
        raise unreadable(LABEL)
    entries = []
    for row in rows:
        told = payload.mapping(row)
        entry_id = payload.identifier(told.get("id"))
        digits = str(told.get(number) or "").lstrip("+")
        if entry_id is None:
            raise unreadable(LABEL)
        # One odd number must not keep the opt-outs behind it from being read.
        phone = f"+{digits}" if _DIGITS.fullmatch(digits) else ""
        entries.append(ListEntry(entry_id, phone, payload.moment(told.get(since))))
    return ListPage(entries, size)


def _digits(phone: str) -> str:
    if not phone.startswith("+") or not _DIGITS.fullmatch(phone[1:]):
        raise TransportDataError("not_e164", "The number is not an E.164 number.")
    return phone[1:]


CONTROLS: Final = Controls(
    balance=balance,
    blocked_find=blocked_find,
    block_add=block_add,
    block_remove=block_remove,
    opt_outs=opt_outs,
    sender_name=sender_name,
    sender_names=sender_names,
    sender_submit=sender_submit,
)
