"""Reading the conditions on the person: what is known of them, consent and what was sent. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from smsmarketing.contacts.criteria import nodes, values
from smsmarketing.contacts.criteria.comparisons import comparison_read
from smsmarketing.contacts.criteria.nodes import Node
from smsmarketing.contacts.criteria.values import Refusal
from smsmarketing.contacts.criteria.windows import KEYS, Window, window_read

SENDS_REMEMBERED: Final = 16
LINE_TYPES: Final = {
    "mobile": "mobile",
    "fixed_line_or_mobile": "mobile or landline",
    "fixed_line": "landline",
    "voip": "internet telephony",
    "personal_number": "personal number",
    "pager": "pager",
    "toll_free": "toll-free",
    "premium_rate": "premium rate",
    "shared_cost": "shared cost",
    "uan": "company number",
    "voicemail": "voicemail",
    "unknown": "of an unknown kind",
}
PURPOSES: Final = {
    "marketing": "marketing",
    "notification": "notifications",
    "otp": "one-time codes",
    "night": "texts at night",
}
BASES: Final = {
    "express": "express",
    "written": "written",
    "soft_opt_in": "soft opt-in",
    "implied_purchase": "implied by a purchase",
    "implied_inquiry": "implied by an inquiry",
}
METHODS: Final = {
    "web_form": "a web form",
    "paper": "paper",
    "verbal": "word of mouth",
    "keyword_reply": "a keyword",
    "qr": "a QR code",
    "import": "an import",
    "api": "another system",
    "double_opt_in": "double opt-in",
}


def everyone_read(content: Any, path: str) -> Node:
    values.true_read(content, path)
    return nodes.Everyone()


def _never_sent(content: Any, path: str) -> Node:
    values.true_read(content, path)
    return nodes.NeverSent()


def _customer_key(content: Any, path: str) -> Node:
    if not isinstance(content, bool):
        raise Refusal(path, "Give true (has a customer id) or false (has none).")
    return nodes.HasCustomerKey(content)


def _tag(content: Any, path: str) -> Node:
    return nodes.HasTag(values.texts_read(content, path, longest=60))


def _all_tags(content: Any, path: str) -> Node:
    return nodes.HasTag(values.texts_read(content, path, longest=60), every=True)


def _country(content: Any, path: str) -> Node:
    hint = "two capital letters, such as DE"
    return nodes.OneOf("country", values.texts_read(content, path, pattern=r"[A-Z]{2}", hint=hint))


def _region(content: Any, path: str) -> Node:
    pattern, hint = r"[A-Z]{2}-[A-Z0-9]{1,3}", "ISO 3166-2, such as US-FL"
    return nodes.OneOf("region", values.texts_read(content, path, pattern=pattern, hint=hint))


def _customer_group(content: Any, path: str) -> Node:
    return nodes.OneOf("customer_group", values.texts_read(content, path, longest=60))


def _line_type(content: Any, path: str) -> Node:
    return nodes.OneOf("line_type", values.texts_read(content, path, among=LINE_TYPES))


def _source(content: Any, path: str) -> Node:
    return nodes.OneOf("source", values.texts_read(content, path, longest=80))


def _import(content: Any, path: str) -> Node:
    return nodes.FromImport(values.ids_read(content, path))


def _language(content: Any, path: str) -> Node:
    return nodes.SpeaksLanguage(
        values.texts_read(
            content,
            path,
            pattern=r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}",
            hint="a language tag, such as en or zh-TW",
            longest=12,
        )
    )


def window_needed(content: Any, path: str) -> Window:
    """The span of a condition that is nothing but a span."""
    found = values.object_read(content, path, required=set(), optional=KEYS)
    window = window_read(found, path)
    if window is None:
        raise Refusal(path, "Give a span of time, such as within_days or calendar.")
    return window


def _created(content: Any, path: str) -> Node:
    return nodes.Created(window_needed(content, path))


def _consent_age(content: Any, path: str) -> Node:
    operator, days = values.days_read(content, path)
    return nodes.ConsentAge(operator, days)


def _consent(content: Any, path: str) -> Node:
    if content is True:
        return nodes.HasConsent("marketing")
    optional = KEYS | {"purpose", "basis", "method", "source", "expires_within_days"}
    found = values.object_read(content, path, required=set(), optional=optional)
    purpose = found.get("purpose", "marketing")
    if not isinstance(purpose, str) or purpose not in PURPOSES:
        raise Refusal(f"{path}.purpose", f"Give one of: {', '.join(PURPOSES)}.")
    expires = found.get("expires_within_days")
    source = found.get("source")
    return nodes.HasConsent(
        purpose,
        bases=_some(found, path, "basis", BASES),
        methods=_some(found, path, "method", METHODS),
        source=values.text_read(source, f"{path}.source", values.TEXT_MAX) if source else "",
        given=window_read(found, path),
        expires_within=None
        if expires is None
        else values.days_whole(expires, f"{path}.expires_within_days", least=1),
    )


def _some(
    found: Mapping[str, Any], path: str, name: str, among: Mapping[str, str]
) -> tuple[str, ...]:
    if name not in found:
        return ()
    return values.texts_read(found[name], f"{path}.{name}", among=among)


def _last_sent(content: Any, path: str) -> Node:
    if isinstance(content, Mapping) and not {"op", "days"} & set(content):
        return nodes.LastSentIn(window_needed(content, path))
    operator, days = values.days_read(content, path)
    return nodes.LastSent(operator, days)


def _sent(content: Any, path: str) -> Node:
    found = values.object_read(content, path, required={"count"}, optional={"within_days"})
    operator, count = values.count_read(found["count"], f"{path}.count", most=SENDS_REMEMBERED - 1)
    within = found.get("within_days")
    if within is not None:
        within = values.days_whole(within, f"{path}.within_days", least=1)
    return nodes.SentCount(operator, count, within)


READERS: Final[dict[str, Callable[[Any, str], Node]]] = {
    "tag": _tag,
    "all_tags": _all_tags,
    "customer_group": _customer_group,
    "country": _country,
    "region": _region,
    "language": _language,
    "line_type": _line_type,
    "custom": comparison_read,
    "customer_key": _customer_key,
    "created": _created,
    "source": _source,
    "import": _import,
    "consent": _consent,
    "consent_age": _consent_age,
    "last_sent": _last_sent,
    "sent": _sent,
    "never_sent": _never_sent,
}
