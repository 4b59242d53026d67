"""Gateways as data: shipped definitions, what they refuse, and that no definition can do harm."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsmarketing.gateways.transports.base import (
    InboundEvent,
    ReceiptEvent,
    TransportConfig,
    TransportDataError,
    WebhookCall,
)
from smsmarketing.gateways.transports.generic import Definition, GenericHttp
from smsmarketing.gateways.transports.generic.checks import definition_problems
from smsmarketing.gateways.transports.generic.patterns import (
    LONGEST_TEXT,
    PatternRefused,
    pattern_of,
    pattern_search,
)
from tests.gateways.transports.cases import DEFINITIONS, FORM, NUMBER, form, message, shipped

SECRETS = {"username": "u", "password": "p", "uid": "u", "pwd": "p", "token": "t"}
CONFIG = TransportConfig(base_url="https://api.example", credentials=SECRETS)
WHOLE: dict[str, Any] = {
    "label": "Local shop",
    "credentials": [{"name": "token", "label": "Token"}],
    "submit": {
        "path": "/send",
        "auth": {"kind": "bearer", "secret": "{credential.token}"},
        "form": [{"name": "to", "value": "{to}"}, {"name": "text", "value": "{text}"}],
    },
    "answer": {
        "read": "json",
        "accepted": [{"tests": [{"at": "/ok", "values": ["true"]}]}],
        "refused": [{"tests": [{"at": "/ok", "values": ["false"]}], "error_class": "content"}],
        "id": {"at": "/id"},
    },
}


def changed(path: str, value: Any) -> Definition:
    """WHOLE with one place changed; `a.0.b` leads through lists too."""
    content = json.loads(json.dumps(WHOLE))
    *steps, last = path.split(".")
    place = content
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
    place[int(last) if isinstance(place, list) else last] = value
    return Definition.model_validate(content)


def codes(definition: Definition, level: str = "error") -> set[str]:
    return {each.code for each in definition_problems(definition) if each.level == level}


@pytest.mark.parametrize("path", sorted(DEFINITIONS.glob("*.json")), ids=lambda path: path.stem)
def test_shipped_definitions_are_whole(path: Any) -> None:
    definition = Definition.model_validate_json(path.read_text(encoding="utf-8"))
    assert codes(definition) == set()
    assert definition.notes


class TestKannel:
    def test_asks_for_receipts_with_its_own_escapes(self) -> None:
        request = shipped("kannel").submit_request(message(validity_s=600), CONFIG)
        fields = {name: value[0] for name, value in parse_qs(urlsplit(request.url).query).items()}
        assert (request.method, request.body) == ("GET", b"")
        assert fields["dlr-url"].endswith("/dlr/41?status=%d&answer=%A&fid=%F")
        assert (fields["to"], fields["coding"], fields["validity"]) == (NUMBER, "0", "10")
        unicode = shipped("kannel").submit_request(message(body="Ačiū"), CONFIG)
        assert "coding=2" in unicode.url

    def test_reads_answers(self) -> None:
        read = shipped("kannel").submit_result
        assert read(202, {}, b"0: Accepted for delivery").outcome == "accepted"
        assert read(202, {}, b"3: Queued for later delivery").outcome == "accepted"
        assert read(403, {}, b"Authorization failed for sendsms").error_class == "auth"
        assert read(503, {}, b"Temporal failure, try again later.").outcome == "throttled"
        assert read(202, {}, b"<html>").outcome == "ambiguous"

    def test_reads_receipts_and_a_nack(self) -> None:
        def read(**fields: object) -> ReceiptEvent:
            (event,) = shipped("kannel").webhook_events(
                form(**fields), {"content-type": FORM}, {"m": "41"}
            )
            assert isinstance(event, ReceiptEvent)
            return event

        words = {"1": "delivered", "2": "undelivered", "4": "accepted", "8": "accepted"}
        assert {word: read(status=word, answer="").status for word in words} == words
        refused = read(status=16, answer="NACK/0x0000000b/Invalid Destination Address")
        assert (refused.status, refused.error_code) == ("rejected", "0x0000000b")


class TestMitake:
    NUMBER = "+886912345678"

    def test_writes_a_national_number_and_taipei_time(self) -> None:
        moment = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
        request = shipped("mitake").submit_request(
            message(to=self.NUMBER, body="a\nb", validity_s=3600, expires_at=moment), CONFIG
        )
        fields = parse_qs(request.body.decode())
        assert fields["dstaddr"] == ["0912345678"]
        assert fields["vldtime"] == ["20261128200000"]
        assert fields["smbody"] == ["a\x06b"]
        assert fields["clientid"] == ["41"]
        with pytest.raises(TransportDataError) as refusal:
            shipped("mitake").submit_request(message(), CONFIG)
        assert refusal.value.code == "not_national"

    @pytest.mark.parametrize(
        ("body", "outcome", "code"),
        [
            ("[1]\r\nmsgid=0000000013\r\nstatuscode=1\r\nAccountPoint=126", "accepted", None),
            ("[1]\nmsgid=0000000013\nstatuscode=1\nDuplicate=Y", "duplicate", "duplicate"),
            ("[1]\nstatuscode=e\nError=bad", "rejected", "e"),
            ("[1]\nstatuscode=l", "throttled", "l"),
            ("[1]\nstatuscode=v", "rejected", "v"),
            ("[1]\nstatuscode=z", "retryable", "z"),
            ("[1]\nstatuscode=1", "ambiguous", "http_200"),
            ("<html>OK</html>", "ambiguous", "http_200"),
        ],
    )
    def test_reads_its_answers(self, body: str, outcome: str, code: str | None) -> None:
        result = shipped("mitake").submit_result(200, {}, body.encode())
        assert (result.outcome, result.error_code) == (outcome, code)

    def test_the_ack_names_the_message(self) -> None:
        transport = shipped("mitake")
        body = form(msgid="77", statuscode="6", donetime="20261128200000")
        events = transport.webhook_events(body, {"content-type": FORM}, {"m": "41"})
        assert isinstance(events[0], ReceiptEvent)
        assert (events[0].status, events[0].error_class) == ("undelivered", "hard")
        assert events[0].occurred_at == datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
        assert transport.webhook_ack_of(events).body == b"magicid=sms_gateway_rpack\nmsgid=77\n"


class TestDoubt:
    """What no rule names, and what says both, is `unknown` and never sent again by itself."""

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (200, b'{"ok": "maybe", "id": 1}'),
            (200, b'{"ok": true}'),
            (200, b""),
            (401, b'{"error": "who?"}'),
            (303, b""),
            (429, b"slow"),
            (500, b'{"ok": true, "id": 1}'),
        ],
    )
    def test_what_fits_no_rule(self, status: int, body: bytes) -> None:
        result = GenericHttp(Definition.model_validate(WHOLE)).submit_result(status, {}, body)
        assert (result.outcome, result.definitely_not_accepted) == ("ambiguous", False)
        assert result.raw == body

    def test_what_contradicts_itself(self) -> None:
        definition = changed("answer.refused.0.tests", [{"at": "/error"}])
        transport = GenericHttp(definition)
        told = transport.understood(200, {}, b'{"ok": true, "id": 7, "error": "no"}')
        assert (told.result.outcome, told.result.error_code) == ("ambiguous", "unclear")
        assert any("at once" in step for step in told.steps)

    def test_says_how_it_was_understood(self) -> None:
        told = GenericHttp(Definition.model_validate(WHOLE)).understood(
            200, {}, b'{"ok": true, "id": 7}'
        )
        assert told.result.gateway_message_id == "7"
        assert "Accepted, message id 7." in told.steps

    @settings(max_examples=50, deadline=None)
    @given(status=st.integers(100, 599), body=st.binary(max_size=200))
    def test_no_bytes_raise(self, status: int, body: bytes) -> None:
        for path in DEFINITIONS.glob("*.json"):
            result = shipped(path.stem).submit_result(status, {}, body)
            assert result.outcome != "accepted" or 200 <= status < 300

    def test_without_a_definition_nothing_is_sent_or_believed(self) -> None:
        blank = GenericHttp()
        with pytest.raises(TransportDataError):
            blank.submit_request(message(), CONFIG)
        with pytest.raises(TransportDataError):
            blank.webhook_events(b"a=b", {}, {})
        assert blank.submit_result(200, {}, b"OK").outcome == "ambiguous"
        assert blank.checks_webhooks


class TestRequests:
    def sent(self, **submit: Any) -> Any:
        definition = Definition.model_validate({**WHOLE, "submit": {**WHOLE["submit"], **submit}})
        return GenericHttp(definition).submit_request(message(body="Ačiū & <b>"), CONFIG)

    @pytest.mark.parametrize(
        ("auth", "header"),
        [
            (WHOLE["submit"]["auth"], ("Authorization", "Bearer t")),
            (
                {"kind": "basic", "user": "shop", "secret": "{credential.token}"},
                ("Authorization", "Basic " + base64.b64encode(b"shop:t").decode()),
            ),
            (
                {"kind": "header", "name": "X-Key", "secret": "App {credential.token}"},
                ("X-Key", "App t"),
            ),
        ],
    )
    def test_proves_the_account(self, auth: dict[str, str], header: tuple[str, str]) -> None:
        assert header in self.sent(auth=auth).headers

    def test_writes_json_with_numbers_and_without_empty_members(self) -> None:
        text = (
            '{"m": [{"to": "{to}", "body": "{text}", "n": "{parts|int}", "v": "{validity_s|int}"}]}'
        )
        body = json.loads(self.sent(body="json", json_text=text).body)
        assert body == {"m": [{"to": NUMBER[1:], "body": "Ačiū & <b>", "n": 1}]}

    def test_escapes_in_text(self) -> None:
        text = "<sms><to>{to|xml}</to><t>{text|xml}</t><h>{text|ucs2hex}</h></sms>"
        body = self.sent(body="text", text=text, content_type="text/xml").body.decode()
        assert "&amp; &lt;b&gt;" in body
        assert "0041010d0069016b".upper() in body.upper()

    def test_no_value_begins_a_header(self) -> None:
        """A sender or credential with a line break is refused before anything is sent."""
        headers = [{"name": "X-From", "value": "{from}"}]
        definition = changed("submit.headers", headers)
        with pytest.raises(TransportDataError) as refusal:
            GenericHttp(definition).submit_request(message(sender="A\r\nHost: x"), CONFIG)
        assert refusal.value.code == "header"

    def test_refuses_a_character_that_the_charset_does_not_have(self) -> None:
        """Nothing is replaced: people would read something else than was approved."""
        with pytest.raises(TransportDataError) as refusal:
            self.sent(charset="big5")
        assert refusal.value.code == "charset"

    def test_sends_big5(self) -> None:
        definition = changed("submit.charset", "big5")
        request = GenericHttp(definition).submit_request(message(body="特價"), CONFIG)
        assert b"text=%AF%53%BB%F9" in request.body.replace(b"%AFS", b"%AF%53")

    def test_test_mode_adds_its_fields(self) -> None:
        transport = GenericHttp(changed("submit.test", [{"name": "test", "value": "1"}]))
        assert transport.capabilities.test_mode
        assert b"test=1" in transport.submit_request(message(test_mode="1"), CONFIG).body
        assert b"test=1" not in transport.submit_request(message(), CONFIG).body


class TestToken:
    def test_a_call_without_the_secret_is_not_believed(self) -> None:
        definition = changed(
            "webhook",
            {
                "receipt": {
                    "status": {"at": "s"},
                    "id": {"at": "i"},
                    "words": [{"word": "1", "status": "delivered"}],
                },
                "token": {"place": "header", "name": "X-Token", "credential": "token"},
            },
        )
        transport = GenericHttp(definition)
        assert transport.checks_webhooks
        for headers, believed in (({"x-token": "t"}, True), ({"x-token": "x"}, False), ({}, False)):
            call = WebhookCall(url="https://x", body=b"s=1", headers=headers, now=datetime.now(UTC))
            if believed:
                transport.webhook_check(call, CONFIG)
                continue
            with pytest.raises(TransportDataError):
                transport.webhook_check(call, CONFIG)

    def test_a_stop_is_a_reply(self) -> None:
        (event,) = shipped("every8d").webhook_events(
            form(BatchID="1", RM=NUMBER, STATUS="999", SM="STOP"), {"content-type": FORM}, {}
        )
        assert isinstance(event, InboundEvent)
        assert event.text == "STOP"


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("submit.form.0.value", "{too}", "template"),
        ("submit.form.0.value", "{to", "template"),
        ("submit.form.0.value", "{to.__class__}", "template"),
        ("submit.form.0.value", "{credential.other}", "credential_unknown"),
        ("submit.form.0.value", "37060000000", "not_sent"),
        ("submit.form.1.only", "gsm", "not_sent"),
        ("submit.body", "none", "no_body"),
        ("submit.method", "GET", "body_of_get"),
        ("submit.headers", [{"name": "X-To", "value": "{to}"}], "personal_in_header"),
        ("submit.headers", [{"name": "Host", "value": "evil"}], "header_name"),
        ("submit.auth", {"kind": "header", "secret": "x"}, "auth_name"),
        ("submit.auth", {"kind": "basic", "secret": "x"}, "auth_user"),
        ("submit.auth", {"kind": "bearer"}, "auth_secret"),
        ("submit.headers", [{"name": "X-A", "value": "1\r\nHost: evil"}], "header_value"),
        ("submit.headers", [{"name": "X-Api-Key", "value": "hunter2"}], "secret_written"),
        ("submit.form.0", {"name": "pwd", "value": "hunter2"}, "secret_written"),
        ("submit.auth", {"kind": "bearer", "secret": "hunter2"}, "secret_written"),
        ("submit.path", "/send#", "path"),
        ("submit.path", "/a b", "path"),
        ("check", {"path": "/\r\nX: 1", "passed": [{"tests": [{}]}]}, "path"),
        ("submit", {"body": "json", "json_text": "[" * 900 + "]" * 900}, "json_deep"),
        ("submit.number_format", "national", "country_code"),
        ("submit.time_zone", "Mars/Olympus", "zone"),
        ("submit.validity_least_s", 60, "validity"),
        ("answer.id", {"at": "id"}, "place"),
        ("answer.id", {"at": "/id", "pattern": "(a+)+$"}, "pattern"),
        ("answer.accepted.0.status_to", 302, "accepted_status"),
        ("answer.refused.0.tests", [], "refused_blind"),
        ("answer.codes", [{"code": "1", "error_class": "soft", "meaning": "No"}], "sentence"),
        ("webhook", {}, "no_event"),
        ("webhook_networks", ["everywhere"], "network"),
        ("check", {"passed": [{}]}, "passed_blind"),
    ],
)
def test_faults_have_a_code_and_a_sentence(path: str, value: Any, code: str) -> None:
    found = [each for each in definition_problems(changed(path, value)) if each.level == "error"]
    assert code in {each.code for each in found}
    assert all(each.sentence.endswith(".") and each.path for each in found)


def test_a_text_body_must_escape() -> None:
    definition = Definition.model_validate(
        {**WHOLE, "submit": {"body": "text", "text": "<to>{to}</to><t>{text|xml}</t>"}}
    )
    assert "not_escaped" in codes(definition)


def test_credentials_in_the_url_are_warned_of() -> None:
    definition = changed("submit.query", [{"name": "key", "value": "{credential.token}"}])
    assert codes(definition) == set()
    assert "credential_in_url" in codes(definition, "warning")


class TestPatterns:
    @pytest.mark.parametrize(
        "pattern",
        ["(a+)+$", "(a|a)*b", "(?=a)", "(?P<n>a)", r"(a)\1", "a**", ".*.*.*.*", "(", "[a", "a" * 121,
         "(?:a{1,300}){1,300}", "(a)(b)", "+a", r"\Z"],
    )  # fmt: skip
    def test_refuses_what_could_run_for_ever(self, pattern: str) -> None:
        with pytest.raises(PatternRefused):
            pattern_of(pattern)

    def test_the_worst_that_is_let_in_comes_to_an_end(self) -> None:
        assert pattern_search(".*a.*b$", "a" * LONGEST_TEXT * 10) is None
        assert pattern_search(".*?x.*y", "x" * LONGEST_TEXT) is None

    @pytest.mark.parametrize(
        ("pattern", "text", "found"),
        [
            ('^Success "([0-9a-f-]{4,40})"', 'Success "ab-12"', "ab-12"),
            ("^(0|1): ", "0: Accepted", "0"),
            (r"id=(\d+)", "x id=77;", "77"),
            ("^OK$", "OK ", None),
            (r"[\]a-c]+", "--b]--", "b]"),
        ],
    )
    def test_finds(self, pattern: str, text: str, found: str | None) -> None:
        assert pattern_search(pattern, text) == found
