"""Cursor pages for list operations: keyset, signed, bound to the caller and the filters."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.core import signing
from django.db.models import Q, QuerySet
from pydantic import BaseModel, Field

from smsmarketing.operations.canonical import sha256_hex
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.types import Input, Output

Item = TypeVar("Item", bound=BaseModel)

_SALT = "smsmarketing.operations.page_cursor"


class PageInput(Input):
    """Base of every list input."""

    cursor: str | None = Field(
        default=None,
        max_length=1024,
        description="next_cursor of the page before; leave out for the first page.",
    )
    limit: int = Field(default=50, ge=1, le=100, description="Rows per page, 1 to 100.")


class Page(Output, Generic[Item]):
    """Base of every list output: `class ContactPage(Page[ContactRow])`."""

    items: list[Item] = Field(description="The rows of this page, in the list's own order.")
    next_cursor: str | None = Field(
        description="Pass as cursor for the next page; null on the last page."
    )


def page_cut(
    queryset: QuerySet[Any], data: PageInput, *, principal: str
) -> tuple[list[Any], str | None]:
    """The rows of one page and the cursor of the next.

    The queryset must be ordered by plain columns that are never null and together unique (end with
    the primary key). A cursor is signed, and bound to `principal` and to the filters in `data`:
    with other filters it is refused. Raises InvalidInput for a cursor that is not this caller's
    own.
    """
    ordering = _ordering(queryset)
    binding = sha256_hex(
        [principal, type(data).__name__, data.model_dump(mode="json", exclude={"cursor", "limit"})]
    )
    rows = queryset
    if data.cursor:
        rows = rows.filter(_after(ordering, _cursor_read(data.cursor, binding, size=len(ordering))))
    found = list(rows[: data.limit + 1])
    if len(found) <= data.limit:
        return found, None
    page = found[: data.limit]
    marks = [_packed(_value(page[-1], name)) for name, _ in ordering]
    return page, signing.dumps([binding[:32], marks], salt=_SALT, compress=True)


def _ordering(queryset: QuerySet[Any]) -> list[tuple[str, bool]]:
    """(column, descending) for each column the rows are ordered by."""
    query = queryset.query
    names = list(query.order_by) or (
        list(query.get_meta().ordering or ()) if query.default_ordering else []
    )
    if not names or not all(isinstance(name, str) and name != "?" for name in names):
        raise ValueError("page_cut needs a queryset ordered by column names")
    return [(str(name).lstrip("-"), str(name).startswith("-")) for name in names]


def _after(ordering: list[tuple[str, bool]], values: list[Any]) -> Q:
    """Rows behind the mark: equal in the first columns and beyond in the next, for each length."""
    first, first_descending = ordering[0]
    # The leading bound says nothing new, but lets PostgreSQL start the index scan at the mark.
    bound = Q(**{f"{first}__{'lte' if first_descending else 'gte'}": values[0]})
    beyond = Q()
    equal = Q()
    for (name, descending), value in zip(ordering, values, strict=True):
        beyond |= equal & Q(**{f"{name}__{'lt' if descending else 'gt'}": value})
        equal &= Q(**{name: value})
    return bound & beyond


def _cursor_read(cursor: str, binding: str, *, size: int) -> list[Any]:
    try:
        bound_to, marks = signing.loads(cursor, salt=_SALT)
        if bound_to != binding[:32] or len(marks) != size:
            raise signing.BadSignature("bound to another list")
        return [_unpacked(mark) for mark in marks]
    except (signing.BadSignature, ValueError, TypeError, KeyError) as exc:
        raise InvalidInput(
            "The cursor does not belong to this list and these filters. Leave it out to start at "
            "the first page.",
            field_errors={"cursor": "Pass next_cursor of the page before, with unchanged filters."},
        ) from exc


def _value(row: Any, name: str) -> Any:
    if isinstance(row, dict):
        return row[name]
    for part in ("pk" if name == "pk" else name).split("__"):
        row = getattr(row, part)
    return row


def _packed(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    if isinstance(value, date):
        return {"d": value.isoformat()}
    if isinstance(value, Decimal):
        return {"n": str(value)}
    if isinstance(value, UUID):
        return {"u": value.hex}
    if isinstance(value, int | str):
        return value
    raise ValueError(f"a page cannot be ordered by a {type(value).__name__}")


def _unpacked(mark: Any) -> Any:
    if not isinstance(mark, dict):
        return mark
    ((kind, text),) = mark.items()
    if kind == "t":
        return datetime.fromisoformat(text)
    if kind == "d":
        return date.fromisoformat(text)
    return {"n": Decimal, "u": UUID}[kind](text)
