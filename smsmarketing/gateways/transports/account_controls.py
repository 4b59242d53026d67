"""Balance and prices of the providers that document them (providers.md A1, A3, A6, A7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, TypeVar
from urllib.parse import urlencode, urlsplit

from smsmarketing.gateways.transports import payload
from smsmarketing.gateways.transports.answers import credential, currency_of, price_of
from smsmarketing.gateways.transports.base import SubmitRequest, TransportConfig
from smsmarketing.gateways.transports.controls import (
    Answer,
    Balance,
    ControlCall,
    Controls,
    Price,
    answer_json,
    unreadable,
)
from smsmarketing.gateways.transports.provider import basic_login, headers_for

T = TypeVar("T")
_COUNTRY = re.compile(r"[A-Z]{2}")
_MCC = re.compile(r"[0-9]{3}")
_MNC = re.compile(r"[0-9]{2,3}")


def _call(
    config: TransportConfig,
    path: str,
    read: Callable[[Answer], T],
    *,
    secret: str,
    header: str = "Authorization",
    base_url: str = "",
) -> ControlCall[T]:
    return ControlCall(
        SubmitRequest(
            "GET",
            (base_url or config.base_url).rstrip("/") + path,
            headers_for("application/json", secret, header),
            b"",
            config.timeout,
        ),
        read,
    )


def _amount(value: object, label: str) -> Decimal:
    """A balance with its sign: an account may be in the red."""
    amount = price_of(value)
    if amount is None:
        raise unreadable(label)
    return -amount if str(value).strip().startswith("-") else amount


def _operator(row: Mapping[str, object]) -> str:
    """MCC and MNC as Rate keeps them; empty when either is missing."""
    mcc, mnc = str(row.get("mcc") or ""), str(row.get("mnc") or "")
    return mcc + mnc if _MCC.fullmatch(mcc) and _MNC.fullmatch(mnc) else ""


def vertexsms_prices(config: TransportConfig, country: str) -> ControlCall[list[Price]]:
    """Every price of the account, in the account's currency, which VertexSMS does not name."""

    def read(answer: Answer) -> list[Price]:
        rows = answer_json(answer, "VertexSMS", {})
        if not isinstance(rows, list):
            raise unreadable("VertexSMS")
        found = []
        for row in rows:
            told = payload.mapping(row)
            code, price = str(told.get("CountryCode") or "").upper(), price_of(told.get("Rate"))
            if price is None:
                raise unreadable("VertexSMS")
            if not _COUNTRY.fullmatch(code):
                continue  # a network of no country, e.g. at sea
            operator = _operator({"mcc": told.get("MCC"), "mnc": told.get("MNC"), **told})
            found.append(Price(code, operator, price, ""))
        return found

    token = credential(config.credentials.get("token", ""), "token", "VertexSMS")
    return _call(config, "/rates/?format=json", read, secret=token, header="X-VertexSMS-Token")


def _twilio_login(config: TransportConfig) -> tuple[str, str]:
    sid = credential(config.credentials.get("account_sid", ""), "account SID", "Twilio")
    key = config.credentials.get("api_key_sid", "")
    secret = config.credentials.get("api_key_secret" if key else "auth_token", "")
    return sid, basic_login(key or sid, credential(secret, "auth token", "Twilio"))


def twilio_balance(config: TransportConfig) -> ControlCall[Balance]:
    """Money of the account."""

    def read(answer: Answer) -> Balance:
        told = payload.mapping(answer_json(answer, "Twilio", {}))
        currency = currency_of(told.get("currency"))
        if currency is None:
            raise unreadable("Twilio")
        return Balance(_amount(told.get("balance"), "Twilio"), currency)

    sid, login = _twilio_login(config)
    return _call(config, f"/2010-04-01/Accounts/{sid}/Balance.json", read, secret=login)


def twilio_prices(config: TransportConfig, country: str) -> ControlCall[list[Price]]:
    """Prices of one country, by operator; of its kinds of sender the dearest. They come from a host
    of their own.
    """

    def read(answer: Answer) -> list[Price]:
        told = payload.mapping(answer_json(answer, "Twilio", {}))
        currency = currency_of(str(told.get("price_unit") or "").upper())
        rows = told.get("outbound_sms_prices")
        if currency is None or not isinstance(rows, list) or told.get("iso_country") != country:
            raise unreadable("Twilio")
        found = []
        for row in rows:
            line = payload.mapping(row)
            kinds = line.get("prices")
            prices = [
                price_of(payload.mapping(kind).get("current_price"))
                for kind in (kinds if isinstance(kinds, list) else [])
            ]
            known = [price for price in prices if price is not None]
            if not known or len(known) != len(prices):
                raise unreadable("Twilio")
            found.append(Price(country, _operator(line), max(known), currency))
        return found

    _, login = _twilio_login(config)
    own = urlsplit(config.base_url).hostname == "api.twilio.com"
    return _call(
        config,
        f"/v1/Messaging/Countries/{country}",
        read,
        secret=login,
        base_url="https://pricing.twilio.com" if own else config.base_url,
    )


def _vonage_login(config: TransportConfig) -> dict[str, str]:
    return {
        "api_key": credential(config.credentials.get("api_key", ""), "API key", "Vonage"),
        "api_secret": credential(config.credentials.get("api_secret", ""), "API secret", "Vonage"),
    }


def vonage_balance(config: TransportConfig) -> ControlCall[Balance]:
    """Money of the account; Vonage tells it in EUR."""

    def read(answer: Answer) -> Balance:
        told = payload.mapping(answer_json(answer, "Vonage", {}))
        return Balance(_amount(told.get("value"), "Vonage"), "EUR")

    query = urlencode(_vonage_login(config))
    return _call(config, f"/account/get-balance?{query}", read, secret="")


def vonage_prices(config: TransportConfig, country: str) -> ControlCall[list[Price]]:
    """Prices of one country, by operator, and its default."""

    def read(answer: Answer) -> list[Price]:
        told = payload.mapping(answer_json(answer, "Vonage", {}))
        currency, default = currency_of(told.get("currency")), price_of(told.get("defaultPrice"))
        rows = told.get("networks")
        if currency is None or default is None or told.get("countryCode") != country:
            raise unreadable("Vonage")
        found = [Price(country, "", default, currency)]
        for row in rows if isinstance(rows, list) else []:
            line = payload.mapping(row)
            price, operator = price_of(line.get("price")), _operator(line)
            if price is not None and operator and line.get("currency", currency) == currency:
                found.append(Price(country, operator, price, currency))
        return found

    query = urlencode({**_vonage_login(config), "country": country})
    return _call(config, f"/account/get-pricing/outbound/sms?{query}", read, secret="")


def infobip_balance(config: TransportConfig) -> ControlCall[Balance]:
    """Money of the account."""

    def read(answer: Answer) -> Balance:
        told = payload.mapping(answer_json(answer, "Infobip", {}))
        currency = currency_of(told.get("currency"))
        if currency is None:
            raise unreadable("Infobip")
        return Balance(_amount(told.get("balance"), "Infobip"), currency)

    key = credential(config.credentials.get("api_key", ""), "API key", "Infobip")
    return _call(config, "/account/1/balance", read, secret=f"App {key}")


INFOBIP: Final = Controls(balance=infobip_balance)
TWILIO: Final = Controls(balance=twilio_balance, prices=twilio_prices, prices_by_country=True)
VONAGE: Final = Controls(
    balance=vonage_balance, prices=vonage_prices, prices_by_country=True, pause_s=1.0
)
