"""Doing a test of a gateway: each step says what was found and what to do about it.

A job does each test once. It speaks to the provider through the transport and the engine that
messages go through, outside of any transaction, and sends only in the provider's own test mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.gateways import transports
from smsmarketing.gateways.credentials import CredentialsUnreadable, webhook_secret_read
from smsmarketing.gateways.engine import Answer, Engine, Exchange, NoAnswer, exchange_result
from smsmarketing.gateways.engine.control import control_send
from smsmarketing.gateways.models import Bind, Gateway, GatewayTest
from smsmarketing.gateways.rules.gateway_advice import BY_FAILURE, advice_for
from smsmarketing.gateways.selectors.carriers import config_of, transport_of
from smsmarketing.gateways.selectors.gateway_tests import probe_message
from smsmarketing.gateways.transports.base import (
    SubmitRequest,
    Transport,
    TransportConfig,
    TransportDataError,
)
from smsmarketing.gateways.transports.controls import ControlError
from smsmarketing.gateways.transports.generic import GenericHttp
from smsmarketing.gateways.transports.generic.trial import (
    RequestShown,
    answer_shown,
    masked_credentials,
    number_hidden,
    request_show,
)
from smsmarketing.operations.encryption import secret_open, secret_seal
from smsmarketing.operations.sealed import sealed_add

Found = Literal["passed", "failed", "unsure", "not_possible"]
_BOUND: Final = "gateways.gatewaytest:{pk}:phone"
CUT_OFF_AFTER: Final = timedelta(minutes=2)
_MOST_A_RUN: Final = 20
RUN: Final = "gateways.tests_run"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was looked at."""

    step: str
    found: Found
    sentence: str
    advice: str = ""


def probe_ask(
    gateway: Gateway, *, mode: str, phone: str, sender: str, text: str, by: User, now: datetime
) -> GatewayTest:
    """Keep the wish; a job does it."""
    row = GatewayTest.objects.create(
        gateway=gateway, mode=mode, sender=sender, text=text, asked_by=by, asked_at=now
    )
    if phone:
        row.phone = secret_seal(phone.encode("ascii"), bound_to=_bound(row))
        row.save(update_fields=["phone"])
    return row


def sealed_register() -> None:
    """Called at ready(): a number that waits rotates with all other secrets."""
    sealed_add(GatewayTest, "phone", bound_to=_BOUND)


def _bound(row: GatewayTest) -> str:
    return _BOUND.format(pk=row.pk)


def tests_run() -> int:
    """Do what waits, and give up what was cut off on its way. Returns how many were done."""
    _give_up(timezone.now())
    for done in range(_MOST_A_RUN):
        row = _claim()
        if row is None:
            return done
        _do(row)
    return _MOST_A_RUN


def _give_up(now: datetime) -> None:
    """It may have reached the provider, so it is not done a second time."""
    with transaction.atomic():
        GatewayTest.objects.filter(progress="running", started_at__lt=now - CUT_OFF_AFTER).update(
            progress="lost", phone=None, finished_at=now
        )


def _claim() -> GatewayTest | None:
    with transaction.atomic():
        row = (
            GatewayTest.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("gateway")
            .filter(progress="waiting")
            .order_by("pk")
            .first()
        )
        if row is not None:
            row.progress, row.started_at = "running", timezone.now()
            row.save(update_fields=["progress", "started_at"])
    return row


def _do(row: GatewayTest) -> None:
    phone = ""
    if row.phone is not None:
        phone = secret_open(bytes(row.phone), bound_to=_bound(row)).decode()
    trial = _Trial(row.gateway, phone=phone, sender=row.sender, text=row.text)
    trial.run(sends=row.mode == "test_mode")
    with transaction.atomic():
        GatewayTest.objects.filter(pk=row.pk, progress="running").update(
            progress="done",
            phone=None,
            passed=trial.passed,
            steps=[asdict(step) for step in trial.steps],
            request=asdict(trial.request) if trial.request is not None else None,
            answer=trial.answer,
            finished_at=timezone.now(),
        )


class _Trial:
    """The steps of one test, in their order; what cannot work without an earlier one is left out."""

    def __init__(self, gateway: Gateway, *, phone: str, sender: str, text: str) -> None:
        self.gateway, self.phone, self.sender, self.text = gateway, phone, sender, text
        self.transport: Transport = transport_of(gateway)
        self.steps: list[Step] = []
        self.request: RequestShown | None = None
        self.answer: dict[str, Any] | None = None

    @property
    def passed(self) -> bool | None:
        """False when something failed or is in doubt; None when nothing proves the account."""
        found = {step.step: step.found for step in self.steps}
        if {"failed", "unsure"} & set(found.values()):
            return False
        return True if "passed" in (found.get("login"), found.get("send")) else None

    def run(self, *, sends: bool) -> None:
        config = self._entered()
        if config is None:
            return
        if self.transport.capabilities.long_lived:
            self._bound()
            return
        with Engine(1) as engine:
            if not self._login(engine, config):
                return
            if sends:
                self._send(engine, config)

    def _say(self, step: str, found: Found, sentence: str, advice: str = "") -> None:
        self.steps.append(Step(step, found, sentence, advice))

    def _entered(self) -> TransportConfig | None:
        """Whether everything that a person has to give is there."""
        enter = f"Run manage.py gateway_credentials {self.gateway.slug} on the server."
        if isinstance(self.transport, GenericHttp) and self.transport.definition is None:
            self._say(
                "definition",
                "failed",
                "The gateway is described as data, but uses no definition yet.",
                "Choose a version of one with “Use for a gateway”; a second person agrees.",
            )
            return None
        try:
            config = config_of(self.gateway)
        except CredentialsUnreadable:
            self._say("credentials", "failed", "The stored credentials cannot be read.", enter)
            return None
        missing = [
            each.label
            for each in self.transport.credential_fields
            if each.required and not config.credentials.get(each.name)
        ]
        if missing:
            self._say("credentials", "failed", f"Not entered: {', '.join(missing)}.", enter)
            return None
        self._say("credentials", "passed", "All that the provider needs is entered.")
        return config

    def _bound(self) -> None:
        bind = Bind.objects.filter(gateway=self.gateway).first()
        ends = bind.lease_until if bind is not None and bind.state == "bound" else None
        if ends is not None and ends > timezone.now():
            self._say("login", "passed", "The connection is bound: the account works.")
            return
        self._say(
            "login",
            "failed",
            (bind.last_error if bind is not None else "") or "No process holds the connection.",
            "Look whether manage.py smpp_supervise runs, and compare address, system id and password"
            " with the provider's.",
        )

    def _login(self, engine: Engine, config: TransportConfig) -> bool:
        """Prove the account where the provider has a call for it, else that it can be reached.
        Whether it makes sense to go on.
        """
        try:
            request = self._login_request(config)
        except TransportDataError as exc:
            self._say("login", "failed", str(exc), advice_for("content", slug=self.gateway.slug))
            return False
        exchange = _exchange(engine, request or _knock(config))
        if isinstance(exchange, NoAnswer):
            self._unreached(exchange)
            return False
        self._say("reach", "passed", f"{self.transport.label} answers at this address.")
        if request is None:
            return self._asked(config)
        if self._login_fits(exchange):
            self._say("login", "passed", "The provider accepts the credentials.")
            return True
        self.answer = self._answer(exchange, config)
        self._say(
            "login",
            "failed",
            f"The provider's answer (HTTP status {exchange.status}) does not say that the account"
            " works.",
            advice_for("auth", slug=self.gateway.slug),
        )
        return False

    def _asked(self, config: TransportConfig) -> bool:
        """Ask for the balance, or the prices, where the provider documents that."""
        controls = transports.controls(self.gateway.transport)
        told = ""
        try:
            if controls.balance is not None:
                left = control_send(controls.balance(config))
                told = f"The provider accepts the credentials; {left.amount:f} {left.unit} left."
            elif controls.prices is not None and not controls.prices_by_country:
                control_send(controls.prices(config, ""))
                told = "The provider accepts the credentials and tells its prices."
        except ControlError as exc:
            kind = "soft" if exc.retryable else "auth"
            self._say(
                "login",
                "unsure" if exc.retryable else "failed",
                f"{exc.sentence} (code {exc.code})",
                advice_for(kind, slug=self.gateway.slug),
            )
            return exc.retryable
        except TransportDataError as exc:
            self._say("login", "failed", str(exc), advice_for("auth", slug=self.gateway.slug))
            return False
        if told:
            self._say("login", "passed", told)
            return True
        self._say(
            "login",
            "not_possible",
            "No call is known here that proves the account without sending.",
            "Only the provider's test mode, or the first message, proves the credentials.",
        )
        return True

    def _login_request(self, config: TransportConfig) -> SubmitRequest | None:
        if isinstance(self.transport, GenericHttp):
            return self.transport.login_request(config)
        return None

    def _login_fits(self, exchange: Answer) -> bool:
        transport = self.transport
        return isinstance(transport, GenericHttp) and transport.login_passed(
            exchange.status, exchange.headers, exchange.body
        )

    def _unreached(self, exchange: NoAnswer) -> None:
        sentence = self.transport.transport_failure(exchange.kind, sent=False).error_text
        advice = BY_FAILURE.get(exchange.kind, advice_for("soft", slug=self.gateway.slug))
        self._say("reach", "failed", sentence.replace("; the message may be queued", ""), advice)

    def _send(self, engine: Engine, config: TransportConfig) -> None:
        """One message in the provider's own test mode, through the road of every message."""
        try:
            address = _receipts_at(self.gateway, webhook_secret_read(self.gateway))
            message = probe_message(
                self.transport, to=self.phone, sender=self.sender, text=self.text, dlr_url=address
            )
            request = self.transport.submit_request(message, config)
        except TransportDataError as exc:
            self._say("send", "failed", str(exc), advice_for("content", slug=self.gateway.slug))
            return
        hidden = replace(
            message,
            to=number_hidden(message.to),
            dlr_url=_receipts_at(self.gateway, "SECRET-path") if message.dlr_url else "",
        )
        masked = config_of(
            self.gateway, credentials=masked_credentials(self.transport.credential_fields)
        )
        try:
            self.request = request_show(self.transport, hidden, masked)
        except TransportDataError:
            self.request = None  # a provider whose request cannot be made with masked credentials
        exchange = _exchange(engine, request)
        if isinstance(exchange, Answer):
            self.answer = self._answer(exchange, config)
        result = exchange_result(self.transport, exchange)
        found, sentence = _OUTCOMES.get(result.outcome, ("failed", ""))
        code = f" (code {result.error_code})" if result.error_code and not sentence else ""
        advice = ""
        if found != "passed":
            advice = advice_for(result.error_class, slug=self.gateway.slug)
            if isinstance(exchange, NoAnswer):
                advice = BY_FAILURE.get(exchange.kind, advice)
        self._say("send", found, (sentence or result.error_text) + code, advice)

    def _answer(self, exchange: Answer, config: TransportConfig) -> dict[str, Any]:
        return {
            "status": exchange.status,
            "body": answer_shown(exchange.body, phone=self.phone, credentials=config.credentials),
            "seconds": round(exchange.seconds, 2),
        }


_OUTCOMES: Final[Mapping[str, tuple[Found, str]]] = {
    "accepted": (
        "passed",
        "The provider took the message in its test mode: nothing is delivered or billed.",
    ),
    "duplicate": ("passed", "The provider says that it had this message already."),
    "ambiguous": ("unsure", ""),
}


def _receipts_at(gateway: Gateway, secret: str) -> str:
    """The address of receipts of no message: what comes there is kept and changes nothing."""
    return f"{settings.PUBLIC_BASE_URL.rstrip('/')}/webhooks/{gateway.slug}/{secret}/dlr/0"


def _knock(config: TransportConfig) -> SubmitRequest:
    """A request without credentials: any answer to it proves name, network and certificate."""
    return SubmitRequest(
        "GET",
        config.base_url.rstrip("/") + "/",
        (("Accept", "*/*"),),
        b"",
        config.timeout,
        config.may_connect,
    )


def _exchange(engine: Engine, request: SubmitRequest) -> Exchange:
    found: list[Exchange] = []
    engine.submit_many([(0, request)], lambda _, exchange: found.append(exchange))
    return found[0] if found else NoAnswer("not_started", False, 0.0)
