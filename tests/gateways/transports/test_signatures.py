"""Signatures of webhooks [R-10.1], [R-10.2], against what the providers themselves ship."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sinch.domains.sms.sinch_events.v1.sms_sinch_event import SmsSinchEvent
from telnyx import Telnyx as TelnyxSdk
from twilio.request_validator import RequestValidator
from vonage_http_client.auth import Auth as VonageAuth
from vonage_jwt.verify_jwt import verify_signature as vonage_verify

from smsmarketing.gateways import transports
from smsmarketing.gateways.transports.base import (
    TransportConfig,
    TransportDataError,
    WebhookCall,
)

URL = "https://sms.example/webhooks/g/secret/dlr/41"
FRESH = timedelta(0)


def call(body: bytes, headers: dict[str, str], url: str = URL) -> WebhookCall:
    lower = {name.lower(): value for name, value in headers.items()}
    return WebhookCall(url=url, body=body, headers=lower, now=datetime.now(UTC))


def config(**credentials: str) -> TransportConfig:
    return TransportConfig(base_url="https://api.example", credentials=credentials)


def believed(name: str, given: WebhookCall, settings: TransportConfig) -> str:
    """ "yes", or the code of the refusal."""
    try:
        transports.get(name).webhook_check(given, settings)
    except TransportDataError as refusal:
        return refusal.code
    return "yes"


class TestTwilio:
    FIELDS = {"MessageSid": "SM1", "MessageStatus": "delivered", "Body": "", "To": "+37069912345"}

    @pytest.mark.parametrize("url", [URL, URL + "?a=1&b=2", "https://sms.example:8443/webhooks/x"])
    def test_agrees_with_the_sdk(self, url: str) -> None:
        signature = RequestValidator("token").compute_signature(url, self.FIELDS)
        given = call(urlencode(self.FIELDS).encode(), {"X-Twilio-Signature": signature}, url)
        assert believed("twilio", given, config(auth_token="token")) == "yes"

    def test_takes_the_default_port_either_way(self) -> None:
        signed = URL.replace("sms.example", "sms.example:443")
        signature = RequestValidator("token").compute_signature(signed, self.FIELDS)
        given = call(urlencode(self.FIELDS).encode(), {"X-Twilio-Signature": signature})
        assert believed("twilio", given, config(auth_token="token")) == "yes"

    def test_refuses_another_body_url_token_and_none(self) -> None:
        signature = RequestValidator("token").compute_signature(URL, self.FIELDS)
        headers = {"X-Twilio-Signature": signature}
        good = call(urlencode(self.FIELDS).encode(), headers)
        other = urlencode({**self.FIELDS, "MessageStatus": "failed"}).encode()
        settings = config(auth_token="token")
        assert believed("twilio", replace(good, body=other), settings) == "signature"
        assert believed("twilio", replace(good, url=URL + "2"), settings) == "signature"
        assert believed("twilio", good, config(auth_token="other")) == "signature"
        assert believed("twilio", replace(good, headers={}), settings) == "signature"
        assert believed("twilio", good, config()) == "signature"


class TestTelnyx:
    BODY = b'{"data": {"event_type": "message.finalized"}}'

    def signed(self, age: timedelta = FRESH) -> tuple[WebhookCall, str]:
        key = Ed25519PrivateKey.generate()
        stamp = str(int((datetime.now(UTC) - age).timestamp()))
        signature = key.sign(stamp.encode() + b"|" + self.BODY)
        public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
        headers = {
            "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
            "telnyx-timestamp": stamp,
        }
        return call(self.BODY, headers), public

    def test_agrees_with_the_sdk(self) -> None:
        given, public = self.signed()
        sdk = TelnyxSdk(api_key="x", public_key=public)
        sdk.webhooks.unwrap(self.BODY.decode(), headers=given.headers)
        assert believed("telnyx", given, config(public_key=public)) == "yes"

    def test_refuses_another_body_key_an_old_time_and_none(self) -> None:
        given, public = self.signed()
        _, foreign = self.signed()
        settings = config(public_key=public)
        assert believed("telnyx", replace(given, body=b"{}"), settings) == "signature"
        assert believed("telnyx", given, config(public_key=foreign)) == "signature"
        assert believed("telnyx", given, config(public_key="no key")) == "signature"
        assert believed("telnyx", replace(given, headers={}), settings) == "signature"
        old, public = self.signed(timedelta(minutes=6))
        assert believed("telnyx", old, config(public_key=public)) == "too_old"

    def test_without_a_key_the_secret_path_decides(self) -> None:
        given, _ = self.signed()
        assert believed("telnyx", given, config()) == "yes"


class TestVonage:
    FIELDS = {"messageId": "A1", "status": "delivered", "text": "a=b&c", "api-key": "abcd"}

    @pytest.mark.parametrize("method", ["md5", "sha1", "sha256", "sha512"])
    def test_agrees_with_the_sdk(self, method: str) -> None:
        sdk = VonageAuth(api_key="abcd1234", signature_secret="secret", signature_method=method)
        fields = {**self.FIELDS, "timestamp": str(int(time.time()))}
        body = urlencode({**fields, "sig": sdk.sign_params(dict(fields))}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        settings = config(signature_secret="secret", signature_method=method)
        assert believed("vonage", call(body, headers), settings) == "yes"
        tampered = body.replace(b"delivered", b"rejected")
        assert believed("vonage", call(tampered, headers), settings) == "signature"

    def test_reads_the_plain_md5_of_the_documentation(self) -> None:
        fields = {"messageId": "A1", "status": "delivered", "timestamp": str(int(time.time()))}
        text = "".join(f"&{name}={fields[name]}" for name in sorted(fields)) + "secret"
        sig = hashlib.md5(text.encode()).hexdigest()
        body = json.dumps({**fields, "sig": sig}).encode()
        given = call(body, {"content-type": "application/json"})
        assert believed("vonage", given, config(signature_secret="secret")) == "yes"

    def test_refuses_an_old_time_and_none(self) -> None:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        settings = config(signature_secret="secret")
        unsigned = call(urlencode(self.FIELDS).encode(), headers)
        assert believed("vonage", unsigned, settings) == "signature"
        old = urlencode({**self.FIELDS, "timestamp": "1000000000", "sig": "x"}).encode()
        assert believed("vonage", call(old, headers), settings) == "too_old"


class TestVonageMessages:
    BODY = b'{"message_uuid": "a", "status": "delivered"}'
    SECRET = "s" * 32

    def token(self, body: bytes, age: timedelta = FRESH) -> str:
        return jwt.encode(
            {
                "iat": int((datetime.now(UTC) - age).timestamp()),
                "payload_hash": hashlib.sha256(body).hexdigest(),
                "api_key": "abcd",
            },
            self.SECRET,
            algorithm="HS256",
        )

    def test_agrees_with_the_sdk_and_checks_the_body_too(self) -> None:
        token = self.token(self.BODY)
        assert vonage_verify(token, self.SECRET)
        settings = config(signature_secret=self.SECRET)
        good = call(self.BODY, {"Authorization": f"Bearer {token}"})
        assert believed("vonage_messages", good, settings) == "yes"
        # The SDK looks at the token only; a token of another body is refused here.
        assert believed("vonage_messages", replace(good, body=b"{}"), settings) == "signature"

    def test_refuses_other_secrets_old_times_other_algorithms_and_none(self) -> None:
        settings = config(signature_secret=self.SECRET)
        good = call(self.BODY, {"Authorization": f"Bearer {self.token(self.BODY)}"})
        assert believed("vonage_messages", good, config(signature_secret="x" * 32)) == "signature"
        assert believed("vonage_messages", replace(good, headers={}), settings) == "signature"
        old = self.token(self.BODY, timedelta(minutes=6))
        late = call(self.BODY, {"Authorization": f"Bearer {old}"})
        assert believed("vonage_messages", late, settings) == "too_old"
        naked = jwt.encode({"iat": int(time.time())}, "", algorithm="none")
        bare = call(self.BODY, {"Authorization": f"Bearer {naked}"})
        assert believed("vonage_messages", bare, settings) == "signature"


class TestSinch:
    BODY = b'{"type": "mo_text", "body": "STOP"}'

    def headers(self, age: timedelta = FRESH) -> dict[str, str]:
        stamp = str(int((datetime.now(UTC) - age).timestamp()))
        signed = self.BODY + f".nonce1.{stamp}".encode()
        digest = hmac.new(b"secret", signed, hashlib.sha256).digest()
        return {
            "x-sinch-webhook-signature": base64.b64encode(digest).decode(),
            "x-sinch-webhook-signature-nonce": "nonce1",
            "x-sinch-webhook-signature-timestamp": stamp,
            "x-sinch-webhook-signature-algorithm": "HmacSHA256",
        }

    def test_agrees_with_the_sdk(self) -> None:
        headers = self.headers()
        assert SmsSinchEvent("secret").validate_authentication_header(headers, self.BODY)
        settings = config(webhook_secret="secret")
        assert believed("sinch", call(self.BODY, headers), settings) == "yes"

    def test_refuses_another_body_secret_an_old_time_and_none(self) -> None:
        settings = config(webhook_secret="secret")
        given = call(self.BODY, self.headers())
        assert believed("sinch", replace(given, body=b"{}"), settings) == "signature"
        assert believed("sinch", given, config(webhook_secret="other")) == "signature"
        assert believed("sinch", replace(given, headers={}), settings) == "signature"
        old = call(self.BODY, self.headers(timedelta(minutes=6)))
        assert believed("sinch", old, settings) == "too_old"


class TestBandwidth:
    def test_checks_the_login_of_the_callback_when_there_is_one(self) -> None:
        login = base64.b64encode(b"user:pass").decode()
        settings = config(callback_username="user", callback_password="pass")
        good = call(b"[]", {"Authorization": f"Basic {login}"})
        assert believed("bandwidth", good, settings) == "yes"
        assert believed("bandwidth", replace(good, headers={}), settings) == "signature"
        assert believed("bandwidth", call(b"[]", {}), config()) == "yes"


@pytest.mark.parametrize("name", ["vertexsms", "smsapi", "infobip"])
def test_providers_without_a_signature_leave_it_to_the_secret_path(name: str) -> None:
    assert not transports.get(name).capabilities.webhook_signature
    assert believed(name, call(b"", {}), config()) == "yes"
