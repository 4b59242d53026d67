"""The part of a form in which a text is written: message, declared fields, live fit preview."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, QueryDict

from smsmarketing.campaigns.admin.calls import Answer, page_call

ROWS_MAX = 20
_PLACE = re.compile(r"(?<!\{)\{([a-z][a-z0-9_]{0,39})\}(?!\})")
_ROW_ERROR = re.compile(r"^fields[.\[](\d+)\]?\.?(.*)$")
LENGTH_PROPOSED = 20


@dataclass
class FieldRow:
    """One declared field of the text, as typed."""

    name: str = ""
    max_chars: str = ""
    charset: str = "any"
    fallback: str = ""
    required: bool = False
    truncate: bool = False
    error: str = ""

    def payload(self) -> dict[str, Any]:
        """What the operation gets; a length that is no number is passed on as it was typed."""
        return {
            "name": self.name,
            "max_chars": whole(self.max_chars),
            "charset": self.charset,
            "fallback": self.fallback,
            "required": self.required,
            "truncate": self.truncate,
        }


def rows_read(data: QueryDict) -> list[FieldRow]:
    """The rows of a sent form that have a name or a length."""
    rows = []
    for number in range(ROWS_MAX):
        prefix = f"field-{number}-"
        row = FieldRow(
            name=data.get(f"{prefix}name", "").strip().strip("{}"),
            max_chars=data.get(f"{prefix}max_chars", "").strip(),
            charset=data.get(f"{prefix}charset") or "any",
            fallback=data.get(f"{prefix}fallback", ""),
            required=f"{prefix}required" in data,
            truncate=f"{prefix}truncate" in data,
        )
        if row.name:
            rows.append(row)
    return rows


def rows_of(fields: Sequence[Mapping[str, Any]]) -> list[FieldRow]:
    """Rows for fields that are stored already."""
    return [
        FieldRow(
            name=str(field.get("name", "")),
            max_chars=str(field.get("max_chars", "")),
            charset=str(field.get("charset", "any")),
            fallback=str(field.get("fallback", "")),
            required=bool(field.get("required", False)),
            truncate=bool(field.get("truncate", False)),
        )
        for field in fields
    ]


def rows_complete(rows: list[FieldRow], message: str) -> list[FieldRow]:
    """The rows, and one more for each place of the text that has none yet."""
    known = {row.name for row in rows}
    missing = [name for name in dict.fromkeys(_PLACE.findall(message)) if name not in known]
    proposed = [FieldRow(name=name, max_chars=str(LENGTH_PROPOSED)) for name in missing]
    return [*rows, *proposed][:ROWS_MAX]


def rows_shown(rows: list[FieldRow], errors: Mapping[str, str]) -> list[FieldRow]:
    """Rows for the page: errors at their row, and one empty row to fill."""
    for path, text in errors.items():
        found = _ROW_ERROR.match(path)
        if found and int(found[1]) < len(rows):
            label = found[2].replace("_", " ")
            rows[int(found[1])].error = f"{label}: {text}" if label else text
    return [*rows, FieldRow()] if len(rows) < ROWS_MAX else rows


def message_read(data: QueryDict) -> str:
    """The text with line feeds as the phone gets them; browsers send CRLF."""
    return data.get("message", "").replace("\r\n", "\n").strip("\n")


def fit_posted(request: HttpRequest) -> dict[str, Any]:
    """The preview panel for the text of a form that is being written."""
    data = request.POST
    message = message_read(data)
    line = data.get("opt_out_line", "").strip()
    if message and line and line not in message:
        message = f"{message}\n{line}"
    return fit_panel(
        request,
        brand_id=data.get("brand_id"),
        message=message,
        fields=[row.payload() for row in rows_complete(rows_read(data), message)],
        purpose=data.get("purpose", ""),
        sender_id=data.get("sender_id"),
        gateway_id=data.get("gateway_id"),
    )


def fit_panel(
    request: HttpRequest, *, fields: list[dict[str, Any]], **values: Any
) -> dict[str, Any]:
    """The preview panel for a text."""
    return fit_view(fit_call(request, fields=fields, **values), fields)


def fit_call(
    request: HttpRequest,
    *,
    brand_id: Any,
    message: str,
    fields: list[dict[str, Any]],
    purpose: str,
    sender_id: Any = None,
    gateway_id: Any = None,
) -> Answer:
    """copy.fit_preview; an empty answer while there is no brand or no text."""
    if not message or not whole(brand_id):
        return Answer()
    payload = {
        "brand_id": whole(brand_id),
        "message": message,
        "fields": fields,
        "purpose": purpose or "marketing",
    }
    for name, value in (("sender_id", sender_id), ("gateway_id", gateway_id)):
        if value:
            payload[name] = whole(value)
    return page_call(request, "copy.fit_preview", payload)


def bubble_of(final_message: str, fields: Sequence[Mapping[str, Any]]) -> str:
    """The text as a person without values would read it; a place without a fallback is named."""
    words = {
        str(field["name"]): str(field.get("fallback") or "")
        or f"‹{str(field['name']).replace('_', ' ')}›"
        for field in fields
    }
    text = _PLACE.sub(lambda place: words.get(place[1], place[0]), final_message)
    return text.replace("{{", "{").replace("}}", "}")


def fit_view(answer: Answer, fields: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the preview panel shows: the phone's bubble, the count, and the dear characters marked."""
    fit = answer.result
    if fit is None:
        return {"error": answer.error}
    dear = {offender.position for offender in fit.offending_characters}
    prices = sorted(fit.prices, key=lambda price: (-float(price.worst.amount), price.country))
    return {
        "fit": fit,
        "bubble": bubble_of(fit.final_message, fields),
        "marked": list(_marked(fit.final_message, dear)) if dear else [],
        "offenders": _offenders(fit.offending_characters),
        "prices": prices[:4],
        "prices_more": max(len(prices) - 4, 0),
        "replaceable": any(offender.replacement for offender in fit.offending_characters),
    }


def replaced(message: str, answer: Answer) -> str:
    """The text with each dear character replaced by its GSM-7 look-alike, where there is one."""
    if answer.result is None:
        return message
    for offender in answer.result.offending_characters:
        if offender.replacement is not None:
            message = message.replace(offender.character, offender.replacement)
    return message


def _marked(text: str, dear: set[int]) -> list[tuple[str, bool]]:
    """The text cut into runs of plain and dear characters."""
    runs: list[tuple[str, bool]] = []
    for position, character in enumerate(text):
        mark = position in dear
        if runs and runs[-1][1] == mark:
            runs[-1] = (runs[-1][0] + character, mark)
        else:
            runs.append((character, mark))
    return runs


def _offenders(found: Sequence[Any]) -> list[dict[str, Any]]:
    """One line for each different character, with where it stands."""
    lines: dict[str, dict[str, Any]] = {}
    for offender in found:
        line = lines.setdefault(
            offender.character,
            {
                "character": offender.character,
                "name": re.sub(r"^U\+\w+ ", "", offender.name).capitalize(),
                "replacement": offender.replacement,
                "places": [],
            },
        )
        line["places"].append(offender.position + 1)
    return list(lines.values())


def whole(text: Any) -> Any:
    """A whole number where it is one, else what was typed, so that the operation says what is wrong."""
    try:
        return int(str(text))
    except ValueError:
        return text
