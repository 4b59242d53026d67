"""Everybody who must not be texted: filters in words, and a page with the proof and what ended it."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from smsmarketing.contacts.admin.lists import CappedPaginator, search_allowed
from smsmarketing.contacts.models import BlockClearing, Suppression, SuppressionLift
from smsmarketing.contacts.operations.opt_outs_clear import clearings_visible
from smsmarketing.contacts.operations.opt_outs_lift import evidence_lines, lift_help, listings_told
from smsmarketing.contacts.phones import phone_hashes
from smsmarketing.contacts.rules.lifting import GROUND_WORDS, LIFT_RULES
from smsmarketing.contacts.rules.phone import PhoneError, phone_mask, phone_parse
from smsmarketing.contacts.rules.suppressions import retention_years
from smsmarketing.contacts.selectors import suppressions_live, suppressions_visible
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.text import untrusted_clean
from smsmarketing.operations.types import Actor
from smsmarketing.webhooks.models import WebhookDelivery
from smsmarketing.webhooks.rules.kinds import STATE_WORDS as DELIVERY_WORDS
from smsmarketing.webhooks.rules.outcomes import explanation
from smsmarketing.webhooks.selectors import deliveries_about

REASON_WORDS: Final = {
    "opt_out": "the person opted out",
    "hold": "a reply waits for a person",
    "complaint": "the person complained",
    "blocked": "blocked by us",
    "manual": "blocked by hand",
    "legal": "legal request",
    "registry": "on a legal register",
    "invalid": "number does not exist",
    "landline": "landline",
    "reassigned": "number has a new owner",
    "carrier_block": "blocked by the carrier",
    "unreachable": "not reachable for long",
    "unknown_subscriber": "unknown to the network",
}
SOURCE_WORDS: Final = {
    "inbound": "reply by text",
    "import": "file",
    "admin": "a person here",
    "api": "another system",
    "gateway": "gateway",
    "web": "opt-out page",
    "form": "form",
}
SYNC_WORDS: Final = {
    "local_only": "nobody else listens",
    "pending": "being told",
    "synced": "told",
    "failed": "could not be told",
}


class _WordFilter(admin.SimpleListFilter):
    """A column by the words that people read."""

    words: Final[dict[str, str]] = {}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(self.words.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value not in self.words:
            return queryset
        return queryset.filter(**{str(self.parameter_name): value})


class ReasonFilter(_WordFilter):
    title, parameter_name, words = "why", "reason", REASON_WORDS  # type: ignore[misc]


class SourceFilter(_WordFilter):
    title, parameter_name, words = "came by", "source", SOURCE_WORDS  # type: ignore[misc]


class SyncFilter(_WordFilter):
    title, parameter_name, words = "other systems", "sync_state", SYNC_WORDS  # type: ignore[misc]


class HoldsFilter(admin.SimpleListFilter):
    """Suppressions that hold, ran out, or were lifted."""

    title = "state"
    parameter_name = "live"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Holds now"), ("until", "Holds until a date"), ("no", "Ended")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        live = suppressions_live(timezone.now())
        if self.value() == "yes":
            return queryset.filter(live)
        if self.value() == "until":
            return queryset.filter(live, expires_at__isnull=False)
        return queryset.exclude(live) if self.value() == "no" else queryset


@admin.register(Suppression)
class SuppressionAdmin(OperationAdmin):
    """Everybody who must not be texted. Rows are never removed [R-2.16]."""

    view_permission = "contacts.opt_out_view"
    icon = "block"
    paginator = CappedPaginator
    list_display = ("number", "why", "holds_for", "came_by", "state_words", "told", "created_at")
    list_filter = (HoldsFilter, ReasonFilter, SourceFilter, SyncFilter, "brand")
    ordering = ("-created_at", "-id")
    search_fields = ("reason",)
    search_help_text = "A whole number, such as +447…"
    fields = (
        "number",
        "person",
        "why",
        "holds_for",
        "came_by",
        "state_words",
        "proof",
        "ended",
        "ends_by",
        "told",
        "told_to",
        "gateways_told",
        "language",
        "created_at",
        "repeated_at",
        "expires_at",
        "lifted_at",
    )
    empty_hint = "Nobody has opted out or was blocked. Bring an earlier list in with Paste a list, or import a file."
    list_operations = (
        OperationButton(key="contacts.opt_out", label="Opt a number out", icon="block"),
        OperationButton(key="opt_outs.block", label="Block a number", icon="do_not_disturb_on"),
        OperationButton(key="opt_outs.import", label="Paste a list", icon="playlist_add"),
        OperationButton(
            key="opt_outs.export",
            label="Export",
            icon="download",
            leads_to="admin:contacts_exportfile_changelist",
        ),
        OperationButton(key="opt_outs.unblock_expired", label="Blocks that ran out", icon="event"),
        OperationButton(key="opt_outs.clear_blocks", label="Clear a blocklist", icon="backspace"),
    )
    operation_buttons = (
        OperationButton(
            key="opt_outs.lift",
            label="Ask to lift it",
            icon="lock_open",
            when=lambda row: bool(
                row.lifted_at is None
                and LIFT_RULES[row.reason].grounds
                and (row.expires_at is None or row.expires_at > timezone.now())
            ),
        ),
        OperationButton(key="opt_outs.get", label="All details", icon="description"),
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Those of the person's brands and those for every brand."""
        return suppressions_visible(actor).select_related("brand", "contact")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Exact numbers only [R-4.13]."""
        if not search_term.strip():
            return queryset, False
        if not search_allowed(request):
            return queryset.none(), False
        try:
            phone = phone_parse(search_term.strip()).e164
        except PhoneError:
            return queryset.none(), False
        return queryset.filter(Q(phone=phone) | Q(phone_hash__in=phone_hashes(phone))), False

    @admin.display(description="Number")
    def number(self, row: Suppression) -> str:
        """Masked [R-4.12]."""
        return phone_mask(row.phone) if row.phone else "erased"

    @admin.display(description="Contact")
    def person(self, row: Suppression) -> str:
        """The way to the contact, when the number is known."""
        if row.contact_id is None:
            return "not a contact"
        address = reverse("admin:contacts_contact_change", args=[row.contact_id])
        return format_html('<a class="op-link" href="{}">Open the contact</a>', address)

    @admin.display(description="Why", ordering="reason")
    def why(self, row: Suppression) -> str:
        """In words."""
        return REASON_WORDS[row.reason]

    @admin.display(description="Holds for")
    def holds_for(self, row: Suppression) -> str:
        """Brand, sender and purposes."""
        where = row.brand.name if row.brand else "every brand"
        if row.scope == "sender":
            where += f", sender {row.sender}"
        what = ", ".join(row.purposes) if row.purposes and row.scope != "global" else "all texts"
        return f"{where}: {what}"

    @admin.display(description="Came by", ordering="source")
    def came_by(self, row: Suppression) -> str:
        """In words."""
        return SOURCE_WORDS[row.source]

    @admin.display(description="State")
    def state_words(self, row: Suppression) -> str:
        """Whether it stands against sending."""
        if row.lifted_at is not None:
            return "ended"
        if row.expires_at is None:
            return "holds"
        word = "holds until" if row.expires_at > timezone.now() else "ran out on"
        return f"{word} {row.expires_at:%Y-%m-%d}"

    @admin.display(description="Other systems", ordering="sync_state")
    def told(self, row: Suppression) -> str:
        """Whether the team's own systems know."""
        return SYNC_WORDS[row.sync_state]

    @admin.display(description="Told to")
    def told_to(self, row: Suppression) -> str:
        """System by system, the newest first. What holds for every brand was told to other teams'
        systems too; their names are theirs.
        """
        found = WebhookDelivery.objects.select_related("endpoint", "event").order_by("-id")
        rows = deliveries_about(found, "suppression", row.pk)
        if row.brand is None:
            counts = Counter(rows.values_list("state", flat=True)[:1000])
            words = (f"{count} {DELIVERY_WORDS[state]}" for state, count in counts.items())
            return ", ".join(words) or "nobody"
        lines = [
            (
                reverse("admin:webhooks_webhookdelivery_change", args=[item.pk]),
                f"{item.endpoint.name}: {DELIVERY_WORDS[item.state]}",
                item.event.kind.replace("_", "-").replace(".", " "),
                explanation(item.state, item.error),
            )
            for item in rows.filter(endpoint__team_id=row.brand.team_id)[:20]
        ]
        line = '<div><a class="op-link" href="{}">{}</a> ({}) {}</div>'
        return format_html_join("", line, lines) or "nobody"

    @admin.display(description="Lists of gateways")
    def gateways_told(self, row: Suppression) -> str:
        """Providers that keep a list of their own."""
        lines = (
            (each["gateway"], each["words"], each["at"].strftime("%Y-%m-%d %H:%M"))
            for each in listings_told(row)
        )
        return format_html_join("", "<div>{}: {} ({} UTC)</div>", lines) or "no list was told"

    @admin.display(description="Proof")
    def proof(self, row: Suppression) -> str:
        """Cleaned: it may hold what a stranger wrote [R-2.20]."""
        lines = format_html_join(
            "", "<div>{}</div>", ((untrusted_clean(line),) for line in evidence_lines(row))
        )
        return format_html(
            "{}<div>kept at least {} years</div>", lines, retention_years(row.phone or "")
        )

    @admin.display(description="What ended it, and earlier ones of this number")
    def ended(self, row: Suppression) -> str:
        """The lifts of this number that concern the person's brands, newest first."""
        lifts = SuppressionLift.objects.filter(
            suppression__phone_hash=row.phone_hash, suppression__brand=row.brand
        )
        rows = list(lifts.select_related("suppression").order_by("-id")[:20])
        if not rows:
            return "Nothing was ever lifted."
        lines = format_html_join(
            "",
            "<tr><td>{}</td><td>{}{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            (
                (
                    lift.created_at.strftime("%Y-%m-%d %H:%M"),
                    REASON_WORDS[lift.suppression.reason],
                    " (this one)" if lift.suppression_id == row.pk else "",
                    GROUND_WORDS[lift.ground],
                    untrusted_clean(lift.reason),
                    lift.document or "—",
                )
                for lift in rows
            ),
        )
        return format_html(
            '<div class="op-scroll"><table class="op-table"><thead><tr><th>When (UTC)</th><th>What ended'
            "</th><th>Because</th><th>Note</th><th>Document</th></tr></thead><tbody>{}</tbody></table></div>",
            lines,
        )

    @admin.display(description="What can end it")
    def ends_by(self, row: Suppression) -> str:
        """The rule of its reason."""
        return lift_help(row.reason)


@admin.register(BlockClearing)
class BlockClearingAdmin(OperationAdmin):
    """Blocklists that were cleared, and the way back."""

    view_permission = "contacts.opt_out_view"
    icon = "backspace"
    list_display = ("created_at", "brand", "count", "note", "created_by", "undone_at")
    ordering = ("-id",)
    fields = (
        "brand",
        "reasons",
        "count",
        "note",
        "created_by",
        "created_at",
        "undone_by",
        "undone_at",
    )
    operation_buttons = (
        OperationButton(
            key="opt_outs.restore_blocks",
            label="Block them all again",
            icon="undo",
            when=lambda row: row.undone_at is None,
        ),
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Clearings of the person's brands."""
        return clearings_visible(actor)
