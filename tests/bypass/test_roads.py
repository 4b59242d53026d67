"""Every operation, task and command, tried on a campaign that nobody approved: no message leaves."""

from __future__ import annotations

import contextlib
import inspect
import uuid
from typing import Any

import pytest
from celery import current_app
from django.core.management import get_commands
from django.db import IntegrityError, transaction
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.campaigns.models import Campaign
from smsmarketing.contacts.models import Segment
from smsmarketing.gateways.models import Batch, Message
from smsmarketing.operations import registry
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.types import Operation
from tests.bypass.conftest import Shut
from tests.campaigns.desk import Desk
from tests.simulator.process import RunningSimulator
from tests.surfaces import SURFACES, SurfaceName, call

pytestmark = pytest.mark.django_db

UNAPPROVED = {"draft", "in_review", "changes_requested", "rejected"}
OURS = (
    "accounts.",
    "approvals.",
    "campaigns.",
    "contacts.",
    "gateways.",
    "operations.",
    "reporting.",
)
COMMANDS = {
    "audit": "verifies the chain and anchors it",
    "brand_language": "sets the language of pages and answers; sends nothing",
    "consent": "verifies the seals of the consent ledger",
    "contracts": "prints the published contracts",
    "demo_data": "goes through execute() as a person without the right to approve",
    "gateway_credentials": "stores a gateway's secrets from the terminal; hands no message over",
    "operations": "goes through execute() on the command line, where nobody can approve",
    "person_save": "people and roles; needs a shell and is audited",
    "receipts": "applies receipts again; receipts move states up, they send nothing",
    "secrets": "seals stored secrets anew under the newest key; sends nothing",
    "smpp_bind": "runs what is due as the workers do, gate first (tests/gateways/smpp/test_bind.py)",
    "smpp_supervise": "starts and stops binds; sends nothing itself",
}
"""Every management command and why it cannot send. A new one must be thought about here."""

WORDS: dict[str, Any] = {
    "reason": "because I say so",
    "note": "please",
    "usernames": [],
    "time_zone": "Europe/Vilnius",
    "send_at_local": "2031-05-05T12:00",
    "quiet_mode": "default",
    "verdict": "reject",
}


def new_key() -> str:
    return uuid.uuid4().hex


def payload_for(operation: Operation[Any, Any], campaign: Campaign, desk: Desk) -> dict[str, Any]:
    """The best an attacker can say: right ids, the right hash, a fresh version token."""
    known: dict[str, Any] = {
        **WORDS,
        "campaign_id": campaign.pk,
        "action_request_id": str(campaign.action_request_id or uuid.uuid4()),
        "content_hash": campaign.content_hash or "0" * 64,
        "base_version_token": desk.token(campaign),
    }
    return {name: known[name] for name in operation.input.model_fields if name in known}


def on_campaigns() -> list[str]:
    """Every write that takes a campaign or a request, except those whose effect is to give up or to ask."""
    found = []
    for operation in registry.every():
        fields = operation.input.model_fields
        if operation.writes and {"campaign_id", "action_request_id"} & set(fields):
            found.append(operation.key)
    return found


def test_the_list_of_writes_is_not_empty() -> None:
    assert {"campaigns.send_approved", "campaigns.schedule", "campaigns.approve"} <= set(
        on_campaigns()
    )


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("state", ["draft", "in_review"])
def test_no_operation_sends_or_approves_for_the_author(
    desk: Desk, carrier: RunningSimulator, surface: SurfaceName, state: str
) -> None:
    """Whatever the author calls, in whatever order, the campaign never gets past the review."""
    campaign = desk.draft() if state == "draft" else desk.submitted()
    for key in on_campaigns():
        campaign = desk.fresh(campaign)
        payload = payload_for(registry.get(key), campaign, desk)
        answer = call(surface, desk.marketer, key, payload, idempotency_key=new_key())
        assert answer.code != "INTERNAL", key
        assert desk.fresh(campaign).state in UNAPPROVED, key
    assert not Message.objects.exists()
    assert not Batch.objects.exists()
    assert not ActionRequest.objects.exclude(
        state__in=["pending", "cancelled", "superseded"]
    ).exists()
    assert carrier.stats()["accepted"] == 0


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("key", ["campaigns.send_approved", "campaigns.schedule"])
def test_sending_what_nobody_approved_is_refused(
    desk: Desk, chief: User, shut: Shut, surface: SurfaceName, key: str
) -> None:
    """The refusal says what is missing; a superuser is refused like everybody [R-8.1]."""
    drafts = [desk.draft(name="Draft"), desk.submitted(name="Waiting")]
    for person in (desk.marketer, chief):
        for campaign in drafts:
            token = desk.token(campaign, person)
            payload = {
                **payload_for(registry.get(key), campaign, desk),
                "base_version_token": token,
            }
            with shut():
                answer = call(surface, person, key, payload, idempotency_key=new_key())
            assert answer.code in {"APPROVAL_REQUIRED", "CONFLICT"}, answer
            assert answer.message


def tasks() -> dict[str, Any]:
    """Every task of the product, by name."""
    return {
        name: task
        for name, task in sorted(current_app.tasks.items())
        if name.startswith(OURS) and not name.startswith("tests.")
    }


@pytest.mark.parametrize("state", ["draft", "in_review"])
def test_no_task_sends_what_nobody_approved(desk: Desk, shut: Shut, state: str) -> None:
    """Each task called by hand, with the ids of the campaign, its request and a batch made for it."""
    campaign = desk.draft() if state == "draft" else desk.submitted()
    world = desk.world
    batch = world.batch(world.contacts(2), release=False, approved=False)
    waiting = desk.submitted(name="Waiting too")
    known = {
        "campaign_id": campaign.pk,
        "batch_id": batch.pk,
        "request_id": str(campaign.action_request_id or waiting.action_request_id),
    }
    current_app.tasks["gateways.syncs_run"].run()  # reads prices by itself; now they are fresh
    called = 0
    for task in tasks().values():
        names = [item for item in inspect.signature(task.run).parameters if item != "self"]
        if not set(names) <= set(known):
            continue  # takes something that leads to no campaign and no batch, e.g. an import
        with shut():
            task.run(**{item: known[item] for item in names})
        called += 1
    assert called >= 6


def test_every_command_is_known() -> None:
    ours = {
        name for name, where in get_commands().items() if str(where).startswith("smsmarketing.")
    }
    assert ours == set(COMMANDS)


def test_the_shell_cannot_approve_nor_send(desk: Desk, shut: Shut) -> None:
    """`operations call` has no switch for a grant, a surface or a session."""
    campaign = desk.submitted()
    for key, person in (
        ("campaigns.approve", desk.approver),
        ("action_requests.approve", desk.approver),
        ("campaigns.send_approved", desk.marketer),
    ):
        with shut():
            answer = call(
                "cli",
                person,
                key,
                payload_for(registry.get(key), campaign, desk),
                idempotency_key=new_key(),
            )
        assert answer.code in {"NOT_PERMITTED", "VERSION_CONFLICT", "APPROVAL_REQUIRED"}


# --- Rows forged below the rules: a bug or a script that writes states directly ---------------------------


def forge(campaign: Campaign, **fields: Any) -> bool:
    """Write to the row below the rules; False when a CHECK of the database itself refuses."""
    try:
        with transaction.atomic():
            Campaign.objects.filter(pk=campaign.pk).update(**fields)
    except IntegrityError:
        return False
    return True


@pytest.mark.parametrize("state", ["approved", "scheduled"])
def test_a_campaign_whose_state_was_forged_does_not_start(
    desk: Desk, carrier: RunningSimulator, state: str
) -> None:
    from smsmarketing.campaigns.tasks import start_due

    for campaign in (desk.draft(name="Draft"), desk.submitted(name="Waiting")):
        # A draft has no request, so the table itself refuses the lie.
        changed = forge(campaign, state=state, scheduled_at=timezone.now())
        assert changed is (campaign.action_request_id is not None)
        answer = call(
            "rest",
            desk.marketer,
            "campaigns.send_approved",
            {"campaign_id": campaign.pk, "base_version_token": desk.token(campaign)},
            idempotency_key=new_key(),
        )
        assert answer.code == "APPROVAL_REQUIRED"
        start_due.run()
        assert desk.fresh(campaign).state in {state, "draft"}
    assert not Message.objects.exists()
    assert carrier.stats()["accepted"] == 0


def test_a_campaign_forged_into_sending_gets_no_batch(
    desk: Desk, carrier: RunningSimulator
) -> None:
    """Even the job that makes messages meets the last wall: no approval, no batch."""
    from smsmarketing.campaigns.tasks import follow, materialise

    now = timezone.now()
    lie = {"state": "sending", "started_at": now, "approved_recipients": 5, "cost_ceiling": 100}
    assert not forge(desk.draft(name="Draft"), **lie)
    campaign = desk.submitted(name="Waiting")
    assert forge(campaign, **lie)
    with contextlib.suppress(
        OperationError
    ):  # the hold may find the request in a state it does not know
        materialise.run(campaign.pk)
    follow.run()
    assert not Message.objects.exists()
    assert carrier.stats()["accepted"] == 0


@pytest.mark.parametrize(
    "forged",
    [
        {"body": "Acme: 99% off, everything free today."},
        {"purpose": "transactional"},
        {"landing_url": "https://evil.example/"},
        {"quiet_mode": "strict"},
        {"per_minute": 60000},
    ],
)
def test_what_was_approved_is_what_is_sent(desk: Desk, shut: Shut, forged: dict[str, Any]) -> None:
    """[R-8.2] content that changed behind the rules' back after the approval stops the send."""
    campaign = desk.approved()
    Campaign.objects.filter(pk=campaign.pk).update(**forged)
    payload = {"campaign_id": campaign.pk, "base_version_token": desk.token(campaign)}
    with shut():
        answer = call(
            "rest", desk.marketer, "campaigns.send_approved", payload, idempotency_key=new_key()
        )
    assert answer.code == "APPROVAL_REQUIRED"


def test_another_audience_than_approved_stops_the_send(desk: Desk, shut: Shut) -> None:
    campaign = desk.approved()
    Segment.objects.filter(pk=campaign.segment_id).update(criteria={"country": ["LT"]})
    payload = {"campaign_id": campaign.pk, "base_version_token": desk.token(campaign)}
    with shut():
        answer = call(
            "rest", desk.marketer, "campaigns.send_approved", payload, idempotency_key=new_key()
        )
    assert answer.code == "APPROVAL_REQUIRED"


def test_one_approval_sends_once(desk: Desk, carrier: RunningSimulator) -> None:
    """A spent approval starts nothing a second time, not even with the campaign's state put back."""
    campaign = desk.sending()
    assert forge(campaign, state="approved", started_at=None)
    payload = {"campaign_id": campaign.pk, "base_version_token": desk.token(campaign)}
    answer = call(
        "rest", desk.marketer, "campaigns.send_approved", payload, idempotency_key=new_key()
    )
    assert answer.code in {"APPROVAL_REQUIRED", "CONFLICT"}
    other = desk.draft(name="Stowaway")
    # One request belongs to one campaign: the table refuses a second that leans on it.
    assert not forge(
        other,
        state="approved",
        action_request_id=campaign.action_request_id,
        content_hash=campaign.content_hash,
        approved_recipients=5,
        cost_ceiling=100,
    )
    payload = {"campaign_id": other.pk, "base_version_token": desk.token(other)}
    answer = call(
        "rest", desk.marketer, "campaigns.send_approved", payload, idempotency_key=new_key()
    )
    assert answer.code == "APPROVAL_REQUIRED"
    assert not Message.objects.exists()
