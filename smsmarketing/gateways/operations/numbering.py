"""numbers.operator, numbers.networks, numbers.prefixes: whose numbers are, by a provider's own list where
one was read, otherwise by our own data. The source and its age are always told.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import phonenumbers
from pydantic import Field

from smsmarketing.contacts.phones import phone_hashes
from smsmarketing.contacts.rules.phone import PhoneError, phone_mask, phone_parse
from smsmarketing.gateways import transports
from smsmarketing.gateways.models import Gateway, NumberingList, Rate
from smsmarketing.gateways.rules.number_ranges import SOURCE, range_holder, range_prefixes
from smsmarketing.gateways.selectors.lookups import lookups_visible
from smsmarketing.gateways.services.numbering import numbering_want
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute

_SHOWN_MOST: Final = 500


class _Told(Output):
    source: str = Field(description="Whose word it is.")
    read_at: datetime | None = Field(description="When the source was read, UTC; null: built in.")
    age_seconds: int | None = Field(description="Seconds since then.")
    refreshing: bool = Field(description="True: a provider is asked; call again in a minute.")
    error: str = Field(description="Why the provider's list could not be read last, or empty.")


class NetworkRow(Output):
    """A mobile network."""

    operator: str = Field(description="MCC and MNC; empty when not told.")
    operator_id: str = Field(description="The provider's own id, for numbers.operator; or empty.")
    name: str = Field(description="Name of the operator, when told.")


class NetworksIn(Input):
    """Input of numbers.networks."""

    country: str = Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2.")


class NetworksOut(_Told):
    """Output of numbers.networks."""

    country: str = Field(description="ISO 3166-1 alpha-2.")
    networks: list[NetworkRow] = Field(description="Its networks, by MCC and MNC; the first 500.")


def networks(context: Context, data: NetworksIn) -> NetworksOut:
    """From a provider; otherwise what our price lists name."""
    _country_check(data.country)
    row = _list(context, "networks", data.country)
    if row is not None and row.read_at is not None:
        found = [NetworkRow(**_network(each)) for each in row.rows]
        source = f"{row.gateway.name}, its list of networks"
    else:
        rates = Rate.objects.filter(country=data.country, valid_to=None).exclude(operator="")
        codes = rates.values_list("operator", flat=True).distinct().order_by("operator")
        found = [NetworkRow(operator=code, operator_id="", name="") for code in codes]
        source = "our price lists: only networks that a gateway prices by themselves"
    found.sort(key=lambda each: (each.operator, each.operator_id))
    return NetworksOut(
        **_told(context, row, source), country=data.country, networks=found[:_SHOWN_MOST]
    )


class PrefixRow(Output):
    """What numbers begin with."""

    prefix: str = Field(description="Digits, country code included.")
    operator_id: str = Field(description="The provider's own id of the operator, or empty.")
    holder: str = Field(description="Whom the range was given to, when told.")


class PrefixesIn(Input):
    """Input of numbers.prefixes."""

    country: str = Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2.")
    starts_with: str = Field(
        default="",
        pattern="^[0-9]*$",
        max_length=15,
        description="Only these, country code included.",
    )


class PrefixesOut(_Told):
    """Output of numbers.prefixes."""

    country: str = Field(description="ISO 3166-1 alpha-2.")
    total: int = Field(description="How many there are.")
    prefixes: list[PrefixRow] = Field(
        description="The first 500, in order; narrow them down with starts_with."
    )


def prefixes(context: Context, data: PrefixesIn) -> PrefixesOut:
    """From a provider; otherwise from libphonenumber."""
    _country_check(data.country)
    row = _list(context, "prefixes", data.country)
    if row is not None and row.read_at is not None:
        found = [
            PrefixRow(prefix=each["prefix"], operator_id=each["operator_id"], holder="")
            for each in row.rows
        ]
        source = f"{row.gateway.name}, its list of prefixes"
    else:
        found = [
            PrefixRow(prefix=prefix, operator_id="", holder=holder)
            for prefix, holder in range_prefixes(data.country)
        ]
        source = SOURCE
    wanted = sorted(
        (each for each in found if each.prefix.startswith(data.starts_with)),
        key=lambda each: each.prefix,
    )
    return PrefixesOut(
        **_told(context, row, source),
        country=data.country,
        total=len(wanted),
        prefixes=wanted[:_SHOWN_MOST],
    )


class OperatorIn(Input):
    """Input of numbers.operator."""

    number: str | None = Field(
        default=None, max_length=80, description="A number in international form; or operator_id."
    )
    operator_id: str | None = Field(
        default=None,
        pattern="^[0-9]{1,12}$",
        description="The provider's own id, from numbers.networks or a lookup; or number.",
    )


class OperatorOut(_Told):
    """Output of numbers.operator."""

    number: str = Field(description="The number, masked; empty when asked by operator_id.")
    name: str = Field(description="Name of the operator; empty when not known.")
    country: str = Field(description="ISO 3166-1 alpha-2, or empty.")
    networks: list[NetworkRow] = Field(description="Its networks, as far as told.")


def operator(context: Context, data: OperatorIn) -> OperatorOut:
    """By a lookup of one's team, a provider's list, or whom the range was given to."""
    if (data.number is None) == (data.operator_id is None):
        raise InvalidInput(
            "Say what to look for.", field_errors={"number": "Give either number or operator_id."}
        )
    if data.number is not None:
        return _operator_of(context, data.number)
    row = _list(context, "operator", str(data.operator_id))
    rows = row.rows if row is not None else []
    if row is None:
        source = "nobody: no gateway's provider lists operators"
    elif row.read_at is None:
        source = f"{row.gateway.name}, which was not read yet"
    else:
        source = f"{row.gateway.name}, its list of operators"
    return OperatorOut(
        **_told(context, row, source),
        number="",
        name=next((each["name"] for each in rows if each["name"]), ""),
        country=next((each["country"] for each in rows if each["country"]), ""),
        networks=[NetworkRow(**_network(each)) for each in rows],
    )


def _operator_of(context: Context, raw: str) -> OperatorOut:
    try:
        phone = phone_parse(raw)
    except PhoneError as exc:
        raise InvalidInput(exc.message, field_errors={"number": exc.message}) from None
    looked = (
        lookups_visible(context.actor)
        .filter(phone_hash__in=phone_hashes(phone.e164), state="done")
        .exclude(operator="", operator_id="")
        .order_by("-ended_at", "-pk")
        .first()
    )
    if looked is None or looked.ended_at is None:
        return OperatorOut(
            **_told(context, None, SOURCE),
            number=phone_mask(phone.e164),
            name=range_holder(phone.e164),
            country=phone.country,
            networks=[],
        )
    named = _list(context, "operator", looked.operator_id) if looked.operator_id else None
    rows = named.rows if named is not None else []
    return OperatorOut(
        source=f"HLR by {looked.gateway.name}",
        read_at=looked.ended_at,
        age_seconds=max(0, int((context.now - looked.ended_at).total_seconds())),
        refreshing=named is not None and named.due_at is not None,
        error=named.error if named is not None else "",
        number=phone_mask(phone.e164),
        name=next((each["name"] for each in rows if each["name"]), ""),
        country=looked.country,
        networks=[NetworkRow(operator=looked.operator, operator_id=looked.operator_id, name="")],
    )


def _country_check(country: str) -> None:
    if country not in phonenumbers.SUPPORTED_REGIONS:
        words = "No country has these letters. Give its two letters, such as GB."
        raise InvalidInput(words, field_errors={"country": words})


def _list(context: Context, kind: str, key: str) -> NumberingList | None:
    """The list of the first gateway whose provider has such lists; None when none has."""
    names = transports.names_with(kind)
    ready = Gateway.objects.exclude(state="disabled").exclude(credentials=b"")
    gateway = ready.filter(transport__in=names).order_by("pk").first()
    return None if gateway is None else numbering_want(gateway, kind, key, now=context.now)


def _network(row: dict[str, str]) -> dict[str, str]:
    return {name: row[name] for name in ("operator", "operator_id", "name")}


def _told(context: Context, row: NumberingList | None, source: str) -> dict[str, Any]:
    read_at = row.read_at if row is not None else None
    return {
        "source": source,
        "read_at": read_at,
        "age_seconds": (
            max(0, int((context.now - read_at).total_seconds())) if read_at is not None else None
        ),
        "refreshing": row is not None and row.due_at is not None,
        "error": row.error if row is not None else "",
    }


def _add(key: str, summary: str, kinds: tuple[type[Input], type[Output]], run: object) -> None:
    """The three alike: free, reading, for everybody who may check numbers."""
    registry.add(
        Operation(
            key=key,
            summary=summary,
            description=(
                "Free. A provider's list is read by a job and kept for 30 days; until then, and"
                " without a provider, our own data answers and the source says so."
            ),
            kind=Kind.READ,
            input=kinds[0],
            output=kinds[1],
            run=run,  # type: ignore[arg-type]
            permission="contacts.number_check",
            scope="sms:contacts.read",
            rest=RestRoute("GET", "/" + key.replace(".", "/")),
            group="numbers",
        )
    )


_add(
    "numbers.operator",
    "Whose a number or an operator's id is, with the source and its age.",
    (OperatorIn, OperatorOut),
    operator,
)
_add(
    "numbers.networks",
    "The mobile networks of a country by MCC and MNC, with the source and its age.",
    (NetworksIn, NetworksOut),
    networks,
)
_add(
    "numbers.prefixes",
    "What mobile numbers of a country begin with, with the source and its age.",
    (PrefixesIn, PrefixesOut),
    prefixes,
)
