"""The one table of permissions: what each allows, which seeded roles have it, and which token scopes
carry it.

Add a permission here, in alphabetical order, and name it in the operation. The roles are the seeded
ones (`roles.py`). A permission without a scope can never be used with a token, whatever scopes the
token has [R-8.1], [R-9.24].
"""

from __future__ import annotations

from dataclasses import dataclass

from smsmarketing.accounts.rules.roles import (
    ADMIN,
    APPROVER,
    COMPLIANCE,
    CRM,
    EVERYONE,
    MARKETING,
    OPERATIONS,
    TECHNICAL,
    VIEWER,
)


@dataclass(frozen=True)
class Permission:
    """One right. `roles`: seeded holders besides admin. `scopes`: token scopes that carry it."""

    key: str
    meaning: str
    roles: frozenset[str]
    scopes: frozenset[str]


def _permission(
    key: str, meaning: str, roles: set[str] | frozenset[str] = frozenset(), *scopes: str
) -> Permission:
    return Permission(key, meaning, frozenset(roles) | {ADMIN}, frozenset(scopes))


_TABLE: tuple[Permission, ...] = (
    _permission("accounts.owner_view", "See who owns what, with permissions", EVERYONE, "sms:read"),
    _permission("accounts.team_all", "Work in every team, also as no member of it"),
    _permission("accounts.team_view", "See teams and brands", EVERYONE, "sms:read"),
    _permission("accounts.token_manage", "Create and revoke API tokens of one's own", EVERYONE),
    _permission("accounts.token_manage_all", "See and revoke API tokens of other people"),
    _permission(
        "accounts.token_trifecta",
        "Put personal data and sending on one token, against the advice of [R-9.26]",
    ),
    _permission(
        "accounts.token_view",
        "See and revoke one's own API tokens; a token sees itself",
        EVERYONE,
        "sms:read",
    ),
    _permission("approvals.policy_save", "Propose a change of an approval policy", {COMPLIANCE}),
    _permission(
        "approvals.policy_view",
        "See what needs a second person",
        EVERYONE,
        "sms:read",
        "sms:compliance",
    ),
    _permission(
        "approvals.request_cancel",
        "Take a request back",
        EVERYONE - {VIEWER},
        "sms:draft",
        "sms:schedule",
        "sms:send",
        "sms:compliance",
        "sms:contacts.write",
        "sms:sender",
    ),
    _permission("approvals.request_decide", "Approve and reject requests", {APPROVER, COMPLIANCE}),
    _permission(
        "approvals.request_view",
        "Follow one's own requests, and those one may decide on",
        EVERYONE,
        "sms:read",
    ),
    _permission(
        "campaigns.campaign_edit",
        "Create and change campaigns",
        {MARKETING},
        "sms:draft",
    ),
    _permission(
        "campaigns.campaign_schedule",
        "Schedule an approved campaign, or take it off the schedule",
        {MARKETING, OPERATIONS},
        "sms:schedule",
    ),
    _permission(
        "campaigns.campaign_send",
        "Start an approved campaign",
        {MARKETING, OPERATIONS},
        "sms:send",
    ),
    _permission(
        "campaigns.campaign_stop",
        "Pause, resume or stop a running campaign",
        {MARKETING, OPERATIONS, COMPLIANCE},
        "sms:send",
        "sms:schedule",
    ),
    _permission(
        "campaigns.campaign_submit", "Ask for the review of a campaign", {MARKETING}, "sms:draft"
    ),
    _permission(
        "campaigns.campaign_test",
        "Send a test to the team's own numbers",
        {MARKETING, OPERATIONS},
        "sms:send",
    ),
    _permission(
        "campaigns.campaign_view", "See campaigns", EVERYONE, "sms:read", "sms:contacts.read"
    ),
    _permission("campaigns.config_view", "Read the settings", EVERYONE, "sms:read"),
    _permission("campaigns.cost_view", "Preview what a campaign costs", EVERYONE, "sms:read"),
    _permission(
        "campaigns.quiet_hours_loosen",
        "Let the likely zone of a number decide its quiet hours",
        {COMPLIANCE},
    ),
    _permission("campaigns.report_view", "Read campaign reports", EVERYONE, "sms:read"),
    _permission(
        "campaigns.segment_preview",
        "Count what a segment would reach",
        EVERYONE,
        "sms:contacts.read",
        "sms:read",
    ),
    _permission(
        "campaigns.segment_save",
        "Keep a previewed segment",
        {MARKETING, CRM},
        "sms:contacts.write",
        "sms:draft",
    ),
    _permission(
        "campaigns.template_save",
        "Write new versions of templates",
        {MARKETING, COMPLIANCE},
        "sms:draft",
    ),
    _permission("campaigns.template_view", "See templates and check copy", EVERYONE, "sms:read"),
    _permission(
        "contacts.audience_view", "See audiences", EVERYONE, "sms:contacts.read", "sms:read"
    ),
    _permission(
        "contacts.block_clear", "Ask to end all of a brand's own blocks at once", {COMPLIANCE}
    ),
    _permission(
        "contacts.consent_view",
        "See the consent ledger and check its seals",
        {CRM, COMPLIANCE},
        "sms:compliance",
    ),
    _permission("contacts.contact_edit", "Create and change contacts", {CRM}, "sms:contacts.write"),
    _permission(
        "contacts.contact_erase",
        "Ask for the erasure of a person, for good",
        {COMPLIANCE},
        "sms:compliance",
    ),
    _permission(
        "contacts.contact_remove",
        "Put contacts in the trash, restore and merge them",
        {CRM, COMPLIANCE},
        "sms:contacts.write",
    ),
    _permission(
        "contacts.contact_view",
        "Find and read contacts, numbers masked",
        {MARKETING, CRM, OPERATIONS, COMPLIANCE},
        "sms:contacts.read",
    ),
    _permission(
        "contacts.event_record",
        "Record orders, payments and other events of contacts",
        {CRM},
        "sms:contacts.write",
    ),
    _permission(
        "contacts.export_make",
        "Export contacts and opt-outs as files",
        {CRM, COMPLIANCE},
        "sms:contacts.pii",
    ),
    _permission(
        "contacts.export_view",
        "Follow and fetch the files one asked for",
        EVERYONE - {VIEWER},
        "sms:contacts.pii",
        "sms:contacts.read",
        "sms:compliance",
    ),
    _permission(
        "contacts.field_save",
        "Declare custom fields and event properties",
        {CRM},
        "sms:contacts.write",
    ),
    _permission(
        "contacts.form_publish",
        "Put an opt-in form online",
        {COMPLIANCE, MARKETING},
        "sms:compliance",
    ),
    _permission(
        "contacts.form_save",
        "Write opt-in forms, and take them offline",
        {MARKETING, CRM, COMPLIANCE},
        "sms:contacts.write",
    ),
    _permission("contacts.form_view", "See opt-in forms", EVERYONE, "sms:read"),
    _permission(
        "contacts.import_start",
        "Import contacts and opt-outs, undo imports",
        {CRM},
        "sms:contacts.write",
    ),
    _permission(
        "contacts.import_view",
        "Follow imports",
        {CRM, COMPLIANCE, VIEWER},
        "sms:contacts.read",
        "sms:contacts.write",
    ),
    _permission(
        "contacts.number_check",
        "Check how phone numbers are written",
        EVERYONE - {VIEWER},
        "sms:contacts.read",
        "sms:contacts.write",
    ),
    _permission(
        "contacts.opt_out_lift",
        "Ask to lift an opt-out on new evidence; a second person decides",
        {COMPLIANCE},
    ),
    _permission(
        "contacts.opt_out_lift_grave",
        "Ask to lift a complaint or a legal block; compliance decides",
    ),
    _permission(
        "contacts.opt_out_record",
        "Record an opt-out, at once",
        EVERYONE - {VIEWER},
        "sms:compliance",
        "sms:contacts.write",
    ),
    _permission(
        "contacts.opt_out_view",
        "See the suppression list, numbers masked",
        EVERYONE - {VIEWER},
        "sms:compliance",
        "sms:contacts.read",
    ),
    _permission(
        "contacts.person_export",
        "Export everything about one person, for their own request",
        {COMPLIANCE},
        "sms:contacts.pii",
    ),
    _permission(
        "contacts.phone_view", "See full phone numbers", {CRM, COMPLIANCE}, "sms:contacts.pii"
    ),
    _permission(
        "contacts.proof_make",
        "Make proof packs: why a number was or was not texted",
        {CRM, COMPLIANCE},
        "sms:compliance",
    ),
    _permission("contacts.segment_view", "See segments", EVERYONE, "sms:contacts.read", "sms:read"),
    _permission(
        "gateways.answer_view",
        "See what gateways answered where it left doubt, without numbers and texts",
        {OPERATIONS, COMPLIANCE, TECHNICAL},
        "sms:read",
    ),
    _permission("gateways.batch_view", "See send batches", EVERYONE, "sms:read"),
    _permission("gateways.cap_view", "See frequency caps", EVERYONE, "sms:read"),
    _permission("gateways.gateway_edit", "Change gateways and their credentials", {TECHNICAL}),
    _permission("gateways.gateway_test", "Test gateways", {TECHNICAL}, "sms:sender"),
    _permission("gateways.gateway_view", "See gateways and rates", EVERYONE, "sms:read"),
    _permission(
        "gateways.inbound_decide",
        "Decide what unclear replies were",
        {MARKETING, CRM, OPERATIONS, COMPLIANCE},
        "sms:compliance",
        "sms:contacts.write",
    ),
    _permission(
        "gateways.message_view",
        "See the delivery of one message, numbers masked",
        EVERYONE - {VIEWER},
        "sms:read",
    ),
    _permission(
        "gateways.money_edit",
        "Load prices, exchange rates and bills; set limits and balance alerts",
        {TECHNICAL, OPERATIONS},
        "sms:sender",
    ),
    _permission(
        "gateways.number_lookup",
        "Ask networks whether numbers are in use; each is billed to the team",
        {CRM, OPERATIONS, TECHNICAL},
        "sms:contacts.read",
        "sms:contacts.write",
    ),
    _permission("gateways.quota_view", "See balance, quota and rate limits", EVERYONE, "sms:read"),
    _permission(
        "gateways.registration_documents",
        "Open the documents of registrations",
        {COMPLIANCE, APPROVER},
        "sms:sender",
    ),
    _permission(
        "gateways.registration_edit",
        "Prepare, submit and stop registrations of senders",
        {MARKETING, OPERATIONS, COMPLIANCE, TECHNICAL},
        "sms:sender",
    ),
    _permission("gateways.registration_record", "Record what a registry answered", {COMPLIANCE}),
    _permission(
        "gateways.registration_view",
        "See registrations of senders with their answers",
        {MARKETING, OPERATIONS, COMPLIANCE, TECHNICAL, APPROVER},
        "sms:read",
        "sms:sender",
    ),
    _permission(
        "gateways.route_steer",
        "Pin routes, open and close breakers of gateways",
        {TECHNICAL, OPERATIONS},
        "sms:sender",
    ),
    _permission(
        "gateways.sender_apply",
        "Apply for sender IDs",
        {OPERATIONS, COMPLIANCE, TECHNICAL},
        "sms:sender",
    ),
    _permission(
        "gateways.sender_rules_edit",
        "Say where which kind of sender may be used, against the packaged table",
        {COMPLIANCE, TECHNICAL},
        "sms:sender",
    ),
    _permission("gateways.sender_view", "See sender IDs", EVERYONE, "sms:read", "sms:sender"),
    _permission("operations.audit_view", "Read the audit log", {COMPLIANCE}, "sms:compliance"),
    _permission(
        "webhooks.endpoint_edit",
        "Say which of our systems are told of events; a new address needs a second person",
        {TECHNICAL},
        "sms:compliance",
    ),
    _permission(
        "webhooks.endpoint_test",
        "Send a ping, or an event again, to an address that was approved",
        {TECHNICAL, COMPLIANCE},
        "sms:compliance",
    ),
    _permission(
        "webhooks.endpoint_view",
        "See which systems are told of events, and whether they were",
        {TECHNICAL, COMPLIANCE, CRM},
        "sms:read",
        "sms:compliance",
    ),
)

PERMISSIONS: dict[str, Permission] = {row.key: row for row in _TABLE}
"""Every permission by its key."""


def role_permissions(role: str) -> frozenset[str]:
    """The permissions that the seeded role `role` starts with."""
    return frozenset(row.key for row in _TABLE if role in row.roles)


def scope_permissions(scopes: frozenset[str]) -> frozenset[str]:
    """The permissions that any of the scopes carries."""
    return frozenset(row.key for row in _TABLE if row.scopes & scopes)
