"""What each provider says, taken from its documentation (providers.md A2 to A8): answers, receipts, replies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from smsmarketing.gateways import transports
from smsmarketing.gateways.transports.base import OutboundMessage, Transport, TransportConfig
from smsmarketing.gateways.transports.generic import Definition, GenericHttp
from tools.embedded.place import CHECKOUT

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
NUMBER = "+37069912345"
DEFINITIONS = CHECKOUT / "smsmarketing/gateways/data/definitions"


def message(**changes: Any) -> OutboundMessage:
    """A message as dispatch describes it."""
    return OutboundMessage(
        **{
            "message_id": 41,
            "to": NUMBER,
            "sender": "Shop",
            "body": "Sale today",
            "parts": 1,
            "dlr_url": "https://sms.example/webhooks/g/secret-path/dlr/41",
            **changes,
        }
    )


def raw(value: object) -> bytes:
    return json.dumps(value).encode()


def form(**fields: object) -> bytes:
    return urlencode(fields).encode()


@dataclass(frozen=True, kw_only=True)
class Case:
    """One provider's samples. Refusals: (status, body) → (outcome, class, code); receipts: body → status, code."""

    name: str
    credentials: Mapping[str, str]
    path: str
    accepted: tuple[int, bytes]
    accepted_id: str
    parts: int | None
    refusals: tuple[tuple[int, bytes, str, str, str], ...]
    content_type: str
    receipts: tuple[tuple[bytes, str, str | None], ...]
    reply: bytes
    reply_to: str = "+37060000001"
    ack: bytes = b""
    ids_in_body: bool = False
    """Whether a receipt carries our id itself, without the address."""

    definition: str = ""
    """Shipped definition, for the transport that is made of one."""

    @property
    def transport(self) -> Transport:
        return shipped(self.definition) if self.definition else transports.get(self.name)

    @property
    def config(self) -> TransportConfig:
        return TransportConfig(base_url="https://api.example", credentials=self.credentials)


def shipped(key: str) -> GenericHttp:
    """The transport of a shipped definition."""
    content = json.loads((DEFINITIONS / f"{key}.json").read_text(encoding="utf-8"))
    return GenericHttp(Definition.model_validate(content))


def _telnyx(status: str, *codes: str, kind: str = "message.finalized") -> bytes:
    return raw(
        {
            "data": {
                "event_type": kind,
                "payload": {
                    "id": "834f3d53",
                    "direction": "outbound",
                    "to": [{"phone_number": NUMBER, "status": status}],
                    "parts": 1,
                    "cost": {"amount": "0.0040", "currency": "USD"},
                    "errors": [{"code": code} for code in codes],
                },
            }
        }
    )


def _bandwidth(kind: str, code: int | None = None) -> bytes:
    event = {
        "type": kind,
        "time": "2026-11-28T12:00:00.000Z",
        "to": NUMBER,
        "errorCode": code,
        "message": {"id": "bw-1", "tag": "41", "segmentCount": 1, "direction": "out"},
    }
    return raw([event])


def _infobip(group: str, status_id: int, error: int = 0, permanent: bool = False) -> bytes:
    result = {
        "messageId": "41",
        "to": NUMBER[1:],
        "doneAt": "2026-11-28T12:00:00.000+0000",
        "messageCount": 2,
        "price": {"pricePerMessage": 0.01, "currency": "EUR"},
        "status": {"groupName": group, "id": status_id},
        "error": {"id": error, "permanent": permanent},
        "callbackData": "41",
    }
    return raw({"results": [result]})


def _infobip_answer(group: str, status_id: int) -> bytes:
    entry = {
        "messageId": "41",
        "destination": NUMBER[1:],
        "status": {"groupName": group, "id": status_id},
    }
    return raw({"bulkId": "1", "messages": [entry]})


def _sinch(status: str, code: int) -> bytes:
    return raw(
        {
            "type": "recipient_delivery_report_sms",
            "batch_id": "01FC66621XXXXX119Z8PMV1QPQ",
            "recipient": NUMBER[1:],
            "code": code,
            "status": status,
            "at": "2026-11-28T12:00:00.000Z",
            "client_reference": "41",
        }
    )


CASES: tuple[Case, ...] = (
    Case(
        name="generic",
        definition="jasmin",
        credentials={"username": "secret-value-1", "password": "pw"},
        path="/send",
        accepted=(200, b'Success "0db1b5a1-8b6a-4b6b-9a5e-4f5ae1a4a4a1"'),
        accepted_id="0db1b5a1-8b6a-4b6b-9a5e-4f5ae1a4a4a1",
        parts=None,
        refusals=(
            (403, b'Error "Authentication failure"', "rejected", "auth", "refused"),
            (412, b'Error "No route found"', "rejected", "account", "refused"),
            (
                400,
                b'Error "Mandatory argument [to] is not found."',
                "rejected",
                "content",
                "refused",
            ),
            (500, b'Error "Cannot send submit_sm"', "ambiguous", "ambiguous", "http_500"),
        ),
        content_type=FORM,
        receipts=(
            (form(id="u1", level=1, message_status="ESME_ROK"), "accepted", None),
            (
                form(id="u1", level=2, message_status="DELIVRD", id_smsc="7", err="000"),
                "delivered",
                None,
            ),
            (form(id="u1", level=2, message_status="UNDELIV"), "undelivered", "UNDELIV"),
            (form(id="u1", level=2, message_status="STRANGE"), "unknown", None),
        ),
        reply=form(
            id="r1",
            **{"from": NUMBER[1:], "origin-connector": "smsc1"},
            to="37060000001",
            content="STOP",
        ),
        ack=b"ACK/Jasmin",
    ),
    Case(
        name="generic",
        definition="every8d",
        credentials={"uid": "secret-value-1", "pwd": "pw"},
        path="/API21/HTTP/sendSMS.ashx",
        accepted=(200, b"79.0,1,1.0,0,d0ad6380-4842-46a5-a1eb-9888e78fefd8"),
        accepted_id="d0ad6380-4842-46a5-a1eb-9888e78fefd8",
        parts=None,
        refusals=(
            (200, b"-100,no such user", "rejected", "auth", "-100"),
            (200, b"-41,bad number", "rejected", "hard", "-41"),
            (200, b"-999,new fault", "retryable", "soft", "-999"),
            (200, b"79.0,0,0,1,", "ambiguous", "ambiguous", "http_200"),
        ),
        content_type=FORM,
        receipts=(
            (form(BatchID="b1", RM=NUMBER, RT="20261128120000", STATUS="100"), "delivered", None),
            (form(BatchID="b1", RM=NUMBER, STATUS="103"), "undelivered", "103"),
            (form(BatchID="b1", RM=NUMBER, STATUS="107"), "expired", None),
            (form(BatchID="b1", RM=NUMBER, STATUS="4711"), "unknown", None),
        ),
        reply=form(BatchID="b2", RM=NUMBER, STATUS="999", SM="STOP"),
        reply_to="",
        ack=b"OK",
    ),
    Case(
        name="vertexsms",
        credentials={"token": "secret-value-1"},
        path="/sms",
        accepted=(200, b'["1281532560"]'),
        accepted_id="1281532560",
        parts=None,
        refusals=(
            (401, b"", "rejected", "auth", "http_401"),
            (503, b"", "throttled", "throttle", "http_503"),
            (400, b'{"message": "field \'to\' is bad"}', "rejected", "hard", "http_400_to"),
        ),
        content_type=JSON,
        receipts=(
            (raw({"id": "1", "status": 1}), "delivered", None),
            (raw({"id": "1", "status": 2, "error": 53}), "undelivered", "53"),
        ),
        reply=b"",
        ack=b"OK",
    ),
    Case(
        name="twilio",
        credentials={"account_sid": "AC0123", "auth_token": "secret-value-1"},
        path="/2010-04-01/Accounts/AC0123/Messages.json",
        accepted=(
            201,
            raw({"sid": "SM1", "status": "queued", "num_segments": "2", "price": None}),
        ),
        accepted_id="SM1",
        parts=2,
        refusals=(
            (400, raw({"code": 21211, "message": "x"}), "rejected", "hard", "21211"),
            (400, raw({"code": 21610, "message": "x"}), "rejected", "optout", "21610"),
            (400, raw({"code": 21408, "message": "x"}), "rejected", "account", "21408"),
            (429, raw({"code": 20429, "message": "x"}), "throttled", "throttle", "20429"),
            (401, raw({"code": 20003, "message": "x"}), "rejected", "auth", "20003"),
            (400, raw({"code": 99999, "message": "x"}), "retryable", "soft", "99999"),
        ),
        content_type=FORM,
        receipts=(
            (form(MessageSid="SM1", MessageStatus="delivered"), "delivered", None),
            (form(MessageSid="SM1", MessageStatus="sent"), "accepted", None),
            (
                form(MessageSid="SM1", MessageStatus="undelivered", ErrorCode="30005"),
                "undelivered",
                "30005",
            ),
            (
                form(MessageSid="SM1", MessageStatus="undelivered", ErrorCode="30007"),
                "rejected",
                "30007",
            ),
            (
                form(MessageSid="SM1", MessageStatus="failed", ErrorCode="12345"),
                "failed",
                "12345",
            ),
            (form(MessageSid="SM1", MessageStatus="mystery"), "unknown", None),
        ),
        reply=form(
            MessageSid="SM9",
            SmsStatus="received",
            From=NUMBER,
            To="+37060000001",
            Body="STOP",
            OptOutType="STOP",
        ),
        ack=b'<?xml version="1.0" encoding="UTF-8"?><Response/>',
    ),
    Case(
        name="telnyx",
        credentials={"api_key": "secret-value-1"},
        path="/v2/messages",
        accepted=(
            200,
            raw({"data": {"id": "834f3d53", "parts": 1, "cost": {"amount": "0.0040"}}}),
        ),
        accepted_id="834f3d53",
        parts=1,
        refusals=(
            (422, raw({"errors": [{"code": "40300"}]}), "rejected", "optout", "40300"),
            (422, raw({"errors": [{"code": "10002"}]}), "rejected", "hard", "10002"),
            (429, raw({"errors": [{"code": "10011"}]}), "throttled", "throttle", "10011"),
            (401, raw({"errors": [{"code": "10009"}]}), "rejected", "auth", "10009"),
        ),
        content_type=JSON,
        receipts=(
            (_telnyx("delivered"), "delivered", None),
            (_telnyx("sent", kind="message.sent"), "accepted", None),
            (_telnyx("delivery_unconfirmed"), "accepted", None),
            (_telnyx("delivery_failed", "40001"), "undelivered", "40001"),
            (_telnyx("delivery_failed", "40005"), "expired", "40005"),
            (
                raw({"id": "834f3d53", "to": [{"status": "delivered"}]}),
                "delivered",
                None,
            ),
        ),
        reply=raw(
            {
                "data": {
                    "event_type": "message.received",
                    "payload": {
                        "id": "in-1",
                        "from": {"phone_number": NUMBER},
                        "to": [{"phone_number": "+37060000001"}],
                        "text": "STOP",
                        "received_at": "2026-11-28T12:00:00Z",
                    },
                }
            }
        ),
    ),
    Case(
        name="smsapi",
        credentials={"token": "secret-value-1"},
        path="/sms.do",
        accepted=(
            200,
            raw(
                {
                    "count": 1,
                    "list": [
                        {
                            "id": "7074294081650020450",
                            "points": 0.165,
                            "number": NUMBER[1:],
                            "status": "QUEUE",
                            "error": None,
                            "idx": "41",
                            "parts": 1,
                        }
                    ],
                }
            ),
        ),
        accepted_id="7074294081650020450",
        parts=1,
        refusals=(
            (200, raw({"error": 103, "message": "x"}), "rejected", "account", "103"),
            (200, raw({"error": 101, "message": "x"}), "rejected", "auth", "101"),
            (200, raw({"error": 53, "message": "x"}), "duplicate", "duplicate", "53"),
            (200, raw({"error": 201, "message": "x"}), "retryable", "soft", "201"),
            (
                200,
                raw({"error": 13, "invalid_numbers": [{"number": "1", "error_code": 59}]}),
                "rejected",
                "optout",
                "59",
            ),
            (200, raw({"error": 13, "invalid_numbers": []}), "rejected", "hard", "13"),
        ),
        content_type=FORM,
        receipts=(
            (form(MsgId="1", status="404", idx="41", donedate="1712570310"), "delivered", None),
            (form(MsgId="1", status="402", idx="41"), "expired", None),
            (form(MsgId="1", status="407", idx="41"), "rejected", None),
            (form(MsgId="1", status="403", idx="41"), "accepted", None),
            (form(MsgId="1", status="408", idx="41"), "unknown", None),
        ),
        reply=form(
            sms_from=NUMBER[1:],
            sms_to="37060000001",
            sms_text="STOP",
            sms_date="1712570310",
            MsgId="7",
        ),
        ack=b"OK",
        ids_in_body=True,
    ),
    Case(
        name="bandwidth",
        credentials={
            "account_id": "500",
            "application_id": "app-1",
            "username": "u",
            "password": "secret-value-1",
        },
        path="/api/v2/users/500/messages",
        accepted=(202, raw({"id": "bw-1", "segmentCount": 1})),
        accepted_id="bw-1",
        parts=1,
        refusals=(
            (400, raw({"type": "request-validation"}), "rejected", "content", "http_400"),
            (403, raw({"type": "forbidden"}), "rejected", "auth", "http_403"),
            (429, raw({"type": "max-queue"}), "throttled", "throttle", "http_429"),
        ),
        content_type=JSON,
        receipts=(
            (_bandwidth("message-delivered"), "delivered", None),
            (_bandwidth("message-sending"), "accepted", None),
            (_bandwidth("message-failed", 4720), "undelivered", "4720"),
            (_bandwidth("message-failed", 4775), "rejected", "4775"),
            (_bandwidth("message-failed", 4360), "expired", "4360"),
            (_bandwidth("message-failed", 5999), "failed", "5999"),
        ),
        reply=raw(
            [
                {
                    "type": "message-received",
                    "time": "2026-11-28T12:00:00.000Z",
                    "to": "+37060000001",
                    "message": {"id": "bw-2", "from": NUMBER, "text": "STOP"},
                }
            ]
        ),
        ids_in_body=True,
    ),
    Case(
        name="vonage",
        credentials={"api_key": "abcd1234", "api_secret": "secret-value-1"},
        path="/sms/json",
        accepted=(
            200,
            raw(
                {
                    "message-count": "2",
                    "messages": [
                        {"status": "0", "message-id": "A1", "message-price": "0.0333"},
                        {"status": "0", "message-id": "A2", "message-price": "0.0333"},
                    ],
                }
            ),
        ),
        accepted_id="A1",
        parts=2,
        refusals=(
            (200, raw({"messages": [{"status": "4"}]}), "rejected", "auth", "submit-4"),
            (200, raw({"messages": [{"status": "1"}]}), "throttled", "throttle", "submit-1"),
            (200, raw({"messages": [{"status": "9"}]}), "rejected", "account", "submit-9"),
            (200, raw({"messages": [{"status": "6"}]}), "rejected", "hard", "submit-6"),
            (
                429,
                b"Throughput Rate Exceeded - please wait [ 7 ] and retry",
                "throttled",
                "throttle",
                "http_429",
            ),
        ),
        content_type=FORM,
        receipts=(
            (form(messageId="A1", status="delivered", **{"err-code": "0"}), "delivered", None),
            (form(messageId="A1", status="buffered", **{"err-code": "0"}), "accepted", None),
            (form(messageId="A1", status="failed", **{"err-code": "3"}), "undelivered", "3"),
            (form(messageId="A1", status="rejected", **{"err-code": "6"}), "rejected", "6"),
            (form(messageId="A1", status="expired", **{"err-code": "2"}), "expired", "2"),
        ),
        reply=form(msisdn=NUMBER[1:], to="37060000001", messageId="B1", text="STOP", type="text"),
    ),
    Case(
        name="vonage_messages",
        credentials={"api_key": "abcd1234", "api_secret": "secret-value-1"},
        path="/v1/messages",
        accepted=(202, raw({"message_uuid": "aaaa-bbbb"})),
        accepted_id="aaaa-bbbb",
        parts=None,
        refusals=(
            (
                422,
                raw({"type": "https://x/api-errors/messages#1120", "title": "t"}),
                "rejected",
                "sender",
                "1120",
            ),
            (401, raw({"title": "Unauthorized"}), "rejected", "auth", "http_401"),
            (429, raw({"title": "Rate limit"}), "throttled", "throttle", "http_429"),
        ),
        content_type=JSON,
        receipts=(
            (raw({"message_uuid": "a", "status": "delivered"}), "delivered", None),
            (raw({"message_uuid": "a", "status": "submitted"}), "accepted", None),
            (
                raw(
                    {
                        "message_uuid": "a",
                        "status": "undeliverable",
                        "error": {"type": "https://x/errors#1300", "title": 1300},
                    }
                ),
                "undelivered",
                "1300",
            ),
        ),
        reply=raw(
            {
                "message_uuid": "b",
                "from": NUMBER[1:],
                "to": "37060000001",
                "text": "STOP",
                "timestamp": "2026-11-28T12:00:00Z",
            }
        ),
    ),
    Case(
        name="infobip",
        credentials={"api_key": "secret-value-1"},
        path="/sms/3/messages",
        accepted=(200, _infobip_answer("PENDING", 26)),
        accepted_id="41",
        parts=None,
        refusals=(
            (200, _infobip_answer("REJECTED", 23), "duplicate", "duplicate", "23"),
            (200, _infobip_answer("REJECTED", 12), "rejected", "account", "12"),
            (200, _infobip_answer("REJECTED", 18), "rejected", "optout", "18"),
            (401, raw({"requestError": {}}), "rejected", "auth", "http_401"),
        ),
        content_type=JSON,
        receipts=(
            (_infobip("DELIVERED", 5), "delivered", None),
            (_infobip("DELIVERED", 2), "accepted", None),
            (_infobip("UNDELIVERABLE", 9, 1), "undelivered", "1"),
            (_infobip("EXPIRED", 15), "expired", None),
            (_infobip("REJECTED", 14, 10), "rejected", "10"),
        ),
        reply=raw(
            {
                "results": [
                    {
                        "messageId": "in-1",
                        "from": NUMBER[1:],
                        "to": "37060000001",
                        "text": "STOP",
                        "receivedAt": "2026-11-28T12:00:00.000+0000",
                    }
                ]
            }
        ),
        ids_in_body=True,
    ),
    Case(
        name="sinch",
        credentials={"service_plan_id": "plan1", "api_token": "secret-value-1"},
        path="/xms/v1/plan1/batches",
        accepted=(201, raw({"id": "01FC66621XXXXX119Z8PMV1QPQ"})),
        accepted_id="01FC66621XXXXX119Z8PMV1QPQ",
        parts=None,
        refusals=(
            (
                400,
                raw({"code": "syntax_invalid_parameter_format", "text": "x"}),
                "rejected",
                "content",
                "syntax_invalid_parameter_format",
            ),
            (401, b"", "rejected", "auth", "http_401"),
        ),
        content_type=JSON,
        receipts=(
            (_sinch("Delivered", 0), "delivered", None),
            (_sinch("Dispatched", 401), "accepted", None),
            (_sinch("Unknown", 0), "accepted", None),
            (_sinch("Expired", 406), "expired", "406"),
            (_sinch("Rejected", 402), "rejected", "402"),
        ),
        reply=raw(
            {
                "type": "mo_text",
                "id": "in-1",
                "from": NUMBER[1:],
                "to": "37060000001",
                "body": "STOP",
                "received_at": "2026-11-28T12:00:00.000Z",
            }
        ),
        ids_in_body=True,
    ),
)
