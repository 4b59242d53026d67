"""Fields that ask for an id, as people fill them in: a select for few rows, a search for many."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from smsmarketing.operations import choosers, registry
from smsmarketing.operations.choosers import Chooser, rows_of
from smsmarketing.operations.errors import RateLimited
from smsmarketing.operations.limits import person_count
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.surfaces.admin.links import callable_by
from smsmarketing.operations.surfaces.schemas import field_schema, field_types
from smsmarketing.operations.types import Actor, Operation, Surface

CHOICES_PAGE = "operation-choices"
SELECT_MOST = 50
"""More rows than this are searched instead of listed."""
SHOWN_MOST = 20


def chooser_of(operation: Operation[Any, Any], field: str) -> Chooser | None:
    """What the field stands for. The row an operation works on is one of those it works on."""
    target = operation.target
    found = choosers.find(field)
    if target is None or target.argument != field:
        return found
    if found is None:
        return Chooser(noun=target.label, fields=(field,), visible=target.visible, names=())
    return replace(found, visible=target.visible, noun=target.label)


def widgets_of(
    operation: Operation[Any, Any], actor: Actor, given: Mapping[str, Any]
) -> dict[str, forms.Widget]:
    """The widgets of the fields that ask for ids, with the names of what is `given` already."""
    found: dict[str, forms.Widget] = {}
    for name in operation.input.model_fields:
        chooser = chooser_of(operation, name)
        if chooser is None or (chooser.permission and not actor.may(chooser.permission)):
            continue
        many = "array" in field_types(field_schema(operation.input, name))
        values = _values(given, name)
        shown = [] if many or chooser.counted else list(chooser.rows(actor)[: SELECT_MOST + 1])
        if many or chooser.counted or len(shown) > SELECT_MOST:
            if chooser.names or chooser.find is not None:
                found[name] = _search(operation, chooser, name, actor, values, many=many)
            continue
        choices = [(str(row.pk), chooser.label(row)) for row in shown]
        strange = [value for value in values if value not in dict(choices)]
        choices += [(value, _strange(chooser, actor, value)) for value in strange]
        found[name] = UnfoldAdminSelectWidget(choices=[("", _blank(chooser, choices)), *choices])
    return found


def _blank(chooser: Chooser, choices: list[tuple[str, str]]) -> str:
    return "—" if choices else f"There is no {chooser.noun} to choose from yet."


def _strange(chooser: Chooser, actor: Actor, value: str) -> str:
    """A value that is not offered, e.g. of a link: its name when the person may see it."""
    row = rows_of(chooser.rows(actor), [value]).first()
    return f"#{value}, not one of yours" if row is None else chooser.label(row)


def _values(given: Mapping[str, Any], name: str) -> list[str]:
    value = given.get(name)
    if isinstance(value, str):
        return [part.strip() for part in value.replace(",", "\n").split("\n") if part.strip()]
    return [str(part) for part in value] if isinstance(value, list) else []


def _search(
    operation: Operation[Any, Any],
    chooser: Chooser,
    name: str,
    actor: Actor,
    values: list[str],
    *,
    many: bool,
) -> forms.Widget:
    rows = rows_of(chooser.rows(actor), values[:SELECT_MOST]) if values else ()
    labels = {str(row.pk): chooser.label(row) for row in rows}
    data = {
        "url": reverse(CHOICES_PAGE, args=[operation.key, name]),
        "hint": chooser.hint,
        "noun": chooser.noun,
        "many": "1" if many else "",
        "chosen": [[value, labels.get(value, f"#{value}")] for value in values],
    }
    kind = _SearchLines if many else _SearchLine
    return kind(data)


class _Search:
    """Without script a field for ids; with it (operations/chooser.js) a search by name."""

    def __init__(self, data: Mapping[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self.data = data

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """The plain field, inside of what the script needs to know."""
        plain = super().render(name, value, attrs, renderer)  # type: ignore[misc]
        data, words = self.data, ", ".join(label for _, label in self.data["chosen"])
        return format_html(
            '<div class="op-chooser" data-url="{}" data-hint="{}" data-noun="{}" data-many="{}"'
            ' data-chosen="{}">{}<p class="op-help op-chosen">{}</p></div>',
            data["url"],
            data["hint"],
            data["noun"],
            data["many"],
            json.dumps(data["chosen"]),
            plain,
            f"Chosen: {words}" if words else f"The id of the {data['noun']}, from its page.",
        )


class _SearchLine(_Search, UnfoldAdminTextInputWidget):  # type: ignore[misc]
    pass


class _SearchLines(_Search, UnfoldAdminTextareaWidget):  # type: ignore[misc]
    pass


@never_cache
@require_safe
def choices_page(request: HttpRequest, key: str, field: str) -> JsonResponse:
    """What the words in `q` may mean, at most twenty rows; for those who may call the operation."""
    operation, actor = registry.find(key), admin_actor(request)
    if operation is None or Surface.ADMIN not in operation.surfaces:
        raise Http404
    chooser = chooser_of(operation, field) if field in operation.input.model_fields else None
    if chooser is None or not callable_by(operation, actor):
        raise Http404
    term = request.GET.get("q", "")
    if chooser.counted and term.strip():
        try:
            person_count(chooser.counted, actor=actor, now=timezone.now())
        except RateLimited as exc:
            return JsonResponse({"items": [], "more": False, "message": exc.message}, status=429)
    rows = list(chooser.search(chooser.rows(actor), term)[: SHOWN_MOST + 1])
    message = "" if rows else "Nothing found." if term.strip() else chooser.hint
    return JsonResponse(
        {
            "items": [
                {"id": str(row.pk), "label": chooser.label(row)} for row in rows[:SHOWN_MOST]
            ],
            "more": len(rows) > SHOWN_MOST,
            "message": message,
        }
    )
