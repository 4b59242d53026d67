"""Every provider's webhooks, made wrong in every way: what is answered, what is kept, and that nothing
moves that should not [R-10.1]-[R-10.4]. One world for each fault, all providers in it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.test import Client
from twilio.request_validator import RequestValidator

from smsmarketing.gateways import transports, webhooks
from smsmarketing.gateways.intake import receipts_apply
from smsmarketing.gateways.models import Message, Receipt
from smsmarketing.gateways.transports.base import MAX_WEBHOOK_BYTES
from tests.gateways.transports.cases import CASES, FORM, Case
from tests.gateways.transports.test_views import accepted, become, path
from tests.gateways.world import World

pytestmark = pytest.mark.django_db

OURS = 41
"""The message that the samples of providers speak of, where they name one of ours."""
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
SECRET, OTHER = "s" * 32, "o" * 32
Signed = tuple[bytes, dict[str, str]]


class Signer(NamedTuple):
    """How a provider signs; `sign` is given address, body, the secret (or another) and the time."""

    credentials: Mapping[str, str]
    sign: Callable[[str, bytes, str, float], Signed]
    body: bool = True
    """Whether the signature covers the body."""
    dated: bool = True
    """Whether it ends with time."""


def _twilio(url: str, body: bytes, secret: str, _: float) -> Signed:
    fields = dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
    return body, {"x-twilio-signature": RequestValidator(secret).compute_signature(url, fields)}


def _telnyx(_: str, body: bytes, secret: str, now: float) -> Signed:
    stamp = str(int(now))
    signature = (KEY if secret == SECRET else OTHER_KEY).sign(stamp.encode() + b"|" + body)
    return body, {
        "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
        "telnyx-timestamp": stamp,
    }


def _vonage(_: str, body: bytes, secret: str, now: float) -> Signed:
    fields = {**dict(parse_qsl(body.decode("latin-1"))), "timestamp": str(int(now))}
    text = "".join(f"&{name}={fields[name]}" for name in sorted(fields)) + secret
    fields["sig"] = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return urlencode(fields).encode(), {}


def _vonage_messages(_: str, body: bytes, secret: str, now: float) -> Signed:
    claims = {"iat": int(now), "payload_hash": hashlib.sha256(body).hexdigest()}
    return body, {"authorization": f"Bearer {jwt.encode(claims, secret, algorithm='HS256')}"}


def _sinch(_: str, body: bytes, secret: str, now: float) -> Signed:
    stamp = str(int(now))
    digest = hmac.new(secret.encode(), body + f".n1.{stamp}".encode(), hashlib.sha256).digest()
    return body, {
        "x-sinch-webhook-signature": base64.b64encode(digest).decode(),
        "x-sinch-webhook-signature-nonce": "n1",
        "x-sinch-webhook-signature-timestamp": stamp,
        "x-sinch-webhook-signature-algorithm": "HmacSHA256",
    }


def _bandwidth(_: str, body: bytes, secret: str, __: float) -> Signed:
    return body, {"authorization": f"Basic {base64.b64encode(f'u:{secret}'.encode()).decode()}"}


SIGNERS = {
    "bandwidth": Signer(
        {"callback_username": "u", "callback_password": SECRET}, _bandwidth, body=False, dated=False
    ),
    "sinch": Signer({"webhook_secret": SECRET}, _sinch),
    "telnyx": Signer({"public_key": PUBLIC}, _telnyx),
    "twilio": Signer({"auth_token": SECRET}, _twilio, dated=False),
    "vonage": Signer({"signature_secret": SECRET}, _vonage),
    "vonage_messages": Signer({"signature_secret": SECRET}, _vonage_messages),
}
UNSIGNED = {"infobip", "smsapi", "vertexsms"}
"""Where the provider signs nothing and the secret path decides."""
ROUTED = [case for case in CASES if not case.definition]
HELD = [case for case in ROUTED if case.name in SIGNERS]


class Desk:
    """The world's gateway as one provider after the other, and one message that it accepted."""

    def __init__(self, world: World) -> None:
        self.world = world
        (message,) = accepted(world)
        Message.objects.filter(pk=message.pk).update(id=OURS)

    def as_(self, case: Case) -> None:
        """Everything as it was, under this provider."""
        signer = SIGNERS.get(case.name)
        own = signer.credentials if signer else {}
        become(self.world, case.name, **{**case.credentials, **own})
        webhooks._gateways.clear()  # else it is remembered for two seconds
        Receipt.objects.all().delete()
        Message.objects.filter(pk=OURS).update(
            state="accepted", gateway_message_id="", final_at=None, error_code="", parts_billed=None
        )

    def say(
        self,
        case: Case,
        body: bytes,
        *,
        secret: str = SECRET,
        age_s: float = 0.0,
        signed: bool = True,
        tampered: bytes = b"",
    ) -> int:
        """The status that the call is answered with; never a server error."""
        address = path(self.world, f"dlr/{OURS}")
        headers: dict[str, str] = {}
        signer = SIGNERS.get(case.name)
        if signed and signer is not None:
            url = settings.PUBLIC_BASE_URL.rstrip("/") + address
            body, headers = signer.sign(url, body, secret, time.time() - age_s)
        response = Client().post(
            address, data=body + tampered, content_type=case.content_type, headers=headers
        )
        assert response.status_code < 500, case.name
        return response.status_code

    def moved_to(self) -> str:
        """The message's state once everything that was kept is applied."""
        receipts_apply()
        return Message.objects.get(pk=OURS).state


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    yield Desk(world)
    webhooks._gateways.clear()


def delivered(case: Case) -> bytes:
    return next(body for body, status, _ in case.receipts if status == "delivered")


def earlier(case: Case) -> bytes:
    """A report that a provider sends before, or that is wrong after, the delivery."""
    return next(body for body, status, _ in case.receipts if status in {"accepted", "undelivered"})


def test_every_provider_is_here() -> None:
    routed = {name for name in transports.names() if transports.get(name).webhook_methods}
    assert routed - {"generic"} == {*SIGNERS, *UNSIGNED} == {case.name for case in ROUTED}


def test_as_it_should_be(desk: Desk) -> None:
    found = {}
    for case in ROUTED:
        desk.as_(case)
        found[case.name] = (desk.say(case, delivered(case)) // 100, desk.moved_to())
    assert found == {case.name: (2, "delivered") for case in ROUTED}


def test_unsigned_and_mis_signed_and_old_leaves_nothing(desk: Desk) -> None:
    """[R-10.1], [R-10.2]"""
    for case in HELD:
        desk.as_(case)
        body, signer = delivered(case), SIGNERS[case.name]
        calls = [
            desk.say(case, body, signed=False),
            desk.say(case, body, secret=OTHER),
            desk.say(case, b"", signed=False),
        ]
        if signer.body:
            extra = b"&More=1" if case.content_type == FORM else b" "
            calls.append(desk.say(case, body, tampered=extra))
        if signer.dated:
            calls.append(desk.say(case, body, age_s=360))
        assert set(calls) == {403}, case.name
        assert not Receipt.objects.exists(), case.name
        assert desk.moved_to() == "accepted", case.name


def test_a_repeated_call_has_one_effect(desk: Desk) -> None:
    """[R-10.2] replayed within its time, or sent again because our answer was lost."""
    for case in ROUTED:
        desk.as_(case)
        assert [desk.say(case, delivered(case)) // 100 for _ in range(3)] == [2, 2, 2], case.name
        assert desk.moved_to() == "delivered", case.name
        found = sorted(Receipt.objects.values_list("state", flat=True))
        assert found == ["applied", "duplicate", "duplicate"], case.name


def test_reports_in_the_wrong_order_end_the_same(desk: Desk) -> None:
    """[R-10.4]"""
    for case in ROUTED:
        desk.as_(case)
        for body in (delivered(case), earlier(case)):
            assert desk.say(case, body) // 100 == 2, case.name
            assert desk.moved_to() == "delivered", case.name
        states = set(Receipt.objects.values_list("state", flat=True))
        assert states <= {"applied", "late", "duplicate"}, case.name


def test_a_cut_body_is_kept_and_moves_nothing(desk: Desk) -> None:
    """What still can be read of a form says nothing that is known."""
    for case in ROUTED:
        desk.as_(case)
        body = delivered(case)
        form = re.search(rb"(?i)status=..", body) if case.content_type == FORM else None
        cut = body[: form.end()] if form is not None else body[:-2]
        assert desk.say(case, cut) in {200, 400}, case.name
        assert Receipt.objects.exists(), case.name
        assert desk.moved_to() == "accepted", case.name
        assert Receipt.objects.get().state == "unusable", case.name


def test_a_body_of_another_kind_is_a_400_and_moves_nothing(desk: Desk) -> None:
    """It is kept once, however often it comes. Who signs fields cannot sign what has none."""
    for case in ROUTED:
        desk.as_(case)
        bodies = (b"\xff\xfe{", b"[]", b"<xml/>", b'{"id": 7}', b"[]")
        answers = {desk.say(case, body) for body in bodies}
        if case.name in {"twilio", "vonage"}:
            assert answers <= {400, 403}
        else:
            assert (answers, Receipt.objects.count()) == ({400}, 4), case.name
        assert desk.moved_to() == "accepted", case.name


def test_a_huge_body_is_not_read(desk: Desk) -> None:
    for case in ROUTED:
        desk.as_(case)
        huge = delivered(case) + b" " * MAX_WEBHOOK_BYTES
        assert desk.say(case, huge, signed=False) == 413, case.name
        assert not Receipt.objects.exists(), case.name
        assert desk.moved_to() == "accepted", case.name
