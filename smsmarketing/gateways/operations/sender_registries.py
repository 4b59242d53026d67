"""sender_registries.list: what each registry asks for before a sender may be used [R-5.8]."""

from __future__ import annotations

from pydantic import Field

from smsmarketing.gateways.rules.registries import Registry, registries
from smsmarketing.operations import registry
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute


class RegistriesIn(Input):
    """Input of sender_registries.list."""

    country: str | None = Field(
        default=None,
        pattern="^[A-Z]{2}$",
        description="Only registries of this country; GATEWAY is for countries without their own.",
    )
    kind: str | None = Field(
        default=None,
        max_length=12,
        description="Only for this kind: alphanumeric, msisdn, shortcode or tollfree.",
    )


class QuestionRow(Output):
    """One question."""

    key: str = Field(description="Name of the answer in sender_registrations.save.")
    label: str = Field(description="What is asked.")
    form: str = Field(description="text (one line), long, choice, or list (one a line).")
    required: bool = Field(description="Whether it must be answered before applying.")
    choices: list[str] = Field(description="The only answers; empty: free text.")
    hint: str = Field(description="Remark; often empty.")
    source: str = Field(description="Where the requirement is from.")


class PaperRow(Output):
    """One document."""

    key: str = Field(description="Kind in sender_registrations.document_add.")
    label: str = Field(description="What it is.")
    required: bool = Field(description="Whether it must be there before applying.")
    source: str = Field(description="Where the requirement is from.")


class RegistryRow(Output):
    """One registry."""

    key: str = Field(description="Name in sender_registrations.save.")
    title: str = Field(description="What it is called.")
    countries: list[str] = Field(description="Its countries; empty: the ones you name.")
    kinds: list[str] = Field(description="Kinds of sender it registers.")
    scope: str = Field(description="sender, or brand: then no sender is named.")
    needs: str = Field(description="Registry whose approval it stands on; empty: none.")
    questions: list[QuestionRow] = Field(description="Besides the company's name.")
    documents: list[PaperRow] = Field(description="PDF, PNG or JPEG, up to 10 MiB each.")
    note: str = Field(description="Remark.")
    source: str = Field(description="Where it is from.")


class RegistriesOut(Output):
    """Output of sender_registries.list."""

    items: list[RegistryRow] = Field(description="Registries.")


def registry_row(row: Registry) -> RegistryRow:
    """The registry as operations show it."""
    return RegistryRow(
        key=row.key,
        title=row.title,
        countries=list(row.countries),
        kinds=list(row.kinds),
        scope=row.scope,
        needs=row.needs,
        questions=[
            QuestionRow(
                key=each.key,
                label=each.label,
                form=each.form,
                required=each.required,
                choices=list(each.choices),
                hint=each.hint,
                source=each.source,
            )
            for each in row.questions
        ],
        documents=[
            PaperRow(key=each.key, label=each.label, required=each.required, source=each.source)
            for each in row.papers
        ],
        note=row.note,
        source=row.source,
    )


def run(context: Context, data: RegistriesIn) -> RegistriesOut:
    """The packaged list, narrowed."""
    found = [
        row
        for row in registries().values()
        if (not data.country or data.country in row.countries or not row.countries)
        and (not data.kind or data.kind in row.kinds)
    ]
    if data.country and any(data.country in row.countries for row in found):
        found = [row for row in found if row.countries]
    return RegistriesOut(items=[registry_row(row) for row in found])


registry.add(
    Operation(
        key="sender_registries.list",
        summary="What each registry asks for: questions, documents, countries, with the source.",
        description="Names only what the sources name. Ask the gateway which papers it files itself.",
        kind=Kind.READ,
        input=RegistriesIn,
        output=RegistriesOut,
        run=run,
        permission="gateways.registration_view",
        scope="sms:read",
        rest=RestRoute("GET", "/sender_registries"),
        group="gateways",
    )
)
