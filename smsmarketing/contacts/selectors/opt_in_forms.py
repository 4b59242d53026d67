"""Which opt-in forms a person may see."""

from __future__ import annotations

from django.db.models import QuerySet

from smsmarketing.contacts.models import DoubleOptIn, OptInForm
from smsmarketing.operations.types import Actor


def forms_visible(actor: Actor) -> QuerySet[OptInForm]:
    """Forms of the actor's teams."""
    rows = OptInForm.objects.all()
    return rows if actor.sees_all_teams else rows.filter(team_id__in=actor.team_ids)


def form_counts(form: OptInForm) -> dict[str, int]:
    """How its requests to confirm by SMS ended, by state."""
    states = DoubleOptIn.objects.filter(form_version__form=form).values_list("state", flat=True)
    found: dict[str, int] = {}
    for state in states.iterator(chunk_size=5000):
        found[state] = found.get(state, 0) + 1
    return found
