"""What a bind brings: kept first, parts joined, and never a guess about whose receipt it is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from smsmarketing.gateways.intake import deliveries_take, receipts_apply, replies_join
from smsmarketing.gateways.intake.deliveries import PARTS_WAIT
from smsmarketing.gateways.intake.receipts import PARKED_FOR
from smsmarketing.gateways.models import InboundMessage, Message, PartId, Receipt
from smsmarketing.gateways.rules.part_ids import id_choose
from smsmarketing.gateways.transports.smpp.messages import Address, ShortMessage, message_encode
from smsmarketing.gateways.transports.smpp.pdu import DELIVER_SM, Pdu, pdu_encode, pdus_split
from tests.gateways.smpp.bound import bound_world
from tests.gateways.smpp.test_transport import delivered
from tests.gateways.world import World

pytestmark = pytest.mark.django_db
PERSON = "37069912345"


@pytest.fixture
def here(db: None) -> World:
    return bound_world("smpp://127.0.0.1:9")


def pdu(raw: bytes) -> Pdu:
    return pdus_split(raw)[0]


def reply(text: str, *, part: int = 1, total: int = 1, reference: int = 7) -> Pdu:
    head = bytes((5, 0, 3, reference, total, part)) if total > 1 else b""
    body = message_encode(
        ShortMessage(
            source=Address(1, 1, PERSON),
            destination=Address(1, 1, "37060000001"),
            esm_class=0x40 if head else 0,
            short_message=head + text.encode("latin-1"),
        )
    )
    return pdu(pdu_encode(DELIVER_SM, body))


def handed(here: World, phone: str, **parts: str) -> Message:
    """An accepted message whose parts have these ids."""
    (contact,) = here.contacts(1)
    batch = here.batch([contact])
    Message.objects.filter(batch=batch).update(
        state="accepted", attempt=1, gateway_id=here.gateway.pk, phone=phone
    )
    message = Message.objects.get(batch=batch)
    for number, key in enumerate(parts.values(), start=1):
        PartId.objects.create(
            gateway_id=here.gateway.pk,
            key=key,
            message_id=message.pk,
            number=number,
            total=len(parts),
            created_at=timezone.now(),
        )
    return message


def state_of(message: Message) -> str:
    return Message.objects.get(pk=message.pk).state


class TestReceipts:
    def test_an_id_that_two_messages_could_have_goes_by_the_number(self, here: World) -> None:
        """16 in decimal is the first one's 10 in hexadecimal."""
        first = handed(here, f"+{PERSON}", a="10")
        second = handed(here, "+37069999999", a="16")
        deliveries_take(here.gateway, [pdu(delivered("id:16 stat:DELIVRD", source=PERSON))])
        receipts_apply()
        assert (state_of(first), state_of(second)) == ("delivered", "accepted")

    def test_nobody_elses_receipt_moves_it(self, here: World) -> None:
        message = handed(here, f"+{PERSON}", a="10")
        deliveries_take(here.gateway, [pdu(delivered("id:10 stat:DELIVRD", source="4470000000"))])
        other = bound_world("smpp://127.0.0.1:9")
        deliveries_take(other.gateway, [pdu(delivered("id:10 stat:DELIVRD", source=PERSON))])
        receipts_apply()
        assert state_of(message) == "accepted"
        assert set(Receipt.objects.values_list("state", flat=True)) == {"parked"}

    def test_one_that_overtakes_its_answer_waits(self, here: World) -> None:
        """[R-10.3]"""
        deliveries_take(here.gateway, [pdu(delivered("id:77 stat:DELIVRD", source=PERSON))])
        receipts_apply()
        message = handed(here, f"+{PERSON}", a="77")
        receipts_apply()
        assert state_of(message) == "delivered"
        deliveries_take(here.gateway, [pdu(delivered("id:78 stat:DELIVRD", source=PERSON))])
        receipts_apply(now=timezone.now() + PARKED_FOR + timedelta(seconds=1))
        assert Receipt.objects.latest("id").state == "unusable"

    def test_a_receipt_settles_what_became_unknown(self, here: World) -> None:
        message = handed(here, f"+{PERSON}", a="5")
        Message.objects.filter(pk=message.pk).update(state="unknown")
        deliveries_take(here.gateway, [pdu(delivered("id:5 stat:DELIVRD", source=PERSON))])
        receipts_apply()
        assert state_of(message) == "delivered"

    def test_parts_end_a_message_together(self, here: World) -> None:
        message = handed(here, f"+{PERSON}", a="1a", b="1b", c="1c")
        for told, state in (
            ("1a", "accepted"),
            ("1a", "accepted"),
            ("1c", "accepted"),
            ("1b", "delivered"),
        ):
            deliveries_take(
                here.gateway, [pdu(delivered(f"id:{told} stat:DELIVRD", source=PERSON))]
            )
            receipts_apply()
            assert state_of(message) == state
        words = Receipt.objects.order_by("id").values_list("state", flat=True)
        assert list(words) == ["applied", "duplicate", "applied", "applied"]

    def test_a_lost_part_may_still_arrive(self, here: World) -> None:
        message = handed(here, f"+{PERSON}", a="1a", b="1b")
        for text, state in (
            ("id:1a stat:DELIVRD", "accepted"),
            ("id:1b stat:UNDELIV err:001", "undelivered"),
            ("id:1b stat:DELIVRD", "delivered"),
        ):
            deliveries_take(here.gateway, [pdu(delivered(text, source=PERSON))])
            receipts_apply()
            assert state_of(message) == state

    def test_what_cannot_be_read_is_kept_and_not_asked_for_again(self, here: World) -> None:
        statuses = deliveries_take(here.gateway, [pdu(pdu_encode(DELIVER_SM, b"\0\1"))])
        assert statuses == [0x65]
        assert Receipt.objects.get().state == "unusable"


class TestReplies:
    def test_parts_are_one_reply_in_their_order(self, here: World) -> None:
        assert deliveries_take(here.gateway, [reply("world", part=2, total=2)]) == [0]
        assert InboundMessage.objects.count() == 0
        deliveries_take(here.gateway, [reply("Hello ", part=1, total=2)])
        assert InboundMessage.objects.get().text == "Hello world"
        assert set(Receipt.objects.values_list("state", "raw")) == {("applied", b"")}

    def test_a_part_that_comes_twice_counts_once(self, here: World) -> None:
        same = reply("Hello ", part=1, total=2)
        deliveries_take(here.gateway, [same, same])
        assert InboundMessage.objects.count() == 0
        deliveries_take(here.gateway, [reply("world", part=2, total=2)])
        assert InboundMessage.objects.get().text == "Hello world"

    def test_two_replies_with_parts_are_kept_apart(self, here: World) -> None:
        deliveries_take(
            here.gateway,
            [
                reply("A1 ", part=1, total=2, reference=1),
                reply("B1 ", part=1, total=2, reference=2),
                reply("B2", part=2, total=2, reference=2),
                reply("A2", part=2, total=2, reference=1),
            ],
        )
        texts = InboundMessage.objects.order_by("id").values_list("text", flat=True)
        assert list(texts) == ["B1 B2", "A1 A2"]

    def test_a_stop_whose_rest_never_comes_is_obeyed(self, here: World) -> None:
        """[R-2.8]"""
        deliveries_take(here.gateway, [reply("STOP", part=1, total=2)])
        assert replies_join() == 0
        assert replies_join(now=timezone.now() + PARTS_WAIT + timedelta(seconds=1)) == 1
        assert replies_join(now=timezone.now() + PARTS_WAIT + timedelta(seconds=1)) == 0
        message = InboundMessage.objects.get()
        assert message.text.startswith("STOP")
        assert message.action in {"opt_out", "hold_review"}


@pytest.mark.parametrize(
    ("told", "recipient", "candidates", "chosen"),
    [
        ("16", PERSON, [("10", f"+{PERSON}"), ("16", "+44700")], 0),
        ("16", "", [("10", f"+{PERSON}"), ("16", "+44700")], 1),
        ("16", "", [("10", f"+{PERSON}")], None),
        ("16", "069912345", [("16", f"+{PERSON}")], 0),
        ("16", "44700", [("16", f"+{PERSON}")], None),
        ("16", PERSON, [("16", ""), ("10", "")], 0),
        ("7", PERSON, [("7", f"+{PERSON}"), ("7", f"+{PERSON}")], 1),
        ("7", PERSON, [], None),
    ],
)
def test_whose_receipt_it_is(
    told: str, recipient: str, candidates: list[tuple[str, str]], chosen: int | None
) -> None:
    assert id_choose(told, recipient, candidates) == chosen
