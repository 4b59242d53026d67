"""The report page adds up before the reader's eyes; the first page counts what waits for whom."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from smsmarketing.accounts.models import Role
from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.tasks import materialise
from smsmarketing.contacts.services import suppression_add
from smsmarketing.gateways.models import Batch, Message
from smsmarketing.reporting.admin.chart import chart_of
from tests.campaigns.desk import Desk, desk_make
from tests.campaigns.desk_pages import signed_in, text_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=20)


def sent(desk: Desk) -> Campaign:
    """A campaign whose messages came to every kind of end."""
    campaign = desk.sending()
    materialise.run(campaign.pk)
    now = timezone.now()
    ids = list(
        Message.objects.filter(batch=Batch.objects.get(purpose="marketing"))
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    handed = {"handed_at": now, "accepted_at": now}
    for start, end, values in (
        (0, 9, {"state": "delivered", **handed}),
        (9, 11, {"state": "undelivered", "error_code": "43", "error_class": "hard", **handed}),
        (11, 12, {"state": "unknown", "handed_at": now}),
        (12, 15, {"state": "skipped", "reason": "opted_out"}),
        (15, 17, {"state": "accepted", **handed}),
    ):
        Message.objects.filter(pk__in=ids[start:end]).update(**values)
    return desk.fresh(campaign)


def report_url(campaign: Campaign) -> str:
    return reverse("campaign-report", args=[campaign.pk])


def test_the_funnel_adds_up_on_the_page(desk: Desk) -> None:
    campaign = sent(desk)
    html = signed_in(desk.marketer).get(report_url(campaign)).content.decode()
    rows = re.findall(r'<tr data-state="(\w+)">.*?data-count="(\d+)"', html, re.S)
    found = re.search(r'id="planned" data-count="(\d+)"', html)
    assert found is not None
    assert sum(int(count) for _, count in rows) == int(found[1]) == 20
    counts = {state: int(count) for state, count in rows}
    assert counts == {
        "delivered": 9, "undelivered": 2, "skipped": 3, "unknown": 1, "open": 5,
    }  # fmt: skip
    text = text_of(html)
    assert "The number cannot receive texts" in text
    assert "The person opted out." in text
    assert "Figures still move" in text


def test_what_is_not_measured_is_never_a_zero(desk: Desk) -> None:
    text = text_of(signed_in(desk.marketer).get(report_url(sent(desk))).content.decode())
    for name in ("Clicks", "Conversions", "Revenue"):
        assert f"{name} Not measured" in text


def test_the_report_of_a_draft_is_empty_but_there(desk: Desk) -> None:
    campaign = desk.draft()
    response = signed_in(desk.marketer).get(report_url(campaign))
    assert response.status_code == 200
    assert "No message was written" in response.content.decode()
    listed = signed_in(desk.marketer).get(reverse("campaign-reports")).content.decode()
    assert "No campaign has started yet" in listed


def test_reports_need_the_right_to_read_them(desk: Desk) -> None:
    campaign = sent(desk)
    desk.approver.roles.set(Role.objects.none())
    browser = signed_in(desk.approver)
    assert browser.get(report_url(campaign)).status_code == 403
    assert browser.get(reverse("campaign-reports")).status_code == 403
    assert signed_in(desk.marketer).post(report_url(campaign)).status_code == 405


@dataclass
class Slot:
    at: datetime
    handed_over: int
    delivered: int = 0
    failed: int = 0


def test_the_chart_keeps_quiet_hours_empty() -> None:
    start = datetime(2026, 3, 1, 8, tzinfo=UTC)
    chart = chart_of([Slot(start, 630, 600), Slot(start + timedelta(hours=5), 20)], per="hour")
    assert chart is not None
    assert len(chart.bars) == 2
    assert float(chart.bars[1].x) - float(chart.bars[0].x) > 500
    assert [line["text"] for line in chart.grid] == ["0", "200", "400", "600", "800"]
    assert chart_of([], per="hour") is None


@pytest.mark.parametrize("slots", [1, 5, 96, 97, 2000])
@pytest.mark.parametrize("per", ["hour", "day"])
def test_the_chart_stays_inside_its_frame(slots: int, per: str) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    step = timedelta(hours=1) if per == "hour" else timedelta(days=1)
    chart = chart_of([Slot(start + n * step, n + 1, n, 1) for n in range(slots)], per=per)
    assert chart is not None
    assert chart.bars
    for bar in chart.bars:
        for box in bar.boxes:
            assert 0 <= float(box["x"]) <= chart.width - float(box["width"]) + 0.11
            assert 0 <= float(box["y"]) <= chart.base
            assert float(box["height"]) >= 0


def test_the_first_page_shows_what_waits_for_whom(desk: Desk) -> None:
    waiting = desk.submitted(name="Decide on me")
    sent(desk)
    with transaction.atomic():
        contact = desk.audience.members.select_related("contact").earliest("id").contact
        suppression_add(
            phone=contact.phone,
            scope="brand",
            reason="opt_out",
            source="inbound",
            evidence={"text": "STOP"},
            brand=desk.world.brand,
        )
    approver = signed_in(desk.approver).get("/admin/")
    assert approver.context["desk"]["waiting"]["count"] == 1
    html = approver.content.decode()
    assert reverse("admin:approvals_actionrequest_change", args=[waiting.action_request_id]) in html
    marketer = signed_in(desk.marketer).get("/admin/")
    shown = marketer.context["desk"]
    assert shown["waiting"]["count"] == 0
    assert shown["running"]["count"] == 1
    assert shown["today"]["total"] == 20
    assert shown["quotas"][0]["limit"] == 1_000_000
    assert shown["opt_outs"]["day"] == 1
    assert contact.phone not in marketer.content.decode()
    stranger = signed_in(desk_make(contacts=1).marketer).get("/admin/")
    assert stranger.context["desk"]["running"]["count"] == 0
    assert stranger.context["desk"]["opt_outs"]["day"] == 0
    assert "Where to begin" in stranger.content.decode()


def test_every_link_of_the_first_page_opens(desk: Desk) -> None:
    sent(desk)
    browser = signed_in(desk.marketer)
    html = browser.get("/admin/").content.decode()
    main = html[html.find('id="dashboard"') :]
    links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/[^"#]+)"', main)}
    assert len(links) > 5
    for link in links:
        assert browser.get(link).status_code == 200, link
