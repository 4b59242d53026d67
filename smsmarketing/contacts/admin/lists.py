"""Parts that the lists of contacts share."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property

from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import AudienceMember, SendState
from smsmarketing.contacts.rules.country_names import country_name
from smsmarketing.contacts.selectors import audiences_visible
from smsmarketing.contacts.selectors.contacts import countries_present
from smsmarketing.operations.errors import RateLimited
from smsmarketing.operations.limits import person_count
from smsmarketing.operations.surfaces.admin.actors import admin_actor

COUNT_MAX = 10_000


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts to ten thousand and no further: nobody pages through a million rows."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return min(COUNT_MAX, int(rows[: COUNT_MAX + 1].count()))


class StateFilter(admin.SimpleListFilter):
    """By what may be sent, for any brand of the person."""

    title = "marketing"
    parameter_name = "marketing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("sendable", "May be texted"),
            ("opted_out", "Opted out"),
            ("no_consent", "No consent"),
            ("consent_incomplete", "Consent incomplete"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value not in {key for key, _ in self.lookups(request, None)}:
            return queryset
        states = SendState.objects.filter(
            brand__in=brands_visible(admin_actor(request)),
            contact_id=OuterRef("pk"),
            marketing_reason=None if value == "sendable" else value,
        )
        return queryset.filter(Exists(states))


class CountryFilter(admin.SimpleListFilter):
    """By country of the number, among the countries that there are."""

    title = "country"
    parameter_name = "country"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        found = [(code, country_name(code)) for code in countries_present()]
        return sorted(found, key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").replace("\x00", "")[:2]
        return queryset.filter(country=value) if value else queryset


class AudienceFilter(admin.SimpleListFilter):
    """By list."""

    title = "audience"
    parameter_name = "audience"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = audiences_visible(admin_actor(request)).order_by("name")[:100]
        return [(str(row.pk), row.name) for row in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value or not value.isdecimal():
            return queryset
        lists = audiences_visible(admin_actor(request)).filter(pk=value)
        return queryset.filter(
            Exists(AudienceMember.objects.filter(audience__in=lists, contact_id=OuterRef("pk")))
        )


class _AsideFilter(admin.SimpleListFilter):
    """Rows in use, unless somebody asks for those that were put aside."""

    column: ClassVar[str]
    words: ClassVar[str]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", self.words)]

    def choices(self, changelist: Any) -> Any:
        """The first choice is not everything, but those in use."""
        for number, choice in enumerate(super().choices(changelist)):
            yield {**choice, "display": "In use"} if number == 0 else choice

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{f"{self.column}__isnull": self.value() != "yes"})


class TrashFilter(_AsideFilter):
    """Contacts in use, or those in the trash."""

    title = "where"
    parameter_name = "trash"
    column = "trashed_at"
    words = "In the trash"


class ArchivedFilter(_AsideFilter):
    """Audiences in use, or the archived ones."""

    title = "where"
    parameter_name = "archived"
    column = "archived_at"
    words = "Archived"


def search_allowed(request: HttpRequest) -> bool:
    """Count a search for a person; past the limit say so and let the list stay empty [R-4.13]."""
    try:
        person_count("search", actor=admin_actor(request), now=timezone.now())
    except RateLimited as exc:
        messages.error(request, exc.message)
        return False
    return True
