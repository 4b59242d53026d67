"""gateways.test, .test_preview and .test_result: does a gateway work, and if not, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.selectors.suppressions import suppressed_phones
from smsmarketing.gateways import transports
from smsmarketing.gateways.models import Gateway, GatewayTest
from smsmarketing.gateways.operations.definition_shapes import (
    ReadingOut,
    RequestOut,
    SampleAnswer,
    reading_out,
    request_out,
)
from smsmarketing.gateways.rules.encoding import text_count
from smsmarketing.gateways.selectors import gateways_visible, rates_current
from smsmarketing.gateways.selectors.carriers import config_of, transport_of
from smsmarketing.gateways.selectors.gateway_tests import (
    probe_message,
    probe_summary,
    tests_visible,
)
from smsmarketing.gateways.services.gateway_tests import RUN, probe_ask
from smsmarketing.gateways.transports.base import Transport, TransportDataError
from smsmarketing.gateways.transports.generic import GenericHttp
from smsmarketing.gateways.transports.generic.trial import (
    RequestShown,
    masked_credentials,
    request_show,
)
from smsmarketing.operations import registry
from smsmarketing.operations.canonical import decimal_text
from smsmarketing.operations.errors import Conflict, InvalidInput, NotFound
from smsmarketing.operations.jobs import enqueue
from smsmarketing.operations.text import untrusted
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
    Target,
    UntrustedText,
)

TEXT = "Test of the connection."
_ADDRESS = "https://this-server.example/webhooks/SECRET-path/dlr/0"
_WAITING_MOST = 5


class ProbeFields(Input):
    """What a test says to the provider."""

    gateway_id: int = Field(ge=1, description="Id from gateways.list.")
    to: str | None = Field(
        default=None,
        max_length=16,
        pattern=r"^\+[1-9][0-9]{6,14}$",
        description="A number of your own, E.164: should the provider ignore its test mode, the text goes there.",
    )
    sender: str = Field(default="Test", min_length=1, max_length=16, description="Sender.")
    text: str = Field(default=TEXT, min_length=1, max_length=320, description="Text.")


class GatewayTestIn(ProbeFields):
    """Input of gateways.test."""

    mode: Literal["check", "test_mode"] = Field(
        default="check",
        description=(
            "check sends nothing: credentials, address, certificate, and the account where the"
            " provider has a call for it. test_mode also sends one message in the provider's own test"
            " mode; refused where it documents none."
        ),
    )


class GatewayTestOut(Output):
    """Output of gateways.test."""

    test_id: int = Field(description="Id for gateways.test_result.")
    state: str = Field(description="waiting: a job does it within seconds.")
    next_step: str = Field(description="What to do next.")


class GatewayTestPreviewIn(ProbeFields):
    """Input of gateways.test_preview."""

    real: bool = Field(
        default=False, description="Show the request of a real send instead of a test."
    )
    answer: SampleAnswer | None = Field(
        default=None, description="An answer of the provider to read, as sending would read it."
    )


class GatewayTestPreviewOut(Output):
    """Output of gateways.test_preview."""

    has_test_mode: bool = Field(description="Whether the provider documents a test mode.")
    would_bill: bool = Field(description="Whether the request shown would deliver and bill a text.")
    bills: str = Field(description="What the request shown would cost, in words.")
    checks: str = Field(description="What gateways.test can find out without sending.")
    request: RequestOut | None = Field(
        description="The exact request, with the secrets masked; null when it cannot be made."
    )
    request_problem: str = Field(description="Why there is none, and what to do.")
    reading: ReadingOut | None = Field(description="How the given answer is read.")


class GatewayTestResultIn(Input):
    """Input of gateways.test_result."""

    test_id: int = Field(ge=1, description="Id from gateways.test.")


class StepRow(Output):
    """One thing that was looked at."""

    step: str = Field(description="definition, credentials, reach, login or send.")
    found: str = Field(
        description="passed, failed, unsure (an answer nobody understands) or not_possible."
    )
    sentence: str = Field(description="What was found.")
    advice: str = Field(description="What to do; empty when there is nothing to do.")


class GatewayTestResultOut(Output):
    """Output of gateways.test_result."""

    test_id: int = Field(description="Id of the test.")
    gateway: str = Field(description="Name of the gateway.")
    mode: str = Field(description="check or test_mode.")
    state: str = Field(
        description="waiting, running, done, or lost: cut off, and not done again by itself."
    )
    passed: bool | None = Field(
        description="Whether it works; null: not known yet, or nothing could prove the account."
    )
    summary: str = Field(description="What came of it, in a sentence.")
    steps: list[StepRow] = Field(description="What was looked at, in its order.")
    request: RequestOut | None = Field(
        description="What was sent: secrets masked, the middle of the number as zeros."
    )
    answer_status: int | None = Field(description="HTTP status of the provider's answer.")
    answer: UntrustedText | None = Field(description="Its body, secrets and number masked, cut.")
    asked_by: str = Field(description="Who asked.")
    asked_at: datetime = Field(description="When, UTC.")
    finished_at: datetime | None = Field(description="When it ended, UTC.")


def ask(context: Context, data: GatewayTestIn) -> GatewayTestOut:
    """Keep the test; a job does it at once."""
    gateway: Gateway = context.target
    _ask_checked(gateway, data)
    sends = data.mode == "test_mode"
    row = probe_ask(
        gateway,
        mode=data.mode,
        phone=(data.to or "") if sends else "",
        sender=data.sender if sends else "",
        text=data.text if sends else "",
        by=context.actor.user,
        now=context.now,
    )
    enqueue(RUN)
    context.audit_facts = {"test_id": row.pk, "mode": row.mode}
    return GatewayTestOut(
        test_id=row.pk,
        state=row.progress,
        next_step="Call gateways.test_result in a few seconds: it says what failed and what to do.",
    )


def _ask_checked(gateway: Gateway, data: GatewayTestIn) -> None:
    """Raises Conflict and InvalidInput; writes nothing."""
    if (
        GatewayTest.objects.filter(gateway=gateway, progress__in=("waiting", "running")).count()
        >= _WAITING_MOST
    ):
        raise Conflict(f"{gateway.name} has {_WAITING_MOST} tests waiting. Wait for them to end.")
    if data.mode == "check":
        return
    transport = transport_of(gateway)
    if not transport.capabilities.test_mode:
        raise Conflict(
            f"No test mode of {transport.label} is known here, so a message would be delivered and"
            " billed. Use the mode check, or campaigns.test_send of a draft to yourself.",
            details={"transport": gateway.transport},
        )
    if data.to is None:
        raise InvalidInput(
            "A test in the provider's test mode needs a number.",
            field_errors={"to": "Give a number of your own, in international form."},
        )
    if suppressed_phones([data.to], brand_id=None, purpose="transactional"):
        raise InvalidInput(
            "This number is blocked for everybody.",
            field_errors={"to": "Give another number of your own."},
        )


def _ask_facts(context: Context, data: GatewayTestIn) -> Mapping[str, Any]:
    _ask_checked(context.target, data)
    return {"by_agent": context.actor.is_agent, "sends": data.mode == "test_mode"}


def preview(context: Context, data: GatewayTestPreviewIn) -> GatewayTestPreviewOut:
    """Show the request as sending makes it; nothing is sent and no credential is read."""
    gateway: Gateway = context.target
    transport = transport_of(gateway)
    real = data.real or not transport.capabilities.test_mode
    request, problem = _request(gateway, transport, data, real=real, now=context.now)
    reading = None
    if data.answer is not None:
        headers = {name.lower(): value for name, value in data.answer.headers.items()}
        body = data.answer.body.encode()
        if isinstance(transport, GenericHttp):
            found = transport.understood(data.answer.status, headers, body)
            reading = reading_out(found.result, found.steps)
        else:
            reading = reading_out(transport.submit_result(data.answer.status, headers, body), [])
    return GatewayTestPreviewOut(
        has_test_mode=transport.capabilities.test_mode,
        would_bill=real,
        bills=_bills(gateway, data, real=real, now=context.now),
        checks=_checks(gateway, transport),
        request=request,
        request_problem=problem,
        reading=reading,
    )


def _request(
    gateway: Gateway, transport: Transport, data: GatewayTestPreviewIn, *, real: bool, now: datetime
) -> tuple[RequestOut | None, str]:
    if transport.capabilities.long_lived:
        return None, "SMPP has no HTTP request: the process that is bound sends a submit_sm."
    message = probe_message(
        transport,
        to=data.to or _made_up(gateway),
        sender=data.sender,
        text=data.text,
        dlr_url=_ADDRESS,
        real=real,
        now=now,
    )
    config = config_of(gateway, credentials=masked_credentials(transport.credential_fields))
    try:
        shown: RequestShown = request_show(transport, message, config)
    except TransportDataError as exc:
        return None, str(exc)
    return request_out(shown), ""


def _made_up(gateway: Gateway) -> str:
    """A number of nobody, of a country that the gateway delivers to where the code is known."""
    return _EXAMPLES.get(next(iter(sorted(gateway.countries)), ""), "+37060000001")


_EXAMPLES = {
    "LT": "+37060000001",
    "TW": "+886900000001",
    "US": "+12025550100",
    "GB": "+447700900000",
}


def _bills(gateway: Gateway, data: GatewayTestPreviewIn, *, real: bool, now: datetime) -> str:
    if not real:
        return "In the provider's test mode nothing is delivered or billed."
    parts = text_count(data.text, split_mode="codepoint").parts
    country = phone_parse(data.to).country if data.to else ""
    rate = rates_current(gateway, None, now).get(country or "")
    price = (
        f", about {decimal_text(rate.price * parts)} {rate.currency}" if rate is not None else ""
    )
    return (
        f"Sent, this would deliver a text and bill {parts} part{'' if parts == 1 else 's'}{price}."
        " Nothing here sends it: campaigns.test_send of a draft sends one to yourself."
    )


def _checks(gateway: Gateway, transport: Transport) -> str:
    if transport.capabilities.long_lived:
        return "Whether the process that holds the connection is bound."
    controls = transports.controls(gateway.transport)
    if isinstance(transport, GenericHttp):
        own = transport.definition is not None and transport.definition.check is not None
        how = "the account, by the call its definition describes" if own else ""
    elif controls.balance is not None:
        how = "the account, by its balance"
    elif controls.prices is not None and not controls.prices_by_country:
        how = "the account, by its prices"
    else:
        how = ""
    found = "Whether the credentials are entered, and name, network and certificate"
    if how:
        return f"{found}; and {how}."
    return f"{found}. No call is known that proves the account without sending."


def result(context: Context, data: GatewayTestResultIn) -> GatewayTestResultOut:
    """What came of a test."""
    row = tests_visible(context.actor).filter(pk=data.test_id).first()
    if row is None:
        raise NotFound(
            "There is no such test.", field_errors={"test_id": "Ask for one with gateways.test."}
        )
    answer = row.answer or {}
    return GatewayTestResultOut(
        test_id=row.pk,
        gateway=row.gateway.name,
        mode=row.mode,
        state=row.progress,
        passed=row.passed,
        summary=probe_summary(row),
        steps=[StepRow(**step) for step in row.steps],
        request=_kept(row.request),
        answer_status=answer.get("status"),
        answer=untrusted(answer["body"], "gateway_answer") if answer else None,
        asked_by=row.asked_by.get_username(),
        asked_at=row.asked_at,
        finished_at=row.finished_at,
    )


def _kept(request: dict[str, Any] | None) -> RequestOut | None:
    if request is None:
        return None
    headers = tuple((str(name), str(value)) for name, value in request["headers"])
    return request_out(RequestShown(request["method"], request["url"], headers, request["body"]))


_GATEWAY = Target(argument="gateway_id", visible=gateways_visible, label="gateway")

registry.add(
    Operation(
        key="gateways.test",
        summary="Test a gateway: credentials, connection, account, and its provider's own test mode.",
        description=(
            "Never sends a text that is delivered or billed. gateways.test_result says what failed and"
            " what to do; gateways.test_preview shows the request first."
        ),
        kind=Kind.WRITE,
        input=GatewayTestIn,
        output=GatewayTestOut,
        run=ask,
        facts=_ask_facts,
        permission="gateways.gateway_test",
        scope="sms:sender",
        approval=Approval.POLICY,
        requires=("gateways.test_preview",),
        target=_GATEWAY,
        rest=RestRoute("POST", "/gateways/{gateway_id}/test"),
        group="gateways",
    ),
    Operation(
        key="gateways.test_preview",
        summary="See the exact request of a gateway with its secrets masked, and how answers are read.",
        description="Sends nothing. Says plainly when the request shown would be billed.",
        kind=Kind.PREVIEW,
        input=GatewayTestPreviewIn,
        output=GatewayTestPreviewOut,
        run=preview,
        permission="gateways.gateway_view",
        scope="sms:read",
        requires=("gateways.list",),
        target=_GATEWAY,
        rest=RestRoute("POST", "/gateways/{gateway_id}/test_preview"),
        group="gateways",
    ),
    Operation(
        key="gateways.test_result",
        summary="Read what came of a test of a gateway: what failed, and what to do.",
        kind=Kind.READ,
        input=GatewayTestResultIn,
        output=GatewayTestResultOut,
        run=result,
        permission="gateways.gateway_view",
        scope="sms:read",
        requires=("gateways.test",),
        rest=RestRoute("GET", "/gateways/tests/{test_id}"),
        group="gateways",
    ),
)
