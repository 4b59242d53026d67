"""The life of a batch through its services: what is refused, and that refusals change nothing."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.gateways import services
from smsmarketing.gateways.models import (
    Batch,
    BatchSlice,
    Gateway,
    LedgerEntry,
    Message,
    Quota,
    SenderId,
)
from smsmarketing.gateways.selectors import batch_counts, quota_current
from smsmarketing.gateways.services import MessageRow
from smsmarketing.operations.errors import (
    ApprovalRequired,
    BudgetExceeded,
    Conflict,
    GatewayUnavailable,
    InvalidInput,
    OperationError,
    QuotaExceeded,
    SenderNotEligible,
)
from tests.gateways.world import World, world_make

pytestmark = pytest.mark.django_db


def release(batch: Batch) -> Batch:
    with transaction.atomic():
        return services.batch_release(batch)


def refused(batch: Batch, error: type[OperationError]) -> OperationError:
    """The release is refused and leaves no trace."""
    with pytest.raises(error) as caught:
        release(batch)
    batch.refresh_from_db()
    assert batch.state == "building"
    assert not LedgerEntry.objects.filter(batch=batch).exists()
    quota = Quota.objects.filter(team=batch.team).first()
    assert quota is None or (quota.parts_reserved, quota.money_reserved) == (0, 0)
    assert set(batch_counts([batch.pk])[batch.pk]) <= {"queued"}
    return caught.value


def test_messages_are_cut_into_slices_of_500(world: World) -> None:
    batch = world.batch(world.contacts(1_201), release=False)
    sizes = [
        Message.objects.filter(batch=batch, id__range=(each.first_id, each.last_id)).count()
        for each in BatchSlice.objects.filter(batch=batch).order_by("number")
    ]
    assert sizes == [500, 500, 201]
    assert batch.planned == 1_201


def test_messages_may_be_added_in_several_goes(world: World) -> None:
    batch = world.batch(world.contacts(3), release=False)
    row = MessageRow(None, "+37061234567", "LT", "Hi", "gsm7", 1, Decimal("0.05"))
    assert services.messages_copy(batch, [row]) == 1
    assert batch.planned == 4
    assert list(BatchSlice.objects.filter(batch=batch).values_list("number", flat=True)) == [0, 1]


@pytest.mark.parametrize("body", ["tab\there", "new\nline", "back\\slash", "\\N", "quote\"'", "🎉"])
def test_any_text_survives_the_copy(world: World, body: str) -> None:
    batch = world.batch(world.contacts(1), release=False, body=body)
    assert Message.objects.get(batch=batch).body == body


def test_no_message_is_added_to_a_released_batch(world: World) -> None:
    batch = world.batch(world.contacts(1))
    row = MessageRow(None, "+37061234567", "LT", "Hi", "gsm7", 1, Decimal("0.05"))
    with pytest.raises(Conflict):
        services.messages_copy(batch, [row])
    assert Message.objects.filter(batch=batch).count() == 1


def test_release_reserves_parts_and_money_with_a_ledger_entry(world: World) -> None:
    batch = world.batch(world.contacts(3))
    quota = Quota.objects.get(team=world.team)
    assert (quota.parts_reserved, quota.money_reserved) == (3, Decimal("0.15"))
    entry = LedgerEntry.objects.get(batch=batch)
    assert (entry.kind, entry.parts, entry.amount) == ("reserve", 3, Decimal("0.15"))
    assert batch.state == "ready"


def test_release_twice_is_a_conflict_and_reserves_once(world: World) -> None:
    batch = world.batch(world.contacts(1))
    with pytest.raises(Conflict):
        release(batch)
    assert LedgerEntry.objects.filter(batch=batch).count() == 1


def test_an_empty_batch_is_refused(world: World) -> None:
    refused(world.batch([], release=False), InvalidInput)


def test_a_batch_without_approval_is_refused(world: World) -> None:
    refused(world.batch(world.contacts(1), release=False, approved=False), ApprovalRequired)


def _pending(batch: Batch, world: World) -> None:
    ActionRequest.objects.filter(pk=batch.action_request_id).update(state="pending")


def _superseded(batch: Batch, world: World) -> None:
    ActionRequest.objects.filter(pk=batch.action_request_id).update(state="superseded")


def _other_content(batch: Batch, world: World) -> None:
    Batch.objects.filter(pk=batch.pk).update(content_hash="e" * 64)


def _other_team(batch: Batch, world: World) -> None:
    foreign = world_make().approval()
    Batch.objects.filter(pk=batch.pk).update(action_request_id=foreign.pk)


def _lower_ceiling(batch: Batch, world: World) -> None:
    cheap = world.approval(ceiling=Decimal(1))
    Batch.objects.filter(pk=batch.pk).update(action_request_id=cheap.pk)


@pytest.mark.parametrize(
    "change", [_pending, _superseded, _other_content, _other_team, _lower_ceiling]
)
def test_an_approval_of_something_else_is_none(
    world: World, change: Callable[[Batch, World], None]
) -> None:
    batch = world.batch(world.contacts(1), release=False)
    change(batch, world)
    error = refused(batch, ApprovalRequired)
    batch.refresh_from_db()
    assert error.action_request_id == batch.action_request_id


def test_a_test_goes_only_to_the_teams_own_numbers(world: World) -> None:
    contacts = world.contacts(1)
    batch = world.batch(contacts, release=False, approved=False, purpose="test")
    refused(batch, ApprovalRequired)
    world.user.test_phone = contacts[0].phone or ""
    world.user.save()
    assert release(batch).state == "ready"


def test_a_reply_goes_only_to_whoever_wrote(world: World) -> None:
    batch = world.batch(world.contacts(1), release=False, approved=False, purpose="reply")
    refused(batch, ApprovalRequired)


def test_more_parts_than_the_quota_are_refused(world: World) -> None:
    services.quota_set(
        world.team, month=timezone.now().date(), message_limit=2, money_limit=Decimal(100)
    )
    error = refused(world.batch(world.contacts(3), release=False), QuotaExceeded)
    assert error.details == {"needed_parts": 3, "left_parts": 2, "limit_of": "team"}


def test_more_money_than_the_budget_is_refused(world: World) -> None:
    services.quota_set(
        world.team, month=timezone.now().date(), message_limit=100, money_limit=Decimal("0.10")
    )
    refused(world.batch(world.contacts(3), release=False), BudgetExceeded)


def test_more_money_than_the_approved_ceiling_is_refused(world: World) -> None:
    refused(world.batch(world.contacts(3), release=False, ceiling="0.14"), BudgetExceeded)


def test_a_team_without_quota_cannot_send(world: World) -> None:
    Quota.objects.all().delete()
    refused(world.batch(world.contacts(1), release=False), QuotaExceeded)


def test_a_new_month_inherits_the_limits(world: World) -> None:
    Quota.objects.update(month="2026-01-01", message_limit=7)
    quota = quota_current(world.team, timezone.now())
    assert quota is not None
    assert quota.message_limit == 7
    world.batch(world.contacts(2))
    assert Quota.objects.filter(team=world.team).count() == 2
    assert Quota.objects.get(month="2026-01-01").parts_reserved == 0


def test_an_unverified_sender_is_refused(world: World) -> None:
    SenderId.objects.update(state="suspended")
    refused(world.batch(world.contacts(1), release=False), SenderNotEligible)


def test_a_disabled_gateway_is_refused(world: World) -> None:
    Gateway.objects.update(state="disabled")
    refused(world.batch(world.contacts(1), release=False), GatewayUnavailable)


def test_stopping_releases_all_that_was_not_sent(world: World) -> None:
    batch = world.batch(world.contacts(4))
    with transaction.atomic():
        stopped = services.batch_stop(batch)
    assert stopped.state == "stopped"
    assert batch_counts([batch.pk])[batch.pk] == {"stopped/stopped": 4}
    quota = Quota.objects.get(team=world.team)
    assert (quota.parts_reserved, quota.money_reserved, quota.money_spent) == (0, 0, 0)
    kinds = LedgerEntry.objects.filter(batch=batch).order_by("id").values_list("kind", "amount")
    assert list(kinds) == [("reserve", Decimal("0.2")), ("release", Decimal("0.2"))]


def test_a_stopped_batch_stays_stopped(world: World) -> None:
    batch = world.batch(world.contacts(1))
    with transaction.atomic():
        services.batch_stop(batch)
    for act in (services.batch_stop, services.batch_pause, services.batch_resume):
        with pytest.raises(Conflict), transaction.atomic():
            act(batch)


def test_a_resume_checks_the_approval_again(world: World) -> None:
    batch = world.batch(world.contacts(1))
    with transaction.atomic():
        services.batch_pause(batch)
    ActionRequest.objects.filter(pk=batch.action_request_id).update(state="superseded")
    with pytest.raises(ApprovalRequired), transaction.atomic():
        services.batch_resume(batch)
    batch.refresh_from_db()
    assert batch.state == "paused"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE gateways_ledgerentry SET amount = 0",
        "DELETE FROM gateways_ledgerentry",
        "TRUNCATE gateways_ledgerentry CASCADE",
    ],
)
def test_the_ledger_only_grows(world: World, statement: str) -> None:
    from django.db import connection

    world.batch(world.contacts(1))
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert LedgerEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("table", "value"),
    [("message", "sent"), ("batch", "queued"), ("batchslice", "busy"), ("gateway", "fine")],
)
def test_states_are_words_that_the_database_knows(world: World, table: str, value: str) -> None:
    from django.db import connection

    world.batch(world.contacts(1))
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE gateways_{table} SET state = %s", [value])


def test_a_batch_is_of_one_team_brand_and_currency(world: World) -> None:
    other = world_make()
    given: dict[str, Any] = {
        "team": world.team,
        "brand": world.brand,
        "sender": world.sender,
        "gateway": world.gateway,
        "label": "x",
        "purpose": "marketing",
        "cost_ceiling": Decimal(1),
        "currency": "EUR",
    }
    for name, value in (
        ("sender", other.sender),
        ("brand", other.brand),
        ("currency", "USD"),
        ("per_minute", 0),
    ):
        with pytest.raises(InvalidInput) as caught:
            services.batch_create(**given | {name: value})
        assert caught.value.field_errors
    assert not Batch.objects.exists()
