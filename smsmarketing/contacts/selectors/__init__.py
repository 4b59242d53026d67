"""Reading contacts, audiences, suppressions and imports, within what the actor may see."""

from collections.abc import Callable, Collection
from typing import Any

from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.selectors.contacts import (
    audiences_visible,
    contacts_named,
    contacts_shared,
    contacts_visible,
    evidence_visible,
    exports_visible,
    folders_visible,
    imports_visible,
    mappings_visible,
    segments_visible,
)
from smsmarketing.contacts.selectors.suppressions import (
    suppressed_now,
    suppressed_phones,
    suppressions_live,
    suppressions_visible,
)
from smsmarketing.operations.types import Actor

history_provider: Callable[[Actor, Contact], list[dict[str, Any]]] | None = None
"""Set by gateways at ready(): the newest sends to a contact, newest first. gateways lies above this
app, so it is not imported here. Each item has `at` (ISO 8601), `brand`, `purpose`, `state`,
`reason`, `parts`, `cost` and `currency`.
"""

last_message_provider: Callable[[int, int], dict[str, Any]] | None = None
"""Set by gateways at ready(): the newest text of a brand (id) to a contact (id), as evidence of what
an opt-out by link answered: `message_id`, `batch_id`, `batch` (its label, a campaign's name) and
`sent_at`; empty when there was none.
"""

reply_numbers_provider: Callable[[Actor, list[int]], dict[int, str]] | None = None
"""Set by gateways at ready(): the numbers of these replies (ids), of those the actor may see."""

proof_messages_provider: Callable[[Contact, int], tuple[int, list[dict[str, Any]]]] | None = None
"""Set by gateways at ready(): (how many, the newest 500) messages of a brand to a contact, oldest
first, with text, sender, states and times, for the proof pack. `number` is the full one.
"""

listings_provider: Callable[[Collection[bytes]], list[dict[str, Any]]] | None = None
"""Set by gateways at ready(): how telling the providers' own lists of a number (its hashes) stands:
`gateway`, `state`, `words` and `at`.
"""

replies_provider: Callable[[Contact, Collection[int]], list[dict[str, Any]]] | None = None
"""Set by gateways at ready(): what a contact wrote to these brands (ids), oldest first."""

__all__ = [
    "audiences_visible",
    "contacts_named",
    "contacts_shared",
    "contacts_visible",
    "evidence_visible",
    "exports_visible",
    "folders_visible",
    "history_provider",
    "imports_visible",
    "last_message_provider",
    "listings_provider",
    "mappings_visible",
    "proof_messages_provider",
    "replies_provider",
    "reply_numbers_provider",
    "segments_visible",
    "suppressed_now",
    "suppressed_phones",
    "suppressions_live",
    "suppressions_visible",
]
