"""The base of every state machine: protected, locked, wrong state = Conflict (design.md §6)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from smsmarketing.gateways.models import Gateway
from smsmarketing.operations.errors import Conflict
from smsmarketing.operations.states import row_lock, transition_apply

pytestmark = pytest.mark.django_db


@pytest.fixture
def gateway(db: None) -> Gateway:
    return Gateway.objects.create(name="G", slug="g", transport="none", base_url="http://g.example")


def test_a_transition_saves_the_state_and_the_named_fields(gateway: Gateway) -> None:
    gateway.state_reason = "slow"
    gateway.name = "not saved"
    transition_apply(gateway, "degrade", save=["state_reason"])
    found = Gateway.objects.get()
    assert (found.state, found.state_reason, found.name) == ("degraded", "slow", "G")


def test_a_wrong_state_is_a_conflict_and_changes_nothing(gateway: Gateway) -> None:
    with pytest.raises(Conflict) as caught:
        transition_apply(gateway, "recover")
    assert caught.value.details == {"state": "active", "transition": "recover"}
    assert "active" in caught.value.message
    assert Gateway.objects.get().state == "active"


def test_the_state_cannot_be_assigned(gateway: Gateway) -> None:
    with pytest.raises(AttributeError):
        gateway.state = "disabled"


def test_a_row_can_be_refreshed(gateway: Gateway) -> None:
    """django-fsm 3.0.1 refuses to refresh a protected field; the base class does not."""
    Gateway.objects.update(name="H")
    transition_apply(Gateway.objects.get(), "degrade")
    gateway.refresh_from_db(fields=["name"])
    assert (gateway.name, gateway.state) == ("H", "active")
    gateway.refresh_from_db(fields=["state"])
    assert gateway.state == "degraded"
    gateway.refresh_from_db()
    assert gateway.state == "degraded"


def test_a_failed_refresh_keeps_the_state(gateway: Gateway) -> None:
    Gateway.objects.all().delete()
    gateway.pk = 999
    with pytest.raises(Gateway.DoesNotExist):
        gateway.refresh_from_db()
    assert gateway.state == "active"
    with pytest.raises(AttributeError):
        gateway.state = "disabled"


@pytest.mark.django_db(transaction=True)
def test_a_transition_needs_a_transaction(gateway: Gateway) -> None:
    with pytest.raises(RuntimeError, match="needs a transaction"):
        transition_apply(gateway, "degrade")
    assert Gateway.objects.get().state == "active"


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_of_eight_at_the_same_time_one_wins(
    gateway: Gateway, threads: Callable[[list[Callable[[], Any]]], list[Any]]
) -> None:
    def disable() -> None:
        with transaction.atomic():
            transition_apply(row_lock(Gateway, gateway.pk), "disable")

    results = threads([disable] * 8)
    assert results.count(None) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 7
    assert Gateway.objects.get().state == "disabled"
