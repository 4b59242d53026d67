"""copy.fit_preview: does the text fit, what does it cost, and which characters make it dear."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from smsmarketing.campaigns.operations.templates import FieldIn
from smsmarketing.campaigns.selectors import brands_usable, gateways_usable, pick
from smsmarketing.campaigns.services.copy import (
    CopyFit,
    copy_fit,
    copy_problems,
    copy_warnings,
    split_mode_of,
)
from smsmarketing.gateways.models import Gateway
from smsmarketing.gateways.rules.encoding import (
    Replacement,
    offending_characters,
    text_count,
    text_replace_lookalikes,
)
from smsmarketing.gateways.selectors.rates import rates_current
from smsmarketing.gateways.selectors.visibility import senders_visible
from smsmarketing.operations import registry
from smsmarketing.operations.errors import RatesUnavailable
from smsmarketing.operations.types import Context, Input, Kind, Money, Operation, Output, RestRoute


class FitIn(Input):
    brand_id: int = Field(ge=1, description="Brand; its name and opt-out line belong to the text.")
    message: str = Field(min_length=1, max_length=3200, description="Text with {field} places.")
    fields: list[FieldIn] = Field(
        default_factory=list,
        max_length=20,
        description="Fields of the text. {opt_out_link} needs none: "
        "the system fills it with each recipient's own opt-out page.",
    )
    purpose: str = Field(
        default="marketing",
        pattern="^(marketing|transactional)$",
        description="marketing or transactional.",
    )
    sender_id: int | None = Field(
        default=None, ge=1, description="Sender; decides the opt-out path."
    )
    gateway_id: int | None = Field(default=None, ge=1, description="Gateway for prices.")
    countries: list[Annotated[str, Field(max_length=2)]] = Field(
        default_factory=list,
        max_length=60,
        description="ISO countries to price; default: all priced ones.",
    )
    recipients: int = Field(default=1, ge=1, le=10_000_000, description="Recipients to price.")


class OffenderOut(Output):
    position: int = Field(description="Zero-based position in the composed text.")
    character: str = Field(description="The character.")
    name: str = Field(description="Its Unicode name.")
    replacement: str | None = Field(description="Safe replacement in GSM-7, if there is one.")


class CaseOut(Output):
    """One case of the composed text."""

    encoding: str = Field(description="GSM-7 (160, then 153 a part) or UCS-2 (70, then 67 a part).")
    units: int = Field(description="Septets or UTF-16 units.")
    parts: int = Field(description="Billed SMS parts.")
    remaining: int = Field(description="Units left in the last part.")
    example: str = Field(description="The text in this case.")


class CountryPrice(Output):
    country: str = Field(description="ISO 3166-1 alpha-2.")
    rate: Money = Field(description="Price of one part.")
    worst: Money = Field(description="Cost for all recipients in the worst case.")


class ProblemOut(Output):
    code: str = Field(description="What is wrong.")
    message: str = Field(description="What to do about it.")
    field: str = Field(description="Input field it concerns.")
    position: int | None = Field(description="Position in the text, if one can be named.")


class FitOut(Output):
    fits: bool = Field(description="True when a draft with this text would be accepted.")
    problems: list[ProblemOut] = Field(description="Why it would be refused.")
    warnings: list[str] = Field(
        description="What does not forbid the text but should be looked at."
    )
    final_message: str = Field(description="Text as sent, with the opt-out line composed in.")
    limits: str = Field(description="The character rules in one sentence.")
    typical: CaseOut = Field(description="With the fallbacks.")
    worst: CaseOut = Field(description="With the longest, dearest values.")
    flips_encoding: list[str] = Field(
        description="Fields whose values can turn the text into UCS-2."
    )
    offending_characters: list[OffenderOut] = Field(description="Characters that force UCS-2.")
    suggestion: str | None = Field(
        description="The text with look-alikes replaced, when that saves parts or leaves UCS-2."
    )
    prices: list[CountryPrice] = Field(description="By country; empty without a gateway.")
    truncation: str = Field(description="What happens to what does not fit.")


_LIMITS = (
    "160 characters in GSM-7 (English), 70 in UCS-2 (Chinese, emoji); longer texts are sent in parts of 153 or 67 and "
    "each part is billed. At most 6 parts."
)
_TRUNCATION = (
    "Nothing is ever cut silently: only values of fields declared with truncate are cut; "
    "others exclude the recipient."
)


def _case(text: str, fit: CopyFit, *, worst: bool) -> CaseOut:
    count = fit.worst if worst else fit.typical
    return CaseOut(
        encoding=count.encoding,
        units=count.units,
        parts=count.parts,
        remaining=count.remaining,
        example=text,
    )


def _prices(
    context: Context, data: FitIn, gateway: Gateway | None, parts: int
) -> list[CountryPrice]:
    if gateway is None:
        return []
    currency = gateway.currency
    rates = rates_current(gateway, data.countries or None, context.now)
    wanted = data.countries or sorted(rates)
    unknown = sorted(set(wanted) - set(rates))
    if unknown:
        raise RatesUnavailable(
            f"No price is known on {gateway.name} for {', '.join(unknown)}. Leave these countries out, or load rates.",
            field_errors={"countries": f"No price: {', '.join(unknown)}."},
        )

    def money(amount: Decimal) -> Money:
        return Money(amount=str(amount), currency=currency)

    return [
        CountryPrice(
            country=country,
            rate=money(rates[country].price),
            worst=money(rates[country].price * parts * data.recipients),
        )
        for country in wanted
    ]


def _suggestion(fit: CopyFit, better: Replacement) -> str | None:
    """The text with look-alikes replaced, when its typical case then takes fewer parts or leaves UCS-2."""
    typical = text_count(text_replace_lookalikes(fit.example).text)
    saves = typical.parts < fit.typical.parts or typical.encoding != fit.typical.encoding
    return better.text if better.changes and saves else None


def _fit(context: Context, data: FitIn) -> FitOut:
    actor = context.actor
    brand = pick(brands_usable(actor), data.brand_id, field="brand_id", what="brand")
    sender = (
        pick(senders_visible(actor), data.sender_id, field="sender_id", what="sender")
        if data.sender_id
        else None
    )
    fields: list[dict[str, Any]] = [field.model_dump() for field in data.fields]
    gateway = (
        pick(gateways_usable(actor), data.gateway_id, field="gateway_id", what="gateway")
        if data.gateway_id
        else None
    )
    fit = copy_fit(
        body=data.message,
        fields=fields,
        brand=brand,
        purpose=data.purpose,
        split_mode=split_mode_of(gateway) if gateway else "codepoint",
    )
    problems = copy_problems(fit, brand=brand, purpose=data.purpose, sender=sender)
    better = text_replace_lookalikes(fit.final_body)
    return FitOut(
        fits=not problems,
        problems=[
            ProblemOut(
                code=problem.code,
                message=problem.message,
                field="message",
                position=problem.position,
            )
            for problem in problems
        ],
        warnings=copy_warnings(fit, brand=brand, purpose=data.purpose, sender=sender),
        final_message=fit.final_body,
        limits=_LIMITS,
        typical=_case(fit.example, fit, worst=False),
        worst=_case(fit.worst_example, fit, worst=True),
        flips_encoding=list(fit.flipping_fields),
        offending_characters=[
            OffenderOut(
                position=offender.position,
                character=offender.character,
                name=offender.name,
                replacement=offender.replacement,
            )
            for offender in offending_characters(fit.final_body)[:50]
        ],
        suggestion=_suggestion(fit, better),
        prices=_prices(context, data, gateway, fit.parts_worst),
        truncation=_TRUNCATION,
    )


registry.add(
    Operation(
        key="copy.fit_preview",
        summary=(
            "Preview encoding, parts and cost of a text, with the longest-variable case and every"
            " character that makes it dear."
        ),
        description="Writes nothing. GSM-7: 160 characters, Chinese and emoji: 70. Nothing is truncated silently.",
        kind=Kind.PREVIEW,
        input=FitIn,
        output=FitOut,
        run=_fit,
        permission="campaigns.template_view",
        scope="sms:read",
        requires=("templates.list", "quotas.get"),
        rest=RestRoute("POST", "/copy/fit_preview"),
        group="content",
    )
)
