"""Output shapes that several operations share."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pydantic import Field

from smsmarketing.contacts.rules.phone import phone_mask
from smsmarketing.gateways.models import Gateway, Message, Rate
from smsmarketing.gateways.rules.messages import MEANINGS, SKIP_REASONS
from smsmarketing.gateways.selectors.carriers import transport_of
from smsmarketing.operations.canonical import decimal_text
from smsmarketing.operations.types import Money, Output


class RateRow(Output):
    """What one part costs in a country now."""

    country: str = Field(description="ISO 3166-1 alpha-2.")
    price: Money = Field(description="Price of one part (SMS segment).")
    valid_from: datetime = Field(description="Since when it holds, UTC.")
    source: str = Field(description="Where the price came from, e.g. manual or sync.")
    fetched_at: datetime = Field(description="When it was last confirmed, UTC.")


class StateDefinition(Output):
    """A delivery state and what it means."""

    state: str = Field(description="The state's word.")
    meaning: str = Field(description="What it says, and what it does not say.")


STATE_DEFINITIONS = [
    StateDefinition(state=state, meaning=meaning) for state, meaning in MEANINGS.items()
]


def money(amount: Decimal, currency: str) -> Money:
    """An amount for an answer."""
    return Money(amount=decimal_text(amount), currency=currency)


def balance_money(gateway: Gateway) -> Money | None:
    """The balance, where one was told and it is money."""
    if gateway.balance is None or gateway.balance_unit:
        return None
    return money(gateway.balance, gateway.currency)


def rate_row(rate: Rate) -> RateRow:
    return RateRow(
        country=rate.country,
        price=money(rate.price, rate.currency),
        valid_from=rate.valid_from,
        source=rate.source,
        fetched_at=rate.fetched_at,
    )


def phone_shown(phone: str) -> str:
    """The number masked; contacts.reveal alone gives it whole [R-4.12]."""
    return phone_mask(phone) if phone else "erased"


def error_meaning(gateway: Gateway | None, code: str) -> str:
    """The transport's own sentence for a receipt code; empty when there is none."""
    if gateway is None or not code:
        return ""
    try:
        meaning = transport_of(gateway).errors.get(code)
    except KeyError:
        return ""
    return meaning.meaning if meaning is not None else ""


def failure_reason(message: Message, gateway: Gateway | None) -> str:
    """Why a message was not delivered, as a sentence; empty while nothing is wrong."""
    if message.reason in SKIP_REASONS:
        return SKIP_REASONS[message.reason]
    sentence = error_meaning(gateway, message.error_code)
    if sentence:
        return sentence
    if message.error_code:
        return f"The gateway said {message.error_code}."
    return message.reason.replace("_", " ")


def changed_at(message: Message) -> datetime:
    """When the state of a message last changed."""
    moments = (message.final_at, message.accepted_at, message.handed_at, message.created_at)
    return max(moment for moment in moments if moment is not None)
