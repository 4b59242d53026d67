"""From a payload to a typed input, and from its mistakes to sentences that people can act on."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from smsmarketing.operations.errors import InvalidInput, PreconditionRequired
from smsmarketing.operations.types import Input

DEPTH_LIMIT = 32
"""Levels of nesting that an input may have [R-9.7]."""

_EARLIER_STEP = re.compile(r"base_version_token|(\w+_)?preview_id")
_FIELDS_SHOWN = 50
_NAME_SHOWN = 120

_TIME = "Give a time in ISO 8601 with an offset, for example 2026-03-01T09:00:00+02:00."

_SENTENCES: dict[str, str] = {
    "missing": "This field is required.",
    "string_type": "Give a text.",
    "string_sub_type": "Give a text.",
    "string_unicode": "The text contains characters that are not valid Unicode.",
    "string_too_short": "Use at least {min_length} characters.",
    "string_too_long": "Use at most {max_length} characters.",
    "string_pattern_mismatch": "The value must have the form {pattern}.",
    "int_type": "Give a whole number.",
    "int_parsing": "Give a whole number.",
    "int_parsing_size": "The number is too large.",
    "int_from_float": "Give a whole number, without a fraction.",
    "float_type": "Give a number.",
    "float_parsing": "Give a number.",
    "finite_number": "Give a finite number.",
    "decimal_type": 'Give a decimal number as text, for example "12.50".',
    "decimal_parsing": 'Give a decimal number as text, for example "12.50".',
    "decimal_max_digits": "Use at most {max_digits} digits.",
    "decimal_max_places": "Use at most {decimal_places} decimal places.",
    "decimal_whole_digits": "Use at most {whole_digits} digits before the point.",
    "bool_type": "Give true or false.",
    "bool_parsing": "Give true or false.",
    "greater_than": "Give a value greater than {gt}.",
    "greater_than_equal": "Give a value of at least {ge}.",
    "less_than": "Give a value less than {lt}.",
    "less_than_equal": "Give a value of at most {le}.",
    "list_type": "Give a list.",
    "tuple_type": "Give a list.",
    "set_type": "Give a list.",
    "frozen_set_type": "Give a list.",
    "too_short": "Give at least {min_length} entries.",
    "too_long": "Give at most {max_length} entries.",
    "dict_type": "Give an object.",
    "mapping_type": "Give an object.",
    "model_type": "Give an object.",
    "model_attributes_type": "Give an object.",
    "enum": "Choose one of {expected}.",
    "literal_error": "Choose one of {expected}.",
    "uuid_type": "Give an id in UUID form.",
    "uuid_parsing": "Give an id in UUID form.",
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "timezone_aware": "Add the offset from UTC, for example +02:00 or Z.",
    "timezone_naive": "Leave out the offset from UTC.",
    "datetime_past": "Give a time in the past.",
    "datetime_future": "Give a time in the future.",
    "date_type": "Give a date in the form 2026-03-01.",
    "date_parsing": "Give a date in the form 2026-03-01.",
    "date_from_datetime_parsing": "Give a date in the form 2026-03-01.",
    "date_from_datetime_inexact": "Give a date without a time.",
    "time_parsing": "Give a time of day in the form 09:30.",
    "time_type": "Give a time of day in the form 09:30.",
    "url_parsing": "Give a complete web address, for example https://example.com/sale.",
    "url_type": "Give a complete web address, for example https://example.com/sale.",
    "url_scheme": "Use one of the schemes {expected_schemes}.",
    "union_tag_invalid": "{discriminator} must be one of {expected_tags}.",
    "union_tag_not_found": "Add {discriminator}, which says what kind of object this is.",
    "recursion_loop": "The input refers to itself.",
}


def input_parse(model: type[Input], payload: Any, *, requires: tuple[str, ...] = ()) -> Input:
    """The typed input.

    Raises InvalidInput with one sentence for each wrong field; values are never echoed. When
    nothing is wrong but that ids of earlier steps are missing, raises PreconditionRequired, which
    names the operation of `requires` to call first [R-9.14].
    """
    if not isinstance(payload, Mapping):
        raise InvalidInput("The input must be a JSON object with the fields of this operation.")
    problem = _unstorable(payload, path="", depth=1)
    if problem is not None:
        path, sentence = problem
        raise _refusal({path: sentence})
    try:
        return model.model_validate(dict(payload))
    except ValidationError as exc:
        details = exc.errors(include_url=False, include_input=False)
        if all(_is_earlier_step(detail) for detail in details):
            raise _earlier_steps([_path(detail) for detail in details], requires) from exc
        raise _refusal(
            {_path(detail): _sentence(detail, model) for detail in details[:_FIELDS_SHOWN]}
        ) from exc
    except RecursionError as exc:
        raise InvalidInput("The input is nested too deeply.") from exc


def _is_earlier_step(detail: ErrorDetails) -> bool:
    return detail["type"] == "missing" and bool(_EARLIER_STEP.fullmatch(_path(detail)))


def _earlier_steps(fields: list[str], requires: tuple[str, ...]) -> PreconditionRequired:
    tools = {field: _tool(field, requires) for field in fields}
    named = list(dict.fromkeys(tool for tool in tools.values() if tool))
    how = f"Call {' and '.join(named)}" if named else "Do the earlier step"
    return PreconditionRequired(
        f"This needs {' and '.join(fields)}. {how} first and pass what it returns.",
        field_errors={
            field: f"Pass it from {tool}." if tool else "Pass it from the earlier step."
            for field, tool in tools.items()
        },
        details={"call_first": named},
    )


def _tool(field: str, requires: tuple[str, ...]) -> str:
    """What returns this id: X.get for a version token, X.preview for X_preview_id."""
    if field == "base_version_token":
        return next((key for key in requires if key.endswith(".get")), "")
    previews = [key for key in requires if "preview" in key]
    stem = field.removesuffix("_preview_id")
    return next((key for key in previews if key.startswith(stem)), next(iter(previews), ""))


def _refusal(field_errors: dict[str, str]) -> InvalidInput:
    names = [name for name in field_errors if name]
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    where = f" Check {shown}." if shown else " " + next(iter(field_errors.values()))
    return InvalidInput("The input is not valid." + where, field_errors=field_errors)


def _path(detail: ErrorDetails) -> str:
    return ".".join(str(part) for part in detail["loc"])[:_NAME_SHOWN]


def _sentence(detail: ErrorDetails, model: type[Input]) -> str:
    context = detail.get("ctx", {})
    kind = detail["type"]
    if kind == "extra_forbidden":
        return _unknown_field(detail, model)
    if kind in {"value_error", "assertion_error"}:
        return str(context.get("error", detail["msg"]))
    sentence = _SENTENCES.get(kind)
    if sentence is None:
        return detail["msg"].rstrip(".") + "."
    return sentence.format_map({key: str(value) for key, value in context.items()})


def _unknown_field(detail: ErrorDetails, model: type[Input]) -> str:
    if len(detail["loc"]) != 1:
        return "There is no field with this name here; leave it out."
    close = difflib.get_close_matches(
        str(detail["loc"][0])[:_NAME_SHOWN], list(model.model_fields), n=1
    )
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"There is no field with this name.{hint} Known fields: {', '.join(model.model_fields)}."


def _unstorable(value: Any, *, path: str, depth: int) -> tuple[str, str] | None:
    """The first value that no table could hold, and why: NUL, lone surrogates, NaN, bottomless
    nesting.
    """
    if depth > DEPTH_LIMIT:
        return path, f"The input is nested deeper than {DEPTH_LIMIT} levels."
    if isinstance(value, str):
        return _text_problem(value, path)
    if isinstance(value, float) and not math.isfinite(value):
        return path, "Give a finite number."
    if isinstance(value, Mapping):
        return _first(
            (
                _text_problem(str(key), _joined(path, _legible(str(key))))
                or _unstorable(item, path=_joined(path, key), depth=depth + 1)
            )
            for key, item in value.items()
        )
    if isinstance(value, list | tuple):
        return _first(
            _unstorable(item, path=_joined(path, index), depth=depth + 1)
            for index, item in enumerate(value)
        )
    return None


def _text_problem(text: str, path: str) -> tuple[str, str] | None:
    if "\x00" in text:
        return path, "The text contains a NUL character; remove it."
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            return path, _SENTENCES["string_unicode"]
    return None


def _legible(name: str) -> str:
    """The name of a field with what no text may hold written out, so that a refusal can name it."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\u0000")


def _joined(path: str, part: Any) -> str:
    return (
        (f"{path}.{part}" if path else str(part))[:_NAME_SHOWN].encode("utf-8", "replace").decode()
    )


def _first(problems: Iterable[tuple[str, str] | None]) -> tuple[str, str] | None:
    return next((problem for problem in problems if problem is not None), None)
