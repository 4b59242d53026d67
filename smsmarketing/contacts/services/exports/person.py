"""Everything on record about one person, for their own request: one JSON, and one page to read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from html import escape
from typing import Any

from django.db.models import Q

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts import selectors
from smsmarketing.contacts.models import (
    AudienceMember,
    ConsentEvent,
    Contact,
    ContactChange,
    ContactEvent,
    DoubleOptIn,
    EventSummary,
    FormerMember,
    FormerNumber,
    ImportUndo,
    SendState,
    Suppression,
)
from smsmarketing.contacts.rules.proof_words import time_text, word_of
from smsmarketing.contacts.selectors.numbers import Person, person_of, spans_q, suppression_then
from smsmarketing.contacts.services.proof.rows import audit_rows, suppressions_once

FORMAT = "smsmarketing.person/1"
_LEFT_OUT = {"phone_hash", "token_hash"}
_EVENTS_MOST = 10_000
_NOTE = (
    "Only what the brands named here hold. Keyed fingerprints of the number, which serve to keep an"
    " opt-out after erasure, are left out."
)


def person_gather(
    contact: Contact, brands: Collection[Brand], *, now: datetime, reason: str
) -> dict[str, Any]:
    """What the brands hold about the contact, in plain values: profile, consents with their exact
    texts, blocks, messages, replies, events, lists, imports and the audit entries about it.
    """
    person = person_of(contact)
    ids = person.ids
    brand_ids = [brand.pk for brand in brands]
    team_ids = sorted({brand.team_id for brand in brands})
    own = {"contact_id__in": ids, "brand_id__in": brand_ids}
    content: dict[str, Any] = {
        "format": FORMAT,
        "made": {"at": _plain(now), "reason": reason, "note": _NOTE},
        "brands": [{"brand_id": brand.pk, "name": brand.name} for brand in brands],
        "profile": [_row(row) for row in Contact.objects.filter(pk__in=ids).order_by("pk")],
        "may_be_texted": _rows(SendState.objects.filter(**own).order_by("pk")),
        "former_numbers": _rows(
            FormerNumber.objects.filter(contact__in=ids).order_by("until", "pk")
        ),
        "consents": _rows(ConsentEvent.objects.filter(**own).order_by("pk")),
        "requests_to_confirm": _rows(
            DoubleOptIn.objects.filter(
                spans_q(person.spans, begun="requested_at", ended=("ended_at",)),
                brand_id__in=brand_ids,
            ).order_by("pk")
        ),
        "opt_outs_and_blocks": _blocks(person, brand_ids),
        "messages": [_messages(contact, brand) for brand in brands],
        "replies": _replies(contact, brand_ids),
        "events": _rows(
            ContactEvent.objects.filter(contact_id__in=ids, team_id__in=team_ids).order_by("pk")[
                :_EVENTS_MOST
            ]
        ),
        "event_totals": _rows(
            EventSummary.objects.filter(contact_id__in=ids, team_id__in=team_ids).order_by("pk")
        ),
        "lists": [
            {"list": member.audience.name, "added_at": _plain(member.added_at)}
            for member in AudienceMember.objects.filter(
                contact_id__in=ids, audience__brand_id__in=brand_ids
            ).select_related("audience")
        ],
        "former_lists": [
            {
                "list": member.audience.name,
                "added_at": _plain(member.added_at),
                "left_at": _plain(member.left_at),
            }
            for member in FormerMember.objects.filter(
                contact_id__in=ids, audience__brand_id__in=brand_ids
            ).select_related("audience")
        ],
        "changes": _rows(ContactChange.objects.filter(contact__in=ids).order_by("at", "pk")),
        "imports": _rows(ImportUndo.objects.filter(contact_id__in=ids).order_by("pk")),
        "audit": _plain(audit_rows(contact)["entries"]),
    }
    content["made"]["shortened"] = _shortened(content)
    return content


def _blocks(person: Person, brand_ids: Collection[int]) -> list[dict[str, Any]]:
    """What stood or stands against the person's numbers. What somebody said who had the number before
    still holds, so it is told; what was said is not this person's.
    """
    own = spans_q(person.spans, begun="created_at", ended=("lifted_at", "expires_at"))
    rows = Suppression.objects.filter(own).filter(Q(brand=None) | Q(brand_id__in=list(brand_ids)))
    told = []
    for row in suppressions_once(list(rows.order_by("pk"))):
        began = person.began(bytes(row.phone_hash))
        earlier = began is not None and row.created_at < began
        shown = _row(suppression_then(row, person.spans))
        if earlier:
            shown |= {
                "evidence": {},
                "note": "From before the number was yours; it still held then.",
            }
        told.append(shown)
    return told


def _shortened(content: Mapping[str, Any]) -> list[str]:
    """What is longer on record than in the file, in words: nobody may take a part for the whole."""
    said = [
        f"Messages of {each['brand']}: the newest {len(each['newest']):,} of {each['total']:,}."
        for each in content["messages"]
        if len(each["newest"]) < each["total"]
    ]
    for name, most in (("replies", 1_000), ("events", _EVENTS_MOST), ("audit", 1_000)):
        if len(content[name]) >= most:
            said.append(f"{_label(name)}: {most:,} are in the file; there may be more.")
    return said


def _messages(contact: Contact, brand: Brand) -> dict[str, Any]:
    provider = selectors.proof_messages_provider
    total, rows = provider(contact, brand.pk) if provider else (0, [])
    return {"brand": brand.name, "total": total, "newest": _plain(rows)}


def _replies(contact: Contact, brand_ids: Collection[int]) -> list[dict[str, Any]]:
    provider = selectors.replies_provider
    found: list[dict[str, Any]] = _plain(provider(contact, brand_ids)) if provider else []
    return found


def _rows(rows: Any) -> list[dict[str, Any]]:
    return [_row(row) for row in rows]


def _row(row: Any) -> dict[str, Any]:
    """Every column that says something, whatever columns a later release adds."""
    return {
        field.attname: _plain(getattr(row, field.attname))
        for field in row._meta.concrete_fields
        if field.name not in _LEFT_OUT
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return value if isinstance(value, str | int | float | bool | None) else str(value)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>What is on record about you</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>body{{font:15px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
dl{{display:grid;grid-template-columns:12rem 1fr;gap:.1rem 1rem;margin:.5rem 0 1rem}}
dt{{color:#555}}dd{{margin:0;overflow-wrap:anywhere;white-space:pre-wrap}}
h2{{border-bottom:1px solid #888;margin-top:2rem}}hr{{border:0;border-top:1px solid #ddd}}</style></head>
<body><h1>What is on record about you</h1>{body}</body></html>
"""


def person_page(content: Mapping[str, Any]) -> bytes:
    """The same as a page to read, without script, that loads nothing."""
    body = "".join(
        f"<h2>{escape(_label(name))}</h2>{_shown(name, value)}"
        for name, value in content.items()
        if name != "format"
    )
    return _PAGE.format(body=body).encode()


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _shown(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = "".join(
            f"<dt>{escape(_label(key))}</dt><dd>{_shown(key, item)}</dd>"
            for key, item in value.items()
            if item not in (None, "", [], {})
        )
        return f"<dl>{pairs}</dl>"
    if isinstance(value, list):
        if not value:
            return "<p>Nothing is on record.</p>"
        if not isinstance(value[0], Mapping):
            return escape(", ".join(str(item) for item in value))
        return "<hr>".join(_shown(name, item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escape(time_text(word_of(name, str(value))))
