"""The page of a person who was erased: that, when and by which request, what is kept and why."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from smsmarketing.accounts.models import User
from smsmarketing.contacts.models import Contact, EraseJob
from smsmarketing.contacts.operations.erase import KEPT, WaitRow, waits_of
from smsmarketing.contacts.selectors import suppressions_visible
from smsmarketing.operations.surfaces.admin.links import action_request_url
from smsmarketing.operations.types import Actor

CATEGORY_WORDS = {
    "data_subject_request": "at the person's own request",
    "trash_expired": "when the time in the trash had run out",
    "test_data": "as test data",
    "legal_order": "by a legal order",
}


def erased_page(admin: Any, request: HttpRequest, contact: Contact, actor: Actor) -> HttpResponse:
    """410 with what may be told. The number of the case is for those who may erase.

    An erasure has one job for each number of the person and of those merged into them; its
    background steps are finished when all of these are.
    """
    jobs = list(EraseJob.objects.filter(contact_ids__contains=[contact.pk]).order_by("pk"))
    first = jobs[0] if jobs else None
    kept = suppressions_visible(actor).filter(
        phone_hash__in=[job.phone_hash for job in jobs], created_at__lte=contact.erased_at
    )
    ends = [job.finished_at for job in jobs if job.finished_at]
    may_erase = actor.may("contacts.contact_erase")
    context = {
        **admin.admin_site.each_context(request),
        "title": "An erased person",
        "opts": admin.model._meta,
        "contact": contact,
        "why": CATEGORY_WORDS.get(first.category, "") if first else "",
        "may_erase": may_erase,
        "job": first,
        "job_ids": ", ".join(str(job.pk) for job in jobs),
        "finished_at": max(ends) if jobs and len(ends) == len(jobs) else None,
        "waits": _waits(jobs, actor) if may_erase else [],
        "by": _name(first) if first and may_erase else "",
        "kept_count": kept.count(),
        "kept": KEPT,
    }
    return TemplateResponse(request, "admin/contacts/erased.html", context, status=410)


def _waits(jobs: list[EraseJob], actor: Actor) -> list[dict[str, Any]]:
    """Why it is still going on, each cause once; a request with its page for who may open it."""
    rows: dict[str, WaitRow] = {}
    for job in jobs:
        for row in waits_of(job, actor):
            rows.setdefault(row.step, row)
            rows[row.step].requests.extend(
                request for request in row.requests if request not in rows[row.step].requests
            )
    return [
        {
            "why": row.why,
            "requests": [
                {
                    "row": request,
                    "url": action_request_url(request.action_request_id)
                    if request.action_request_id
                    else "",
                }
                for request in row.requests
            ],
        }
        for _, row in sorted(rows.items())
    ]


def _name(job: EraseJob) -> str:
    user = User.objects.filter(pk=job.requested_by).first() if job.requested_by else None
    return user.get_username() if user else "the system"
