"""What a person agreed to and refused: consents, opt-outs, their lifts, requests to confirm."""

from __future__ import annotations

from collections.abc import Iterator

from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import ConsentEvent, DoubleOptIn, SuppressionLift
from smsmarketing.contacts.selectors.numbers import Person, spans_q
from smsmarketing.contacts.selectors.suppressions import suppressions_visible
from smsmarketing.contacts.selectors.timeline.entries import Entry, Mark, before
from smsmarketing.operations.types import Actor


def consents(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
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


def opt_outs(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
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


def lifts(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
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


def opt_ins(actor: Actor, person: Person, mark: Mark | None, limit: int) -> Iterator[Entry]:
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
