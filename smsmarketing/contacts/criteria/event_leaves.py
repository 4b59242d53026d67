"""Reading the conditions on what happened to the person: orders, payments, replies, clicks. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from smsmarketing.contacts.criteria import nodes, values
from smsmarketing.contacts.criteria.comparisons import comparison_read
from smsmarketing.contacts.criteria.nodes import Node
from smsmarketing.contacts.criteria.values import Refusal
from smsmarketing.contacts.criteria.windows import KEYS, Window, window_read

REPLY: Final = "sms_reply"
CLICK: Final = "sms_click"
_KIND = (
    r"(order|payment|shipment|appointment|pickup|offer|custom:[a-z0-9_]{1,32}|sms_[a-z0-9_]{1,32})"
)
_KIND_HINT = (
    "order, payment, shipment, appointment, pickup, offer, sms_reply, sms_click or custom:<name>"
)


def _kind(content: Any, path: str) -> str:
    return values.texts_read(
        content if isinstance(content, str) else None,
        path,
        pattern=_KIND,
        hint=_KIND_HINT,
        longest=40,
    )[0]


def _event(content: Any, path: str) -> Node:
    found = values.object_read(
        content, path, required={"kind"}, optional=KEYS | {"count", "properties"}
    )
    return _had(_kind(found["kind"], f"{path}.kind"), found, path)


def _had(kind: str, found: Mapping[str, Any], path: str) -> nodes.HadEvent:
    operator, count = values.count_read(found.get("count"), f"{path}.count")
    properties = found.get("properties", [])
    if not isinstance(properties, list) or len(properties) > 10:
        raise Refusal(f"{path}.properties", "Give a list of at most 10 comparisons.")
    return nodes.HadEvent(
        kind=kind,
        window=window_read(found, path),
        operator=operator,
        count=count,
        properties=tuple(
            comparison_read(item, f"{path}.properties[{index}]")
            for index, item in enumerate(properties)
        ),
    )


def _system(kind: str) -> Callable[[Any, str], Node]:
    def read(content: Any, path: str) -> Node:
        if content is True:
            return _had(kind, {}, path)
        found = values.object_read(
            content, path, required=set(), optional=KEYS | {"count", "properties"}
        )
        return _had(kind, found, path)

    return read


def _newest(content: Any, path: str) -> Node:
    found = values.object_read(content, path, required={"kind", "state"}, optional=KEYS)
    return nodes.NewestEvent(
        _kind(found["kind"], f"{path}.kind"),
        values.texts_read(found["state"], f"{path}.state", longest=40),
        window_read(found, path),
    )


def _span(found: Mapping[str, Any], path: str, name: str) -> Window | None:
    if name not in found:
        return None
    inside = values.object_read(found[name], f"{path}.{name}", required=set(), optional=KEYS)
    window = window_read(inside, f"{path}.{name}")
    if window is None:
        raise Refusal(f"{path}.{name}", "Give a span of time, such as within_days or calendar.")
    return window


def _purchases(content: Any, path: str) -> Node:
    found = values.object_read(
        content, path, required=set(), optional={"kind", "count", "total", "first", "last"}
    )
    if not set(found) - {"kind"}:
        raise Refusal(path, "Give at least one of: count, total, first, last.")
    return nodes.Purchases(
        kind=_kind(found.get("kind", "order"), f"{path}.kind"),
        count=values.count_read(found["count"], f"{path}.count") if "count" in found else None,
        total=values.amount_read(found["total"], f"{path}.total") if "total" in found else None,
        first=_span(found, path, "first"),
        last=_span(found, path, "last"),
    )


def _repurchase(content: Any, path: str) -> Node:
    found = values.object_read(
        content, path, required=set(), optional={"kind", "days", "factor", "lapsed_days"}
    )
    if ("days" in found) == ("factor" in found):
        raise Refusal(
            path,
            "Give either days (since the last order) or factor (of the person's own mean gap).",
        )
    factor = None
    if "factor" in found:
        factor = values.number_read(found["factor"], f"{path}.factor")
        if not 0 < factor <= 100:
            raise Refusal(f"{path}.factor", "Give a number above 0 and at most 100, such as 1.2.")
    days, lapsed = (
        values.days_whole(found[name], f"{path}.{name}", least=1) if name in found else None
        for name in ("days", "lapsed_days")
    )
    if days is not None and lapsed is not None and lapsed <= days:
        raise Refusal(f"{path}.lapsed_days", "Give more days than in days, or leave it out.")
    return nodes.Repurchase(_kind(found.get("kind", "order"), f"{path}.kind"), days, factor, lapsed)


READERS: Final[dict[str, Callable[[Any, str], Node]]] = {
    "event": _event,
    "newest": _newest,
    "purchases": _purchases,
    "repurchase": _repurchase,
    "replied": _system(REPLY),
    "clicked": _system(CLICK),
}
