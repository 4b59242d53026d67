"""Everything that ever happened to one person, newest first: one bounded query a source, merged."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db.models import Q, QuerySet

from smsmarketing.accounts.selectors import brands_visible, teams_visible
from smsmarketing.contacts.models import (
    AudienceMember,
    ConsentEvent,
    Contact,
    ContactEvent,
    DoubleOptIn,
    FormerNumber,
    ImportJob,
    ImportUndo,
    SuppressionLift,
)
from smsmarketing.contacts.rules.phone import phone_mask
from smsmarketing.contacts.selectors.contacts import audiences_visible, imports_visible
from smsmarketing.contacts.selectors.numbers import Person, spans_q
from smsmarketing.contacts.selectors.suppressions import suppressions_visible
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.types import Actor

KINDS: Final = (
    "change",
    "consent",
    "event",
    "import",
    "lift",
    "list",
    "message",
    "number",
    "opt_in",
    "opt_out",
    "reply",
)
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
_MADE = re.compile(r"(?:import|import_undo):(\d{1,17})")
_DOCUMENTS_MOST = 500
"""Consents of one contact whose documents are looked up, newest first."""


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `key` orders entries and is the mark of a page."""

    at: datetime
    kind: str
    id: int
    sentence: str
    who: str = ""
    brand_id: int | None = None
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[datetime, str, int]:
        return (self.at, self.kind, self.id)


@dataclass(frozen=True)
class Mark:
    """Where a page ended: the next one holds what is before it."""

    at: datetime
    kind: str
    id: int


Source = Callable[[Actor, Person, Mark | None, int], Iterable[Entry]]


def before(rows: QuerySet[Any], mark: Mark | None, *, at: str, kind: str) -> QuerySet[Any]:
    """The rows of this kind behind the mark, newest first."""
    if mark is not None:
        if kind == mark.kind:
            rows = rows.filter(Q(**{f"{at}__lt": mark.at}) | Q(**{at: mark.at, "pk__lt": mark.id}))
        else:
            word = "lte" if kind < mark.kind else "lt"
            rows = rows.filter(**{f"{at}__{word}": mark.at})
    return rows.order_by(f"-{at}", "-pk")


def timeline(
    actor: Actor,
    person: Person,
    *,
    kinds: Collection[str],
    mark: Mark | None,
    limit: int,
) -> list[Entry]:
    """At most `limit` entries behind the mark, newest first, of what the actor may see."""
    sources = {**_SOURCES, **more_sources}
    found = [list(sources[kind](actor, person, mark, limit)) for kind in kinds if kind in sources]
    merged = heapq.merge(*found, key=lambda entry: entry.key, reverse=True)
    return [entry for _, entry in zip(range(limit), merged, strict=False)]


def _consents(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
    rows = ConsentEvent.objects.filter(contact__in=person.ids, brand__in=brands_visible(actor))
    present = bytes(person.contact.phone_hash)
    words = {
        "granted": "Agreed to",
        "revoked": "Took back the consent to",
        "expired": "The consent ran out to",
        "denied": "Said no to",
    }
    for row in before(rows.select_related("brand"), mark, at="recorded_at", kind="consent")[:limit]:
        method = row.method.replace("_", " ")
        other = "" if bytes(row.phone_hash) == present else ", for another number than today's"
        ended = row.captured_by == "number_changed"
        word = "The number changed, which ended the consent to" if ended else words[row.direction]
        yield Entry(
            row.recorded_at,
            "consent",
            row.pk,
            f"{word} {row.purpose} texts of {row.brand.name}"
            f" ({method}, {row.captured_at:%-d %b %Y}{other}).",
            "" if ended else row.captured_by,
            row.brand_id,
            {"direction": row.direction, "purpose": row.purpose, "method": row.method},
        )


def _opt_outs(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
    own = spans_q(person.spans, begun="created_at", ended=("lifted_at", "expires_at"))
    rows = suppressions_visible(actor).filter(own)
    for row in before(rows.select_related("brand"), mark, at="created_at", kind="opt_out")[:limit]:
        where = row.brand.name if row.brand else "every brand"
        what = {"opt_out": "Opted out of", "hold": "Put on hold for"}.get(
            row.reason, f"Blocked ({row.reason.replace('_', ' ')}) for"
        )
        began = person.began(bytes(row.phone_hash))
        earlier = began is not None and row.created_at < began
        note = ", before the number was this person's; it still held then" if earlier else ""
        yield Entry(
            row.created_at,
            "opt_out",
            row.pk,
            f"{what} {where}, by {row.source}{note}.",
            str(row.evidence.get("recorded_by", "")),
            row.brand_id,
            {"reason": row.reason, "scope": row.scope, "source": row.source},
        )


def _lifts(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
    own = spans_q(person.spans, begun="created_at", number="suppression__phone_hash")
    rows = SuppressionLift.objects.filter(own, suppression__in=suppressions_visible(actor))
    rows = rows.select_related("suppression__brand")
    for row in before(rows, mark, at="created_at", kind="lift")[:limit]:
        brand = row.suppression.brand
        yield Entry(
            row.created_at,
            "lift",
            row.pk,
            f"The block ({row.suppression.reason.replace('_', ' ')}) for"
            f" {brand.name if brand else 'every brand'} ended: {row.ground.replace('_', ' ')}.",
            row.actor,
            row.suppression.brand_id,
            {"ground": row.ground, "reason": row.suppression.reason},
        )


def _opt_ins(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
    own = spans_q(person.spans, begun="requested_at", ended=("ended_at",))
    rows = DoubleOptIn.objects.filter(own, brand__in=brands_visible(actor)).select_related("brand")
    for row in before(rows, mark, at="requested_at", kind="opt_in")[:limit]:
        yield Entry(
            row.requested_at,
            "opt_in",
            row.pk,
            f"Asked by text to confirm the opt-in to {row.brand.name}: {row.state}.",
            row.asked_by,
            row.brand_id,
            {"state": str(row.state)},
        )


def _events(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
    rows = ContactEvent.objects.filter(contact__in=person.ids, team__in=teams_visible(actor))
    rows = rows.exclude(kind="sms_reply")  # the reply itself is an entry
    for row in before(rows, mark, at="occurred_at", kind="event")[:limit]:
        kind = row.kind.removeprefix("custom:").replace("_", " ")
        state = str(row.properties.get("state") or row.properties.get("status") or "")
        yield Entry(
            row.occurred_at,
            "event",
            row.pk,
            f"{kind.capitalize()} {row.external_id}{f': {state}' if state else ''} ({row.source}).",
            row.source,
            None,
            {"event": row.kind, "external_id": row.external_id, "state": state},
        )


def _lists(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
    lists = audiences_visible(actor)
    rows = AudienceMember.objects.filter(contact__in=person.ids, audience__in=lists)
    for row in before(rows.select_related("audience"), mark, at="added_at", kind="list")[:limit]:
        yield Entry(
            row.added_at,
            "list",
            row.pk,
            f"Came onto the list {row.audience.name}.",
            f"import {row.import_job_id}" if row.import_job_id else "",
            row.audience.brand_id,
            {"audience_id": str(row.audience_id)},
        )


def _imports(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
    touched = ImportUndo.objects.filter(contact_id__in=person.ids).order_by("-pk")
    changes = dict(reversed(touched.values_list("job_id", "changes")[:200]))
    for source in Contact.objects.filter(pk__in=person.ids).values_list("source", flat=True):
        if made := _MADE.fullmatch(source):
            changes.setdefault(int(made[1]), {})
    rows = imports_visible(actor).filter(pk__in=changes, started_at__isnull=False)
    for row in before(rows, mark, at="started_at", kind="import")[:limit]:
        yield _import(row, changes[row.pk])


def _import(row: ImportJob, changes: dict[str, Any]) -> Entry:
    fields = ", ".join(sorted(changes))
    undone = f"; undone on {row.undone_at:%-d %b %Y}" if row.undone_at else ""
    assert row.started_at is not None  # noqa: S101 - filtered
    return Entry(
        row.started_at,
        "import",
        row.pk,
        f"Import {row.file_name} {f'changed {fields}' if fields else 'touched this contact'}{undone}.",
        f"user:{row.created_by_id}",
        row.brand_id,
        {"import_id": str(row.pk), "fields": fields},
    )


def _acts(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
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
            row.on_behalf_of or row.actor_id,
            None,
            {"operation": row.operation, "surface": row.surface},
        )


def _act(row: AuditEntry) -> str:
    if row.operation == "contacts.upsert":
        if row.facts.get("created"):
            return "The contact was made"
        names = row.facts.get("details", row.facts.get("changed", []))
        fields = ", ".join(str(name).replace("_", " ") for name in names)
        return f"{_ACTS[row.operation]} ({fields})" if fields else _ACTS[row.operation]
    if row.operation == "contacts.consent_proof" and row.facts.get("full_numbers"):
        return "A proof pack with the full number was made"
    return _ACTS[row.operation]


# Facts that were too long to keep are only a hash: what may have changed something is told.
_CHANGED = (
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
own, and a call of contacts.reveal has one beside those of the single numbers. An upsert that changed
nothing is no act, and a change of the number is told by `_numbers`.
"""


def _numbers(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
    rows = FormerNumber.objects.filter(contact__in=person.ids)
    for row in before(rows, mark, at="until", kind="number")[:limit]:
        was = f"it was {phone_mask(row.phone)} until then" if row.phone else "the former is unknown"
        yield Entry(
            row.until,
            "number",
            row.pk,
            f"The number changed; {was}.",
            row.changed_by,
            None,
            {"known_by": row.known_by},
        )


_SOURCES: Final[dict[str, Source]] = {
    "change": _acts,
    "consent": _consents,
    "event": _events,
    "import": _imports,
    "lift": _lifts,
    "list": _lists,
    "number": _numbers,
    "opt_in": _opt_ins,
    "opt_out": _opt_outs,
}
more_sources: dict[str, Source] = {}
"""Kind → source, added at ready() by apps that lie above: `message` and `reply` by gateways."""
