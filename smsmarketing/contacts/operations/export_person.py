"""contacts.export_person: everything on record about one person, for their own request."""

from __future__ import annotations

import hashlib

from pydantic import Field

from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import Contact, SendState
from smsmarketing.contacts.operations.exports import ExportRow, export_row
from smsmarketing.contacts.operations.targets import CONTACT_TARGET
from smsmarketing.contacts.services.exports import Wanted, export_now
from smsmarketing.contacts.services.exports.person import person_gather, person_page
from smsmarketing.contacts.services.reveals import (
    REASON_LEAST,
    may_see_phones,
    reason_read,
    reveals_take,
)
from smsmarketing.operations import registry
from smsmarketing.operations.canonical import canonical_json
from smsmarketing.operations.errors import NotPermitted
from smsmarketing.operations.types import (
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
)

KEY = "contacts.export_person"


class PersonExportIn(Input):
    contact_id: int = Field(ge=1, description="Contact; merged ones come with it.")
    reason: str = Field(
        min_length=REASON_LEAST,
        max_length=300,
        description="Number of the request; kept with the files.",
    )


class PersonExportOut(Output):
    json_file: ExportRow = Field(description="Everything, for machines (canonical JSON).")
    page_file: ExportRow = Field(description="The same as a page to read (HTML).")
    next_step: str = Field(description="What to do now.")


def _run(context: Context, data: PersonExportIn) -> PersonExportOut:
    if not may_see_phones(context.actor):
        raise NotPermitted(
            "The full number is in it, and you may not see full numbers. Ask compliance to make it."
        )
    reason = reason_read(
        data.reason, message="Name the request.", hint="Write the number of the request."
    )
    contact: Contact = context.target
    reveals_take(
        context.actor,
        [("contacts.contact", str(contact.pk))],
        reason=reason,
        now=context.now,
        operation=KEY,
    )
    known = SendState.objects.filter(contact_id=contact.pk).values("brand_id")
    brands = list(brands_visible(context.actor).filter(pk__in=known).order_by("pk"))
    content = person_gather(contact, brands, now=context.now, reason=reason)
    body = canonical_json(content)
    files = [
        export_now(
            Wanted(
                operation=KEY,
                kind="person",
                file_name=f"person-{contact.pk}-{context.now:%Y%m%d}.{ending}",
                content_type=media,
                team_ids=sorted({brand.team_id for brand in brands}),
                full_numbers=True,
                reason=reason,
                params={"contact_id": contact.pk},
            ),
            [block],
            actor=context.actor,
            rows=1,
            now=context.now,
        )
        for ending, media, block in (
            ("json", "application/json", body),
            ("html", "text/html; charset=utf-8", person_page(content)),
        )
    ]
    context.audit_reason = reason
    context.audit_facts = {"brands": len(brands), "sha256": hashlib.sha256(body).hexdigest()}
    return PersonExportOut(
        json_file=export_row(files[0]),
        page_file=export_row(files[1]),
        next_step="Check who asks, then hand the files over. They are deleted after seven days.",
    )


registry.add(
    Operation(
        key=KEY,
        summary="Export everything on record about one person, for their own request (JSON and HTML).",
        description=(
            "Profile, consents with texts, opt-outs, messages, replies, events, lists, imports and"
            " audit entries of the caller's brands. Holds the full number. Making and fetching it are"
            " audited."
        ),
        kind=Kind.WRITE,
        input=PersonExportIn,
        output=PersonExportOut,
        run=_run,
        permission="contacts.person_export",
        scope="sms:contacts.pii",
        requires=("contacts.search",),
        target=CONTACT_TARGET,
        rest=RestRoute("POST", "/contacts/{contact_id}/export"),
        group="contacts",
    )
)
