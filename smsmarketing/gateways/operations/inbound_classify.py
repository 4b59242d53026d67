"""inbound.classify: what an incoming text would do, without doing it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.rules.inbound import LIST_VERSION, Classification, inbound_classify
from smsmarketing.contacts.rules.phone import PhoneError, is_plus_one, phone_parse
from smsmarketing.contacts.rules.suppressions import purposes_default
from smsmarketing.contacts.selectors import contacts_visible, suppressed_phones
from smsmarketing.gateways.intake.replies import (
    reply_language,
    reply_text,
    scope_question_open,
)
from smsmarketing.gateways.models import SenderId
from smsmarketing.gateways.selectors import senders_visible
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute


class ClassifyIn(Input):
    """Input of inbound.classify."""

    text: str = Field(min_length=0, max_length=1600, description="The incoming text.")
    country: str = Field(
        default="US",
        pattern="^[A-Z]{2}$",
        description="Country of the sender's number; taken from phone when that is given.",
    )
    opted_out: bool = Field(default=False, description="Whether the sender is opted out now.")
    waits_for_opt_in: bool = Field(
        default=False, description="Whether a double opt-in request waits for an answer."
    )
    phone: str = Field(
        default="",
        max_length=32,
        description="Number it would come from: its opt-outs and its person's language count then.",
    )
    brand_id: int | None = Field(default=None, ge=1, description="Brand it would be written to.")
    sender_id: int | None = Field(
        default=None, ge=1, description="Sender ID it would be written to; brings its brand."
    )


class ClassifyOut(Output):
    """What the text would do."""

    action: str = Field(
        description="opt_out, opt_in, help, hold_review, keep_orders or review (nothing changes)."
    )
    level: str = Field(description="exact, phrase, fuzzy, intent, emoji or none.")
    keyword: str = Field(description="Keyword or words that matched; empty for none.")
    language: str = Field(description="Language of the keyword.")
    normalised: str = Field(description="The text as it was compared.")
    list_version: str = Field(description="Version of the word lists, kept as proof.")
    effect: str = Field(description="What would happen, in words.")
    scope: str = Field(description="What would be blocked: brand, purpose, global, or empty.")
    purposes: list[str] = Field(description="Purposes that would be blocked.")
    answer: str = Field(description="The text that would be sent back; empty for none.")
    answer_reason: str = Field(description="Why that answer, or why none.")


@dataclass(frozen=True)
class _Case:
    """Who writes to whom."""

    phone: str
    country: str
    contact: Contact | None
    brand: Brand | None
    sender: SenderId | None
    opted_out: bool
    scope_asked: bool

    @property
    def named(self) -> str:
        return self.brand.name_in_texts if self.brand is not None else "every brand"


def run(context: Context, data: ClassifyIn) -> ClassifyOut:
    """The same rules as for a real reply, and nothing written."""
    case = _case(context, data)
    names = [case.contact.first_name, case.contact.last_name] if case.contact else []
    names += [case.brand.name, case.brand.name_in_texts] if case.brand else []
    found = inbound_classify(
        data.text,
        country=case.country,
        pending_double_opt_in=data.waits_for_opt_in,
        opted_out=case.opted_out,
        scope_asked=case.scope_asked,
        names=names,
    )
    scope, purposes = _blocked(case, found)
    answer, reason = _answer(case, found)
    return ClassifyOut(
        action=found.action,
        level=found.level,
        keyword=found.keyword,
        language=found.language,
        normalised=found.normalised,
        list_version=LIST_VERSION,
        effect=_effect(case, found, purposes),
        scope=scope,
        purposes=purposes,
        answer=answer,
        answer_reason=reason,
    )


def _case(context: Context, data: ClassifyIn) -> _Case:
    sender = brand = contact = None
    phone, country = "", data.country
    if data.sender_id is not None:
        sender = (
            senders_visible(context.actor).select_related("brand").filter(pk=data.sender_id).first()
        )
        if sender is None:
            raise NotFound("There is no such sender.", field_errors={"sender_id": "Not yours."})
        brand = sender.brand
    if data.brand_id is not None:
        brand = brands_visible(context.actor).filter(pk=data.brand_id).first()
        if brand is None:
            raise NotFound("There is no such brand.", field_errors={"brand_id": "Not yours."})
    if data.phone:
        try:
            parsed = phone_parse(data.phone)
        except PhoneError as exc:
            raise InvalidInput(
                "The number cannot be read.", field_errors={"phone": exc.message}
            ) from exc
        phone, country = parsed.e164, parsed.country
        contact = contacts_visible(context.actor).filter(phone=phone).first()
    return _Case(
        phone=phone,
        country=country,
        contact=contact,
        brand=brand,
        sender=sender,
        opted_out=data.opted_out or _opted_out(phone, brand, context.now),
        scope_asked=scope_question_open(phone, brand, context.now),
    )


def _opted_out(phone: str, brand: Brand | None, now: datetime) -> bool:
    if not phone:
        return False
    words = suppressed_phones(
        [phone], brand_id=brand.pk if brand else None, purpose="marketing", now=now
    )
    return words.get(phone) == "opted_out"


def _blocked(case: _Case, found: Classification) -> tuple[str, list[str]]:
    if found.action == "opt_out":
        purposes = purposes_default("opt_out", plus_one=is_plus_one(case.country))
        return ("brand" if case.brand else "global"), list(purposes)
    if found.action == "hold_review":
        return ("brand" if case.brand else "purpose"), ["marketing"]
    if found.action == "keep_orders":
        return "brand", ["marketing", "notification"]
    return "", []


def _effect(case: _Case, found: Classification, purposes: list[str]) -> str:
    if found.action == "opt_out":
        what = ", ".join(purposes)
        return f"Texts of {case.named} to this number stop at once ({what}), from all senders."
    if found.action == "hold_review":
        return (
            f"Marketing of {case.named} to this number is on hold until a person decides, "
            "within one business day."
        )
    if found.action == "opt_in":
        return "What an earlier STOP to this brand removed is restored; nothing else is."
    if found.action == "keep_orders":
        return f"Messages about orders of {case.named} come again; the rest stays stopped."
    if found.action == "help":
        return "Nothing changes; the brand's help line is sent."
    return "Nothing changes; a person can read it among the replies to decide."


def _answer(case: _Case, found: Classification) -> tuple[str, str]:
    if found.action not in {"opt_out", "opt_in", "help"}:
        return "", "This kind of reply gets no automatic answer."
    if case.brand is None:
        return "", "Give brand_id or sender_id to see the answer."
    if case.sender is not None and not (
        case.sender.can_receive and case.sender.state == "verified"
    ):
        return "", "The sender cannot receive or is not verified, so it never answers."
    if found.action == "opt_out" and case.opted_out:
        return "", "The person is opted out already; a second STOP gets no further text."
    if found.action == "opt_in" and not case.opted_out:
        return "", "There is nothing to restore."
    asks = found.action == "opt_out" and is_plus_one(case.country)
    language = reply_language(case.brand, found.language, case.contact)
    text = reply_text(case.brand, "scope_question" if asks else found.action, language)
    return text, (
        "Sent once, within minutes, from the number that was written to; not at all when the "
        "gateway answers STOP itself or an answer of this kind went out within a day."
    )


registry.add(
    Operation(
        key="inbound.classify",
        summary="Preview what an incoming text would do: opt out, opt in, help, or go to a person.",
        description=(
            "Writes nothing. No part of a word ever matches: 'unstoppable' is not STOP. With phone "
            "and sender_id the answer that would be sent is shown, too."
        ),
        kind=Kind.PREVIEW,
        input=ClassifyIn,
        output=ClassifyOut,
        run=run,
        permission="contacts.opt_out_view",
        scope="sms:contacts.read",
        rest=RestRoute("POST", "/inbound/classify"),
        group="messages",
    )
)
