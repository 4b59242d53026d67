"""The page of a person who was erased: that, when and by which request, what is kept and why."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from smsmarketing.accounts.models import User
from smsmarketing.contacts.models import Contact, EraseJob
from smsmarketing.contacts.operations.erase import KEPT
from smsmarketing.contacts.selectors import suppressions_visible
from smsmarketing.operations.types import Actor

CATEGORY_WORDS = {
    "data_subject_request": "at the person's own request",
    "trash_expired": "when the time in the trash had run out",
    "test_data": "as test data",
    "legal_order": "by a legal order",
}


def erased_page(admin: Any, request: HttpRequest, contact: Contact, actor: Actor) -> HttpResponse:
    """410 with what may be told. The number of the case is for those who may erase."""
    job = EraseJob.objects.filter(contact_ids__contains=[contact.pk]).order_by("pk").first()
    kept = suppressions_visible(actor).filter(
        phone_hash__in=[job.phone_hash] if job else [], created_at__lte=contact.erased_at
    )
    may_erase = actor.may("contacts.contact_erase")
    context = {
        **admin.admin_site.each_context(request),
        "title": "An erased person",
        "opts": admin.model._meta,
        "contact": contact,
        "job": job,
        "why": CATEGORY_WORDS.get(job.category, "") if job else "",
        "may_erase": may_erase,
        "by": _name(job) if job and may_erase else "",
        "no_longer": kept.count(),
        "kept": KEPT,
    }
    return TemplateResponse(request, "admin/contacts/erased.html", context, status=410)


def _name(job: EraseJob) -> str:
    user = User.objects.filter(pk=job.requested_by).first() if job.requested_by else None
    return user.get_username() if user else "the system"
