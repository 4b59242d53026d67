"""Beat, people and jobs at one campaign: one of them wins, and the rows agree afterwards."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.tasks import materialise, start_due
from smsmarketing.gateways.models import Batch, LedgerEntry, Message
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.models import AuditEntry
from tests.campaigns.desk import Desk, desk_make

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.races]

ROUNDS = 3


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=6)


def at_once(*functions: Callable[[], Any]) -> list[Any]:
    """Run functions at the same moment, each with its own connection; values or refusals."""
    results: list[Any] = [None] * len(functions)
    gate = threading.Barrier(len(functions))

    def work(index: int) -> None:
        try:
            gate.wait(timeout=30)
            results[index] = functions[index]()
        except OperationError as refusal:
            results[index] = refusal
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
        assert not thread.is_alive()
    return results


def due(desk: Desk) -> Campaign:
    campaign = desk.approved()
    desk.call(
        "campaigns.schedule",
        campaign_id=campaign.pk,
        base_version_token=desk.token(campaign),
        send_at_local=(timezone.now() + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M"),
        time_zone="UTC",
    )
    Campaign.objects.filter(pk=campaign.pk).update(scheduled_at=timezone.now())
    return campaign


@pytest.mark.processes
def test_two_beats_in_two_processes_start_a_due_campaign_once(
    desk: Desk, process_environment: dict[str, str]
) -> None:
    campaign = due(desk)
    code = (
        "import django; django.setup()\n"
        "from smsmarketing.campaigns.tasks import materialise, start_due\n"
        f"start_due.run(); materialise.run({campaign.pk})\n"
    )
    beats = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=process_environment, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for beat in beats:
        _, problems = beat.communicate(timeout=120)
        assert beat.returncode == 0, problems.decode()[-2000:]
    materialise.run(campaign.pk)
    assert desk.fresh(campaign).state == "sending"
    assert AuditEntry.objects.filter(operation="campaigns.start_due", outcome="done").count() == 1
    assert Batch.objects.get(purpose="marketing").planned == Message.objects.count() == 6
    assert LedgerEntry.objects.filter(kind="reserve").count() == 1


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_cancel_and_start_at_once_leave_one_of_both(desk: Desk, turn: int) -> None:
    """[R-8.6] either it never started, or it has started and can only be stopped."""
    campaign = due(desk)
    cancelled, _ = at_once(
        lambda: desk.call("campaigns.cancel_schedule", campaign_id=campaign.pk, reason="Rain."),
        lambda: start_due.run(),
    )
    campaign = desk.fresh(campaign)
    request = str(ActionRequest.objects.get(pk=campaign.action_request_id).state)
    if isinstance(cancelled, OperationError):
        assert (campaign.state, request) == ("sending", "executing")
    else:
        assert (campaign.state, request, campaign.scheduled_at) == ("approved", "approved", None)
        assert campaign.started_at is None


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_a_vote_on_the_request_and_an_edit_of_the_campaign_do_not_block_each_other(
    desk: Desk, turn: int
) -> None:
    """Both lock the request first: no deadlock, and never an approval of what nobody saw [R-8.2]."""
    campaign = desk.submitted()
    token = desk.token(campaign)
    request_id = campaign.action_request_id
    _, edited = at_once(
        lambda: desk.call(
            "action_requests.approve",
            desk.approver,
            action_request_id=str(request_id),
            content_hash=campaign.content_hash,
        ),
        lambda: desk.call(
            "campaigns.update",
            campaign_id=campaign.pk,
            base_version_token=token,
            message="Acme: 90% off, everything must go.",
        ),
    )
    found = desk.fresh(campaign)
    request = str(ActionRequest.objects.get(pk=request_id).state)
    if found.state == "approved":
        assert isinstance(edited, OperationError)
        assert (found.body, request) == ("Acme: 20% off today only.", "approved")
    else:
        assert (found.state, found.action_request_id, request) == ("draft", None, "superseded")
        assert not isinstance(edited, OperationError)


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_pause_and_materialise_at_once_never_leave_a_running_batch_of_a_paused_campaign(
    desk: Desk, turn: int
) -> None:
    campaign = desk.sending()
    at_once(
        lambda: materialise.run(campaign.pk),
        lambda: desk.call("campaigns.pause", campaign_id=campaign.pk, reason="Wait."),
    )
    materialise.run(campaign.pk)
    assert desk.fresh(campaign).state == "paused"
    assert Batch.objects.get().state == "paused"


def test_two_materialisations_at_once_write_once(desk: Desk) -> None:
    campaign = desk.sending()
    at_once(*[lambda: materialise.run(campaign.pk)] * 4)
    materialise.run(campaign.pk)
    assert Batch.objects.get().planned == Message.objects.count() == 6
