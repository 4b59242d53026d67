"""The same mistake is the same refusal, with the same trace in the audit log, whatever one calls through."""

from __future__ import annotations

from typing import Any

import pytest

from smsmarketing.accounts.models import User
from smsmarketing.operations import registry
from tests.parity.conftest import (
    NO_ID,
    NOWHERE,
    Valid,
    ask,
    audit_head,
    audited_since,
    key_for,
    keys,
    new_key,
    surfaces_of,
)
from tests.surfaces import SURFACES, SurfaceName, call, token_for

pytestmark = pytest.mark.django_db

PEOPLE_ONLY = set(keys(lambda operation: operation.human_only))
PROGRAMS: tuple[SurfaceName, ...] = ("mcp", "cli")


def answers(
    user: User, key: str, payload: dict[str, Any], *, once: str | None = None
) -> dict[SurfaceName, tuple[Any, ...]]:
    """What each surface answered, and what it left in the audit log."""
    found: dict[SurfaceName, tuple[Any, ...]] = {}
    for surface in surfaces_of(key):
        head = audit_head()
        answer = ask(surface, user, key, payload, once)
        written = audited_since(head)
        assert all(entry.surface == surface for entry in written), (key, surface)
        entries = [
            (entry.operation, entry.outcome, entry.object_type, entry.object_id)
            for entry in written
        ]
        found[surface] = (answer.status, answer.code, sorted(answer.field_errors), entries)
    return found


def unlike(found: dict[SurfaceName, tuple[Any, ...]]) -> dict[SurfaceName, tuple[Any, ...]]:
    """The surfaces that do not answer as the others; empty when all agree."""
    return found if len({repr(item) for item in found.values()}) > 1 else {}


def test_without_the_right_every_operation_refuses_alike(nobody: User, valid: Valid) -> None:
    wrong = {}
    for key in keys():
        payload = valid(key)
        found = answers(nobody, key, payload)
        expected = [(key, "NOT_PERMITTED")]
        bad = unlike(found) or [
            item for item in found.values() if [row[:2] for row in item[3]] != expected
        ]
        if bad or found["rest"][1] != "NOT_PERMITTED":
            wrong[key] = found
    assert wrong == {}


def test_a_row_that_is_not_there_is_not_found_alike(chief: User, valid: Valid) -> None:
    """Unknown, or of another team: the same answer [R-9.16]."""
    wrong = {}
    for key in keys(lambda operation: operation.target is not None):
        target = registry.get(key).target
        assert target is not None
        payload = valid(key)
        known = payload[target.argument]
        payload[target.argument] = NO_ID if isinstance(known, str) else NOWHERE
        found = answers(chief, key, payload)
        if key in PEOPLE_ONLY:
            expected = {found.pop(surface)[1] for surface in PROGRAMS if surface in found}
            assert expected == {"NOT_PERMITTED"}, key
        if unlike(found) or {item[1] for item in found.values()} != {"NOT_FOUND"}:
            wrong[key] = found
    assert wrong == {}


def test_missing_fields_are_named_alike(chief: User, valid: Valid) -> None:
    """Left out: everything but what stands in the path of REST."""
    wrong = {}
    for key in keys():
        operation = registry.get(key)
        payload = valid(key)
        kept = {name: payload[name] for name in payload if f"{{{name}}}" in operation.rest.path}
        required = {
            name for name, field in operation.input.model_fields.items() if field.is_required()
        }
        if not required - set(kept):
            continue
        found = answers(chief, key, kept)
        codes = {item[1] for item in found.values()}
        if unlike(found) or not codes <= {"INVALID_INPUT", "PRECONDITION_REQUIRED"}:
            wrong[key] = found
    assert wrong == {}


def test_a_stale_version_token_is_refused_alike(chief: User, valid: Valid) -> None:
    """[R-8.7]."""
    wrong = {}
    for key in keys(lambda operation: operation.target is not None and operation.target.versioned):
        payload = valid(key)
        found = answers(chief, key, payload)
        if key in PEOPLE_ONLY:
            programs = {found.pop(surface)[1] for surface in PROGRAMS if surface in found}
            assert programs == {"NOT_PERMITTED"}, key
        codes = {item[1] for item in found.values()}
        if unlike(found) or codes != {"VERSION_CONFLICT"}:
            wrong[key] = found
    assert wrong == {}


@pytest.mark.parametrize("key", ["contacts.opt_out", "campaigns.create_draft", "templates.save"])
def test_a_key_with_other_content_is_refused_alike(chief: User, valid: Valid, key: str) -> None:
    """[R-8.10]: first on one surface, then with other words on each of the four."""
    once = new_key()
    payload = valid(key)
    first = call("rest", chief, key, payload, idempotency_key=once)
    assert first.status in {"done", "held"}, first
    changed = {**payload, **{"contacts.opt_out": {"note": "x"}}.get(key, {"name": "Other name"})}
    found = answers(chief, key, changed, once=once)
    assert unlike(found) == {}
    assert found["mcp"][:3] == ("refused", "CONFLICT", ["idempotency_key"])
    for surface in SURFACES:
        again = ask(surface, chief, key, payload, once)
        assert again.replayed
        assert again.data == first.data


def test_without_its_scope_a_token_is_refused_alike(chief: User, valid: Valid) -> None:
    """[R-9.22] over REST and over MCP; the challenge names the scope that is missing."""
    wrong = {}
    tokens = {name: token_for(chief, [name]) for name in ("sms:otp", "sms:read")}
    for key in keys(lambda operation: bool(operation.scope)):
        operation = registry.get(key)
        other = "sms:otp" if operation.scope != "sms:otp" else "sms:read"
        payload = valid(key)
        found = {}
        for surface in ("rest", "mcp"):
            if surface not in surfaces_of(key):
                continue
            head = audit_head()
            answer = call(
                surface,  # type: ignore[arg-type]
                chief,
                key,
                payload,
                token=tokens[other],
                idempotency_key=key_for(key),
            )
            rows = [(entry.operation, entry.outcome) for entry in audited_since(head)]
            found[surface] = (answer.code, answer.details.get("required_scopes"), rows)
        expected = ("INSUFFICIENT_SCOPE", [operation.scope], [(key, "INSUFFICIENT_SCOPE")])
        if set(map(repr, found.values())) != {repr(expected)}:
            wrong[key] = found
    assert wrong == {}
