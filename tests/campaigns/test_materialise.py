"""From started to written down: once, whole or not at all, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from smsmarketing.approvals.models import ActionRequest, OwnerNotification
from smsmarketing.campaigns.models import Campaign, CampaignSend, Decision
from smsmarketing.campaigns.plan import materialise as plan_materialise
from smsmarketing.campaigns.services import materialise as service
from smsmarketing.campaigns.tasks import follow, materialise
from smsmarketing.contacts.models import Contact, SendState
from smsmarketing.contacts.services import audience_add
from smsmarketing.gateways.models import (
    Batch,
    BatchSlice,
    Gateway,
    LedgerEntry,
    Message,
    Quota,
    SenderId,
)
from smsmarketing.gateways.services import rate_set
from smsmarketing.operations.states import row_lock, transition_apply
from tests.campaigns.desk import Desk, desk_make

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = "Acme: hello {first_name}."
FIELDS = [{"name": "first_name", "max_chars": 10, "fallback": "you"}]


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=20)


def nothing_written() -> bool:
    return not any(
        model.objects.exists()
        for model in (Batch, Message, BatchSlice, CampaignSend, Decision, LedgerEntry)
    )


def held(desk: Desk, campaign: Campaign, says: str) -> None:
    """The campaign went back to its author with the reason, and nothing is half done."""
    campaign = desk.fresh(campaign)
    request = ActionRequest.objects.get(
        object_id=str(campaign.pk), operation="campaigns.submit_for_review"
    )
    assert campaign.state == "draft"
    assert says in campaign.hold_reason, campaign.hold_reason
    assert (campaign.started_at, campaign.action_request_id, campaign.content_hash) == (
        None,
        None,
        "",
    )
    assert (campaign.cost_ceiling, campaign.approved_recipients) == (None, None)
    assert str(request.state) == "failed"
    assert says in OwnerNotification.objects.get(kind="campaign_not_started").text
    assert nothing_written()
    quota = Quota.objects.first()
    assert quota is None or (quota.parts_reserved, quota.money_reserved) == (0, 0)


class Killed(BaseException):
    """Stands for a worker that dies: no except clause of ours catches it."""


def killed_after(rows: int, inner: Any) -> Any:
    def dying(*args: Any, **options: Any) -> Iterator[Any]:
        for number, row in enumerate(inner(*args, **options)):
            if number == rows:
                raise Killed
            yield row

    return dying


@pytest.mark.parametrize("where", ["rows", "decisions", "release"])
def test_a_worker_that_dies_in_the_middle_leaves_nothing_and_the_next_one_does_it_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    campaign = desk.sending(message=TEXT, fields=FIELDS)

    def die(*args: Any, **options: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        if where == "rows":
            patched.setattr(plan_materialise, "_rows", killed_after(11, plan_materialise._rows))
        else:
            patched.setattr(
                service, {"decisions": "decisions_store", "release": "batch_release"}[where], die
            )
        with pytest.raises(Killed):
            materialise.run(campaign.pk)
    assert nothing_written()
    assert desk.fresh(campaign).state == "sending"
    follow.run()  # beat finds it again and enqueues the job
    materialise.run(campaign.pk)
    materialise.run(campaign.pk)
    assert Batch.objects.get().planned == Message.objects.count() == 20
    assert LedgerEntry.objects.filter(kind="reserve").count() == 1
    assert desk.fresh(campaign).materialise_tries == 2


def test_what_fails_again_and_again_is_given_up_and_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = desk.sending()

    def broken(*args: Any, **options: Any) -> None:
        raise RuntimeError("an injected fault")

    monkeypatch.setattr(service, "plan_freeze", broken)
    for _ in range(service.MOST_TRIES):
        with pytest.raises(RuntimeError):
            materialise.run(campaign.pk)
    materialise.run(campaign.pk)
    campaign = desk.fresh(campaign)
    assert campaign.state == "failed"
    assert campaign.finished_at is not None
    assert str(ActionRequest.objects.get(pk=campaign.action_request_id).state) == "failed"
    assert OwnerNotification.objects.filter(kind="campaign_failed", user=desk.marketer).exists()
    assert nothing_written()
    materialise.run(campaign.pk)
    assert nothing_written()


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"message_limit": 19}, "20 parts and the team has 19 left"),
        ({"money_limit": Decimal("0.99")}, "0.99"),
    ],
)
def test_a_quota_that_is_used_up_meanwhile_sends_nothing(
    desk: Desk, limits: dict[str, Any], says: str
) -> None:
    campaign = desk.sending()
    Quota.objects.update(**limits)
    materialise.run(campaign.pk)
    held(desk, campaign, says)


def test_a_price_that_rose_above_the_ceiling_sends_nothing(desk: Desk) -> None:
    """[R-8.3] cost above the approved ceiling."""
    campaign = desk.sending()
    rate_set(desk.world.gateway, country="LT", price=Decimal("0.06"))
    materialise.run(campaign.pk)
    held(desk, campaign, "ceiling")


def test_a_country_that_nobody_approved_sends_nothing(desk: Desk) -> None:
    """[R-8.3] within the five percent, but to another country."""
    campaign = desk.sending()
    rate_set(desk.world.gateway, country="LV", price=Decimal("0.05"))
    audience_add(
        desk.audience, [row.pk for row in desk.world.contacts(1, prefix="+3712", country="LV")]
    )
    materialise.run(campaign.pk)
    held(desk, campaign, "not approved joined the audience: LV")


def test_an_audience_of_nobody_sends_nothing(desk: Desk) -> None:
    campaign = desk.sending()
    SendState.objects.update(marketing_reason="opted_out")
    materialise.run(campaign.pk)
    held(desk, campaign, "Nobody")


def test_growth_within_five_percent_is_tolerated_and_shrinking_always(desk: Desk) -> None:
    campaign = desk.sending()
    audience_add(desk.audience, [row.pk for row in desk.world.contacts(1)])
    materialise.run(campaign.pk)
    assert Batch.objects.get().planned == 21


def test_a_sender_suspended_after_the_start_sends_nothing(desk: Desk) -> None:
    campaign = desk.sending()
    with transaction.atomic():
        transition_apply(row_lock(SenderId, desk.world.sender.pk), "suspend")
    materialise.run(campaign.pk)
    held(desk, campaign, "suspended")


def test_a_gateway_disabled_after_the_start_sends_nothing(desk: Desk) -> None:
    campaign = desk.sending()
    with transaction.atomic():
        transition_apply(row_lock(Gateway, desk.world.gateway.pk), "disable")
    materialise.run(campaign.pk)
    held(desk, campaign, "disabled")


def test_a_text_dearer_than_the_approved_worst_case_is_held_not_cut(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[R-1.9] fail closed."""
    campaign = desk.sending(message=TEXT, fields=FIELDS)
    whole = service.campaign_fit

    def cheaper(row: Campaign) -> Any:
        fit = whole(row)
        monkeypatch.setattr(type(fit), "parts_worst", property(lambda self: 0))
        return fit

    monkeypatch.setattr(service, "campaign_fit", cheaper)
    materialise.run(campaign.pk)
    held(desk, campaign, "at most 0 were approved")


def test_held_work_can_be_mended_and_sent(desk: Desk) -> None:
    campaign = desk.sending()
    Quota.objects.update(message_limit=1)
    materialise.run(campaign.pk)
    Quota.objects.update(message_limit=1000)
    desk.call(
        "campaigns.submit_for_review",
        campaign_id=campaign.pk,
        base_version_token=desk.token(campaign),
    )
    campaign = desk.fresh(campaign)
    desk.call(
        "campaigns.approve",
        desk.approver,
        campaign_id=campaign.pk,
        content_hash=campaign.content_hash,
    )
    desk.call(
        "campaigns.send_approved", campaign_id=campaign.pk, base_version_token=desk.token(campaign)
    )
    materialise.run(campaign.pk)
    assert Batch.objects.get().planned == 20


def during(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, key: str, campaign: Campaign, **more: Any
) -> Any:
    """Let a person call an operation, on another connection, while the messages are being written."""
    from threading import Thread

    from django.db import connections

    answers: list[Any] = []
    whole = service.decisions_store

    def call() -> None:
        try:
            answers.append(desk.call(key, campaign_id=campaign.pk, **more))
        finally:
            connections.close_all()

    def meanwhile(*args: Any, **options: Any) -> int:
        person = Thread(target=call)
        person.start()
        person.join(timeout=60)
        return whole(*args, **options)

    monkeypatch.setattr(service, "decisions_store", meanwhile)
    materialise.run(campaign.pk)
    assert len(answers) == 1
    return answers[0]


def test_a_stop_while_the_messages_are_written_sends_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[R-8.5] the stop is not delayed by the writing, and what was being written never becomes messages."""
    campaign = desk.sending()
    answer = during(desk, monkeypatch, "campaigns.stop_remaining", campaign, reason="Wrong text.")
    assert (answer.state, answer.stopped) == ("stopped", 0)
    assert nothing_written()
    campaign = desk.fresh(campaign)
    assert campaign.state == "stopped"
    report = desk.call("campaign_reports.get", campaign_id=campaign.pk)
    assert (report.final, report.delivery.planned) == (True, 0)
    follow.run()
    materialise.run(campaign.pk)
    assert nothing_written()


def test_a_pause_while_the_messages_are_written_pauses_them(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = desk.sending()
    during(desk, monkeypatch, "campaigns.pause", campaign, reason="Wait.")
    batch = Batch.objects.get()
    assert (desk.fresh(campaign).state, batch.state, batch.planned) == ("paused", "paused", 20)
    desk.call("campaigns.resume", campaign_id=campaign.pk)
    batch.refresh_from_db()
    assert (desk.fresh(campaign).state, batch.state) == ("sending", "sending")


def test_a_pause_before_the_messages_exist_holds_them(desk: Desk) -> None:
    campaign = desk.sending()
    desk.call("campaigns.pause", campaign_id=campaign.pk)
    materialise.run(campaign.pk)
    assert Batch.objects.get().state == "paused"


def test_every_value_travels_unharmed(desk: Desk) -> None:
    contact = Contact.objects.order_by("pk").first()
    assert contact is not None
    contact.first_name = "a\\N\tb\nc"
    contact.save()
    campaign = desk.sending(message=TEXT, fields=FIELDS)
    materialise.run(campaign.pk)
    body = Message.objects.get(contact_id=contact.pk).body
    assert body == "Acme: hello a\\N b c.\nReply STOP to opt out"
