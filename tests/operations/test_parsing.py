"""From mistakes to sentences."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AwareDatetime, Field, field_validator

from smsmarketing.operations.errors import InvalidInput, PreconditionRequired
from smsmarketing.operations.parsing import input_parse
from smsmarketing.operations.types import Input


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


class Part(Input):
    size: int = Field(default=1, ge=1, le=9)


class Sample(Input):
    name: str | None = Field(default=None, min_length=2, max_length=5)
    count: int = 0
    ratio: float = 0.0
    price: Annotated[Decimal, Field(max_digits=6, decimal_places=2)] = Decimal(0)
    color: Color = Color.RED
    mode: Literal["a", "b"] = "a"
    at: AwareDatetime | None = None
    parts: list[Part] = Field(default=[], max_length=2)
    flag: bool = False
    id: UUID | None = None
    code: str = Field(default="AA", pattern="^[A-Z]{2}$")
    extra: dict[str, Any] = {}

    @field_validator("count")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("Give an even number.")
        return value


@pytest.mark.parametrize(
    ("payload", "field", "sentence"),
    [
        ({"name": "x"}, "name", "Use at least 2 characters."),
        ({"name": "secret value"}, "name", "Use at most 5 characters."),
        ({"name": 5}, "name", "Give a text."),
        ({"count": "many"}, "count", "Give a whole number."),
        ({"count": 3}, "count", "Give an even number."),
        ({"count": 1.5}, "count", "Give a whole number, without a fraction."),
        ({"ratio": float("nan")}, "ratio", "Give a finite number."),
        ({"ratio": "x"}, "ratio", "Give a number."),
        ({"price": "1.234"}, "price", "Use at most 2 decimal places."),
        ({"color": "green"}, "color", "Choose one of 'red' or 'blue'."),
        ({"mode": "c"}, "mode", "Choose one of 'a' or 'b'."),
        ({"at": "2026-03-01T09:00:00"}, "at", "Add the offset from UTC, for example +02:00 or Z."),
        ({"parts": [{"size": 1}, {"size": 10}]}, "parts.1.size", "Give a value of at most 9."),
        ({"parts": [{}, {}, {}]}, "parts", "Give at most 2 entries."),
        (
            {"parts": [{"colour": 1}]},
            "parts.0.colour",
            "There is no field with this name here; leave it out.",
        ),
        ({"parts": "x"}, "parts", "Give a list."),
        ({"parts": [5]}, "parts.0", "Give an object."),
        ({"flag": "perhaps"}, "flag", "Give true or false."),
        ({"id": "5"}, "id", "Give an id in UUID form."),
        ({"code": "aa"}, "code", "The value must have the form ^[A-Z]{2}$."),
        ({"name": "a\x00b"}, "name", "The text contains a NUL character; remove it."),
        (
            {"extra": {"a": ["\ud800"]}},
            "extra.a.0",
            "The text contains characters that are not valid Unicode.",
        ),
        (
            {"extra": {"a\x00": 1}},
            "extra.a\\u0000",
            "The text contains a NUL character; remove it.",
        ),
        ({"\ud800": 1}, "\\ud800", "The text contains characters that are not valid Unicode."),
    ],
)
def test_each_mistake_is_named_with_what_to_do(
    payload: dict[str, Any], field: str, sentence: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        input_parse(Sample, payload)
    assert caught.value.field_errors == {field: sentence}
    assert "secret" not in caught.value.message


def test_bottomless_nesting_is_refused() -> None:
    """[R-9.7]"""
    value: Any = 1
    for _ in range(5_000):
        value = [value]
    with pytest.raises(InvalidInput) as caught:
        input_parse(Sample, {"extra": {"deep": value}})
    assert "nested deeper than 32 levels" in str(caught.value.field_errors)


def test_what_a_query_string_gives_is_understood() -> None:
    data = input_parse(Sample, {"count": "4", "flag": "true", "at": "2026-03-01T09:00:00Z"})
    assert isinstance(data, Sample)
    assert (data.count, data.flag) == (4, True)


def test_many_mistakes_stay_readable() -> None:
    with pytest.raises(InvalidInput) as caught:
        input_parse(Sample, {f"wrong{number}": 1 for number in range(200)})
    assert len(caught.value.field_errors) == 50
    assert len(caught.value.message) < 200


class Earlier(Input):
    campaign_id: int
    base_version_token: str
    segment_preview_id: UUID
    short_link_preview_id: UUID


def test_missing_ids_of_earlier_steps_name_the_operations_to_call_first() -> None:
    """[R-9.14]"""
    requires = ("gateways.list", "short_links.preview", "segments.preview", "campaigns.get")
    with pytest.raises(PreconditionRequired) as caught:
        input_parse(Earlier, {"campaign_id": 1}, requires=requires)
    assert caught.value.details == {
        "call_first": ["campaigns.get", "segments.preview", "short_links.preview"]
    }
    assert caught.value.field_errors["segment_preview_id"] == "Pass it from segments.preview."
    assert "campaigns.get and segments.preview" in caught.value.message


def test_a_missing_earlier_step_beside_another_mistake_is_an_invalid_input() -> None:
    with pytest.raises(InvalidInput) as caught:
        input_parse(Earlier, {"campaign_id": "x"})
    assert len(caught.value.field_errors) == 4


def test_an_earlier_step_without_a_known_operation_still_says_what_is_missing() -> None:
    with pytest.raises(PreconditionRequired) as caught:
        input_parse(Earlier, {"campaign_id": 1})
    assert caught.value.details == {"call_first": []}
    assert "base_version_token" in caught.value.message
