"""numbers.correct: what written phone numbers are in E.164, what was changed, and why others fail."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from smsmarketing.contacts.rules.phone import PhoneError, phone_parse, phone_subdivision
from smsmarketing.contacts.rules.phone_corrections import SOURCE, phone_changes, zones_source
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.text import untrusted_clean
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute


class CorrectIn(Input):
    numbers: list[Annotated[str, Field(max_length=80)]] = Field(
        min_length=1,
        max_length=100,
        description="1 to 100 numbers as they are written, each as text (a number loses digits).",
    )
    country: str | None = Field(
        default=None,
        pattern="^[A-Z]{2}$",
        description="Country of numbers written without one, ISO 3166-1; without it they fail.",
    )


class NumberOut(Output):
    """One number, corrected or refused."""

    index: int = Field(description="Place in numbers, from 0.")
    given: str = Field(description="The text as given (cleaned).")
    valid: bool = Field(description="Whether an operator of that country can have such a number.")
    textable: bool = Field(description="Whether such a line can get a text message.")
    e164: str = Field(description="International form; empty when not valid.")
    country: str = Field(description="ISO 3166-1 alpha-2, ZZ for satellite networks; or empty.")
    subdivision: str = Field(description="US state or Canadian province by area code, or empty.")
    line_type: str = Field(description="mobile, fixed_line, fixed_line_or_mobile, voip, ...")
    time_zones: list[str] = Field(description="IANA zones its owner may be in; empty: unknown.")
    time_zone_source: str = Field(description="Where the zones come from; empty when unknown.")
    changed: list[str] = Field(description="What was changed, in order; empty when it was clean.")
    code: str = Field(description="Stable word for a refusal, e.g. SPREADSHEET_NUMBER, or empty.")
    message: str = Field(description="What is wrong and what to do, or empty.")


class CorrectOut(Output):
    valid: int = Field(description="Numbers that are valid.")
    textable: int = Field(description="Numbers that can get a text message.")
    refused: int = Field(description="Numbers that are not valid.")
    duplicates: int = Field(description="Valid numbers that stand in the list more than once.")
    source: str = Field(description="Whose rules decided; no network was asked.")
    numbers: list[NumberOut] = Field(description="One for each number, in the order given.")


def _correct(context: Context, data: CorrectIn) -> CorrectOut:
    _country_check(data.country)
    found = [_number(index, raw, data.country) for index, raw in enumerate(data.numbers)]
    valid = [each.e164 for each in found if each.valid]
    context.audit_facts = {"numbers": len(found), "valid": len(valid)}
    return CorrectOut(
        valid=len(valid),
        textable=sum(each.textable for each in found),
        refused=len(found) - len(valid),
        duplicates=len(valid) - len(set(valid)),
        source=SOURCE,
        numbers=found,
    )


def _country_check(country: str | None) -> None:
    if country is None:
        return
    try:
        phone_parse("0", country)
    except PhoneError as exc:
        if exc.code == "UNKNOWN_REGION":
            raise InvalidInput(exc.message, field_errors={"country": exc.message}) from None


def _number(index: int, raw: str, country: str | None) -> NumberOut:
    given = untrusted_clean(raw)
    try:
        phone = phone_parse(raw, country)
    except PhoneError as exc:
        return NumberOut(
            index=index,
            given=given,
            valid=False,
            textable=False,
            e164="",
            country="",
            subdivision="",
            line_type="",
            time_zones=[],
            time_zone_source="",
            changed=[],
            code=exc.code,
            message=exc.message,
        )
    kind = phone.line_type.replace("_", " ")
    return NumberOut(
        index=index,
        given=given,
        valid=True,
        textable=phone.textable,
        e164=phone.e164,
        country=phone.country,
        subdivision=phone_subdivision(phone.e164),
        line_type=phone.line_type,
        time_zones=list(phone.time_zones),
        time_zone_source=zones_source(phone),
        changed=phone_changes(raw, phone),
        code="" if phone.textable else "NOT_TEXTABLE",
        message=""
        if phone.textable
        else f"This is a {kind} number; it cannot get a text message. Ask for a mobile number.",
    )


registry.add(
    Operation(
        key="numbers.correct",
        summary="Turn up to 100 written phone numbers into E.164 and say what was wrong with them.",
        description=(
            "Reads national forms, 00, other scripts' digits, spreadsheet marks. Changes nothing"
            " and asks no network: whether the line is in use is not known."
        ),
        kind=Kind.PREVIEW,
        input=CorrectIn,
        output=CorrectOut,
        run=_correct,
        permission="contacts.number_check",
        scope="sms:contacts.read",
        rest=RestRoute("POST", "/numbers/correct"),
        group="numbers",
    )
)
