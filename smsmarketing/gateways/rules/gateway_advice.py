"""What to do about what a test of a gateway found: one sentence for each kind of trouble. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

BY_CLASS: Final[Mapping[str, str]] = {
    "auth": (
        "Compare user, password or token with the provider's own pages, and enter them again on the"
        " server: manage.py gateway_credentials {slug}."
    ),
    "account": (
        "Look at the account on the provider's own pages: its balance, the countries it may send to,"
        " and whether it is blocked."
    ),
    "throttle": (
        "Wait a minute and test again. When it stays, lower the messages per second of the gateway."
    ),
    "soft": "Test again in a few minutes. When it stays, ask the provider about the code shown.",
    "hard": "Give a number of your own that can get texts, in international form.",
    "optout": "The provider has this number on its own opt-out list. Test with another one.",
    "content": (
        "The provider refuses the request itself. Compare the request shown with its documents; of a"
        " gateway described as data correct the definition."
    ),
    "sender": "Use a sender that the provider has registered for this country.",
    "duplicate": "Nothing: the provider had this test already.",
    "ambiguous": (
        "A real message with this answer would become unknown and would not be sent again. Find out"
        " what the answer means before a campaign uses the gateway; of a gateway described as data"
        " add a rule for it."
    ),
}
BY_FAILURE: Final[Mapping[str, str]] = {
    "dns": "Check the spelling of the base URL, and whether this server can look names up.",
    "connect": "Check the base URL, and whether a firewall lets this server out to it.",
    "connect_timeout": "Check whether a firewall lets this server out to the provider.",
    "tls": (
        "Check that the base URL has the name in the provider's certificate, and that the certificate"
        " is not out of date."
    ),
    "bad_request": "Correct the base URL of the gateway: https and a host, nothing else.",
    "address": (
        "Use the provider's public address. For a server in your own network its operator sets"
        " INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES."
    ),
    "timeout": "Test again in a few minutes; when it stays, look at the provider's status page.",
    "reset": "Test again in a few minutes; when it stays, look at the provider's status page.",
    "protocol": "Check the base URL: what answers there does not speak HTTP.",
}


def advice_for(error_class: str | None, *, slug: str) -> str:
    """The sentence for an error class; of one that nobody knows, what is true of all."""
    sentence = BY_CLASS.get(error_class or "", "Ask the provider about the code shown.")
    return sentence.replace("{slug}", slug)
