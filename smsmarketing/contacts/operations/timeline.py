"""contacts.timeline: everything that ever happened to one person, in one order."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal, get_args

from django.core import signing
from pydantic import Field

from smsmarketing.accounts.models import ApiToken, User
from smsmarketing.contacts.operations.targets import READ_TARGET, contact_read
from smsmarketing.contacts.rules.phone import phone_hide
from smsmarketing.contacts.selectors.numbers import person_of
from smsmarketing.contacts.selectors.timeline import Entry, Mark, timeline
from smsmarketing.operations import registry
from smsmarketing.operations.canonical import sha256_hex
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.pages import Page, PageInput
from smsmarketing.operations.text import untrusted, untrusted_clean
from smsmarketing.operations.types import (
    Context,
    Kind,
    Operation,
    Output,
    RestRoute,
    UntrustedText,
)

_SALT = "smsmarketing.contacts.timeline"
_WHO = re.compile(r"(user|token):(\d{1,17})")
KindName = Literal[
    "change",
    "consent",
    "detail",
    "event",
    "import",
    "lift",
    "list",
    "list_left",
    "message",
    "number",
    "opt_in",
    "opt_out",
    "reply",
]


class TimelineIn(PageInput):
    contact_id: int = Field(ge=1, description="Id from contacts.search.")
    kinds: list[KindName] = Field(
        default=[],
        max_length=len(get_args(KindName)),
        description=(
            "Only these; default: all. detail: fields and tags; change: what people here did besides,"
            " such as reveals and the trash."
        ),
    )


class TimelineEntry(Output):
    """One thing that happened."""

    at: datetime = Field(description="When, UTC.")
    kind: str = Field(description="change, consent, event, import, lift, list, message, ...")
    entry_id: int = Field(description="Id of the row of that kind.")
    sentence: UntrustedText = Field(description="What happened, as a sentence; numbers masked.")
    who: str = Field(
        description="Who did it: a person by name, also the program or agent they used; a system; empty: the person."
    )
    brand_id: int | None = Field(description="Brand it concerns; null: none or every one.")
    facts: dict[str, str] = Field(description="The same as words of the system, by name.")


class TimelinePage(Page[TimelineEntry]):
    """Entries, newest first."""


def _timeline(context: Context, data: TimelineIn) -> TimelinePage:
    contact = contact_read(context)
    kinds = sorted(set(data.kinds) or set(get_args(KindName)))
    binding = sha256_hex([context.actor.principal, contact.pk, kinds])[:32]
    mark = _mark(data.cursor, binding) if data.cursor else None
    person = person_of(contact)
    found = timeline(context.actor, person, kinds=kinds, mark=mark, limit=data.limit + 1)
    page = found[: data.limit]
    cursor = None
    if len(found) > data.limit:
        last = page[-1]
        cursor = signing.dumps(
            [binding, last.at.isoformat(), last.kind, last.id], salt=_SALT, compress=True
        )
    context.audit_facts = {"shown": len(page)}
    names = _names(page)
    return TimelinePage(
        items=[_entry(entry, person.phones, names) for entry in page], next_cursor=cursor
    )


def _mark(cursor: str, binding: str) -> Mark:
    try:
        bound_to, at, kind, pk = signing.loads(cursor, salt=_SALT)
        if bound_to != binding:
            raise signing.BadSignature("bound to another timeline")
        return Mark(datetime.fromisoformat(at), str(kind), int(pk))
    except (signing.BadSignature, ValueError, TypeError) as exc:
        raise InvalidInput(
            "The cursor does not belong to this timeline and these kinds. Leave it out to start with"
            " the newest.",
            field_errors={"cursor": "Pass next_cursor of the page before, with unchanged kinds."},
        ) from exc


def _names(page: list[Entry]) -> dict[str, str]:
    """Who is who: a person by name, a program or an agent by the name of its token and its person."""
    named = [found for entry in page if (found := _WHO.fullmatch(entry.who))]
    users = User.objects.filter(pk__in=[int(found[2]) for found in named if found[1] == "user"])
    tokens = ApiToken.objects.filter(
        pk__in=[int(found[2]) for found in named if found[1] == "token"]
    )
    names = {f"user:{user.pk}": user.get_username() for user in users}
    for token in tokens.select_related("user"):
        word = "agent" if token.for_agent else "program"
        names[f"token:{token.pk}"] = f"{token.user.get_username()} ({word} {token.name})"
    return names


def _entry(entry: Entry, phones: list[str], names: dict[str, str]) -> TimelineEntry:
    def hidden(text: str) -> str:
        for phone in phones:
            text = phone_hide(text, phone)
        return text

    return TimelineEntry(
        at=entry.at,
        kind=entry.kind,
        entry_id=entry.id,
        sentence=untrusted(hidden(entry.sentence), "timeline"),
        who=hidden(names.get(entry.who, entry.who)),
        brand_id=entry.brand_id,
        facts={name: hidden(untrusted_clean(value)) for name, value in entry.facts.items()},
    )


registry.add(
    Operation(
        key="contacts.timeline",
        summary="Everything that happened to one person, newest first, as sentences.",
        description=(
            "Consents, opt-outs and lifts, imports, messages and replies, orders and other events, lists"
            " joined and left, fields and tags, former numbers while they were this person's, merged"
            " contacts, and what people here did, reveals of the number too. Numbers are masked."
        ),
        kind=Kind.READ,
        input=TimelineIn,
        output=TimelinePage,
        run=_timeline,
        permission="contacts.contact_view",
        scope="sms:contacts.read",
        requires=("contacts.search",),
        target=READ_TARGET,
        rest=RestRoute("GET", "/contacts/{contact_id}/timeline"),
        group="contacts",
        audit_reads=True,
    )
)
