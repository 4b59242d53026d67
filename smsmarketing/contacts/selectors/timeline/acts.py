"""What people and programs did about a contact, from the audit: reveals, exports, the trash, merges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.db.models import Q

from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import ConsentEvent
from smsmarketing.contacts.rules.changes import field_label
from smsmarketing.contacts.selectors.numbers import Person
from smsmarketing.contacts.selectors.timeline.entries import Entry, Mark, before
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.types import Actor

_ACTS: Final = {
    "contacts.upsert": "Details were changed",
    "contacts.delete": "Moved to the trash",
    "contacts.restore": "Brought back from the trash",
    "contacts.erase": "Erased",
    "contacts.merge": "Merged with another contact",
    "contacts.reveal": "The full number was shown",
    "contacts.consent_proof": "A proof pack was made",
    "contacts.export_person": "Everything about the person was exported",
    "consent.document": "The document of a consent was fetched",
}
_DOCUMENTS_MOST = 500
"""Consents of one contact whose documents are looked up, newest first."""


def acts(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
    consents = ConsentEvent.objects.filter(
        contact__in=person.ids, brand__in=brands_visible(actor), evidence_file_id__isnull=False
    )
    documents = consents.order_by("-pk").values_list("pk", flat=True)[:_DOCUMENTS_MOST]
    own = Q(object_type="contacts.contact", object_id__in=[str(pk) for pk in person.ids])
    fetched = Q(
        object_type="contacts.consentevent",
        object_id__in=[str(pk) for pk in documents],
        operation="consent.document",
        outcome="done",
    )
    rows = AuditEntry.objects.filter(own & _TOLD | fetched)
    for row in before(rows, mark, at="at", kind="change")[:limit]:
        reason = f": {row.reason}" if row.reason else ""
        yield Entry(
            row.at,
            "change",
            row.seq,
            f"{_act(row)}{reason}.",
            row.actor_id,
            None,
            {"operation": row.operation, "surface": row.surface},
        )


def _act(row: AuditEntry) -> str:
    if row.operation == "contacts.upsert":
        if row.facts.get("created"):
            return "The contact was made"
        names = row.facts.get("details", row.facts.get("changed", []))
        fields = ", ".join(field_label(str(name)) for name in names)
        return f"{_ACTS[row.operation]} ({fields})" if fields else _ACTS[row.operation]
    if row.operation == "contacts.consent_proof" and row.facts.get("full_numbers"):
        return "A proof pack with the full number was made"
    return _ACTS[row.operation]


# Facts that were too long to keep are only a hash: what may have changed something is told. Since an
# upsert notes its changes as rows of the contact, those tell it (`profile.details`).
_CHANGED = ~Q(facts__has_key="noted") & (
    Q(facts__created=True)
    | Q(facts__details__0__isnull=False)
    | Q(facts__changed__0__isnull=False) & ~Q(facts__has_key="details")
    | Q(facts__has_key="facts_hash")
)
_PLAIN = _ACTS.keys() - {"contacts.reveal", "contacts.upsert"}
_TOLD = (
    Q(operation="contacts.reveal", outcome="revealed")
    | Q(operation="contacts.upsert", outcome="done") & _CHANGED
    | Q(operation__in=sorted(_PLAIN), outcome="done")
)
"""One entry an act: a number that a proof or an export gives out is also counted by an entry of its
own, and a call of contacts.reveal has one beside those of the single numbers.
"""
