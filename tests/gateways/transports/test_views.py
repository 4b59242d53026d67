"""Providers' own webhooks at our addresses: believed only when signed, kept, applied, obeyed."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.utils import timezone
from twilio.request_validator import RequestValidator

from smsmarketing.contacts.models import Suppression
from smsmarketing.gateways.credentials import credentials_write
from smsmarketing.gateways.intake import receipts_apply
from smsmarketing.gateways.models import Gateway, InboundMessage, Message, Receipt
from tests.gateways.transports.cases import FORM, NUMBER
from tests.gateways.world import World

pytestmark = pytest.mark.django_db


def become(world: World, transport: str, **credentials: str) -> None:
    """Make the world's gateway one of another provider."""
    with transaction.atomic():
        gateway = Gateway.objects.select_for_update(of=("self",)).get(pk=world.gateway.pk)
        gateway.transport = transport
        credentials_write(gateway, credentials)
        gateway.save()


def accepted(world: World, count: int = 1) -> list[Message]:
    """Messages that the gateway accepted."""
    batch = world.batch(world.contacts(count))
    now = timezone.now()
    Message.objects.filter(batch=batch).update(
        state="accepted", attempt=1, gateway_id=world.gateway.pk, handed_at=now, accepted_at=now
    )
    return list(Message.objects.filter(batch=batch).order_by("id"))


def path(world: World, end: str) -> str:
    return f"/webhooks/{world.gateway.slug}/{world.secret}/{end}"


def twilio(world: World, end: str, token: str = "token", **fields: str) -> int:
    """A form as Twilio posts and signs it."""
    url = settings.PUBLIC_BASE_URL.rstrip("/") + path(world, end)
    signature = RequestValidator(token).compute_signature(url, fields)
    return (
        Client()
        .post(
            path(world, end),
            data=urlencode(fields),
            content_type=FORM,
            headers={"x-twilio-signature": signature},
        )
        .status_code
    )


def states(messages: list[Message]) -> list[str]:
    for each in messages:
        each.refresh_from_db()
    return [each.state for each in messages]


def test_a_signed_receipt_moves_its_message(world: World) -> None:
    become(world, "twilio", account_sid="AC1", auth_token="token")
    (message,) = accepted(world)
    sent = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30003"}
    assert twilio(world, f"dlr/{message.pk}", **sent) == 200
    assert receipts_apply().applied == 1
    assert states([message]) == ["undelivered"]
    assert (message.error_code, message.error_class) == ("30003", "soft")


def test_a_forged_receipt_leaves_nothing_but_a_counter(world: World) -> None:
    """[R-10.1]"""
    become(world, "twilio", account_sid="AC1", auth_token="token")
    (message,) = accepted(world)
    cache.delete("webhooks:refused:signature")
    sent = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    assert twilio(world, f"dlr/{message.pk}", token="guess", **sent) == 403
    unsigned = Client().post(
        path(world, f"dlr/{message.pk}"), data=urlencode(sent), content_type=FORM
    )
    assert unsigned.status_code == 403
    assert cache.get("webhooks:refused:signature") == 2
    assert not Receipt.objects.exists()
    assert states([message]) == ["accepted"]


@pytest.mark.parametrize(("transport", "status"), [("vertexsms", 200), ("twilio", 403)])
def test_unreadable_secrets_cost_no_receipt_where_nothing_is_signed(
    world: World, transport: str, status: int
) -> None:
    (message,) = accepted(world)
    Gateway.objects.filter(pk=world.gateway.pk).update(
        transport=transport, credentials=b"sealed with a key that is gone"
    )
    body = json.dumps({"id": "g-1", "status": "1"})
    response = Client().post(
        path(world, f"dlr/{message.pk}"), data=body, content_type="application/json"
    )
    assert response.status_code == status
    assert Receipt.objects.exists() is (status == 200)


def test_a_signed_stop_holds_before_the_answer(world: World) -> None:
    """[R-2.8]; the same reply again is the first one [R-10.2]."""
    become(world, "twilio", account_sid="AC1", auth_token="token")
    reply = {
        "MessageSid": "SM9",
        "SmsStatus": "received",
        "From": NUMBER,
        "To": world.sender.value,
        "Body": "STOP",
    }
    assert twilio(world, "events", **reply) == 200
    assert twilio(world, "events", **reply) == 200
    assert Suppression.objects.get().reason == "opt_out"
    assert InboundMessage.objects.count() == 1


def test_a_provider_that_already_opted_somebody_out_is_believed(world: World) -> None:
    """A word that only the account at Twilio knows still is a "no"; its START is no yes [R-2.12]."""
    become(world, "twilio", account_sid="AC1", auth_token="token")
    reply = {"SmsStatus": "received", "From": NUMBER, "To": world.sender.value}
    said = {**reply, "MessageSid": "SM1", "Body": "ZEBRA", "OptOutType": "STOP"}
    assert twilio(world, "events", **said) == 200
    assert Suppression.objects.get().reason == "opt_out"
    assert InboundMessage.objects.get().keyword == "provider"
    again = {**reply, "MessageSid": "SM2", "Body": "ZEBRA", "OptOutType": "START"}
    assert twilio(world, "events", **again) == 200
    assert not Suppression.objects.filter(lifted_at__isnull=False).exists()


def test_several_reports_in_one_call_move_each_message(world: World) -> None:
    """SMSAPI sends one to five reports a GET."""
    become(world, "smsapi", token="t")
    first, second, third = messages = accepted(world, 3)
    query = urlencode(
        {
            "MsgId": "a1,a2,a3",
            "status": "404,405,402",
            "idx": f"{first.pk},{second.pk},{third.pk}",
        }
    )
    response = Client().get(f"{path(world, f'dlr/{first.pk}')}?{query}")
    assert (response.status_code, response.content) == (200, b"OK")
    assert receipts_apply().applied == 1
    assert states(messages) == ["delivered", "undelivered", "expired"]
    assert receipts_apply().total == 0


def test_a_report_among_others_that_overtook_its_message_is_read_again(world: World) -> None:
    """[R-10.3] the call is parked as a whole; what was applied then is a duplicate."""
    become(world, "smsapi", token="t")
    first, second = messages = accepted(world, 2)
    Message.objects.filter(pk=second.pk).update(state="handing_over", accepted_at=None)
    query = urlencode({"MsgId": "a1,a2", "status": "404,404", "idx": f"{first.pk},{second.pk}"})
    assert Client().get(f"{path(world, 'events')}?{query}").status_code == 200
    assert receipts_apply().parked >= 1
    assert states(messages) == ["delivered", "handing_over"]
    Message.objects.filter(pk=second.pk).update(state="accepted")
    receipts_apply()
    assert states(messages) == ["delivered", "delivered"]
    assert Receipt.objects.get().state == "applied"


def test_receipts_and_replies_of_one_array_are_both_taken(world: World) -> None:
    become(world, "bandwidth", account_id="1", application_id="2", username="u", password="p")
    (message,) = accepted(world)
    events = [
        {
            "type": "message-delivered",
            "message": {"id": "bw-1", "tag": str(message.pk), "segmentCount": 1},
        },
        {
            "type": "message-received",
            "to": world.sender.value,
            "message": {"id": "bw-2", "from": NUMBER, "text": "STOP"},
        },
    ]
    response = Client().post(
        path(world, "events"), data=json.dumps(events), content_type="application/json"
    )
    assert response.status_code == 200
    assert Suppression.objects.get().reason == "opt_out"
    receipts_apply()
    assert states([message]) == ["delivered"]
    assert message.parts_billed == 1


def test_a_get_is_for_providers_that_use_it(world: World) -> None:
    become(world, "twilio", account_sid="AC1", auth_token="token")
    url = settings.PUBLIC_BASE_URL.rstrip("/") + path(world, "events")
    signature = RequestValidator("token").compute_signature(url, {})
    response = Client().get(path(world, "events"), headers={"x-twilio-signature": signature})
    assert response.status_code in {403, 405}
    assert not Receipt.objects.exists()


def test_a_foreign_message_in_a_signed_call_moves_nothing(world: World) -> None:
    """A receipt speaks for messages that this gateway was given, whatever id it carries."""
    become(world, "smsapi", token="t")
    (message,) = accepted(world)
    Message.objects.filter(pk=message.pk).update(gateway_id=world.gateway.pk + 1)
    query = urlencode({"MsgId": "a1", "status": "404", "idx": str(message.pk)})
    assert Client().get(f"{path(world, 'events')}?{query}").status_code == 200
    assert receipts_apply().unusable == 1
    assert states([message]) == ["accepted"]
