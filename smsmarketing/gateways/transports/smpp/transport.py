"""SMPP 3.4 as a transport: a submit is the bytes of its PDUs, an answer the bytes of theirs.

The engine that holds the bind (`gateways/engine/smpp`) numbers the PDUs and puts them on the link;
here nothing is open. Facts: SMPP v3.4 (issue 1.2) and providers.md A12.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from smsmarketing.gateways.transports import payload
from smsmarketing.gateways.transports.answers import (
    Verdict,
    credential,
    http_refusal,
    recipient_digits,
    refusal,
    unknown_code,
    validity_within,
    verdict_of,
)
from smsmarketing.gateways.transports.base import (
    MAX_WEBHOOK_BYTES,
    Capabilities,
    CredentialField,
    InboundEvent,
    OutboundMessage,
    ReceiptEvent,
    SubmitRequest,
    SubmitResult,
    Timeout,
    TransportConfig,
    TransportDataError,
    WebhookEvent,
)
from smsmarketing.gateways.transports.doubts import contradiction
from smsmarketing.gateways.transports.provider import Provider, reply_event
from smsmarketing.gateways.transports.smpp.messages import (
    UDHI,
    Address,
    ShortMessage,
    carries_message,
    message_decode,
    message_encode,
    message_id_decode,
)
from smsmarketing.gateways.transports.smpp.options import SmppOptions, options_read
from smsmarketing.gateways.transports.smpp.pdu import (
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    BIND_TRANSMITTER,
    GENERIC_NACK,
    RESPONSE,
    SUBMIT_SM,
    Pdu,
    PduError,
    c_octets,
    pdu_encode,
    pdus_split,
)
from smsmarketing.gateways.transports.smpp.receipts import is_receipt, receipt_read
from smsmarketing.gateways.transports.smpp.statuses import ERRORS, status_name
from smsmarketing.gateways.transports.smpp.texts import text_decode, text_segments

LABEL: Final = "SMPP"
CONTENT_TYPE: Final = "application/x-smpp"
"""Marks a stored receipt that is a PDU."""
PARTS_HEADER: Final = "smpp-parts"
"""How many PDUs the submit had, told by the engine beside their answers."""
VALIDITY_S: Final = (60, 604_800)
INTERFACE_VERSION: Final = 0x34
_ALPHANUMERIC = re.compile(r".*[^0-9+]")
_BINDS: Final = {
    "transceiver": BIND_TRANSCEIVER,
    "transmitter": BIND_TRANSMITTER,
    "receiver": BIND_RECEIVER,
}


class Smpp(Provider):
    """Transport of every carrier that speaks SMPP 3.4. Base URL `smpp://host:2775`, or
    `smpps://host:3550` for TLS.
    """

    name = "smpp"
    label = LABEL
    webhook_methods: frozenset[str] = frozenset()  # nothing comes over HTTP
    credential_fields: tuple[CredentialField, ...] = (
        CredentialField("system_id", "System id"),
        CredentialField("password", "Password"),
    )
    errors = ERRORS
    capabilities = Capabilities(
        dlr=True, inbound=True, priority=True, validity_range_s=VALIDITY_S, long_lived=True
    )

    def submit_request(self, message: OutboundMessage, config: TransportConfig) -> SubmitRequest:
        """The PDUs of one message, unnumbered. Raises TransportDataError when it cannot be
        expressed in this gateway's dialect.
        """
        options = _options(config)
        recipient = recipient_digits(message)
        validity_s = validity_within(message, VALIDITY_S, LABEL)
        fields = {
            "source": source_address(message.sender, options),
            "destination": Address(1, 1, recipient),
            "service_type": options.service_type,
            "priority": 1 if message.priority == "high" else 0,
            "validity": "" if options.validity == "none" else validity_text(validity_s),
            "registered_delivery": 1 if message.dlr_url else 0,
        }
        segments = text_segments(
            message.body,
            reference=message.message_id,
            alphabet=options.alphabet,
            long_text=options.long_text,
            planned=message.parts,
        )
        try:
            pdus = [
                pdu_encode(
                    SUBMIT_SM,
                    message_encode(
                        ShortMessage(
                            short_message=segment.short_message,
                            data_coding=segment.data_coding,
                            esm_class=UDHI if segment.header else 0,
                            optional=segment.optional,
                            **fields,  # type: ignore[arg-type]  # a field each, above
                        )
                    ),
                )
                for segment in segments
            ]
        except PduError as exc:
            raise TransportDataError(exc.code, str(exc)) from None
        return SubmitRequest(
            "SMPP", "", (), b"".join(pdus), Timeout(connect_s=3.0, read_s=float(options.response_s))
        )

    def submit_result(self, status: int, headers: Mapping[str, str], body: bytes) -> SubmitResult:
        """Accepted when every part was. A refusal of the first is certain; one of a later part
        leaves a message that arrived in pieces, which nobody may send again by themselves.
        """
        if not 200 <= status < 300:
            return http_refusal(LABEL, status, headers, body)
        try:
            answers = [pdu for pdu in pdus_split(body) if _answers_submit(pdu)]
        except PduError:
            answers = []
        total = headers.get(PARTS_HEADER, "1")
        wanted = int(total) if total.isdecimal() and len(total) < 4 else 1
        taken = tuple(
            message_id_decode(pdu.body)[:64]
            for pdu in answers
            if pdu.status == 0 and pdu.command != GENERIC_NACK
        )
        failed = next((pdu.status for pdu in answers if pdu.status), None)
        if failed is None and len(taken) == wanted:
            ids = tuple(each if payload.identifier(each) else "" for each in taken)
            return SubmitResult(
                outcome="accepted",
                definitely_not_accepted=False,
                gateway_message_id=ids[0] or None,
                part_ids=ids,
                raw=body,
            )
        if taken:
            sentence = f"The gateway took {len(taken)} of {wanted} parts; it arrives in pieces."
            code = status_name(failed) if failed is not None else "incomplete"
            return refusal(Verdict("ambiguous", "ambiguous", sentence), code=code, raw=body)
        if any(pdu.status and message_id_decode(pdu.body) for pdu in answers):
            return contradiction(LABEL, body)  # an id, where the specification gives none
        if failed is not None:
            return status_refusal(failed, raw=body)
        sentence = "The gateway's answer is not clear; the message may be queued."
        return refusal(Verdict("ambiguous", "ambiguous", sentence), code="unreadable", raw=body)

    def webhook_events(
        self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> list[WebhookEvent]:
        """What a deliver_sm or data_sm brings: a receipt, or what a person wrote."""
        if len(body) > MAX_WEBHOOK_BYTES:
            raise TransportDataError("too_large", "The PDU is too large.")
        try:
            pdus = pdus_split(body)
            if len(pdus) != 1 or not carries_message(pdus[0]):
                raise PduError("kind", "This is not one deliver_sm or data_sm.")
            message = message_decode(pdus[0])
        except PduError as exc:
            raise TransportDataError(exc.code, str(exc)) from None
        return [receipt_of(message) if is_receipt(message) else reply_of(message)]


def receipt_of(message: ShortMessage) -> ReceiptEvent:
    return receipt_read(message)


def reply_of(message: ShortMessage, text: str | None = None) -> InboundEvent:
    """What a person wrote; SMPP gives a reply no id and no time. `text`: of all parts together."""
    said = text_decode(message.text, message.data_coding) if text is None else text
    return reply_event(
        sender=message.source.value,
        recipient=message.destination.value,
        text=said,
        gateway_message_id=None,
    )


def status_refusal(status: int, *, raw: bytes = b"") -> SubmitResult:
    """What a command_status means for a message or a bind."""
    code = status_name(status)
    known = ERRORS.get(code)
    verdict = verdict_of(*known[:2]) if known else unknown_code(LABEL, code)
    return refusal(verdict, code=code, raw=raw)


def bind_request(kind: str, config: TransportConfig) -> bytes:
    """A bind PDU, unnumbered. Raises TransportDataError when the credentials cannot be used."""
    options = _options(config)
    system_id = credential(config.credentials.get("system_id", ""), "system id", LABEL)
    password = credential(config.credentials.get("password", ""), "password", LABEL)
    try:
        body = (
            # The specification stops at 15 and 8 characters; carriers give out longer ones.
            c_octets(system_id, 65, "system id")
            + c_octets(password, 65, "password")
            + c_octets(options.system_type, 13, "system type")
            + bytes((INTERFACE_VERSION, 0, 0))
            + c_octets("", 41, "address range")
        )
    except PduError as exc:
        raise TransportDataError("credentials", str(exc)) from None
    return pdu_encode(_BINDS[kind], body)


@lru_cache(maxsize=256)
def source_address(sender: str, options: SmppOptions) -> Address:
    """Type of number and plan by what the sender is: letters 5/0, short code 3/0, number 1/1."""
    digits = sender.lstrip("+")
    if _ALPHANUMERIC.match(sender):
        address = Address(5, 0, sender)
    elif sender.startswith("+") or len(digits) > 8:
        address = Address(1, 1, digits)
    else:
        address = Address(3, 0, digits)
    ton = address.ton if options.source_ton is None else options.source_ton
    npi = address.npi if options.source_npi is None else options.source_npi
    return Address(ton, npi, address.value)


def validity_text(seconds: int | None) -> str:
    """A relative time, YYMMDDhhmmsstnnp with R (SMPP v3.4 §7.1.1); empty for the carrier's own."""
    if seconds is None:
        return ""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"0000{days:02d}{hour:02d}{minute:02d}{second:02d}000R"


def _answers_submit(pdu: Pdu) -> bool:
    return pdu.command in {SUBMIT_SM | RESPONSE, GENERIC_NACK}


def _options(config: TransportConfig) -> SmppOptions:
    """Like a wrong login, a wrong option is the gateway's fault and not the message's."""
    try:
        return _options_kept(tuple(sorted(config.options.items())))
    except TransportDataError as exc:
        raise TransportDataError("credentials", f"The gateway's settings: {exc}") from None


@lru_cache(maxsize=64)
def _options_kept(pairs: tuple[tuple[str, str], ...]) -> SmppOptions:
    return options_read(dict(pairs))
