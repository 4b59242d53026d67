"""gateway_definitions.check: a definition tried on samples; nothing is sent or saved."""

from __future__ import annotations

from pydantic import Field

from smsmarketing.gateways.operations.definition_shapes import (
    CallOut,
    ProblemRow,
    ReadingOut,
    RequestOut,
    SampleAnswer,
    SampleCall,
    SampleMessage,
    answer_reading,
    call_readings,
    problem_row,
    sample_request,
)
from smsmarketing.gateways.transports.base import TransportDataError
from smsmarketing.gateways.transports.generic import Definition, GenericHttp
from smsmarketing.gateways.transports.generic.checks import definition_problems
from smsmarketing.operations import registry
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute


class DefinitionCheckIn(Input):
    """Input of gateway_definitions.check."""

    definition: Definition = Field(description="The definition.")
    base_url: str = Field(
        default="https://api.example",
        pattern=r"^https?://[A-Za-z0-9.:\[\]-]{1,150}/?$",
        max_length=160,
        description="Address of the provider, as the gateway will have it; nothing is called.",
    )
    message: SampleMessage = Field(
        default_factory=SampleMessage, description="Message to build the request for."
    )
    answers: list[SampleAnswer] = Field(
        default_factory=list, max_length=10, description="Answers to read."
    )
    calls: list[SampleCall] = Field(
        default_factory=list, max_length=10, description="Receipts and replies to read."
    )


class DefinitionCheckOut(Output):
    """Output of gateway_definitions.check."""

    can_be_saved: bool = Field(description="Whether it has no error.")
    problems: list[ProblemRow] = Field(description="Errors first, then warnings.")
    request: RequestOut | None = Field(
        description="The request for the message; null while there are errors."
    )
    request_problem: str = Field(description="Why no request can be made of this message.")
    answers: list[ReadingOut] = Field(description="How the answers are read, in their order.")
    calls: list[CallOut] = Field(description="How the calls are read, in their order.")
    acknowledgement: str = Field(description="What a call of the provider gets as an answer.")


def run(context: Context, data: DefinitionCheckIn) -> DefinitionCheckOut:
    """Check the definition, and try it on the samples when it has no error."""
    problems = definition_problems(data.definition)
    fine = not any(each.level == "error" for each in problems)
    request, request_problem = None, ""
    if fine:
        try:
            request = sample_request(data.definition, data.base_url, data.message, now=context.now)
        except TransportDataError as exc:
            request_problem = str(exc)
    ack = GenericHttp(data.definition).webhook_ack()
    return DefinitionCheckOut(
        can_be_saved=fine,
        problems=[problem_row(each) for each in problems],
        request=request,
        request_problem=request_problem,
        answers=[answer_reading(data.definition, each) for each in data.answers] if fine else [],
        calls=(
            [row for each in data.calls for row in call_readings(data.definition, each)]
            if fine
            else []
        ),
        acknowledgement=f"{ack.status} {ack.content_type}: {ack.body.decode()}",
    )


registry.add(
    Operation(
        key="gateway_definitions.check",
        summary="Try a definition: the request for a sample, and how pasted answers would be read.",
        description=(
            "Sends and saves nothing. Secrets are shown as SECRET-<name>. An answer that no rule fits"
            " is ambiguous: the message becomes unknown and is not sent again by itself."
        ),
        kind=Kind.PREVIEW,
        input=DefinitionCheckIn,
        output=DefinitionCheckOut,
        run=run,
        permission="gateways.gateway_view",
        scope="sms:read",
        requires=("gateway_definitions.get",),
        rest=RestRoute("POST", "/gateway_definitions/check"),
        group="gateways",
    )
)
