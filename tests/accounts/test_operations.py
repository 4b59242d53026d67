"""owners.list, teams.list and the API token operations, through execute()."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from smsmarketing.accounts.authentication import token_find
from smsmarketing.accounts.models import ApiToken, Brand, Team, User
from smsmarketing.accounts.selectors import actor_for_token, actor_for_user
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import (
    AuthInvalid,
    InvalidInput,
    NotFound,
    NotPermitted,
    OperationError,
)
from smsmarketing.operations.models import AuditEntry, IdempotencyClaim
from smsmarketing.operations.types import Actor, Done, Surface

pytestmark = pytest.mark.django_db

Person = Callable[..., User]


def session(user: User) -> Actor:
    return actor_for_user(user, surface=Surface.ADMIN, is_session=True)


def run(key: str, actor: Actor, **payload: Any) -> Any:
    outcome = execute(key, payload, actor=actor)
    assert isinstance(outcome, Done)
    return outcome.result


def refused(error: type[OperationError], key: str, actor: Actor, **payload: Any) -> OperationError:
    before = ApiToken.objects.values_list("pk", "revoked_at")
    kept = list(before)
    with pytest.raises(error) as caught:
        execute(key, payload, actor=actor)
    assert list(before.all()) == kept
    return caught.value


def test_owners_are_listed_with_roles_and_permissions(person: Person, other_team: Team) -> None:
    """Seed 000-07: marketing, CRM, operations, compliance, technical and approval owners."""
    keys = ["marketing", "crm", "operations", "compliance", "technical", "approver"]
    for key in keys:
        person(f"p-{key}", key)
    person("elsewhere", "approver", teams=[other_team])
    person("gone", "approver", is_active=False)
    person("boss", "admin", teams=[])
    found = run("owners.list", session(person("anna", "viewer")))
    by_name = {row.username: row for row in found.items}
    assert set(by_name) == {*(f"p-{key}" for key in keys), "boss", "anna"}
    assert {role.role for role in found.roles} >= set(keys)
    assert by_name["p-approver"].may_approve
    assert "approvals.request_decide" in by_name["p-approver"].permissions
    assert not by_name["p-marketing"].may_approve
    assert by_name["p-marketing"].may_start_sends
    assert not by_name["p-crm"].may_start_sends
    assert by_name["p-technical"].may_apply_for_senders
    assert by_name["boss"].works_in_all_teams


def test_owners_can_be_narrowed_by_role_and_permission(person: Person) -> None:
    person("ben", "approver")
    person("cleo", "compliance")
    anna = session(person("anna", "marketing"))
    assert [r.username for r in run("owners.list", anna, role="approver").items] == ["ben"]
    found = run("owners.list", anna, permission="approvals.request_decide")
    assert [row.username for row in found.items] == ["ben", "cleo"]
    refused(InvalidInput, "owners.list", anna, permission="no.such_thing")


def test_teams_are_listed_with_their_brands_only_where_one_works(
    person: Person, team: Team, other_team: Team
) -> None:
    for owner in team, other_team:
        Brand.objects.create(team=owner, name=f"B {owner.slug}", name_in_texts="B", help_line="h")
    found = run("teams.list", session(person("anna", "viewer")))
    assert [(row.slug, [b.name for b in row.brands]) for row in found.items] == [
        ("north", ["B north"])
    ]
    assert len(run("teams.list", session(person("ada", "admin"))).items) == 2


def test_a_token_is_shown_once(person: Person, team: Team) -> None:
    anna = session(person("anna", "marketing"))
    made = run(
        "api_tokens.create",
        anna,
        name="Claude",
        scopes=["sms:read", "sms:draft"],
        team_id=team.pk,
        allowed_ips=["203.0.113.7", "2001:db8::/32"],
    )
    row = token_find(made.token)
    assert (row.user, row.team, row.name) == (anna.user, team, "Claude")
    assert row.scopes == ["sms:draft", "sms:read"]
    assert row.allowed_ips == ["203.0.113.7/32", "2001:db8::/32"]
    assert made.record.state == "live"
    listed = run("api_tokens.list", anna)
    assert made.token not in listed.model_dump_json()
    assert [item.prefix for item in listed.items] == [row.prefix]


def test_a_repeated_form_makes_one_token_and_keeps_no_plaintext(person: Person) -> None:
    """[R-8.10] The stored outcome of the key has no secret in it."""
    anna = session(person("anna", "marketing"))
    payload = {"name": "Claude", "scopes": ["sms:read"]}
    first = execute("api_tokens.create", payload, actor=anna, idempotency_key="k" * 16)
    again = execute("api_tokens.create", payload, actor=anna, idempotency_key="k" * 16)
    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert first.result.token
    assert again.replayed
    assert again.result.token is None
    assert again.result.record.token_id == first.result.record.token_id
    assert ApiToken.objects.count() == 1
    kept = json.dumps(IdempotencyClaim.objects.get().outcome)
    assert first.result.token not in kept
    assert first.result.token not in json.dumps(
        list(AuditEntry.objects.values("facts", "reason")), default=str
    )


def test_only_a_person_in_the_browser_makes_tokens(person: Person, token: Any) -> None:
    anna = person("anna", "admin")
    row, _ = token(anna, "sms:read")
    payload = {"name": "more", "scopes": ["sms:read"]}
    for actor in (
        actor_for_token(row, surface=Surface.REST),
        actor_for_token(row, surface=Surface.MCP),
        actor_for_user(anna, surface=Surface.CLI),
        actor_for_user(anna, surface=Surface.REST),
    ):
        refused(NotPermitted, "api_tokens.create", actor, **payload)


def test_scopes_are_known_and_not_a_way_out_for_personal_data(person: Person) -> None:
    """[R-9.22] no wildcard; [R-9.26] the trifecta guard, unless an admin says so."""
    anna = session(person("anna", "marketing"))
    for scopes in (["*"], ["sms:everything"], ["sms:read", "sms:*"]):
        refused(InvalidInput, "api_tokens.create", anna, name="x", scopes=scopes)
    for way_out in ("sms:draft", "sms:schedule", "sms:send", "sms:otp"):
        error = refused(
            NotPermitted,
            "api_tokens.create",
            anna,
            name="x",
            scopes=["sms:contacts.pii", way_out],
        )
        assert "scopes" in error.field_errors
    admin = session(person("ada", "admin"))
    run("api_tokens.create", admin, name="x", scopes=["sms:contacts.pii", "sms:send"])
    refused(
        InvalidInput, "api_tokens.create", anna, name="x", scopes=["sms:read"], allowed_ips=["home"]
    )
    refused(
        InvalidInput, "api_tokens.create", anna, name="x", scopes=["sms:read"], expires_in_days=366
    )


def test_a_token_for_a_team_of_others_is_refused(person: Person, other_team: Team) -> None:
    anna = session(person("anna", "marketing"))
    payload = {"name": "x", "scopes": ["sms:read"], "team_id": other_team.pk}
    refused(NotFound, "api_tokens.create", anna, **payload)


def test_revoking_works_at_once_and_twice(person: Person, token: Any) -> None:
    """[R-8.5] Revocation needs nobody's agreement."""
    anna = person("anna", "marketing")
    row, text = token(anna)
    first = run("api_tokens.revoke", session(anna), token_id=row.pk)
    assert first.state == "revoked"
    again = run("api_tokens.revoke", session(anna), token_id=row.pk)
    assert again.revoked_at == first.revoked_at
    from smsmarketing.accounts.authentication import token_check

    with pytest.raises(AuthInvalid):
        token_check(token_find(text), ip="", now=timezone.now())


def test_tokens_of_others_do_not_exist(person: Person, token: Any) -> None:
    row, _ = token(person("anna", "marketing"))
    ben = person("ben", "marketing")
    mine, _ = token(ben)
    sibling, _ = token(ben)
    refused(NotFound, "api_tokens.revoke", session(ben), token_id=row.pk)
    # a token sees and revokes itself only
    itself = actor_for_token(mine, surface=Surface.MCP)
    assert [item.token_id for item in run("api_tokens.list", itself).items] == [mine.pk]
    refused(NotFound, "api_tokens.revoke", itself, token_id=sibling.pk)
    assert run("api_tokens.revoke", itself, token_id=mine.pk).state == "revoked"
    admin = session(person("ada", "admin"))
    assert run("api_tokens.revoke", admin, token_id=row.pk).state == "revoked"
