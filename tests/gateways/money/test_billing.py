"""Reconciliation: estimate, receipts and bill of each route; the drift reaches whoever approves next."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.gateways.models import Bill, BillLine, Message, RouteMonth
from smsmarketing.gateways.rules.drift import drift_of, drift_words
from smsmarketing.gateways.services.billing import routes_compute, routes_refresh
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.types import Done
from tests.campaigns.desk import desk_make
from tests.gateways.money.people import person
from tests.gateways.world import World

pytestmark = pytest.mark.django_db


def sent(world: World, count: int = 10, price: str = "0.05") -> list[Message]:
    """Messages that the gateway accepted; the last one is still on its way."""
    batch = world.batch(world.contacts(count + 1), price=price)
    messages = list(batch.messages.order_by("id"))
    ids = [message.pk for message in messages[:-1]]
    Message.objects.filter(pk__in=ids).update(state="accepted", accepted_at=timezone.now())
    return messages[:-1]


def bill(world: World, rows: str, **changes: Any) -> dict[str, Any]:
    payload = {
        "gateway_id": world.gateway.pk,
        "month": timezone.now().date().isoformat(),
        "content": "country,operator,parts,amount\n" + rows,
        "source": "2026-17",
    }
    done = execute(
        "billing.import", payload | changes, actor=person(world, f"p{Bill.objects.count()}")
    )
    assert isinstance(done, Done)
    return done.result.model_dump()


def compared(world: World) -> dict[str, Any]:
    done = execute(
        "billing.reconcile", {"gateway_id": world.gateway.pk}, actor=person(world, "reader")
    )
    assert isinstance(done, Done)
    return done.result.model_dump()


def test_receipts_alone_show_the_drift(world: World) -> None:
    messages = sent(world)
    routes_refresh()
    assert drift_words(None) == "nothing billed yet"
    row = RouteMonth.objects.get()
    assert (row.messages, row.messages_told, row.money_estimated) == (10, 0, Decimal("0.5"))
    # Two were two parts long at the gateway, one had a price of its own.
    Message.objects.filter(pk__in=[each.pk for each in messages[:2]]).update(parts_billed=2)
    Message.objects.filter(pk=messages[2].pk).update(price_billed=Decimal("0.08"))
    routes_refresh()
    row = RouteMonth.objects.get()
    assert (row.messages_told, row.parts_reported) == (3, 12)
    assert row.money_reported == Decimal("0.63")
    route = compared(world)["routes"][0]
    assert (route["drift_percent"], route["drift"]) == ("26.0", "26.0 % dearer (by receipts)")


def test_a_bill_is_compared_by_country_and_operator(world: World) -> None:
    sent(world)
    out = bill(world, "LT,24601,6,0.36\nLT,24602,2,0.10\nLT,24601,3,0.18\nLV,,5,0.40\n")
    assert (out["rows"], out["parts"], out["amount"]["amount"]) == (4, 16, "1.04")
    found = compared(world)
    assert (found["bill"], found["invoiced"]["amount"], found["estimated"]["amount"]) == (
        "2026-17", "1.04", "0.5",
    )  # fmt: skip
    latvia, lithuania = found["routes"]
    assert (latvia["country"], latvia["messages"], latvia["drift_percent"]) == ("LV", 0, None)
    assert latvia["drift"] == "billed, but nothing was sent"
    assert (lithuania["drift_percent"], lithuania["parts_invoiced"]) == ("28.0", 11)
    assert [
        (line["operator"], line["parts"], line["price"]["amount"])
        for line in lithuania["operators"]
    ] == [("24601", 9, "0.06"), ("24602", 2, "0.05")]


def test_a_later_bill_takes_the_place_and_a_missing_country_is_a_drift(world: World) -> None:
    sent(world)
    bill(world, "LT,,10,0.50\n")
    assert bill(world, "LV,,1,0.10\n")["replaced"] is True
    assert Bill.objects.filter(replaced_at=None).count() == 1
    assert BillLine.objects.count() == 2
    row = RouteMonth.objects.get(country="LT")
    assert (row.parts_invoiced, row.money_invoiced) == (0, Decimal(0))


def test_computing_again_changes_nothing(world: World) -> None:
    sent(world)
    bill(world, "LT,,10,0.55\n")
    values = RouteMonth.objects.values_list("country", "money_estimated", "money_invoiced")
    before = list(values)
    routes_compute(timezone.now().date())
    assert list(values.all()) == before
    routes_compute(date(2020, 5, 1))
    assert RouteMonth.objects.count() == 1


@pytest.mark.parametrize(
    ("rows", "code"),
    [("LT,,1.5,0.05\n", "parts_format"), ("LT,,1,abc\n", "amount_format"), ("QQ,,1,0.05\n", "country_unknown"),
     ("LT,LMT,1,0.05\n", "operator_format"), ("LT,,-1,0.05\n", "parts_format")],
)  # fmt: skip
def test_one_bad_row_and_the_bill_is_refused(world: World, rows: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        bill(world, "LT,,1,0.05\n" + rows)
    assert (caught.value.details["rows"][0]["line"], caught.value.details["rows"][0]["code"]) == (
        3,
        code,
    )
    assert not Bill.objects.exists()
    assert not RouteMonth.objects.exists()


def test_a_bill_of_the_future_is_refused(world: World) -> None:
    ahead = (timezone.now() + timedelta(days=40)).date().isoformat()
    with pytest.raises(InvalidInput):
        bill(world, "LT,,1,0.05\n", month=ahead)
    assert not Bill.objects.exists()


def test_a_credit_lowers_the_bill(world: World) -> None:
    sent(world)
    bill(world, "LT,,10,0.60\nLT,,0,-0.10\n")
    assert compared(world)["routes"][0]["drift"] == "as estimated (by bill)"
    assert drift_of(Decimal(2), Decimal(0), 0, Decimal(1)) == (Decimal(2), Decimal(1), "bill")


def test_the_next_approver_reads_the_drift() -> None:
    desk = desk_make(contacts=3)
    sent(desk.world)
    bill(desk.world, "LT,,10,0.60\n")
    campaign = desk.submitted()
    request = ActionRequest.objects.get(
        operation="campaigns.submit_for_review", object_id=str(campaign.pk)
    )
    words = ["LT: 20.0 % dearer (by bill) over 1 billed month"]
    assert request.content["cost"]["earlier_bills"] == words
    assert desk.call("cost_preview", campaign_id=campaign.pk).earlier_bills == words
