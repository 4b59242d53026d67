"""Criteria as a sentence, for the approval page."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from smsmarketing.contacts.criteria import nodes
from smsmarketing.contacts.criteria.comparisons import comparison_words, listed
from smsmarketing.contacts.criteria.contact_leaves import BASES, LINE_TYPES, METHODS, PURPOSES
from smsmarketing.contacts.criteria.event_words import event_words
from smsmarketing.contacts.criteria.nodes import Criteria, Node
from smsmarketing.contacts.criteria.windows import days_words, window_words

_COUNTS = {
    "eq": "exactly",
    "ne": "not exactly",
    "lt": "fewer than",
    "le": "at most",
    "gt": "more than",
    "ge": "at least",
}
_AGES = {"lt": "less than", "le": "at most", "gt": "more than", "ge": "at least"}


def criteria_words(criteria: Criteria) -> str:
    """What the tree means, e.g. `on the list "Spring" and not (tagged "staff")`."""
    return _words(criteria.root)


def node_words(node: Node) -> str:
    """What one condition means."""
    return _words(node)


@singledispatch
def _words(node: Any) -> str:
    return event_words(node)


@_words.register
def _group(node: nodes.Group) -> str:
    joiner = " and " if node.joiner == "all" else " or "
    return joiner.join(
        f"({_words(item)})"
        if isinstance(item, nodes.Group) and item.joiner != node.joiner and len(item.nodes) > 1
        else _words(item)
        for item in node.nodes
    )


@_words.register
def _not(node: nodes.Not) -> str:
    return f"not ({_words(node.node)})"


@_words.register
def _everyone(node: nodes.Everyone) -> str:
    return "everyone of the brand"


@_words.register
def _audience(node: nodes.InAudience) -> str:
    return f"on the list {listed(node.names)}"


@_words.register
def _tag(node: nodes.HasTag) -> str:
    return f"tagged {listed(node.tags, joiner='and' if node.every else 'or')}"


@_words.register
def _one_of(node: nodes.OneOf) -> str:
    if node.column == "line_type":
        return f"number is {listed([LINE_TYPES[value] for value in node.values], quoted=False)}"
    if node.column in ("country", "region"):
        return f"{node.column} {listed(node.values, quoted=False)}"
    name = "came in from" if node.column == "source" else "customer group"
    return f"{name} {listed(node.values)}"


@_words.register
def _language(node: nodes.SpeaksLanguage) -> str:
    return f"language {listed(node.languages, quoted=False)}"


@_words.register
def _custom(node: nodes.Comparison) -> str:
    return f"field {comparison_words(node)}"


@_words.register
def _created(node: nodes.Created) -> str:
    return f"added as a contact {window_words(node.window)}"


@_words.register
def _from_import(node: nodes.FromImport) -> str:
    return f"came in with import {listed([str(pk) for pk in node.import_ids], quoted=False)}"


@_words.register
def _consent_age(node: nodes.ConsentAge) -> str:
    return f"consent given {_AGES[node.operator]} {days_words(node.days)} ago"


@_words.register
def _consent(node: nodes.HasConsent) -> str:
    text = f"has consent for {PURPOSES[node.purpose]}"
    if node.bases:
        text += f", basis {listed([BASES[value] for value in node.bases], quoted=False)}"
    if node.methods:
        text += f", by {listed([METHODS[value] for value in node.methods], quoted=False)}"
    if node.source:
        text += f', from an address with "{node.source}"'
    if node.given is not None:
        text += f", given {window_words(node.given)}"
    if node.expires_within is not None:
        text += f", lapsing within {days_words(node.expires_within)}"
    return text


@_words.register
def _last_sent(node: nodes.LastSent) -> str:
    return f"last text {_AGES[node.operator]} {days_words(node.days)} ago"


@_words.register
def _last_sent_in(node: nodes.LastSentIn) -> str:
    return f"last text {window_words(node.window)}"


@_words.register
def _sent(node: nodes.SentCount) -> str:
    text = f"got {_COUNTS[node.operator]} {node.count} text{'' if node.count == 1 else 's'}"
    return text + (f" in the last {days_words(node.within_days)}" if node.within_days else "")


@_words.register
def _never_sent(node: nodes.NeverSent) -> str:
    return "never texted"


@_words.register
def _customer_key(node: nodes.HasCustomerKey) -> str:
    return "has a customer id" if node.present else "has no customer id"
