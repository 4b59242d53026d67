"""Every noun that the product sheet lists for an operation is a field of its input or output."""

import typing
from typing import Any

import pytest
from pydantic import BaseModel

from smsmarketing.operations import registry

NOUNS: dict[str, str] = {
    # The operation, then "noun: side.path; ...". `in` is the input, `out` the output.
    "config.get": "sender ID: out.sender_id; gateway: out.gateway; short links: out.short_links; "
    "opt-out: out.opt_out; scheduling: out.scheduling; approval: out.approval; quota: out.quota; "
    "cost: out.cost; tracking policies: out.tracking",
    "sender_ids.list": "sender IDs: out.items.value; pending: out.items.state; "
    "SSRS status: out.items.registry_status; regions: out.items.regions.country; "
    "brand names: out.items.brand; restrictions: out.items.restrictions",
    "gateways.list": "gateways: out.items.name; country coverage: out.items.countries; "
    "rates: out.items.rates.price; delivery reports: out.items.delivery_reports; "
    "rate limits: out.items.rate_limits; fallback: out.items.fallback",
    "approval_policies.list": "triggers: out.triggers.topic; operations: out.triggers.operations; "
    "rule: out.triggers.operations.rule; policies: out.triggers.policies; never: out.never_held",
    "quotas.get": "balance: out.gateways.balance; monthly quota: out.quota.parts_limit; "
    "country rates: out.gateways.rates; segment billing: out.segment_billing; "
    "rate limits: out.gateways.messages_per_second; sendable volume: out.gateways.sendable",
    "frequency_caps.get": "daily: out.brands.daily; weekly: out.brands.weekly; "
    "per campaign: out.brands.per_campaign; transactional: out.brands.transactional",
    "owners.list": "owners: out.items.username; roles: out.items.roles; all roles: out.roles.role; "
    "permissions: out.items.permissions; approval owners: out.items.may_approve",
    "audiences.list": "audiences: out.items.name; sources: out.items.source; "
    "consent state: out.items.consent_states; sendable phones: out.items.sendable; "
    "purchase behavior: out.items.purchase_behaviour; region: out.items.regions; "
    "sync sources: out.items.sync_source",
    "segments.preview": "size: out.matched; opt-outs: out.opt_outs; "
    "duplicate phones: out.duplicate_phones; country rates: out.countries.rate; "
    "cap exclusions: out.frequency_cap_exclusions; estimated cost: out.estimated_cost; "
    "exclusion reasons: out.exclusions.reason; preview id: out.segment_preview_id; "
    "group, order state, payment, pickup, offer, repurchase cycle: in.criteria",
    "segments.create": "previewed criteria: in.segment_preview_id; in words: out.criteria_in_words",
    "contacts.search": "phone: in.phone; customer: in.customer_key; list: in.audience_id; "
    "tag: in.tag; order state: in.order_state; consent: in.consent; opt-out: in.opted_out; "
    "send history: in.sent_within_days; found: out.items.phone; last: out.items.last_sent_at",
    "contacts.get": "phone: out.contact.phone; consent evidence: out.consent_evidence.captured_at; "
    "opt-out: out.opt_outs; language: out.contact.language; region: out.contact.region; "
    "send history: out.send_history; version data: out.base_version_token",
    "contacts.upsert": "phone: in.phone; country code: in.country; tags: in.tags; "
    "language: in.language; consent evidence: in.consent.disclosure_text; source: in.source; "
    "timestamp: in.consent.captured_at; CRM sync keys: in.crm_keys",
    "opt_outs.list": "opt-outs: out.items.reason; STOP replies: out.items.stop_reply; "
    "kinds (blocked, invalid, complaints, suppressed): in.kind; numbers: out.items.phone",
    "contacts.opt_out": "phone: in.phone; source: out.source; STOP message: in.message; "
    "time: in.said_at; recorded: out.created_at; reason: in.reason; language: out.language; "
    "sync state: out.sync_state",
    "templates.list": "templates: out.items.name; languages: out.items.languages; "
    "dynamic fields: out.items.dynamic_fields; use cases: out.items.use_case; "
    "character counts: out.items.characters; opt-out text: out.items.opt_out_text; "
    "approval state: out.items.approval_state",
    "templates.save": "dynamic fields: in.fields.name; language: in.language; "
    "use case: in.use_case; opt-out prompt: in.opt_out_line; character limits: in.fields.max_chars",
    "copy.fit_preview": "Chinese 70 and English 160: out.limits; Unicode: out.worst.encoding; "
    "variables: in.fields.max_chars; multi-SMS cost: out.prices.worst; "
    "longest variable: out.worst.example; segments: out.worst.parts; truncation: out.truncation",
    "campaigns.list": "drafts: out.items.state; segments: out.items.segment; "
    "messages: out.items.message; short links: out.items.short_links; "
    "schedules: out.items.schedule.scheduled_at; sends: out.items.sends.by_state; "
    "approvals: out.items.approval; report states: out.items.report_state",
    "campaigns.get": "message: out.message; segment: out.segment; short links: out.short_links; "
    "cost preview: out.cost_preview; sender ID: out.sender; gateway: out.gateway; "
    "schedule: out.schedule.send_at_local; review: out.review.state; version: out.base_version_token",
    "campaigns.create_draft": "segment: in.segment_id; message: in.message; "
    "short link: out.short_links; landing page: in.landing_url; sender ID: in.sender_id; "
    "gateway: in.gateway_id; tracking: in.tracking; send goal: in.send_goal",
    "campaigns.update": "message: in.message; segment: in.segment_id; "
    "short links: out.campaign.short_links; sender ID: in.sender_id; gateway: in.gateway_id; "
    "tracking: in.tracking; schedule draft: in.send_at_local; review notes: in.review_notes",
    "cost_preview": "by country: out.countries.worst; message segments: out.message_segments; "
    "gateway: out.gateway; short links: out.short_links; unsendable: out.unsendable; "
    "caps: out.frequency_cap_exclusions; opt-outs: out.opt_out_exclusions; "
    "over quota: out.over_quota; rate: out.estimated_rate_from; billing: out.billing_differences",
    "campaigns.schedule": "send time: in.send_at_local; timezone: in.time_zone; "
    "pace: in.per_minute; gateway: out.gateway; frequency caps: out.frequency_caps_apply; "
    "notifications: in.notify",
    "campaigns.cancel_schedule": "reason: in.reason; owner: out.owner; affected: out.affected; "
    "notification state: out.notification_state",
    "campaigns.send_approved": "campaign: in.campaign_id; version: in.base_version_token; "
    "recipients: out.approved_recipients; cost: out.cost_ceiling",
    "send_batches.list": "batches: out.items.batch_id; responses: out.items.gateway_responses; "
    "delivered: out.items.delivered; failed: out.items.failed; pending: out.items.pending; "
    "billed: out.items.billed; error summary: out.items.error_summary; "
    "gateway: out.items.gateway; updated: out.items.updated_at; states: out.status_definitions",
    "delivery_status.get": "message: in.message_id; phone: in.phone; state: out.messages.state; "
    "failure reason: out.messages.failure_reason; charge: out.messages.charge; "
    "gateway id: out.messages.gateway_message_id; resend: out.messages.may_be_resent",
    "campaign_reports.get": "delivery: out.delivery.delivered; failures: out.failures; "
    "clicks: out.clicks; opt-outs: out.opt_outs; cost: out.cost_billed; "
    "conversions: out.conversions; revenue: out.revenue; time trends: out.time_trends; "
    "date range: out.date_range; gateway: out.gateway; attribution: out.attribution_window; "
    "cost rules: out.cost_rules; latency: out.data_latency",
    "action_request.status": "state: out.state; operation: out.operation; kind: out.category",
}
CASES = [
    pytest.param(key, *part.split(": "), id=f"{key}: {part}")
    for key, line in NOUNS.items()
    for part in line.split("; ")
]


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models inside a type: itself, or those of its list or optional."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in typing.get_args(annotation) for found in models_in(part)]


def path_exists(model: type[BaseModel], path: list[str]) -> bool:
    field = model.model_fields.get(path[0])
    if field is None or not field.description:
        return False
    rest = path[1:]
    return not rest or any(path_exists(found, rest) for found in models_in(field.annotation))


@pytest.mark.parametrize(("key", "noun", "path"), CASES)
def test_each_noun_has_a_described_field(key: str, noun: str, path: str) -> None:
    side, *names = path.split(".")
    operation = registry.get(key)
    model = operation.input if side == "in" else operation.output
    assert path_exists(model, names), f"{key} has no field for {noun}: {path}"


def test_a_missing_field_is_seen() -> None:
    model = registry.get("campaigns.get").output
    assert not path_exists(model, ["nothing"])
    assert not path_exists(model, ["review", "nothing"])
    assert not path_exists(model, ["message", "nothing"])
