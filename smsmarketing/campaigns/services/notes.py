"""Telling people what became of their campaign. No phone numbers, no message texts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q
from django.urls import NoReverseMatch, reverse

from smsmarketing.accounts.models import User
from smsmarketing.approvals.models import OwnerNotification, Vote
from smsmarketing.campaigns.models import Campaign
from smsmarketing.operations.errors import InvalidInput


def campaign_notify(campaign: Campaign, *, kind: str, text: str, now: datetime) -> list[str]:
    """Leave a note for the author (an agent's: its owner) and for whom the schedule names; returns their names.

    Written in the caller's transaction: there is no note about what did not happen.
    """
    people = User.objects.filter(
        Q(pk__in=[campaign.created_by_id, campaign.created_by.owner_id])
        | Q(username__in=campaign.notify, teams=campaign.team_id),
        is_active=True,
        is_agent=False,
    ).distinct()
    found = list(people.order_by("username"))
    OwnerNotification.objects.bulk_create(
        OwnerNotification(
            user=person,
            kind=kind,
            text=f"{campaign.name}: {text}"[:300],
            url=_url(campaign),
            created_at=now,
        )
        for person in found
    )
    return [person.get_username() for person in found]


def approvers_tell(campaign: Campaign, *, text: str, now: datetime) -> list[str]:
    """Leave a note for those who approved what runs; returns their names."""
    people = User.objects.filter(
        pk__in=Vote.objects.filter(request_id=campaign.action_request_id, verdict="approve").values(
            "voter_id"
        ),
        is_active=True,
    ).order_by("username")
    found = list(people)
    OwnerNotification.objects.bulk_create(
        OwnerNotification(
            user=person,
            kind="approved_campaign_stopped",
            text=f"{campaign.name}, which you approved: {text}"[:300],
            url=_url(campaign),
            created_at=now,
        )
        for person in found
    )
    return [person.get_username() for person in found]


def people_check(campaign: Campaign, usernames: Sequence[str]) -> list[str]:
    """The names without repeats. Raises InvalidInput for people outside of the campaign's team."""
    names = list(dict.fromkeys(usernames))
    known = set(
        User.objects.filter(
            teams=campaign.team_id, is_active=True, is_agent=False, username__in=names
        ).values_list("username", flat=True)
    )
    wrong = [name for name in names if name not in known]
    if wrong:
        raise InvalidInput(
            "Only people of the campaign's own team can be notified.",
            field_errors={"notify": f"Not in the team: {', '.join(wrong)}."},
        )
    return names


def _url(campaign: Campaign) -> str:
    """Where the admin shows the campaign; empty where there is no admin."""
    try:
        return reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    except NoReverseMatch:
        return ""
