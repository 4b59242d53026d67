"""The same call has the same result and the same audit entry, whatever one calls through."""

from __future__ import annotations

from typing import Any

import pytest

from smsmarketing.accounts.models import User
from smsmarketing.campaigns.models import Campaign
from smsmarketing.operations import registry
from tests.campaigns.desk import Desk
from tests.parity.conftest import Valid, ask, audit_head, audited_since, keys, new_key, surfaces_of
from tests.surfaces import SURFACES, Answer, call

pytestmark = pytest.mark.django_db

# What differs from call to call by its nature: times of the call, fresh ids, and who called.
FRESH = {
    "age_seconds",
    "checked_at",
    "cost_preview_id",
    "segment_preview_id",
    "import_preview_id",
    "generated_at",
    "as_of",
    "at",
    "last_used_at",
    "left_today",
}
READS = keys(lambda operation: not operation.writes)
GROWING = {"audit.list", "audit.verify", "api_tokens.list"}
"""Each call adds to what they show: an audit entry, or the token that the test made for MCP."""


def settled(value: Any) -> Any:
    """The data without what no two calls share."""
    if isinstance(value, dict):
        return {name: settled(item) for name, item in value.items() if name not in FRESH}
    if isinstance(value, list):
        return [settled(item) for item in value]
    return value


def test_reads_and_previews_show_the_same(chief: User, valid: Valid) -> None:
    """Every read and preview, four times: equal to the last field."""
    wrong: dict[str, Any] = {}
    compared = 0
    for key in READS:
        if key in GROWING:
            continue
        payload = valid(key)
        found: dict[str, Answer] = {
            surface: ask(surface, chief, key, payload) for surface in surfaces_of(key)
        }
        shown = {
            surface: (answer.status, answer.code, settled(answer.data))
            for surface, answer in found.items()
        }
        if len({repr(item) for item in shown.values()}) > 1:
            wrong[key] = shown
        compared += found["rest"].status == "done"
    assert wrong == {}
    assert compared >= 20


def test_a_draft_is_the_same_draft(desk: Desk, chief: User) -> None:
    """A write on each surface: equal rows, equal audit entries but for the surface."""
    payload = {
        "name": "Parity",
        "brand_id": desk.world.brand.pk,
        "segment_id": desk.segment(),
        "sender_id": desk.world.sender.pk,
        "gateway_id": desk.world.gateway.pk,
        "message": "Acme: 20% off today only.",
    }
    rows, entries = [], []
    for surface in SURFACES:
        head = audit_head()
        answer = call(surface, chief, "campaigns.create_draft", payload, idempotency_key=new_key())
        assert answer.status == "done", answer
        assert answer.data is not None
        made = Campaign.objects.get(pk=answer.data["campaign_id"])
        rows.append((made.name, made.body, made.state, made.content_hash, made.version))
        (entry,) = audited_since(head)
        entries.append(
            (
                entry.operation,
                entry.outcome,
                entry.object_type,
                entry.object_id == str(made.pk),
                entry.object_version,
                entry.input_hash,
                sorted(entry.facts),
                entry.actor_id == f"user:{chief.pk}" or entry.on_behalf_of == f"user:{chief.pk}",
            )
        )
        assert (entry.surface, entry.request_id) == (surface, answer.request_id)
    assert len(set(rows)) == 1
    assert len({repr(entry) for entry in entries}) == 1, entries


def test_a_state_change_is_the_same_change(desk: Desk, chief: User) -> None:
    """Asking for a review on each surface moves the campaign alike and freezes the same content."""
    hashes, entries = set(), []
    segment = desk.segment()
    for surface in SURFACES:
        campaign = desk.draft(name="Parity", segment_id=segment)
        payload = {"campaign_id": campaign.pk, "base_version_token": desk.token(campaign, chief)}
        head = audit_head()
        answer = call(
            surface, chief, "campaigns.submit_for_review", payload, idempotency_key=new_key()
        )
        assert answer.status == "done", answer
        after = desk.fresh(campaign)
        assert (after.state, after.version) == ("in_review", campaign.version + 1)
        hashes.add(after.content_hash)
        entries.append(
            [(row.operation, row.outcome, row.object_type) for row in audited_since(head)]
        )
    assert len(hashes) == len(SURFACES)  # the campaign's id is part of what is signed
    assert len({repr(entry) for entry in entries}) == 1, entries


def test_a_dry_run_writes_nothing_anywhere(desk: Desk, chief: User) -> None:
    operation = registry.get("campaigns.create_draft")
    assert operation.writes
    payload = {
        "name": "Dry",
        "brand_id": desk.world.brand.pk,
        "segment_id": desk.segment(),
        "sender_id": desk.world.sender.pk,
        "gateway_id": desk.world.gateway.pk,
        "message": "Acme: hello.",
    }
    for surface in SURFACES:
        head = audit_head()
        answer = call(surface, chief, "campaigns.create_draft", payload, dry_run=True)
        assert (answer.status, answer.dry_run) == ("done", True)
        assert audited_since(head) == []
    assert not Campaign.objects.exists()
