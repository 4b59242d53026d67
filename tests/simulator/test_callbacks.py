"""Receipts and replies: what is posted, when, how often, and only to this machine."""

import json
from collections import Counter
from urllib.parse import parse_qs

import pytest

from smsmarketing.gateways import transports
from smsmarketing.gateways.transports.base import ReceiptEvent
from smsmarketing.gateways.transports.inbound import inbound_events
from tests.simulator.conftest import Product
from tests.simulator.process import RunningSimulator

VERTEXSMS = transports.get("vertexsms")


def events(product: Product, count: int) -> list[ReceiptEvent]:
    """The receipts as the product's own transport reads them."""
    found: list[ReceiptEvent] = []
    for path, _, body in product.wait(count):
        query = {name: values[0] for name, values in parse_qs(path.partition("?")[2]).items()}
        for event in VERTEXSMS.webhook_events(body, {}, query):
            assert isinstance(event, ReceiptEvent)
            found.append(event)
    return found


def send(carrier: RunningSimulator, product: Product, number: int = 1, **fields: object) -> str:
    status, ids = carrier.send(dlrUrl=f"{product.url}/receipts/secret?m={number}", **fields)
    assert status == 200
    return str(ids[0])


def settled(carrier: RunningSimulator) -> dict[str, int]:
    receipts = carrier.until(lambda stats: stats["pending"] == 0)["receipts"]
    assert isinstance(receipts, dict)
    return receipts


class TestReceipts:
    def test_a_receipt_has_the_id_of_the_answer(
        self, carrier: RunningSimulator, product: Product
    ) -> None:
        gateway_id = send(carrier, product, 41)
        (event,) = events(product, 1)
        assert (event.gateway_message_id, event.our_message_id) == (gateway_id, 41)
        assert (event.status, event.error_code, event.mcc, event.mnc) == (
            "delivered",
            None,
            "246",
            "01",
        )

    def test_the_status_comes_as_number_and_as_text(
        self, carrier: RunningSimulator, product: Product
    ) -> None:
        """The documentation says the one and shows the other."""
        for number in range(4):
            send(carrier, product, number)
        kinds = {type(json.loads(body)["status"]) for _, _, body in product.wait(4)}
        assert kinds == {int, str}

    @pytest.mark.parametrize(
        ("answer", "why"),
        [((500, b"OK"), "status"), ((200, b"ok, thanks"), "body"), ((202, b"OK"), "status")],
    )
    def test_is_repeated_until_the_answer_is_200_ok(
        self, carrier: RunningSimulator, product: Product, answer: tuple[int, bytes], why: str
    ) -> None:
        product.answer = lambda count: answer if count < 4 else (200, b"OK")
        send(carrier, product)
        assert len({body for _, _, body in product.wait(4)}) == 1
        receipts = settled(carrier)
        assert (receipts["sent"], receipts["repeated"], receipts["acked"]) == (4, 3, 1)

    def test_is_repeated_while_the_product_is_down(
        self, carrier: RunningSimulator, product: Product
    ) -> None:
        product.server.shutdown()
        product.server.server_close()
        send(carrier, product)
        stats = carrier.until(lambda stats: stats["receipts"]["repeated"] >= 3)
        assert (stats["receipts"]["acked"], stats["pending"]) == (0, 1)

    @pytest.mark.parametrize("manner", ["chunked", "closing"])
    def test_reads_answers_in_any_manner(
        self, carrier: RunningSimulator, product: Product, manner: str
    ) -> None:
        setattr(product, manner, True)
        for number in range(12):
            send(carrier, product, number)
        receipts = settled(carrier)
        assert (receipts["acked"], receipts["sent"]) == (12, 12)

    @pytest.mark.parametrize(
        ("outcome", "status", "code"),
        [
            ("delivered", "delivered", None),
            ("expired", "expired", "2"),
            ("43", "undelivered", "43"),
            ("21", "rejected", "21"),
            ("999", "failed", "999"),
            ("77", "undelivered", "77"),
            ("status:8", "unknown", None),
        ],
    )
    def test_each_outcome(
        self,
        carrier: RunningSimulator,
        product: Product,
        outcome: str,
        status: str,
        code: str | None,
    ) -> None:
        carrier.control(receipts={outcome: 1})
        send(carrier, product)
        (event,) = events(product, 1)
        assert (event.status, event.error_code) == (status, code)

    def test_none_means_no_receipt(self, carrier: RunningSimulator, product: Product) -> None:
        carrier.control(receipts={"none": 1})
        send(carrier, product)
        assert settled(carrier)["planned"] == 0
        assert carrier.stats()["outcomes"] == {"none": 1}

    def test_a_mix_follows_its_weights(self, carrier: RunningSimulator, product: Product) -> None:
        carrier.control(receipts={"delivered": 1, "43": 1, "none": 1})
        for number in range(60):
            send(carrier, product, number)
        receipts = settled(carrier)
        outcomes = carrier.stats()["outcomes"]
        assert sum(outcomes.values()) == 60
        assert min(outcomes[name] for name in ("delivered", "43", "none")) >= 5
        assert receipts["acked"] == 60 - outcomes["none"]

    def test_duplicates(self, carrier: RunningSimulator, product: Product) -> None:
        carrier.control(receipt_duplicate_share=1)
        send(carrier, product)
        (_, _, first), (_, _, second) = product.wait(2)
        assert first == second

    def test_two_final_receipts_in_either_order(
        self, carrier: RunningSimulator, product: Product
    ) -> None:
        carrier.control(receipt_contradict_share=1)
        for number in range(1, 21):
            send(carrier, product, number)
        orders: dict[int | None, list[str]] = {}
        for event in events(product, 40):
            orders.setdefault(event.our_message_id, []).append(event.status)
        assert Counter(map(tuple, orders.values())).keys() == {
            ("delivered", "undelivered"),
            ("undelivered", "delivered"),
        }

    def test_jitter_mixes_the_order(self, carrier: RunningSimulator, product: Product) -> None:
        carrier.control(receipt_jitter_ms=200)
        for number in range(1, 31):
            send(carrier, product, number)
        order = [event.our_message_id for event in events(product, 30)]
        assert sorted(order, key=lambda number: number or 0) == list(range(1, 31))
        assert order != list(range(1, 31))

    def test_an_early_receipt_comes_before_the_answer(
        self, carrier: RunningSimulator, product: Product
    ) -> None:
        carrier.control(receipt_early_share=1, receipt_delay_ms=60_000)
        gateway_id = send(carrier, product)
        assert len(product.got) == 1
        assert events(product, 1)[0].gateway_message_id == gateway_id

    def test_the_sandbox_emulates_success_and_failure(
        self, carrier: RunningSimulator, product: Product
    ) -> None:
        carrier.control(receipts={"none": 1})
        send(carrier, product, 1, testMode="1")
        send(carrier, product, 2, testMode="2")
        found = {event.our_message_id: event.status for event in events(product, 2)}
        assert found == {1: "delivered", 2: "failed"}


class TestMagicNumbers:
    """[R-10.24]"""

    @pytest.mark.parametrize(
        ("ending", "status", "code"),
        [
            ("99901", "delivered", None),
            ("99902", "undelivered", "53"),
            ("99903", "undelivered", "43"),
            ("99904", "expired", "2"),
            ("99905", "rejected", "21"),
        ],
    )
    def test_ends_as_documented_whatever_the_mix(
        self,
        carrier: RunningSimulator,
        product: Product,
        ending: str,
        status: str,
        code: str | None,
    ) -> None:
        carrier.control(receipts={"24": 1})
        send(carrier, product, to=f"370612{ending}")
        (event,) = events(product, 1)
        assert (event.status, event.error_code) == (status, code)

    def test_slow(self, carrier: RunningSimulator, product: Product) -> None:
        carrier.control(receipt_slow_ms=3_600_000)
        send(carrier, product, 1, to="37061299906")
        send(carrier, product, 2, to="37061299901")
        assert events(product, 1)[0].our_message_id == 2
        stats = carrier.until(lambda stats: stats["receipts"]["acked"] == 1)
        assert stats["pending"] == 1
        carrier.control(receipt_slow_ms=0)
        send(carrier, product, 3, to="37061299906")
        assert events(product, 2)[1].our_message_id == 3

    def test_no_receipt(self, carrier: RunningSimulator, product: Product) -> None:
        send(carrier, product, to="37061299907")
        assert settled(carrier)["planned"] == 0

    @pytest.mark.parametrize(
        ("ending", "word"), [("99908", "STOP"), ("99909", "START"), ("99910", "HELP")]
    )
    def test_replies(
        self, carrier: RunningSimulator, product: Product, ending: str, word: str
    ) -> None:
        carrier.control(inbound_url=f"{product.url}/inbound", receipts={"none": 1})
        carrier.send(to=f"370612{ending}", **{"from": "1234"})
        ((path, _, body),) = product.wait(1)
        (event,) = inbound_events(body, {}, {})
        assert path == "/inbound"
        assert event.text.upper() == word
        assert (event.sender, event.recipient) == (f"+370612{ending}", "1234")
        assert event.received_at is not None

    def test_refusals_accept_nothing(self, carrier: RunningSimulator) -> None:
        status, document = carrier.send(to="37061299911")
        assert (status, "field 'to'" in document["message"]) == (400, True)
        assert carrier.send(to="37061299912")[0] == 503
        assert carrier.stats()["accepted"] == 0

    def test_a_lost_answer_was_accepted(self, carrier: RunningSimulator) -> None:
        with pytest.raises(ConnectionError):
            carrier.send(to="37061299914")
        assert carrier.stats()["accepted"] == 1

    def test_can_be_switched_off(self, carrier: RunningSimulator) -> None:
        carrier.control(magic=False)
        assert carrier.send(to="37061299912")[0] == 200


class TestReplies:
    def test_a_share_of_recipients_replies(
        self, carrier: RunningSimulator, product: Product
    ) -> None:
        carrier.control(
            inbound_url=f"{product.url}/in", replies={"STOP": 0.4, "other": 0.3, "HELP": 0.3}
        )
        for _ in range(50):
            carrier.send()
        replies = carrier.until(lambda stats: stats["pending"] == 0)["replies"]
        assert (replies["planned"], replies["acked"]) == (50, 50)
        assert replies["STOP"] + replies["other"] + replies["HELP"] == 50
        ids = {inbound_events(body, {}, {})[0].gateway_message_id for *_, body in product.wait(50)}
        assert len(ids) == 50

    def test_may_come_as_a_form(self, carrier: RunningSimulator, product: Product) -> None:
        carrier.control(inbound_url=f"{product.url}/in", inbound_format="form", replies={"STOP": 1})
        carrier.send()
        ((_, content_type, body),) = product.wait(1)
        (event,) = inbound_events(body, {"content-type": content_type}, {})
        assert (event.sender, event.text.upper()) == ("+37069912345", "STOP")

    def test_are_repeated_until_taken(self, carrier: RunningSimulator, product: Product) -> None:
        product.answer = lambda count: (503, b"") if count < 3 else (204, b"")
        carrier.control(inbound_url=f"{product.url}/in", replies={"STOP": 1})
        carrier.send()
        product.wait(3)
        replies = carrier.until(lambda stats: stats["pending"] == 0)["replies"]
        assert (replies["repeated"], replies["acked"]) == (2, 1)

    def test_without_an_address_are_counted_as_dropped(self, carrier: RunningSimulator) -> None:
        carrier.control(replies={"STOP": 1})
        carrier.send()
        replies = carrier.stats()["replies"]
        assert (replies["STOP"], replies["dropped"], replies["sent"]) == (1, 1, 0)


class TestNumbers:
    def test_a_lookup_is_answered_at_the_address_given_with_it(
        self, carrier: RunningSimulator, product: Product
    ) -> None:
        url = f"{product.url}/lookup/1"
        for number in ("37061860697", "37061860691"):
            document = {"msisdn": number, "callBackUrl": url}
            status, ids = carrier.call("POST", "/hlr", document)
            assert (status, len(ids)) == (200, 1)
        got = sorted((json.loads(body) for *_, body in product.wait(2)), key=lambda row: row["id"])
        assert [row["error"] for row in got] == [40, 0]
        assert (ids, got[1]["country"], got[1]["mcc"], got[1]["mnc"]) == (
            [got[1]["id"]],
            "LT",
            "246",
            "01",
        )

    @pytest.mark.parametrize(
        ("method", "path", "document", "status"),
        [
            ("POST", "/hlr", {"msisdn": "1"}, 400),
            ("POST", "/hlr", {"msisdn": "12", "callBackUrl": "http://127.0.0.1:9/"}, 400),
            ("GET", "/hlr", None, 404),
            ("GET", "/operators/24609", None, 404),
            ("GET", "/mccmnc/QQ", None, 200),
        ],
    )
    def test_what_it_refuses(
        self, carrier: RunningSimulator, method: str, path: str, document: object, status: int
    ) -> None:
        assert carrier.call(method, path, document)[0] == status
        assert carrier.call(method, path, document, X_VertexSMS_Token="no")[0] == 401

    def test_lists_fit_together(self, carrier: RunningSimulator) -> None:
        _, networks = carrier.call("GET", "/mccmnc/LT?Page=1")
        assert carrier.call("GET", "/mccmnc/LT?Page=2")[1] == []
        ids = {row["operatorId"] for row in networks}
        _, prefixes = carrier.call("GET", "/prefixes/LT")
        assert {row["operatorId"] for row in prefixes} == ids
        for operator_id in ids:
            told = carrier.call("GET", f"/operators/{operator_id}")[1]
            assert told["mcc"] + told["mnc"][0] == operator_id
