"""The simulator takes submits as the VertexSMS documentation says, and counts what it accepted."""

import http.client
import json
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsmarketing.gateways.rules.encoding import text_count
from smsmarketing.simulator.parts import parts_count
from tests.simulator.process import RunningSimulator

SENDER_SENTENCE = (
    "Invalid value for field 'from'. Sender ID must either be a valid MSISDN or an alpha-numeric "
    "string (max. length: 11 characters), which may consist only of upper+lower-case latin "
    "letters, digits, spaces and dots."
)


def test_answers_the_request_of_the_documentation(carrier: RunningSimulator) -> None:
    connection = http.client.HTTPConnection(carrier.host, carrier.port, timeout=10)
    body = '{ "to": "37069912345", "from": "API", "message": "Test SMS 001" }'
    headers = {"Content-Type": "application/json", "X-VertexSMS-Token": carrier.token}
    connection.request("POST", "/sms", body, headers)
    answer = connection.getresponse()
    ids = json.loads(answer.read())
    connection.close()

    assert answer.status == 200
    assert answer.getheader("X-VertexSMS-Amount-Sent") == "1"
    assert answer.getheader("Content-Type") == "application/json"
    assert len(ids) == 1
    assert ids[0].isdigit()


def test_ids_are_never_given_twice(carrier: RunningSimulator) -> None:
    ids = {carrier.send()[1][0] for _ in range(20)}
    carrier.reset()
    ids |= {carrier.send()[1][0] for _ in range(20)}
    assert len(ids) == 40


def test_takes_the_token_from_header_or_query(carrier: RunningSimulator) -> None:
    document = {"to": "37069912345", "from": "API", "message": "x"}
    path = f"/sms?at={carrier.token}"
    assert carrier.call("POST", path, document, X_VertexSMS_Token="")[0] == 401
    connection = http.client.HTTPConnection(carrier.host, carrier.port, timeout=10)
    connection.request("POST", path, json.dumps(document), {"Content-Type": "application/json"})
    assert connection.getresponse().status == 200
    connection.close()


def test_refuses_a_wrong_token_and_accepts_nothing(carrier: RunningSimulator) -> None:
    status, document = carrier.call("POST", "/sms", {}, X_VertexSMS_Token="stolen")
    assert status == 401
    assert "message" in document
    stats = carrier.stats()
    assert (stats["accepted"], stats["refused"]) == (0, {"token": 1})


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"to": None}, "Missing required field 'to'."),
        ({"from": ""}, "Missing required field 'from'."),
        ({"message": None}, "Missing required field 'message'."),
        ({"message": 7}, "Invalid value for field 'message'. It must be a string."),
        ({"from": "invalid sender ID"}, SENDER_SENTENCE),
        ({"from": "Shop-1"}, SENDER_SENTENCE),
        ({"from": "Žaliasis"}, SENDER_SENTENCE),
        ({"to": "not a number"}, "field 'to'"),
        ({"to": "0699123456"}, "field 'to'"),
        ({"dlrUrl": "http://example.com/hook"}, "on this machine only"),
        ({"dlrUrl": "http://127.0.0.1.example.com/hook"}, "on this machine only"),
        ({"dlrUrl": "http://127.0.0.1@example.com/hook"}, "on this machine only"),
        ({"dlrUrl": "https://127.0.0.1/hook"}, "on this machine only"),
        ({"dlrUrl": "http://127.0.0.1/a\r\nX: 1"}, "on this machine only"),
        ({"dlrUrl": "http://127.0.0.1:x/"}, "on this machine only"),
        ({"dlrUrl": ["http://127.0.0.1/"]}, "on this machine only"),
        ({"priority": "urgent"}, "high, normal, low"),
        ({"testMode": 1}, "1, 2"),
        ({"expireIn": 359}, "360 to 432000"),
        ({"expireIn": 432_001}, "360 to 432000"),
        ({"expireIn": "3600"}, "360 to 432000"),
        ({"scheduled": "2030-01-01T13:00:00+02:00"}, "does not schedule"),
        ({"coding": 3}, "0, 1 or 2"),
        ({"udh": "%05"}, "coding is required"),
        ({"correctBy": "Lithuania"}, "ISO 3166-1"),
    ],
)
def test_refuses_invalid_fields_with_a_sentence(
    carrier: RunningSimulator, fields: dict[str, object], sentence: str
) -> None:
    status, document = carrier.send(**fields)
    assert status == 400
    assert sentence in document["message"]
    assert carrier.stats()["accepted"] == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000])
def test_refuses_what_is_no_json_object(carrier: RunningSimulator, body: bytes) -> None:
    assert carrier.call("POST", "/sms", body)[0] == 400


def test_refuses_another_content_type(carrier: RunningSimulator) -> None:
    assert carrier.call("POST", "/sms", {}, Content_Type="text/plain")[0] == 400


@pytest.mark.parametrize("sender", ["Shop", "My Shop 1.0", "1234", "37069555555", "+37069555555"])
def test_takes_documented_senders(carrier: RunningSimulator, sender: str) -> None:
    assert carrier.send(**{"from": sender})[0] == 200


class TestCounting:
    def test_one_address_twice_is_a_duplicate(self, carrier: RunningSimulator) -> None:
        for number in (1, 2, 2, 3, 3, 3):
            carrier.send(dlrUrl=f"http://127.0.0.1:9/receipts/secret?m={number}")
        stats = carrier.stats(messages=1, keys=1)
        assert (stats["accepted"], stats["distinct"], stats["duplicates"]) == (6, 3, 3)
        assert stats["duplicate_messages"] == ["2", "3"]
        assert stats["accepted_by_message"] == {"1": 1, "2": 2, "3": 3}
        assert stats["accepted_by_key"]["http://127.0.0.1:9/receipts/secret?m=2"] == 2

    def test_our_id_may_be_the_last_path_segment(self, carrier: RunningSimulator) -> None:
        carrier.send(dlrUrl="http://127.0.0.1:9/receipts/secret/41/")
        assert carrier.stats(messages=1)["accepted_by_message"] == {"41": 1}

    def test_what_has_no_address_is_told_apart(self, carrier: RunningSimulator) -> None:
        carrier.send()
        carrier.send()
        stats = carrier.stats()
        assert (stats["accepted"], stats["without_dlr_url"], stats["duplicates"]) == (2, 2, 0)

    def test_shows_accepted_messages_newest_first(self, carrier: RunningSimulator) -> None:
        for text in ("one", "two", "three"):
            carrier.send(message=text, priority="low", expireIn=3600)
        messages = carrier.messages(limit=2)
        assert [item["message"] for item in messages] == ["three", "two"]
        assert messages[0]["to"] == "37069912345"
        assert (messages[0]["priority"], messages[0]["expireIn"]) == ("low", 3600)

    def test_counts_the_parts_it_would_bill(self, carrier: RunningSimulator) -> None:
        for text in ("x" * 160, "x" * 161, "ž" * 70, "ž" * 71, "€" * 80):
            carrier.send(message=text)
        assert carrier.stats()["parts"] == 1 + 2 + 1 + 2 + 1

    @given(
        st.text(max_size=400)
        | st.text(alphabet="ab€[]~{}Ññ\n", max_size=700)
        | st.text(alphabet="aЖ😀", max_size=300)
    )
    def test_its_parts_are_a_second_opinion_on_ours(self, text: str) -> None:
        """Two counters written apart must agree, or the bill would not match the preview."""
        if text:
            assert parts_count(text) == text_count(text).parts


class TestRates:
    def test_json_has_the_documented_fields(self, carrier: RunningSimulator) -> None:
        status, rates = carrier.call("GET", "/rates/?format=json")
        assert status == 200
        assert len(rates) > 50
        for entry in rates:
            assert set(entry) == {
                "CountryName", "CountryCode", "Operator", "Network", "MCC", "MNC", "Rate",
            }  # fmt: skip
            assert float(entry["Rate"]) > 0
        assert len({entry["CountryCode"] for entry in rates}) == len(rates)

    def test_csv_has_the_same(self, carrier: RunningSimulator) -> None:
        status, raw = carrier.call("GET", "/rates/?format=csv")
        assert status == 200
        lines = raw.decode().splitlines()
        assert lines[0] == "CountryName,CountryCode,Operator,Network,MCC,MNC,Rate"
        assert "Lithuania,LT,All,All,246,,0.0450" in lines

    def test_needs_the_token_and_a_format(self, carrier: RunningSimulator) -> None:
        assert carrier.call("GET", "/rates/?format=json", X_VertexSMS_Token="x")[0] == 401
        assert carrier.call("GET", "/rates/?format=xml")[0] == 400
        assert carrier.call("GET", "/sms?scheduled") == (200, [])


class TestHttp:
    """What a careless client sends must not stop the carrier."""

    def talk(self, carrier: RunningSimulator, data: bytes) -> bytes:
        with socket.create_connection((carrier.host, carrier.port), timeout=5) as peer:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := peer.recv(65536):
                answer += piece
        return answer

    @pytest.mark.parametrize(
        ("data", "status"),
        [
            (b"hello\r\n\r\n", b"400"),
            (b"POST /sms HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
            (b"POST /sms HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"400"),
            (b"POST /sms HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
            (b"POST /sms HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n", b"413"),
            (b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000, b"400"),
        ],
    )
    def test_refuses_bad_requests(
        self, carrier: RunningSimulator, data: bytes, status: bytes
    ) -> None:
        assert self.talk(carrier, data).startswith(b"HTTP/1.1 " + status)
        assert carrier.send()[0] == 200

    def test_answers_requests_sent_together_in_order(self, carrier: RunningSimulator) -> None:
        carrier.control(latency_ms=1)
        one = b"GET /_health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        two = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with socket.create_connection((carrier.host, carrier.port), timeout=5) as peer:
            peer.sendall(one + two + one[:20])
            peer.sendall(one[20:])
            answer = b""
            while answer.count(b"HTTP/1.1 ") < 3 or not answer.endswith(b"OK"):
                answer += peer.recv(65536)
        words = [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]
        assert words == [b"200", b"404", b"200"]
