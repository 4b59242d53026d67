"""Notes to people about requests, shown in the admin. No phone numbers, no message texts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.accounts.selectors import person_name
from smsmarketing.approvals.models import ActionRequest, OwnerNotification
from smsmarketing.approvals.selectors import voters_possible

NOTIFIED_AT_MOST = 50


def request_url(request: ActionRequest) -> str:
    """Where the request is shown in the admin; empty where there is no admin."""
    try:
        return reverse("admin:approvals_actionrequest_change", args=[request.pk])
    except NoReverseMatch:
        return ""


def voters_notify(request: ActionRequest, *, now: datetime) -> None:
    """Tell everybody who may decide that a request waits."""
    asker = person_name(request.requester)
    _write(
        voters_possible(request)[:NOTIFIED_AT_MOST],
        request,
        kind="approval_wanted",
        text=f"{asker} asks for your decision: {request.title}",
        now=now,
    )


def requester_notify(request: ActionRequest, *, kind: str, text: str, now: datetime) -> None:
    """Tell the asker, and the person who answers for an asking agent, what became of it."""
    people = [request.requester]
    if request.requester.owner is not None:
        people.append(request.requester.owner)
    _write(people, request, kind=kind, text=text, now=now)


def person_tell(person: User, *, kind: str, text: str, url: str, now: datetime) -> None:
    """Tell one person something that is about no request."""
    OwnerNotification.objects.create(
        user=person, kind=kind, text=text[:300], url=url, created_at=now
    )


def people_notify(people: list[User], kind: str, text: str) -> None:
    """Tell people of something that is no request, such as an endpoint that was switched off."""
    now = timezone.now()
    OwnerNotification.objects.bulk_create(
        OwnerNotification(user=person, kind=kind, text=text[:300], url="", created_at=now)
        for person in people[:NOTIFIED_AT_MOST]
    )


def _write(
    people: Iterable[User], request: ActionRequest, *, kind: str, text: str, now: datetime
) -> None:
    url = request_url(request)
    OwnerNotification.objects.bulk_create(
        OwnerNotification(user=person, kind=kind, text=text[:300], url=url, created_at=now)
        for person in people
    )
