"""What gateways said where it left doubt, to read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from smsmarketing.gateways.models import UnclearAnswer
from smsmarketing.gateways.rules.answers import answer_text
from smsmarketing.gateways.selectors import answers_visible
from smsmarketing.operations.surfaces.admin import OperationAdmin
from smsmarketing.operations.types import Actor


@admin.register(UnclearAnswer)
class UnclearAnswerAdmin(OperationAdmin):
    """For whoever decides about an unknown message, or teaches a gateway a code."""

    view_permission = "gateways.answer_view"
    icon = "help_center"
    empty_hint = (
        "Nothing yet. When a gateway answers what nothing explains (an error page, half an answer, a"
        " code that is not known), its words are kept here, without secrets, numbers and texts."
    )
    list_display = (
        "received_at",
        "gateway",
        "message_id",
        "taken_for",
        "error_code",
        "http_status",
        "size",
    )
    list_filter = ("gateway", "error_code")
    search_fields = ("=message_id",)
    ordering = ("-id",)
    fields = (
        "received_at",
        "gateway",
        "message_id",
        "attempt",
        "taken_for",
        "error_code",
        "error_class",
        "http_status",
        "content_type",
        "size",
        "came_whole",
        "words",
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """About messages of the person's teams."""
        return answers_visible(actor).select_related("gateway")

    @admin.display(description="Taken for")
    def taken_for(self, row: UnclearAnswer) -> str:
        """What it was understood as."""
        return {
            "ambiguous": "unclear: the message is unknown",
            "retryable": "refused, tried again",
            "throttled": "too fast, tried again",
            "rejected": "refused",
        }.get(row.outcome, row.outcome)

    @admin.display(description="Complete")
    def came_whole(self, row: UnclearAnswer) -> str:
        """Whether it came to its end."""
        return "yes" if row.whole else "no, it was cut on its way"

    @admin.display(description="What it said")
    def words(self, row: UnclearAnswer) -> str:
        """Its beginning; the page escapes it."""
        return answer_text(bytes(row.raw)) or "nothing"
