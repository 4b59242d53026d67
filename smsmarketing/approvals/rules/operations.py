"""What the rules say about operations as such: which never wait, which always do, and their topics."""

from __future__ import annotations

from typing import Final

NEVER_HELD: Final = frozenset(
    {
        "api_tokens.revoke",
        "action_requests.cancel",
        "campaigns.cancel_schedule",
        "campaigns.pause",
        "campaigns.stop_remaining",
        "contacts.opt_out",
        "opt_outs.block",
        "opt_outs.import",
        "opt_outs.restore_blocks",
        "opt_in_forms.close",
        "sender_ids.suspend",
        "sender_registrations.stop",
        "sender_rules.forbid",
    }
)
"""The safety direction is never delayed by a second person [R-8.5]."""

REVIEW: Final = "campaigns.submit_for_review"
"""The review of a campaign: people always decide on it."""

REVIEWED_FIRST: Final = frozenset({"campaigns.schedule", "campaigns.send_approved"})
"""They do not wait for people: they refuse a campaign that people have not approved before."""

FLOORS: Final[dict[str, int]] = {"approval_policies.save": 2}
"""Operations that need this many approvers whatever the policies say [R-8.4]."""

DEFAULT_ROLES: Final = ("approver",)
"""Who decides where an operation always needs approval and no policy says who."""

TOPICS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "campaign_creation": (
        "Campaign creation, change and review",
        ("campaigns.create_draft", "campaigns.update", REVIEW),
    ),
    "opt_out_updates": (
        "Opt-out updates",
        (
            "contacts.opt_out",
            "contacts.opt_in",
            "opt_outs.block",
            "opt_outs.clear_blocks",
            "opt_outs.import",
            "opt_outs.lift",
            "opt_outs.restore_blocks",
        ),
    ),
    "scheduling": ("Scheduling", ("campaigns.schedule", "campaigns.cancel_schedule")),
    "official_sends": ("Official sends", ("campaigns.send_approved",)),
    "resends": ("Resends", ("failed_messages.resend",)),
    "sender_id_applications": (
        "Sender ID applications",
        ("sender_id.apply", "sender_ids.save", "sender_ids.countries_save", "sender_rules.save"),
    ),
    "otp_sends": ("One-time codes", ("otp.send",)),
    "contacts": (
        "Contacts, segments and imports",
        (
            "contacts.upsert",
            "contacts.batch_upsert",
            "contacts.delete",
            "contacts.merge",
            "contacts.erase",
            "contacts.export",
            "opt_outs.export",
            "tags.rename",
            "imports.start",
            "imports.undo",
            "segments.create",
            "segments.update",
        ),
    ),
    "content": (
        "Templates, forms and short links",
        ("templates.save", "opt_in_forms.publish", "short_links.create"),
    ),
    "automations": ("Automations", ("automations.update_state",)),
    "settings": (
        "Gateways and policies",
        (
            "gateways.save",
            "gateways.update",
            "gateway_definitions.save",
            "gateway_definitions.use",
            "routes.save",
            "gateways.test",
            "approval_policies.save",
            "webhooks.save",
        ),
    ),
    "money": (
        "Prices, limits and bills",
        ("rates.import", "rates.save", "exchange_rates.import", "quotas.save", "numbers.lookup"),
    ),
    "reporting": (
        "Results and notifications",
        ("performance_snapshot.record", "review_notification.send"),
    ),
}
"""Topic -> (name, operations), as approval_policies.list groups them (seed 000-04)."""

_CATEGORIES: Final = (
    ("scheduling", ("campaigns.schedule", "campaigns.cancel_schedule")),
    ("sending", ("campaigns.", "automations.")),
    ("resending", ("failed_messages.",)),
    ("otp", ("otp",)),
    ("sender_id", ("sender_id",)),
    ("tracking", ("short_links.", "performance_snapshot.", "conversions.")),
    ("notification", ("review_notification.",)),
)


def operation_category(key: str) -> str:
    """The kind of write a request is about: one of the words of seed 000-43."""
    for category, starts in _CATEGORIES:
        if key.startswith(starts):
            return category
    return "write"
