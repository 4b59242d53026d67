"""The transport that a definition makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from smsmarketing.gateways.transports.answers import http_refusal
from smsmarketing.gateways.transports.base import (
    Capabilities,
    CredentialField,
    ErrorMeaning,
    OutboundMessage,
    SubmitRequest,
    SubmitResult,
    TransportConfig,
    TransportDataError,
    WebhookAck,
    WebhookCall,
    WebhookEvent,
)
from smsmarketing.gateways.transports.generic.answers import Understood, answer_understood
from smsmarketing.gateways.transports.generic.calls import call_ack, call_events
from smsmarketing.gateways.transports.generic.checks import receipts_by_id
from smsmarketing.gateways.transports.generic.definition import Definition, Find
from smsmarketing.gateways.transports.generic.reading import answer_read, call_read, rule_fits
from smsmarketing.gateways.transports.generic.requests import check_request, submit_request
from smsmarketing.gateways.transports.provider import Provider
from smsmarketing.gateways.transports.signatures import refused, same

NAME: Final = "generic"


class GenericHttp(Provider):
    """A provider described as data. Without a definition it takes no message and believes no call."""

    name = NAME

    def __init__(self, definition: Definition | None = None) -> None:
        self.definition = definition
        self.label = "Generic HTTP"
        self.capabilities = Capabilities()
        self.credential_fields: tuple[CredentialField, ...] = ()
        self.webhook_methods = frozenset({"POST"})
        self.errors: Mapping[str, ErrorMeaning] = MappingProxyType({})
        if definition is not None:
            self._describe(definition)

    def _describe(self, definition: Definition) -> None:
        submit, webhook = definition.submit, definition.webhook
        self.label = definition.label
        self.credential_fields = tuple(
            CredentialField(each.name, each.label, each.required) for each in definition.credentials
        )
        self.errors = MappingProxyType(
            {
                each.code: ErrorMeaning(each.error_class, each.meaning)
                for each in definition.answer.codes
            }
        )
        if webhook is not None:
            self.webhook_methods = frozenset(webhook.methods)
        limits = (submit.validity_least_s, submit.validity_most_s)
        self.capabilities = Capabilities(
            dlr=webhook is not None and webhook.receipt is not None,
            inbound=webhook is not None and webhook.reply is not None,
            client_reference=definition.client_reference,
            receipts_by_id=receipts_by_id(definition),
            webhook_signature=webhook is not None and webhook.token is not None,
            test_mode=bool(submit.test),
            validity_range_s=limits if submit.validity_most_s else None,
            max_body_characters=definition.max_characters or None,
            webhook_networks=tuple(definition.webhook_networks),
        )

    @property
    def checks_webhooks(self) -> bool:
        webhook = self.definition.webhook if self.definition is not None else None
        return self.definition is None or (webhook is not None and webhook.token is not None)

    def submit_request(self, message: OutboundMessage, config: TransportConfig) -> SubmitRequest:
        return submit_request(self._defined(), message, config)

    def submit_result(self, status: int, headers: Mapping[str, str], body: bytes) -> SubmitResult:
        result = self.understood(status, headers, body).result
        if self.capabilities.receipts_by_id and result.gateway_message_id:
            return replace(result, part_ids=(result.gateway_message_id,))
        return result

    def login_request(self, config: TransportConfig) -> SubmitRequest | None:
        """The call that proves the account and sends nothing; None when none is described. Raises
        TransportDataError.
        """
        check = self._defined().check
        return check_request(self._defined(), check, config) if check is not None else None

    def login_passed(self, status: int, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether its answer says that the account works; what cannot be read says no."""
        definition = self._defined()
        if definition.check is None:
            return False
        try:
            said = answer_read(definition.check.read, definition.answer.charset, headers, body)
        except TransportDataError:
            return False
        return any(rule_fits(rule, status, said) for rule in definition.check.passed)

    def understood(self, status: int, headers: Mapping[str, str], body: bytes) -> Understood:
        """The result with the steps that led to it, for people who try a definition."""
        if self.definition is None:
            return Understood(http_refusal(self.label, 200, headers, body), ["No definition."])
        return answer_understood(self.definition, self.errors, status, headers, body)

    def webhook_check(self, call: WebhookCall, config: TransportConfig) -> None:
        """The shared secret of the definition, where it has one."""
        definition = self._defined()
        token = definition.webhook.token if definition.webhook is not None else None
        if definition.webhook is None or token is None:
            return
        expected = config.credentials.get(token.credential, "")
        if token.place == "header":
            given = call.headers.get(token.name.lower(), "")
        else:
            body = call.body or call.url.partition("?")[2].encode("ascii", "replace")
            said = call_read(definition.webhook.read, definition.webhook.charset, {}, body)
            at = f"/{token.name}" if definition.webhook.read == "json" else token.name
            given = said.find(Find(at=at)) or ""
        if not expected or not same(given, expected):
            raise refused("The call carries no valid secret.")

    def webhook_events(
        self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> list[WebhookEvent]:
        return call_events(self._defined(), self.errors, body, headers, query)

    def webhook_ack(self) -> WebhookAck:
        return self.webhook_ack_of(())

    def webhook_ack_of(self, events: Sequence[WebhookEvent]) -> WebhookAck:
        if self.definition is None:
            return super().webhook_ack()
        return call_ack(self.definition, events)

    def _defined(self) -> Definition:
        if self.definition is None:
            raise TransportDataError(
                "no_definition", "The gateway has no definition. Give it one in the admin."
            )
        return self.definition
