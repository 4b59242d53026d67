"""What a token can be allowed to do, coarsely [R-9.24]. A token's rights are its scopes' permissions
and its person's permissions together, never more than either.
"""

from __future__ import annotations

from typing import Literal

ScopeName = Literal[
    "sms:read",
    "sms:contacts.read",
    "sms:contacts.pii",
    "sms:contacts.write",
    "sms:draft",
    "sms:schedule",
    "sms:send",
    "sms:otp",
    "sms:compliance",
    "sms:sender",
]
"""The keys of SCOPES, for inputs: forms offer them, schemas list them."""

SCOPES: dict[str, str] = {
    "sms:read": "Read settings, campaigns, templates, gateways, costs and reports.",
    "sms:contacts.read": "Read contacts, audiences and segments; numbers are masked.",
    "sms:contacts.pii": "See full phone numbers and consent evidence.",
    "sms:contacts.write": "Create and change contacts, audiences and segments.",
    "sms:draft": "Write drafts: templates, links, campaigns; ask for their review.",
    "sms:schedule": "Schedule an approved campaign, or take it off the schedule.",
    "sms:send": "Start an approved campaign; pause or stop a running one; test sends.",
    "sms:otp": "Send and check one-time codes.",
    "sms:compliance": "Record opt-outs; read policies, consent evidence and the audit log;"
    " ask for erasures, published forms and webhook addresses. Never lifts an opt-out.",
    "sms:sender": "Apply for sender IDs and read their registration.",
}
"""Scope -> what a person who grants it should know."""

PII_SCOPE = "sms:contacts.pii"
EXIT_SCOPES = frozenset({"sms:draft", "sms:schedule", "sms:send", "sms:otp"})
"""Scopes through which text can leave the system."""


def trifecta_scopes(scopes: frozenset[str]) -> frozenset[str]:
    """The exit scopes that stand beside the personal-data scope; empty when the token is safe.

    A token that reads personal data, reads what third parties wrote and has a way out can be talked
    into carrying the data out [R-9.26].
    """
    return scopes & EXIT_SCOPES if PII_SCOPE in scopes else frozenset()


def scopes_unknown(scopes: frozenset[str]) -> frozenset[str]:
    """The names that are no scope. There is no wildcard [R-9.22]."""
    return scopes - SCOPES.keys()
