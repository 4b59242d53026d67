"""Everything the product promises can be called on every surface, under the names that were promised."""

from __future__ import annotations

from typing import Any

import pytest

from smsmarketing.accounts.models import User
from smsmarketing.operations import registry
from smsmarketing.operations.types import Surface
from tests.parity.conftest import Valid, ask, keys, surfaces_of
from tests.surfaces import SURFACES, SurfaceName

# Typed from the order, not from the code.
PROMISED = (
    *("config.get", "owners.list", "approval_policies.list", "quotas.get", "frequency_caps.get"),
    *("sender_ids.list", "gateways.list", "audiences.list", "segments.preview", "segments.create"),
    *("contacts.search", "contacts.get", "contacts.upsert", "contacts.opt_out", "opt_outs.list"),
    *("templates.list", "templates.save", "copy.fit_preview", "campaigns.list", "campaigns.get"),
    *("campaigns.create_draft", "campaigns.update", "campaigns.submit_for_review"),
    *("campaigns.approve", "campaigns.reject", "campaigns.schedule", "campaigns.cancel_schedule"),
    *("campaigns.send_approved", "campaigns.pause", "campaigns.resume", "campaigns.stop_remaining"),
    *("campaigns.test_send", "cost_preview", "send_batches.list", "delivery_status.get"),
    *("campaign_reports.get", "action_request.status", "action_requests.list"),
    *("action_requests.approve", "action_requests.reject", "action_requests.cancel"),
    *("imports.start", "imports.status", "audit.list", "audit.verify", "messages.explain"),
)


@pytest.mark.parametrize("key", PROMISED)
def test_what_was_promised_is_there_on_every_surface(key: str) -> None:
    operation = registry.get(key)
    assert {Surface.REST, Surface.MCP, Surface.ADMIN} <= operation.surfaces


def test_deciding_is_for_people_only() -> None:
    """[R-8.1]."""
    for key in PROMISED:
        decides = key.rpartition(".")[2] in {"approve", "reject"}
        assert registry.get(key).human_only is decides, key


@pytest.mark.django_db
@pytest.mark.parametrize("surface", SURFACES)
def test_every_operation_answers_on_every_surface(
    chief: User, valid: Valid, surface: SurfaceName
) -> None:
    """A result, a hold or a refusal in the envelope: never a crash, never an unknown name."""
    wrong: dict[str, Any] = {}
    for key in keys():
        if surface not in surfaces_of(key):
            continue
        answer = ask(surface, chief, key, valid(key))
        if answer.code in {"INTERNAL", "INVALID_INPUT"} or not answer.request_id:
            wrong[key] = (answer.code, answer.message, answer.field_errors)
    # An import is of a file that was uploaded before; no input of this test can name one.
    assert set(wrong) <= {"import_folders.save", "imports.preview", "imports.start"}, wrong
