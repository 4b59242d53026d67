"""The queue of unclear replies: one at a time, one key a decision, and buttons for the same."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.rules.inbound_words import INTENTS
from smsmarketing.contacts.rules.phone import phone_hide, phone_mask
from smsmarketing.gateways.models import InboundMessage
from smsmarketing.gateways.rules.review_due import decision_due
from smsmarketing.gateways.selectors import inbound_visible
from smsmarketing.gateways.selectors.review import (
    TEXT_REMOVED,
    replies_waiting,
    reply_answers,
    reply_conversation,
)
from smsmarketing.gateways.services.decisions import DECISION_WORDS
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.surfaces.admin.navigation import NavigationPage, navigation_add
from smsmarketing.operations.surfaces.calls import operation_call
from smsmarketing.operations.text import untrusted_clean
from smsmarketing.operations.types import Actor

PAGE = "admin:gateways_reply_review"
PERMISSION = "gateways.inbound_decide"
DECISIONS = (
    ("opt_out", "o", "Opt out"),
    ("keep", "k", "No opt-out"),
    ("wrong_number", "w", "Wrong number"),
    ("complaint", "c", "Complaint"),
)
LEVEL_WORDS = {
    "fuzzy": "looks like a misspelt",
    "intent": "holds the words",
    "none": "no opt-out word found",
}
_KINDS = {"stop": "opt_out", "wrong_number": "wrong_number", "complaint": "complaint"}
_COUNTED = 1_000

navigation_add(
    NavigationPage(
        area="Sending",
        title="Replies to decide",
        url_name=PAGE,
        icon="rule",
        permission=PERMISSION,
    )
)


def review_page(request: HttpRequest) -> HttpResponse:
    """The next reply that waits (GET), and the decision about one (POST)."""
    actor = admin_actor(request)
    if not actor.may(PERMISSION):
        raise PermissionDenied
    if request.method == "POST":
        return _decide(request, actor)
    waiting = replies_waiting(actor)
    shown = _next(waiting, request.GET.get("skip", ""))
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Replies to decide",
        "counts": _counts(actor),
        "last": _last(actor, request.GET.get("last", "")),
        "item": _item(actor, shown) if shown is not None else None,
        "decisions": DECISIONS,
    }
    return TemplateResponse(request, "admin/gateways/review.html", context)


def _decide(request: HttpRequest, actor: Actor) -> HttpResponse:
    decision, given = request.POST.get("decision", ""), request.POST.get("inbound_id", "")
    payload = {"inbound_id": given, "decision": decision, "note": request.POST.get("note", "")}
    query: dict[str, str] = {}
    try:
        operation_call("inbound.decide", payload, actor=actor)
    except OperationError as error:
        detail = " ".join(error.field_errors.values())
        messages.error(request, f"{error.message} {detail}".strip())
    else:
        query["last"] = given
    address = reverse(PAGE)
    return HttpResponseRedirect(f"{address}?{urlencode(query)}" if query else address)


def _next(waiting: Any, skip: str) -> InboundMessage | None:
    """The first that waits; with `skip` the one behind it, and from the end the first again."""
    if skip.isdecimal():
        ids = list(waiting.values_list("pk", flat=True)[:_COUNTED])
        if int(skip) in ids:
            following = ids[(ids.index(int(skip)) + 1) % len(ids)]
            found: InboundMessage = waiting.get(pk=following)
            return found
    first: InboundMessage | None = waiting.select_related("brand", "gateway").first()
    return first


def _counts(actor: Actor) -> dict[str, int]:
    held = replies_waiting(actor).filter(action="hold_review")
    now = timezone.now()
    moments = list(held.values_list("stored_at", flat=True)[:_COUNTED])
    return {
        "held": held.count(),
        "late": sum(decision_due(stored_at) < now for stored_at in moments),
        "others": replies_waiting(actor).filter(action="review").count(),
    }


def _item(actor: Actor, message: InboundMessage) -> dict[str, Any]:
    due, now = decision_due(message.stored_at), timezone.now()
    intent = INTENTS.get(message.keyword)
    suggested = _KINDS[intent.kind] if intent else "opt_out" if message.level == "fuzzy" else ""
    answers = reply_answers(actor, message)
    contact = Contact.objects.filter(pk=message.contact_id or 0, erased_at=None).first()
    return {
        "message": message,
        "number": phone_mask(message.phone),
        "text": untrusted_clean(phone_hide(message.text, message.phone)),
        "name": f"{contact.first_name} {contact.last_name}".strip() if contact else "",
        "contact": contact,
        "held": message.action == "hold_review",
        "due": due,
        "late": message.action == "hold_review" and due < now,
        "seen": LEVEL_WORDS.get(message.level, message.level),
        "suggested": suggested,
        "answers": (answers.body or TEXT_REMOVED) if answers is not None else "",
        "answers_at": answers.created_at if answers is not None else None,
        "lines": [
            (line, untrusted_clean(phone_hide(line.text, message.phone)))
            for line in reply_conversation(actor, message)
            if line.inbound_id != message.pk
        ],
    }


def _last(actor: Actor, given: str) -> dict[str, Any] | None:
    """What this person decided a moment ago, to read again and, where lawful, to take back."""
    if not given.isdecimal() or len(given) > 18:
        return None
    message = (
        inbound_visible(actor)
        .filter(pk=int(given), decided_by_id=actor.user_id)
        .exclude(decision="")
        .first()
    )
    if message is None:
        return None
    return {
        "id": message.pk,
        "number": phone_mask(message.phone),
        "words": DECISION_WORDS.get(message.decision, message.decision),
        "undo": message.decision == "keep",
    }
