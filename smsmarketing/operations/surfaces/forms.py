"""An operation's pydantic input as a Django form: it decodes what was typed and shows what the call answered.

The form checks nothing that the operation checks: what cannot be decoded is passed on as it was typed, so that the
admin refuses exactly what REST and MCP refuse, and the refusal is audited in the same way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from pydantic import BaseModel
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.surfaces.schemas import (
    field_items,
    field_schema,
    field_types,
    input_schema,
)

LONG_TEXT = 160
TRUE_WORDS = ("true", "True", "1", "on", "yes")
_EMPTY: tuple[Any, ...] = (None, "", [])

Decode = Callable[[Any], Any]


@dataclass(frozen=True)
class _Shape:
    """How one input field is shown and read."""

    widget: forms.Widget
    decode: Decode
    encode: Callable[[Any], Any] = lambda value: value
    help_text: str = ""


class OperationForm(forms.Form):
    """Base of the built forms. `payload()` is what `execute` gets."""

    decoders: Mapping[str, Decode]
    input_model: type[BaseModel]

    def payload(self) -> dict[str, Any]:
        """The fields that were filled in, decoded. Call after `is_valid()`."""
        found: dict[str, Any] = {}
        for name in self.decoders:
            value = self.cleaned_data.get(name)
            if value in _EMPTY and not isinstance(value, bool):
                continue
            found[name] = value
        return found

    def errors_show(self, error: OperationError) -> None:
        """Put a refusal at its fields; what has no field here goes to the top."""
        self.add_error(None, error.message)
        for path, text in error.field_errors.items():
            name, _, inner = path.partition(".")
            field = self.fields.get(name)
            if field is None or field.widget.is_hidden:
                if text not in error.message:
                    self.add_error(None, f"{path}: {text}" if path else text)
                continue
            self.add_error(name, f"{inner}: {text}" if inner else text)


class _Field(forms.Field):
    """A field whose only check is decoding."""

    def __init__(self, *, decode: Decode, must: bool, **options: Any) -> None:
        super().__init__(required=False, **options)
        self.decode = decode
        self.must = must

    def clean(self, value: Any) -> Any:
        if isinstance(value, str):
            value = value.replace("\r\n", "\n")
        return value if value in _EMPTY else self.decode(value)


def form_build(
    model: type[BaseModel],
    *,
    initial: Mapping[str, Any] | None = None,
    hidden: Collection[str] = (),
    zone: ZoneInfo | None = None,
    widgets: Mapping[str, forms.Widget] | None = None,
) -> type[OperationForm]:
    """A form class for an input. `hidden` fields travel along; `zone` is the person's time zone (default UTC);
    `widgets` show fields in another way than their type alone would.
    """
    zone, widgets = zone or ZoneInfo("UTC"), widgets or {}
    given = dict(initial or {})
    required = set(input_schema(model).get("required", []))
    members: dict[str, Any] = {"decoders": {}, "input_model": model}
    for name, info in model.model_fields.items():
        schema = field_schema(model, name)
        shape = _shape(schema, required=name in required, zone=zone)
        value = given.get(name, schema.get("default"))
        chosen = name in widgets
        how = "" if chosen else shape.help_text
        help_text = " ".join(part for part in (info.description or "", how) if part)
        members["decoders"][name] = shape.decode
        members[name] = _Field(
            decode=shape.decode,
            must=name in required,
            label=_label(_chosen_name(name) if chosen else name),
            help_text=help_text,
            initial=None if value is None else shape.encode(value),
            widget=forms.HiddenInput() if name in hidden else widgets.get(name, shape.widget),
        )
    return type(f"{model.__name__}Form", (OperationForm,), members)


def _chosen_name(name: str) -> str:
    """`contact_ids` as people read it who choose contacts: `contacts`."""
    return name.removesuffix("_id") if name.endswith("_id") else name.replace("_ids", "s")


def _label(name: str) -> str:
    words = name.replace("_", " ").replace(".", ": ")
    return words[:1].upper() + words[1:]


def _shape(schema: Mapping[str, Any], *, required: bool, zone: ZoneInfo) -> _Shape:
    types = field_types(dict(schema)) - {"null"}
    choices = _choices(schema)
    if choices is not None:
        return _choice_shape(choices, required=required)
    if types == {"boolean"}:
        return _bool_shape(schema)
    if types == {"array"}:
        return _list_shape(schema)
    if "object" in types or "array" in types or not types:
        return _json_shape()
    text_format = _format(schema)
    if text_format == "date-time":
        return _time_shape(zone)
    if text_format == "date":
        return _Shape(_input("date"), str, str)
    if types <= {"integer", "number"} or (types == {"number", "string"}):
        mode = "numeric" if types == {"integer"} else "decimal"
        return _Shape(UnfoldAdminTextInputWidget(attrs={"inputmode": mode}), str, str)
    length = _deep(schema, "maxLength")
    attrs = {"maxlength": str(length)} if length else {}
    if length is not None and length > LONG_TEXT:
        return _Shape(UnfoldAdminTextareaWidget(attrs={**attrs, "rows": "4"}), str, str)
    return _Shape(UnfoldAdminTextInputWidget(attrs=attrs), str, str)


def _input(kind: str) -> forms.Widget:
    widget: forms.TextInput = UnfoldAdminTextInputWidget()
    widget.input_type = kind
    return widget


def _options(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The schema itself, or the members of its union without null."""
    members = schema.get("anyOf") or schema.get("oneOf") or [schema]
    return [item for item in members if item.get("type") != "null"]


def _deep(schema: Mapping[str, Any], name: str) -> Any:
    return next((item[name] for item in _options(schema) if name in item), None)


def _format(schema: Mapping[str, Any]) -> str:
    return str(_deep(schema, "format") or "")


def _choices(schema: Mapping[str, Any]) -> list[Any] | None:
    found: list[Any] = []
    for item in _options(schema):
        if "const" in item:
            found.append(item["const"])
        elif "enum" in item:
            found += item["enum"]
        else:
            return None
    return [value for value in found if value is not None]


def _choice_shape(choices: list[Any], *, required: bool) -> _Shape:
    by_text = {str(value): value for value in choices}
    shown = [(text, _label(text)) for text in by_text]
    widget = UnfoldAdminSelectWidget(choices=[("", "—"), *shown])
    return _Shape(widget, lambda text: by_text.get(text, text), str)


def _bool_shape(schema: Mapping[str, Any]) -> _Shape:
    if "anyOf" not in schema:
        return _Shape(UnfoldBooleanSwitchWidget(), bool, lambda value: value in (True, *TRUE_WORDS))
    words = {"true": True, "false": False}
    widget = UnfoldAdminSelectWidget(choices=[("", "—"), ("true", "Yes"), ("false", "No")])
    return _Shape(widget, lambda text: words.get(text, text), _yes_no)


def _yes_no(value: Any) -> Any:
    return value if isinstance(value, str) else "true" if value else "false"


def _list_shape(schema: Mapping[str, Any]) -> _Shape:
    items = field_items(schema)
    choices = _choices(items) if items else None
    if choices:
        by_text = {str(value): value for value in choices}
        return _Shape(
            UnfoldAdminCheckboxSelectMultipleWidget(
                choices=[(text, _label(text)) for text in by_text]
            ),
            lambda values: [by_text.get(value, value) for value in values],
            lambda values: (
                [values] if isinstance(values, str) else [str(value) for value in values]
            ),
        )
    if field_types(dict(items)) - {"null"} <= {"string", "integer", "number"} and items:
        return _Shape(
            UnfoldAdminTextareaWidget(attrs={"rows": "3"}),
            _lines,
            lambda values: (
                values if isinstance(values, str) else "\n".join(str(value) for value in values)
            ),
            "One per line, or separated by commas.",
        )
    must, known = items.get("required", []), items.get("properties", {})
    if len(must) == 1 and field_types(known.get(must[0], {})) == {"string"}:
        return _rows_shape(must[0])
    return _json_shape()


def _rows_shape(name: str) -> _Shape:
    """A list of rows of which only one field must be given: people write that one, line by line."""
    shape = _json_shape()

    def decode(text: str) -> Any:
        if text.lstrip().startswith(("[", "{")):
            return shape.decode(text)
        return [{name: line.strip()} for line in text.splitlines() if line.strip()]

    word = name.replace("_", " ")
    return replace(
        shape, decode=decode, help_text=f"One {word} per line; or JSON, to give more of each."
    )


def _lines(text: str) -> list[str]:
    parts = text.split("\n") if "\n" in text else text.split(",")
    return [part.strip() for part in parts if part.strip()]


def _json_shape() -> _Shape:
    return _Shape(
        UnfoldAdminTextareaWidget(attrs={"rows": "6", "spellcheck": "false", "class": "font-mono"}),
        _json,
        lambda value: (
            value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        ),
        "Written as JSON.",
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValidationError("This JSON is nested too deeply.") from None
    except ValueError as exc:
        raise ValidationError(f"This is not valid JSON: {exc}") from None


def _time_shape(zone: ZoneInfo) -> _Shape:
    return _Shape(
        _input("datetime-local"),
        lambda text: time_read(text, zone),
        lambda value: _time_text(value, zone),
        f"In your time zone, {zone.key}.",
    )


def time_read(text: str, zone: ZoneInfo) -> str:
    """`2026-03-01T09:00` of a clock in `zone` as ISO 8601 with offset; anything else as it was typed.

    Raises ValidationError for a time that the clocks skip (the hour lost in spring).
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if moment.tzinfo is not None:
        return text
    local = moment.replace(tzinfo=zone)
    try:
        there_and_back = local.astimezone(ZoneInfo("UTC")).astimezone(zone).replace(tzinfo=None)
    except OverflowError:  # the first or last day there is: refused by the field, with its bounds
        return local.isoformat()
    if there_and_back != moment:
        raise ValidationError(
            f"This time does not exist in {zone.key}: the clocks go forward. Choose another."
        )
    return local.isoformat()


def _time_text(value: Any, zone: ZoneInfo) -> str:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        there = moment if moment.tzinfo is None else moment.astimezone(zone).replace(tzinfo=None)
    except (ValueError, OverflowError):  # a default of a link that somebody mistyped: as it is
        return str(value)
    return str(there.isoformat(timespec="minutes"))
