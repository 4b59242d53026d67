"""VertexSMS delivery receipts: the documented codes, unknown ones, and bytes that are none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsmarketing.gateways import transports
from smsmarketing.gateways.transports.base import (
    MESSAGE_ID_PARAMETER,
    RECEIPT_STATUSES,
    ReceiptEvent,
    TransportDataError,
)

VERTEXSMS = transports.get("vertexsms")
JSON = {"content-type": "application/json"}


def receipt(body: object, query: dict[str, str] | None = None) -> ReceiptEvent:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    (event,) = VERTEXSMS.webhook_events(raw, JSON, query or {})
    assert isinstance(event, ReceiptEvent)
    return event


class TestReceipts:
    def test_reads_the_receipt_of_the_documentation(self) -> None:
        event = receipt(
            b'{ "id": "1281532560", "status": "1", "error": 0, "mcc": "246", "mnc": "021" }',
            {MESSAGE_ID_PARAMETER: "41"},
        )
        assert event == ReceiptEvent(
            gateway_message_id="1281532560",
            status="delivered",
            raw_status="1",
            mcc="246",
            mnc="021",
            our_message_id=41,
        )
        assert event.code_known

    @pytest.mark.parametrize("status", [1, "1", "01", " 1 "])
    def test_takes_the_status_as_number_or_text(self, status: object) -> None:
        assert receipt({"id": 7, "status": status}).status == "delivered"

    @pytest.mark.parametrize(
        ("error", "status", "error_class"),
        [
            (1, "undelivered", "hard"),
            (2, "expired", "soft"),
            (20, "rejected", "account"),
            (21, "rejected", "content"),
            (22, "rejected", "duplicate"),
            (23, "rejected", "throttle"),
            (24, "rejected", "account"),
            (40, "undelivered", "soft"),
            (41, "undelivered", "hard"),
            (43, "undelivered", "soft"),
            (51, "undelivered", "soft"),
            (53, "undelivered", "hard"),
            (999, "failed", "soft"),
        ],
    )
    @pytest.mark.parametrize("as_text", [False, True])
    def test_reads_each_documented_code(
        self, error: int, status: str, error_class: str, as_text: bool
    ) -> None:
        event = receipt({"id": "7", "status": 2, "error": str(error) if as_text else error})
        assert (event.status, event.error_code, event.error_class) == (
            status,
            str(error),
            error_class,
        )
        assert event.error_text
        assert event.code_known

    def test_reads_an_expired_delivery_period(self) -> None:
        assert receipt({"id": "7", "status": 16, "error": 2}).status == "expired"

    def test_keeps_an_unknown_error_code_raw(self) -> None:
        """[R-10.4] not guessed; that it was not delivered is certain."""
        event = receipt({"id": "7", "status": 2, "error": 77})
        assert (event.status, event.error_code, event.error_class) == ("undelivered", "77", None)
        assert not event.code_known

    @pytest.mark.parametrize("status", [8, "DELIVRD", "0", -1])
    def test_keeps_an_unknown_status_raw(self, status: object) -> None:
        """[R-10.4]"""
        event = receipt({"id": "7", "status": status})
        assert (event.status, event.raw_status) == ("unknown", str(status))
        assert not event.code_known

    @pytest.mark.parametrize("ours", ["", "x", "-1", "0", "1" * 19, "１２"])
    def test_ignores_a_message_id_of_ours_that_is_none(self, ours: str) -> None:
        assert (
            receipt({"id": "7", "status": 1}, {MESSAGE_ID_PARAMETER: ours}).our_message_id is None
        )

    def test_drops_a_network_code_that_is_none(self) -> None:
        event = receipt({"id": "7", "status": 1, "mcc": {"a": 1}, "mnc": "9999"})
        assert (event.mcc, event.mnc) == (None, None)
        assert receipt({"id": "7", "status": 1, "mcc": 246}).mcc == "246"

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"", "empty"),
            (b'{"id": "7", "stat', "not_json"),
            (b"[" * 60_000, "not_json"),
            (b'{"id": ' + b"9" * 10_000 + b"}", "not_json"),
            (b"\xff\xfe\x00", "not_utf8"),
            (b" " * 70_000 + b"{}", "too_large"),
            (b"[]", "not_an_object"),
            (b'"OK"', "not_an_object"),
            (b"{}", "no_id"),
            (b'{"id": null, "status": 1}', "no_id"),
            (b'{"id": {"id": "7"}, "status": 1}', "no_id"),
            (b'{"id": "a b", "status": 1}', "no_id"),
            (b'{"id": "7"}', "no_status"),
            (b'{"id": "7", "status": true}', "no_status"),
            (b'{"id": "7", "status": [1]}', "no_status"),
            (b'{"id": "7", "status": 1.0}', "no_status"),
            (b'{"id": "7", "status": 2, "error": {"code": 43}}', "bad_error"),
        ],
    )
    def test_refuses_what_is_no_receipt(self, body: bytes, code: str) -> None:
        with pytest.raises(TransportDataError) as refusal:
            VERTEXSMS.webhook_events(body, JSON, {})
        assert refusal.value.code == code

    @given(
        body=st.binary(max_size=300)
        | st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(
                    st.sampled_from(["id", "status", "error", "mcc", "mnc", "x"]), inner, max_size=6
                )
            ),
            max_leaves=12,
        ).map(lambda value: json.dumps(value).encode()),
        query=st.dictionaries(st.just(MESSAGE_ID_PARAMETER), st.text(max_size=25)),
    )
    def test_raises_only_its_own_error(self, body: bytes, query: dict[str, str]) -> None:
        try:
            events = VERTEXSMS.webhook_events(body, JSON, query)
        except TransportDataError:
            return
        (event,) = events
        assert isinstance(event, ReceiptEvent)
        assert event.status in RECEIPT_STATUSES
        assert event.gateway_message_id.isprintable()
        assert event.raw_status.isprintable()

    def test_acknowledges_with_ok_and_nothing_else(self) -> None:
        ack = VERTEXSMS.webhook_ack()
        assert (ack.status, ack.body) == (200, b"OK")
