"""Every point in time that an input takes has an offset and lies within the database's calendar."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, get_args

import pytest
from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from smsmarketing.operations import registry

REFUSED = ("2025-01-01T00:00:00", "2025-01-01", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00")


def types_in(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in get_args(annotation):
        yield from types_in(inner)


def times(model: type[BaseModel], path: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        for found in types_in(field.annotation):
            if found in (datetime, AwareDatetime):
                yield f"{path}.{name}", field
            elif isinstance(found, type) and issubclass(found, BaseModel):
                yield from times(found, f"{path}.{name}")


FIELDS = [
    found for operation in registry.every() for found in times(operation.input, operation.key)
]


def test_some_inputs_take_a_time() -> None:
    assert len(FIELDS) >= 5


@pytest.mark.parametrize(("path", "field"), FIELDS, ids=[path for path, _ in FIELDS])
def test_a_time_without_offset_or_beyond_the_calendar_is_refused(
    path: str, field: FieldInfo
) -> None:
    kind = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    for text in REFUSED:
        with pytest.raises(ValidationError):
            adapter.validate_python(text)
    assert adapter.validate_python("2025-01-01T00:00:00+02:00").tzinfo is not None
