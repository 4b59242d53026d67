"""What became of a contact's own rows: details and tags, numbers, lists, imports, events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from smsmarketing.accounts.selectors import teams_visible
from smsmarketing.contacts.models import (
    AudienceMember,
    Contact,
    ContactChange,
    ContactEvent,
    FormerMember,
    FormerNumber,
    ImportJob,
    ImportUndo,
)
from smsmarketing.contacts.rules.changes import field_label
from smsmarketing.contacts.rules.contact_fields import OBJECT_FIELDS, TEXT_FIELDS
from smsmarketing.contacts.rules.phone import phone_mask
from smsmarketing.contacts.selectors.contacts import audiences_visible, imports_visible
from smsmarketing.contacts.selectors.numbers import Person
from smsmarketing.contacts.selectors.timeline.entries import Entry, Mark, before
from smsmarketing.operations.masking import text_masked
from smsmarketing.operations.types import Actor

_MADE = re.compile(r"(?:import|import_undo):(\d{1,17})")
_IMPORTS_MOST = 200
"""Imports of one contact that are looked up, newest first."""
_WHY = {
    "merge": ", taken over by the merge",
    "rename": " (the tag was renamed)",
    "undo": " (an import was undone)",
}


def events(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
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


def details(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
    """Names of fields and the tags; what imports changed is told by `imports`."""
    rows = ContactChange.objects.filter(contact__in=person.ids).exclude(act="import")
    for row in before(rows, mark, at="at", kind="detail")[:limit]:
        yield Entry(
            row.at,
            "detail",
            row.pk,
            _detail(row),
            row.by,
            None,
            {
                "act": row.act,
                "fields": ", ".join(row.fields),
                "tags_added": ", ".join(row.tags_added),
                "tags_removed": ", ".join(row.tags_removed),
            },
        )


def _detail(row: ContactChange) -> str:
    names = ", ".join(field_label(name) for name in row.fields if name != "restored")
    said = ["the contact was made"] if row.made else []
    if "restored" in row.fields:
        said.append("brought back from the trash")
    if names:
        said.append(f"with {names}" if row.made else f"details were changed ({names})")
    said += [*_tags(row.tags_added, "added"), *_tags(row.tags_removed, "removed")]
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}{_WHY.get(row.act, '')}."


def _tags(tags: list[str], word: str) -> list[str]:
    if not tags:
        return []
    shown = ", ".join(f"\u201c{text_masked(tag)}\u201d" for tag in tags)
    return [f"tag{'s' if len(tags) > 1 else ''} {shown} {word}"]


def lists(actor: Actor, person: Person, mark: Mark | None, limit: int) -> list[Entry]:
    """Joinings, also of lists that the contact left since."""
    own = {"contact__in": person.ids, "audience__in": audiences_visible(actor)}
    now = AudienceMember.objects.filter(**own).select_related("audience")
    then = FormerMember.objects.filter(**own).select_related("audience")
    found = chain(
        (_joined(row, row.pk) for row in before(now, mark, at="added_at", kind="list")[:limit]),
        (
            _joined(row, row.member_id)
            for row in before(then, mark, at="added_at", kind="list", pk="member_id")[:limit]
        ),
    )
    return sorted(found, key=lambda entry: entry.key, reverse=True)[:limit]


def _joined(row: AudienceMember | FormerMember, member_id: int) -> Entry:
    return Entry(
        row.added_at,
        "list",
        member_id,
        f"Came onto the list {row.audience.name}.",
        f"import {row.import_job_id}" if row.import_job_id else row.added_by,
        row.audience.brand_id,
        {"audience_id": str(row.audience_id)},
    )


def lists_left(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
    visible = audiences_visible(actor)
    rows = FormerMember.objects.filter(contact__in=person.ids, audience__in=visible)
    for row in before(rows.select_related("audience"), mark, at="left_at", kind="list_left")[
        :limit
    ]:
        why = f": import {row.import_job_id} was undone" if row.undone else ""
        yield Entry(
            row.left_at,
            "list_left",
            row.pk,
            f"Left the list {row.audience.name}{why}.",
            row.left_by,
            row.audience.brand_id,
            {"audience_id": str(row.audience_id)},
        )


def imports(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
    changes = _import_changes(person)
    rows = imports_visible(actor).filter(pk__in=changes, started_at__isnull=False)
    for row in before(rows, mark, at="started_at", kind="import")[:limit]:
        yield _import(row, *changes[row.pk])


def _import_changes(person: Person) -> dict[int, tuple[str, list[str], list[str]]]:
    """Import → what it did, fields and tags: while it can be undone, and afterwards."""
    found: dict[int, tuple[str, list[str], list[str]]] = {}
    undo = ImportUndo.objects.filter(contact_id__in=person.ids).order_by("-pk")
    for job_id, changes in undo.values_list("job_id", "changes")[:_IMPORTS_MOST]:
        fields = [name for name in TEXT_FIELDS if name in changes]
        fields += [f"{name}.{key}" for name in OBJECT_FIELDS for key in changes.get(name, ())]
        found.setdefault(job_id, ("changed", fields, list(changes.get("tags", ()))))
    kept = ContactChange.objects.filter(contact__in=person.ids, act="import").order_by("-at", "-pk")
    for row in kept[:_IMPORTS_MOST]:
        if row.import_job_id is not None:
            found.setdefault(row.import_job_id, ("changed", row.fields, row.tags_added))
    for source in Contact.objects.filter(pk__in=person.ids).values_list("source", flat=True):
        if made := _MADE.fullmatch(source):
            found.setdefault(int(made[1]), ("made", [], []))
    return found


def _import(row: ImportJob, word: str, fields: list[str], tags: list[str]) -> Entry:
    names = ", ".join(sorted(field_label(name) for name in fields))
    did = "made this contact" if word == "made" else f"changed {names}" if names else ""
    said = "; ".join(filter(None, [did, *_tags(tags, "added")])) or "touched this contact"
    undone = f"; undone on {row.undone_at:%-d %b %Y}" if row.undone_at else ""
    assert row.started_at is not None  # noqa: S101 - filtered
    return Entry(
        row.started_at,
        "import",
        row.pk,
        f"Import {row.file_name} {said}{undone}.",
        f"user:{row.created_by_id}",
        row.brand_id,
        {"import_id": str(row.pk), "fields": ", ".join(fields)},
    )


def numbers(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
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
