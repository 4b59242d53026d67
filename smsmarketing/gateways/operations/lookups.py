"""numbers.lookup and numbers.lookup_status: whether numbers are in use, asked of the networks (HLR)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, Literal
from uuid import UUID, uuid4

from django.db import connection
from pydantic import Field, model_validator

from smsmarketing.accounts.models import Team
from smsmarketing.accounts.selectors import teams_visible
from smsmarketing.contacts.phones import phone_hashes
from smsmarketing.contacts.rules.phone import PhoneError, phone_parse
from smsmarketing.gateways.models import Gateway, NumberLookup
from smsmarketing.gateways.operations.shapes import money
from smsmarketing.gateways.rules.lookups import OPEN, RESULTS, STATES
from smsmarketing.gateways.selectors.lookups import (
    lookup_gateways,
    lookups_visible,
)
from smsmarketing.gateways.services.lookups import Wanted, lookups_start
from smsmarketing.operations import registry
from smsmarketing.operations.errors import Conflict, InvalidInput, NotFound
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Money,
    Operation,
    Output,
    RestRoute,
)

_SLOTS: Final = 2
"""How many callers may wait for answers at a time; the others are told at once how it stands."""
_POLL_S: Final = 0.25
_LOCK: Final = 720_691


class LookupIn(Input):
    """Input of numbers.lookup."""

    team_id: int = Field(ge=1, description="Team whose budget pays, from teams.list.")
    numbers: list[Annotated[str, Field(min_length=1, max_length=80)]] = Field(
        min_length=1,
        max_length=500,
        description="1 to 500 numbers; in international form, or with country.",
    )
    country: str | None = Field(
        default=None,
        pattern="^[A-Z]{2}$",
        description="Country of numbers written without one, ISO 3166-1.",
    )
    gateway_id: int | None = Field(
        default=None, ge=1, description="Gateway to ask; default: the cheapest that can."
    )
    max_age_days: int = Field(
        default=30,
        ge=0,
        le=365,
        description=(
            "What the team asked within so many days is not asked and paid again, also when the answer"
            " was unclear or never came; 0: ask anew."
        ),
    )

    @model_validator(mode="after")
    def _spelled_alike(self) -> LookupIn:
        """In E.164 from here on, so that a call that waits for approval is found when a person is
        erased; what is no number is refused later, with its place.
        """
        for index, raw in enumerate(self.numbers):
            with suppress(PhoneError):
                self.numbers[index] = phone_parse(raw, self.country).e164
        return self


class LookupRow(Output):
    """A number that was asked about."""

    lookup_id: int = Field(description="For numbers.lookup_status.")
    number: str = Field(description="The number, masked.")
    state: str = Field(description="queued, asked, done, failed or no_answer.")
    state_words: str = Field(description="The same in words.")
    result: str = Field(
        description="active, absent, unknown_subscriber, barred, invalid or unclear; empty before the answer."
    )
    result_words: str = Field(description="The same in words.")
    country: str = Field(description="ISO 3166-1 alpha-2, or empty.")
    operator: str = Field(description="Network now, MCC and MNC; empty when not told.")
    operator_id: str = Field(description="The provider's own id of it, for numbers.operator.")
    ported: bool | None = Field(
        description="Whether it was taken to another operator; null: not told."
    )
    ported_from: str = Field(description="The operator before, when told.")
    error: str = Field(description="What went wrong, or empty.")
    source: str = Field(description="Who was asked.")
    price: Money = Field(description="What it cost; nothing when it failed.")
    answered_at: datetime | None = Field(description="When the network answered, UTC.")
    age_seconds: int | None = Field(description="Seconds since the answer.")


class LookupOut(Output):
    """Output of numbers.lookup."""

    call_id: UUID = Field(description="For numbers.lookup_status.")
    gateway: str = Field(description="Gateway that is asked.")
    asked: int = Field(description="Numbers that are asked about now, and billed.")
    known: int = Field(description="Numbers whose answer the team has already, or waits for.")
    reserved: Money = Field(description="Reserved in the team's budget.")
    lookups: list[LookupRow] = Field(
        description="One for each distinct number, in the order given."
    )
    next_step: str = Field(description="Where the answers are.")


def run(context: Context, data: LookupIn) -> LookupOut:
    """Reserve, write down, and let a job ask."""
    team, gateway, numbers = _read(context, data)
    since = context.now - timedelta(days=data.max_age_days)
    call_id = uuid4()
    made, known = lookups_start(
        gateway,
        numbers,
        call_id=call_id,
        team_id=team.pk,
        user_id=context.actor.user_id,
        since=since if data.max_age_days else None,
        now=context.now,
    )
    price = gateway.lookup_price or Decimal(0)
    context.audit_object = ("gateways.gateway", str(gateway.pk))
    context.audit_facts = {"asked": len(made), "known": len(known), "cost": str(price * len(made))}
    return LookupOut(
        call_id=call_id,
        gateway=gateway.name,
        asked=len(made),
        known=len(known),
        reserved=money(price * len(made), gateway.currency),
        lookups=[
            lookup_row(made.get(number.phone) or known[number.phone], context.now)
            for number in numbers
        ],
        next_step=(
            "numbers.lookup_status with this call_id and wait_seconds brings the answers as they come."
            if made
            else "Every answer is here."
        ),
    )


def _read(context: Context, data: LookupIn) -> tuple[Team, Gateway, list[Wanted]]:
    team = teams_visible(context.actor).filter(pk=data.team_id).first()
    if team is None:
        raise NotFound("There is no such team.", field_errors={"team_id": "Not one of yours."})
    found: dict[str, Wanted] = {}
    wrong: list[str] = []
    for index, raw in enumerate(data.numbers):
        try:
            phone = phone_parse(raw, data.country)
        except PhoneError as exc:
            wrong.append(f"Number {index + 1}: {exc.message}")
            continue
        if not phone.textable:
            wrong.append(f"Number {index + 1}: no mobile number; networks know nothing of it.")
        found[phone.e164] = Wanted(phone.e164, phone.country)
    if wrong:
        raise InvalidInput(
            f"{len(wrong)} of {len(data.numbers)} numbers cannot be asked about, so none was. Mend them"
            " with numbers.correct.",
            field_errors={"numbers": " ".join(wrong[:5])},
        )
    return team, _gateway(data.gateway_id), list(found.values())


def _gateway(gateway_id: int | None) -> Gateway:
    able = lookup_gateways()
    if gateway_id is not None:
        able = [row for row in able if row.pk == gateway_id]
    if not able:
        raise Conflict(
            "No gateway can ask networks about numbers. It takes one whose provider documents lookups"
            " (VertexSMS) and a lookup_price, entered with gateways.save."
            if gateway_id is None
            else "This gateway cannot ask: its provider documents no lookups, its lookup_price is not"
            " entered, or it is disabled. Choose another or leave gateway_id out.",
            field_errors={"gateway_id": "Cannot look up numbers."},
        )
    return able[0]


def facts(context: Context, data: LookupIn) -> Mapping[str, Any]:
    """How many, and what they cost at most: answers that are known already are not taken off."""
    _, gateway, numbers = _read(context, data)
    price = gateway.lookup_price or Decimal(0)
    return {
        "lookups": len(numbers),
        "cost": str(price * len(numbers)),
        "team_id": data.team_id,
        "countries": sorted({number.country for number in numbers}),
    }


def shown(context: Context, data: LookupIn) -> Mapping[str, Any]:
    """What an approver reads."""
    _, gateway, numbers = _read(context, data)
    price = gateway.lookup_price or Decimal(0)
    return {
        "gateway": gateway.name,
        "distinct_numbers": len(numbers),
        "price_each": f"{price:f} {gateway.currency}",
        "price_at_most": f"{price * len(numbers):f} {gateway.currency}",
    }


def lookup_row(row: NumberLookup, now: datetime) -> LookupRow:
    """One lookup in words."""
    answered = row.ended_at if row.state == "done" else None
    return LookupRow(
        lookup_id=row.pk,
        number=row.masked,
        state=row.state,
        state_words=STATES[row.state],
        result=row.result,
        result_words=RESULTS.get(row.result, ""),
        country=row.country,
        operator=row.operator,
        operator_id=row.operator_id,
        ported=row.ported,
        ported_from=row.ported_from,
        error=row.error,
        source=f"HLR by {row.gateway.name}",
        price=money(Decimal(0) if row.state == "failed" else row.price, row.currency),
        answered_at=answered,
        age_seconds=max(0, int((now - answered).total_seconds())) if answered else None,
    )


class LookupStatusIn(PageInput):
    """Input of numbers.lookup_status."""

    call_id: UUID | None = Field(default=None, description="Only of this call of numbers.lookup.")
    number: str | None = Field(
        default=None, max_length=80, description="Only this number, in international form."
    )
    state: Literal["queued", "asked", "done", "failed", "no_answer"] | None = Field(
        default=None, description="Only these."
    )
    wait_seconds: int = Field(
        default=0,
        ge=0,
        le=10,
        description="With call_id: wait so long for the answers. Only few may wait at a time.",
    )


class LookupPage(Page[LookupRow]):
    """Lookups, newest first."""

    open: int = Field(
        description="Lookups of the call that are not answered yet; 0 without call_id."
    )


def status(context: Context, data: LookupStatusIn) -> LookupPage:
    """How they stand, and what came."""
    rows = lookups_visible(context.actor).order_by("-id")
    if data.call_id is not None:
        rows = rows.filter(call_id=data.call_id)
    if data.state is not None:
        rows = rows.filter(state=data.state)
    if data.number is not None:
        try:
            hashes = phone_hashes(phone_parse(data.number).e164)
        except PhoneError as exc:
            raise InvalidInput(exc.message, field_errors={"number": exc.message}) from None
        rows = rows.filter(phone_hash__in=hashes)
    still = 0
    if data.call_id is not None:
        still = _waited(context, data.call_id, data.wait_seconds)
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    now = context.now
    return LookupPage(items=[lookup_row(row, now) for row in page], next_cursor=cursor, open=still)


def _waited(context: Context, call_id: UUID, seconds: int) -> int:
    """How many are open, after waiting for them. Nothing is locked meanwhile but a slot."""
    rows = lookups_visible(context.actor).filter(call_id=call_id, state__in=OPEN)
    count = rows.count()
    if not count or not seconds or not _slot():
        return count
    ends = time.monotonic() + seconds
    while count and time.monotonic() < ends:
        time.sleep(_POLL_S)
        count = rows.count()
    return count


def _slot() -> bool:
    """Taken until the transaction ends, so that waiting never takes every worker."""
    with connection.cursor() as cursor:
        for slot in range(_SLOTS):
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_LOCK, slot])
            if cursor.fetchone()[0]:
                return True
    return False


registry.add(
    Operation(
        key="numbers.lookup",
        summary="Ask the networks whether numbers are in use and with whom (HLR); billed for each number.",
        description=(
            "Paid from the team's budget, also when the network knows nothing. Call"
            " numbers.lookup_status for the answers. Many numbers at once wait for a second person."
        ),
        kind=Kind.WRITE,
        input=LookupIn,
        output=LookupOut,
        run=run,
        permission="gateways.number_lookup",
        scope="sms:contacts.write",
        requires=("teams.list",),
        approval=Approval.POLICY,
        facts=facts,
        shown=shown,
        outbound=True,
        rest=RestRoute("POST", "/numbers/lookups"),
        group="numbers",
    ),
    Operation(
        key="numbers.lookup_status",
        summary="Read what networks answered about numbers, with the age of each answer.",
        description="With call_id and wait_seconds the answers are waited for, ten seconds at most.",
        kind=Kind.STATUS,
        input=LookupStatusIn,
        output=LookupPage,
        run=status,
        permission="gateways.number_lookup",
        scope="sms:contacts.read",
        requires=("numbers.lookup",),
        person_limit="search",
        rest=RestRoute("GET", "/numbers/lookups"),
        group="numbers",
    ),
)
