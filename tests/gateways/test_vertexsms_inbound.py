"""The generic inbound endpoint's parser, through which replies to VertexSMS messages come."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsmarketing.gateways.transports.base import InboundEvent, TransportDataError
from smsmarketing.gateways.transports.inbound import address_normal, inbound_ack, inbound_events

JSON = {"content-type": "application/json"}


class TestInbound:
    def read(self, body: object, content_type: str = "application/json") -> InboundEvent:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        (event,) = inbound_events(raw, {"content-type": content_type}, {})
        return event

    def test_reads_json(self) -> None:
        event = self.read(
            {
                "from": "+370 699 12345",
                "to": "1234",
                "text": "STOP",
                "id": "in-1",
                "received_at": "2026-11-21T10:00:00+02:00",
            }
        )
        assert event == InboundEvent(
            gateway_message_id="in-1",
            sender="+37069912345",
            recipient="1234",
            text="STOP",
            received_at=datetime(2026, 11, 21, 8, 0, tzinfo=UTC),
        )

    def test_reads_a_form_with_an_unescaped_plus(self) -> None:
        event = self.read(
            b"from=+37069912345&to=37060000000&text=stop+please%21",
            "application/x-www-form-urlencoded; charset=utf-8",
        )
        assert (event.sender, event.recipient, event.text) == (
            "+37069912345",
            "+37060000000",
            "stop please!",
        )

    def test_does_not_lose_a_stop_over_a_bad_optional_field(self) -> None:
        event = self.read(
            {"from": 37069912345, "to": [], "text": "STOP", "id": {}, "received_at": "yesterday"}
        )
        assert (event.sender, event.text) == ("+37069912345", "STOP")
        assert (event.gateway_message_id, event.recipient, event.received_at) == (None, "", None)

    @pytest.mark.parametrize(
        ("given_as", "normal"),
        [
            ("0037069912345", "+37069912345"),
            ("(370) 699-123-45", "+37069912345"),
            ("12345", "12345"),
            ("Bank", "Bank"),
            ("061234567", "061234567"),
            ("", None),
            ("x" * 41, None),
            (True, None),
            (10**15, None),
            ("٠٠٣٧٠٦٩٩١٢", None),
        ],
    )
    def test_brings_addresses_to_one_form(self, given_as: object, normal: str | None) -> None:
        assert address_normal(given_as) == normal

    def test_makes_the_text_storable(self) -> None:
        event = self.read(b'{"from": "37069912345", "text": "a\\u0000b\\ud800c \\ud83d\\udc4b"}')
        assert event.text == "a\ufffdb\ufffdc 👋"
        assert event.text.encode()

    def test_shows_neither_number_nor_text_in_a_repr(self) -> None:
        shown = repr(self.read({"from": "37069912345", "text": "STOP it"}))
        assert "69912345" not in shown
        assert "STOP it" not in shown

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"", "empty"),
            (b'{"from": "37069912345", "tex', "not_json"),
            (b"[]", "not_an_object"),
            (b'{"text": "STOP"}', "no_sender"),
            (b'{"from": {}, "text": "STOP"}', "no_sender"),
            (b'{"from": "37069912345"}', "no_text"),
            (b'{"from": "37069912345", "text": 7}', "no_text"),
            (b"\xff", "not_utf8"),
        ],
    )
    def test_refuses_what_is_no_message(self, body: bytes, code: str) -> None:
        with pytest.raises(TransportDataError) as refusal:
            inbound_events(body, JSON, {})
        assert refusal.value.code == code

    @pytest.mark.parametrize("body", [b"from=%FF&text=x", b"&".join([b"a=1"] * 60)])
    def test_refuses_what_is_no_form(self, body: bytes) -> None:
        with pytest.raises(TransportDataError) as refusal:
            self.read(body, "application/x-www-form-urlencoded")
        assert refusal.value.code == "not_a_form"

    @given(
        body=st.binary(max_size=300)
        | st.dictionaries(
            st.sampled_from(["from", "to", "text", "id", "received_at"]),
            st.none() | st.integers() | st.floats() | st.text(max_size=30) | st.lists(st.none()),
        ).map(lambda value: json.dumps(value).encode()),
        form=st.booleans(),
    )
    def test_raises_only_its_own_error(self, body: bytes, form: bool) -> None:
        content_type = "application/x-www-form-urlencoded" if form else "application/json"
        try:
            event = self.read(body, content_type)
        except TransportDataError:
            return
        assert event.sender
        assert "\x00" not in event.text
        assert event.text.encode() is not None

    def test_acknowledges(self) -> None:
        assert inbound_ack().status == 200


def test_a_text_of_any_length_is_read_and_cut() -> None:
    """A refusal would be repeated for ever, and the STOP in it never applied."""
    body = b'{"from": "37069912345", "text": "' + b"x" * 25_000 + b'"}'
    [event] = inbound_events(body, {"content-type": "application/json"}, {})
    assert len(event.text) == 10_000
