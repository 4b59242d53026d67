"""Number lookups in the admin: ask, and see what came. Numbers are masked."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from smsmarketing.gateways.models import NumberLookup
from smsmarketing.gateways.rules.lookups import RESULTS, STATES
from smsmarketing.gateways.selectors.lookups import lookups_visible
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.types import Actor


@admin.register(NumberLookup)
class NumberLookupAdmin(OperationAdmin):
    """What networks said of numbers, and what it cost."""

    view_permission = "gateways.number_lookup"
    icon = "person_search"
    empty_hint = (
        "Nothing was asked yet. “Look up numbers” asks the networks whether numbers are in use; each"
        " is billed to the team. Whose a number range is costs nothing: “Operator of a number”."
    )
    list_operations = (
        OperationButton(key="numbers.lookup", label="Look up numbers", icon="person_search"),
        OperationButton(key="numbers.operator", label="Operator of a number", icon="sim_card"),
        OperationButton(key="numbers.networks", label="Networks of a country", icon="cell_tower"),
        OperationButton(key="numbers.prefixes", label="Prefixes of a country", icon="dialpad"),
        OperationButton(key="numbers.correct", label="Correct numbers", icon="spellcheck"),
    )
    list_display = (
        "number",
        "state_words",
        "result_words",
        "country",
        "network",
        "cost",
        "team",
        "created_at",
        "ended_at",
    )
    list_filter = ("state", "result")
    ordering = ("-id",)
    fields = (
        "number",
        "state_words",
        "result_words",
        "country",
        "network",
        "ported_words",
        "error",
        "cost",
        "gateway",
        "team",
        "asked_by",
        "created_at",
        "asked_at",
        "ended_at",
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Of the person's teams."""
        return lookups_visible(actor)

    @admin.display(description="Number", ordering="id")
    def number(self, row: NumberLookup) -> str:
        """Masked, for everybody."""
        return row.masked

    @admin.display(description="State", ordering="state")
    def state_words(self, row: NumberLookup) -> str:
        """How it stands, in words."""
        return STATES[row.state]

    @admin.display(description="What the network said", ordering="result")
    def result_words(self, row: NumberLookup) -> str:
        """In words; or what went wrong."""
        return RESULTS.get(row.result, row.error)

    @admin.display(description="Network", ordering="operator")
    def network(self, row: NumberLookup) -> str:
        """MCC and MNC."""
        return row.operator or "not told"

    @admin.display(description="Ported")
    def ported_words(self, row: NumberLookup) -> str:
        """Whether the number was taken to another operator."""
        if row.ported is None:
            return "not told"
        return f"yes, from {row.ported_from or 'another operator'}" if row.ported else "no"

    @admin.display(description="Cost")
    def cost(self, row: NumberLookup) -> str:
        """What it cost; nothing when it was not asked for."""
        return "nothing" if row.state == "failed" else f"{row.price.normalize():f} {row.currency}"
