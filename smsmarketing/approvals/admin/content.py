"""The frozen content of a request, arranged for the approval page. Nothing the hash covers is left out:
what has no place of its own is shown as rows, and the whole is there as data at the end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from smsmarketing.approvals.admin.words import (
    Part,
    label_words,
    money_words,
    number_words,
    parts_of,
    phones_masked,
    value_words,
)
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.rules.facts import FACTS

GENERIC_TEMPLATE = "admin/approvals/generic_content.html"

_PLACED = frozenset(
    {
        "audience",
        "caps",
        "changes_since_last",
        "cost",
        "gateway",
        "kind",
        "links",
        "route_gateways",
        "sender",
        "signed",
        "text",
        "window",
    }
)
_QUIET_WORDS = {
    "strict": "Held until morning on each recipient's own clock",
    "default": "Held until morning on each recipient's own clock, by the rules of the country",
    "normal": "Held until the usual hours on each recipient's own clock",
}


def content_view(request: ActionRequest, template: str) -> dict[str, Any]:
    """What the content template gets as `view`."""
    content = phones_masked(request.content)
    if template != GENERIC_TEMPLATE and isinstance(content.get("text"), dict):
        view = _review_view(content)
    else:
        view = _generic_view(content)
    view["data"] = json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True)
    return view


def facts_view(request: ActionRequest) -> list[Part]:
    """The facts that policies looked at."""
    return [
        Part(
            FACTS[name].label.capitalize() if name in FACTS else label_words(name),
            money_words(value, request.currency) if name == "cost" else value_words(value),
        )
        for name, value in sorted(request.facts.items())
        if name not in {"currency", "team_id"}
    ]


def _generic_view(content: Mapping[str, Any]) -> dict[str, Any]:
    """A held operation: what it does, on what, with which input."""
    operation = content.get("operation") or {}
    about = content.get("object") or {}
    known = {"operation", "object", "input", "facts", "object_version"}
    rest = {name: value for name, value in content.items() if name not in known}
    return {
        "summary": operation.get("summary", ""),
        "about": about.get("name", "") if isinstance(about, dict) else str(about),
        "about_kind": about.get("type", "") if isinstance(about, dict) else "",
        "input": parts_of(content.get("input") or {}),
        "rest": parts_of(rest),
    }


def _review_view(content: Mapping[str, Any]) -> dict[str, Any]:
    """A campaign review: text, audience, cost, sender, links, window, changes."""
    text, audience, cost = (_mapping(content.get(name)) for name in ("text", "audience", "cost"))
    exclusions = _mapping(audience.get("exclusions"))
    rows = cost.get("by_country")
    by_country = rows if isinstance(rows, list) else []
    currency = str(cost.get("currency", ""))
    return {
        "about": parts_of({k: v for k, v in content.items() if k not in _PLACED}),
        "bubble": text.get("rendered_example") or text.get("body", ""),
        "body": text.get("body", ""),
        "worst": text.get("worst_example", ""),
        "sender": _sender_name(content.get("sender")),
        "sender_parts": parts_of(
            {k: v for k, v in _mapping(content.get("sender")).items() if k not in {"value", "name"}}
        ),
        "text_parts": _text_parts(text),
        "recipients": number_words(audience.get("recipients")),
        "criteria": value_words(audience.get("criteria")),
        "segment": value_words(audience.get("segment")),
        "audience_parts": parts_of(
            {
                name: value
                for name, value in audience.items()
                if name not in {"recipients", "criteria", "segment", "exclusions"}
            }
        ),
        "exclusions": [
            [str(reason), number_words(n)]
            for reason, n in sorted(
                exclusions.items(), key=lambda pair: (-_count(pair[1]), pair[0])
            )
        ],
        "excluded": number_words(sum(_count(n) for n in exclusions.values())),
        "cost_worst": money_words(cost.get("worst"), currency),
        "cost_expected": money_words(cost.get("expected"), currency),
        "cost_ceiling": money_words(cost.get("ceiling"), currency),
        "cost_rows": parts_of({"by_country": by_country})[0] if by_country else None,
        "cost_parts": parts_of(
            {
                name: value
                for name, value in cost.items()
                if name not in {"by_country", "worst", "expected", "ceiling", "currency"}
            }
        ),
        "gateway": value_words(content.get("gateway")),
        "links": _links(content.get("links")),
        "window": _window_parts(_mapping(content.get("window"))),
        "caps": [value_words(cap) for cap in _list(content.get("caps"))],
        "changes": [_change(change) for change in _list(content.get("changes_since_last"))],
    }


def _text_parts(text: Mapping[str, Any]) -> list[Part]:
    shown = {"rendered_example", "body", "worst_example"}
    return parts_of({name: value for name, value in text.items() if name not in shown})


def _window_parts(window: Mapping[str, Any]) -> list[Part]:
    local, zone = window.get("local"), window.get("zone")
    when = f"{str(local).replace('T', ' ')}, {zone} time" if local else "When somebody starts it"
    parts = [Part("Starts", when)]
    quiet = window.get("quiet_mode")
    if quiet is not None:
        parts.append(Part("Quiet hours", _QUIET_WORDS.get(str(quiet), str(quiet))))
    if "per_minute" in window:
        pace = window["per_minute"]
        parts.append(
            Part(
                "Pace",
                f"{number_words(pace)} a minute" if pace else "As fast as the gateway allows",
            )
        )
    rest = {
        name: value
        for name, value in window.items()
        if name not in {"local", "zone", "quiet_mode", "per_minute"}
    }
    return parts + parts_of(rest)


def _change(change: Any) -> dict[str, str]:
    found = _mapping(change)
    return {
        "field": value_words(found.get("field")),
        "old": value_words(found.get("old")),
        "new": value_words(found.get("new")),
    }


def _links(links: Any) -> list[str]:
    return [value_words(link) for link in _list(links)]


def _sender_name(sender: Any) -> str:
    if isinstance(sender, dict):
        return str(sender.get("value") or sender.get("name") or "")
    return str(sender or "")


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
