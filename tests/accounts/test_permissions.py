"""The table of permissions, scopes and seeded roles."""

import re
from collections.abc import Callable
from typing import get_args

import pytest

from smsmarketing.accounts.models import Role, User
from smsmarketing.accounts.rules.permissions import (
    PERMISSIONS,
    role_permissions,
    scope_permissions,
)
from smsmarketing.accounts.rules.roles import ROLES
from smsmarketing.accounts.rules.scopes import (
    EXIT_SCOPES,
    SCOPES,
    ScopeName,
    trifecta_scopes,
)
from smsmarketing.accounts.seeding import roles_seed
from smsmarketing.accounts.selectors import actor_for_user, permissions_of
from smsmarketing.operations import registry
from smsmarketing.operations.types import Surface


def test_the_table_is_sorted_named_well_and_uses_known_scopes() -> None:
    keys = list(PERMISSIONS)
    assert keys == sorted(keys)
    for key, row in PERMISSIONS.items():
        assert re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)+", key)
        assert row.meaning
        assert row.scopes <= SCOPES.keys()
        assert row.roles <= {role.key for role in ROLES}


def test_every_operation_names_a_permission_that_exists() -> None:
    unknown = {
        operation.key: operation.permission
        for operation in registry.every()
        if operation.permission not in PERMISSIONS
    }
    assert unknown == {}


def test_a_token_with_the_operations_scope_has_its_permission() -> None:
    """Scope and permission of an operation fit together, except where no token may ever go."""
    apart = {
        operation.key
        for operation in registry.every()
        if operation.scope
        and PERMISSIONS[operation.permission].scopes
        and operation.permission not in scope_permissions(frozenset({operation.scope}))
    }
    assert apart == set()


def test_inputs_offer_every_scope() -> None:
    assert list(get_args(ScopeName)) == list(SCOPES)


def test_deciding_is_in_no_scope() -> None:
    """[R-8.1] Nor is the change of a policy, the making of tokens, or the mixing of scopes."""
    assert not scope_permissions(frozenset(SCOPES)) & {
        "approvals.request_decide",
        "approvals.policy_save",
        "accounts.token_manage",
        "accounts.token_trifecta",
    }


def test_personal_data_and_a_way_out_are_three_too_many() -> None:
    """[R-9.26]"""
    for scope in EXIT_SCOPES:
        assert trifecta_scopes(frozenset({"sms:contacts.pii", scope})) == {scope}
        assert trifecta_scopes(frozenset({"sms:contacts.read", scope})) == frozenset()
    assert trifecta_scopes(frozenset({"sms:contacts.pii", "sms:read"})) == frozenset()


def test_a_viewer_reads_only() -> None:
    held = role_permissions("viewer")
    assert not {
        key for key in held if re.search(r"_(edit|save|send|submit|decide|phone_view)$", key)
    }


@pytest.mark.django_db
def test_migrate_seeds_the_roles() -> None:
    found = {role.key: set(role.permissions) for role in Role.objects.all()}
    assert found == {role.key: role_permissions(role.key) for role in ROLES}


@pytest.mark.django_db
def test_seeding_again_respects_what_an_admin_took_away() -> None:
    role = Role.objects.get(key="marketing")
    role.permissions = [p for p in role.permissions if p != "campaigns.campaign_send"]
    role.seeded = [p for p in role.seeded if p != "campaigns.campaign_test"]
    role.permissions.remove("campaigns.campaign_test")
    role.save()
    roles_seed()
    role.refresh_from_db()
    assert "campaigns.campaign_send" not in role.permissions
    assert "campaigns.campaign_test" in role.permissions  # new in this release, as it were
    assert Role.objects.count() == len(ROLES)


@pytest.mark.django_db
def test_rights_are_read_from_the_roles(person: Callable[..., User]) -> None:
    user = person("anna", "marketing", "viewer")
    assert permissions_of(user) == role_permissions("marketing") | role_permissions("viewer")
    assert not actor_for_user(user, surface=Surface.CLI).sees_all_teams
    assert actor_for_user(person("ada", "admin"), surface=Surface.CLI).sees_all_teams
    user.is_active = False
    assert permissions_of(user) == frozenset()


@pytest.mark.django_db
def test_a_superuser_has_every_permission_of_the_table(person: Callable[..., User]) -> None:
    assert permissions_of(person("root", is_superuser=True)) == frozenset(PERMISSIONS)
