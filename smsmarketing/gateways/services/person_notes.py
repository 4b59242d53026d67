"""Notes to people about contacts, which does not know approvals and its notes."""

from __future__ import annotations

from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.approvals.services.notes import person_tell


def import_problem_tell(person: User, text: str) -> None:
    """An import folder needs the hand of the person who is responsible for it."""
    try:
        url = reverse("admin:contacts_importfolder_changelist")
    except NoReverseMatch:
        url = ""
    person_tell(person, kind="import_folder", text=text, url=url, now=timezone.now())
