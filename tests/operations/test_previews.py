"""Preview records [R-8.8], [R-9.14]."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from smsmarketing.operations import errors
from smsmarketing.operations.models import PreviewRecord
from smsmarketing.operations.previews import (
    preview_read,
    preview_store,
    preview_take,
    previews_expire,
)
from smsmarketing.operations.types import Actor, Context

pytestmark = pytest.mark.django_db

PAYLOAD = {"tag": "vip"}


@pytest.fixture
def context(actor: Actor) -> Context:
    return Context(actor=actor, now=timezone.now())


@pytest.fixture
def stored(context: Context) -> UUID:
    return preview_store(
        context, "segment", payload=PAYLOAD, result={"count": 3}, ttl=timedelta(minutes=30)
    )


def _later(context: Context, minutes: int) -> Context:
    return replace(context, now=context.now + timedelta(minutes=minutes))


def test_it_is_used_once(context: Context, stored: UUID) -> None:
    record = preview_take(context, "segment", stored, tool="segments.preview")
    assert (record.payload, record.result) == (PAYLOAD, {"count": 3})
    with pytest.raises(errors.PreconditionRequired):
        preview_take(context, "segment", stored, tool="segments.preview")


def test_reading_does_not_use_it_up(context: Context, stored: UUID) -> None:
    for _ in range(2):
        preview_read(context, "segment", str(stored), tool="segments.preview")
    preview_take(context, "segment", stored, tool="segments.preview", payload=PAYLOAD)
    preview_read(context, "segment", stored, tool="segments.preview")


def test_every_failure_looks_the_same(context: Context, stored: UUID, other: Actor) -> None:
    """[R-9.14]"""
    used = preview_store(context, "segment", payload={}, result={}, ttl=timedelta(minutes=30))
    preview_take(context, "segment", used, tool="segments.preview")
    stranger = replace(context, actor=other)
    seen = set()
    attempts: list[tuple[Context, str, Any, dict[str, Any]]] = [
        (context, "segment", None, {}),
        (context, "segment", "not an id", {}),
        (context, "segment", uuid4(), {}),
        (context, "segment", used, {}),
        (_later(context, 31), "segment", stored, {}),
        (stranger, "segment", stored, {}),
        (context, "segment", stored, {"payload": {"tag": "all"}}),
    ]
    for where, kind, preview_id, extra in attempts:
        with pytest.raises(errors.PreconditionRequired) as caught:
            preview_take(
                where,
                kind,
                preview_id,
                tool="segments.preview",
                argument="segment_preview_id",
                **extra,
            )
        seen.add((caught.value.message, *caught.value.field_errors, str(caught.value.details)))
    assert len(seen) == 1
    assert "segments.preview" in seen.pop()[0]
    assert PreviewRecord.objects.get(id=stored).used_at is None


def test_a_preview_of_another_kind_does_not_serve(context: Context, stored: UUID) -> None:
    with pytest.raises(errors.PreconditionRequired):
        preview_take(context, "cost", stored, tool="cost_preview")


def test_an_approved_run_may_be_later_than_the_expiry(context: Context, stored: UUID) -> None:
    """People need longer than 30 minutes; drift guards watch instead [R-8.3]. Once is still
    once.
    """
    granted = replace(_later(context, 600), action_request_id=uuid4())
    preview_take(granted, "segment", stored, tool="segments.preview")
    with pytest.raises(errors.PreconditionRequired):
        preview_take(granted, "segment", stored, tool="segments.preview")


def test_previews_that_nothing_can_name_are_deleted(context: Context, stored: UUID) -> None:
    assert previews_expire(now=context.now + timedelta(days=10)) == 0
    assert previews_expire(now=context.now + timedelta(days=15)) == 1


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_two_takers_at_the_same_time(
    context: Context, stored: UUID, threads: Callable[[list[Callable[[], Any]]], list[Any]]
) -> None:
    def take() -> Any:
        with transaction.atomic():
            return preview_take(context, "segment", stored, tool="segments.preview")

    results = threads([take, take])
    assert sorted(type(result).__name__ for result in results) == [
        "PreconditionRequired",
        "PreviewRecord",
    ]
