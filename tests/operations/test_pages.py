"""Cursor pages."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import QuerySet

from smsmarketing.operations import errors
from smsmarketing.operations.models import IdempotencyClaim
from smsmarketing.operations.pages import PageInput, page_cut

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 1, tzinfo=UTC)


class ClaimsInput(PageInput):
    operation: str = "a"


@pytest.fixture
def rows() -> QuerySet[IdempotencyClaim]:
    """25 rows, of which five each share a time."""
    IdempotencyClaim.objects.bulk_create(
        IdempotencyClaim(
            principal="user:1",
            operation="a",
            key=f"k{number}",
            input_hash="",
            created_at=START + timedelta(minutes=number // 5),
            expires_at=START,
        )
        for number in range(25)
    )
    return IdempotencyClaim.objects.order_by("-created_at", "id")


def _all(rows: QuerySet[Any], limit: int) -> Iterator[Any]:
    cursor = None
    while True:
        found, cursor = page_cut(rows, ClaimsInput(cursor=cursor, limit=limit), principal="user:1")
        yield from found
        if cursor is None:
            return


@pytest.mark.parametrize("limit", [1, 4, 5, 24, 25, 100])
def test_pages_together_are_the_list(rows: QuerySet[IdempotencyClaim], limit: int) -> None:
    assert list(_all(rows, limit)) == list(rows)


def test_pages_of_dictionaries(rows: QuerySet[IdempotencyClaim]) -> None:
    values = rows.values("id", "created_at")
    assert list(_all(values, 7)) == list(values)


def test_rows_that_come_and_go_do_not_shift_the_pages(rows: QuerySet[IdempotencyClaim]) -> None:
    expected = list(rows)
    first, cursor = page_cut(rows, ClaimsInput(limit=10), principal="user:1")
    first[3].delete()
    IdempotencyClaim.objects.create(
        principal="user:1",
        operation="a",
        key="new",
        input_hash="",
        created_at=START + timedelta(days=1),
        expires_at=START,
    )
    second, _ = page_cut(rows, ClaimsInput(limit=10, cursor=cursor), principal="user:1")
    assert second == expected[10:20]


def test_a_cursor_belongs_to_its_caller_and_its_filters(rows: QuerySet[IdempotencyClaim]) -> None:
    _, cursor = page_cut(rows, ClaimsInput(limit=10), principal="user:1")
    assert cursor is not None
    foreign = [
        (ClaimsInput(cursor=cursor), "user:2"),
        (ClaimsInput(cursor=cursor, operation="b"), "user:1"),
        (PageInput(cursor=cursor), "user:1"),
        (ClaimsInput(cursor=cursor[:-1] + ("A" if cursor[-1] != "A" else "B")), "user:1"),
        (ClaimsInput(cursor="nonsense"), "user:1"),
        (ClaimsInput(cursor="a:b:c"), "user:1"),
    ]
    for data, principal in foreign:
        with pytest.raises(errors.InvalidInput) as caught:
            page_cut(rows, data, principal=principal)
        assert list(caught.value.field_errors) == ["cursor"]
    page_cut(rows, ClaimsInput(cursor=cursor, limit=99), principal="user:1")


def test_a_list_without_an_order_is_a_bug() -> None:
    for rows in (IdempotencyClaim.objects.all(), IdempotencyClaim.objects.order_by("?")):
        with pytest.raises(ValueError, match="ordered"):
            page_cut(rows, PageInput(), principal="user:1")
