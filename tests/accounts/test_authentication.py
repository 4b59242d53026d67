"""From a request to an actor [R-9.20]-[R-9.24]."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory
from django.utils import timezone

from smsmarketing.accounts.authentication import actor_from_bearer, actor_from_request
from smsmarketing.accounts.models import ApiToken, Team, User
from smsmarketing.accounts.rules.permissions import PERMISSIONS
from smsmarketing.accounts.services import token_revoke
from smsmarketing.operations.errors import AuthInvalid, AuthRequired, NotPermitted
from smsmarketing.operations.types import Surface

pytestmark = pytest.mark.django_db

Person = Callable[..., User]
Token = Callable[..., tuple[ApiToken, str]]


def asked(plaintext: str = "", *, user: Any = None, method: str = "get", **extra: Any) -> Any:
    headers = {"Authorization": f"Bearer {plaintext}"} if plaintext else {}
    request = getattr(RequestFactory(), method)("/api/v1/teams", headers=headers, **extra)
    request.user = user or AnonymousUser()
    return request


def test_a_token_acts_as_its_person_within_its_scopes(
    person: Person, token: Token, team: Team
) -> None:
    """[R-9.24] Rights are what the person's roles and the token's scopes have in common."""
    user = person("anna", "marketing")
    row, plaintext = token(user, "sms:read")
    actor = actor_from_request(asked(plaintext), Surface.MCP)
    assert actor.user == user
    assert actor.token_id == row.pk
    assert actor.scopes == frozenset({"sms:read"})
    assert actor.may("campaigns.campaign_view")
    assert not actor.may("campaigns.campaign_edit")  # the person may, the scope does not carry it
    assert not actor.may("contacts.contact_edit")  # neither
    assert actor.team_ids == frozenset({team.pk})
    assert actor.is_agent
    assert actor.surface is Surface.MCP


@pytest.mark.parametrize("role", ["approver", "admin", "compliance"])
def test_no_token_carries_the_right_to_decide(person: Person, token: Token, role: str) -> None:
    """[R-8.1] A token can never approve, whatever its scopes; also not a superuser's."""
    scopes = sorted({scope for row in PERMISSIONS.values() for scope in row.scopes})
    user = person("root", role, is_superuser=True)
    actor = actor_from_request(asked(token(user, *scopes, may_mix=True)[1]), Surface.REST)
    assert not actor.is_session
    assert not actor.may("approvals.request_decide")
    assert not actor.may("approvals.policy_save")
    assert not actor.may("accounts.token_manage")


def test_a_token_of_one_team_sees_that_team_only(
    person: Person, token: Token, team: Team, other_team: Team
) -> None:
    user = person("anna", "marketing", teams=[team, other_team])
    actor = actor_from_request(asked(token(user, team=other_team)[1]), Surface.REST)
    assert actor.team_ids == frozenset({other_team.pk})
    admin = person("ada", "admin", teams=[])
    actor = actor_from_request(asked(token(admin, team=other_team)[1]), Surface.REST)
    assert actor.team_ids == frozenset({other_team.pk})
    assert not actor.sees_all_teams


def test_a_token_loses_the_team_its_person_left(person: Person, token: Token, team: Team) -> None:
    user = person("anna", "marketing")
    _, plaintext = token(user, team=team)
    user.teams.clear()
    assert actor_from_request(asked(plaintext), Surface.REST).team_ids == frozenset()


def test_every_bad_token_is_refused(person: Person, token: Token) -> None:
    """[R-9.20] Unknown, cut, changed, revoked, expired: AUTH_INVALID, and no use is noted."""
    user = person("anna", "marketing")
    row, good = token(user)
    revoked, revoked_text = token(user)
    token_revoke(revoked, now=timezone.now())
    _, expired = token(user, expires_in=timedelta(seconds=-1))
    elsewhere = token(user, allowed_ips=["203.0.113.0/24"])[1]
    changed = good[:-1] + ("A" if good[-1] != "A" else "B")
    for text in ["nonsense", good[:-4], changed, good + "x", revoked_text, expired, elsewhere]:
        with pytest.raises(AuthInvalid):
            actor_from_request(asked(text), Surface.REST)
    row.refresh_from_db()
    assert row.last_used_at is None


def test_another_kind_of_authorization_is_refused() -> None:
    request = RequestFactory().get("/", headers={"Authorization": "Basic YTpi"})
    with pytest.raises(AuthInvalid):
        actor_from_bearer(request)


@pytest.mark.parametrize("name", ["access_token", "token", "api_key"])
def test_a_token_in_the_address_is_refused(person: Person, token: Token, name: str) -> None:
    """[R-9.21] Addresses end up in logs."""
    _, good = token(person("anna", "marketing"))
    with pytest.raises(AuthInvalid):
        actor_from_request(asked(good, data={name: good}), Surface.REST)


def test_a_token_works_from_its_networks(person: Person, token: Token) -> None:
    _, text = token(person("anna", "marketing"), allowed_ips=["203.0.113.0/24", "2001:db8::/32"])
    for address in ["203.0.113.9", "2001:db8::1", "::ffff:203.0.113.9"]:
        assert actor_from_request(asked(text, REMOTE_ADDR=address), Surface.REST).ip == address
    with pytest.raises(AuthInvalid):
        actor_from_request(asked(text, REMOTE_ADDR="198.51.100.1"), Surface.REST)


def test_a_forged_forwarded_address_does_not_help(
    person: Person, token: Token, settings: Any
) -> None:
    _, text = token(person("anna", "marketing"), allowed_ips=["203.0.113.0/24"])
    forged = {"HTTP_X_FORWARDED_FOR": "203.0.113.9", "REMOTE_ADDR": "198.51.100.1"}
    with pytest.raises(AuthInvalid):
        actor_from_request(asked(text, **forged), Surface.REST)
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    forged["HTTP_X_FORWARDED_FOR"] = "203.0.113.9, 198.51.100.1"
    with pytest.raises(AuthInvalid):
        actor_from_request(asked(text, **forged), Surface.REST)
    forged["HTTP_X_FORWARDED_FOR"] = "198.51.100.1, 203.0.113.9"
    assert actor_from_request(asked(text, **forged), Surface.REST).ip == "203.0.113.9"


def test_a_person_who_left_has_no_token(person: Person, token: Token) -> None:
    user = person("anna", "marketing")
    _, text = token(user)
    user.is_active = False
    user.save()
    with pytest.raises(AuthInvalid):
        actor_from_request(asked(text), Surface.REST)


def test_a_suspended_team_has_no_token(person: Person, token: Token, team: Team) -> None:
    _, text = token(person("anna", "marketing"), team=team)
    team.active = False
    team.save()
    with pytest.raises(AuthInvalid):
        actor_from_request(asked(text), Surface.REST)


def test_last_use_is_noted_once_a_minute(person: Person, token: Token) -> None:
    row, text = token(person("anna", "marketing"))
    actor_from_request(asked(text), Surface.REST)
    row.refresh_from_db()
    first = row.last_used_at
    assert first is not None
    actor_from_request(asked(text), Surface.REST)
    row.refresh_from_db()
    assert row.last_used_at == first
    ApiToken.objects.filter(pk=row.pk).update(last_used_at=first - timedelta(minutes=2))
    actor_from_request(asked(text), Surface.REST)
    row.refresh_from_db()
    assert row.last_used_at is not None
    assert row.last_used_at >= first


def test_the_plaintext_is_nowhere_in_the_row(person: Person, token: Token) -> None:
    row, text = token(person("anna", "marketing"))
    assert text not in repr(ApiToken.objects.filter(pk=row.pk).values().get())
    assert text.startswith(row.prefix)


def test_a_session_is_a_session_and_a_visitor_is_nobody(person: Person) -> None:
    user = person("anna", "approver")
    actor = actor_from_request(asked(user=user), Surface.ADMIN)
    assert actor.is_session
    assert actor.scopes is None
    assert actor.may("approvals.request_decide")
    for surface in Surface.ADMIN, Surface.REST, Surface.MCP:
        with pytest.raises(AuthRequired):
            actor_from_request(asked(), surface)


def test_a_session_does_not_open_mcp(person: Person) -> None:
    with pytest.raises(AuthRequired):
        actor_from_request(asked(user=person("anna", "approver")), Surface.MCP)


def test_a_token_beside_a_session_is_a_token(person: Person, token: Token) -> None:
    """[R-8.1] A bearer token never becomes a session because a cookie came along."""
    user = person("anna", "approver")
    actor = actor_from_request(asked(token(user)[1], user=user), Surface.REST)
    assert not actor.is_session
    assert not actor.may("approvals.request_decide")


def test_an_agents_account_is_never_a_session(person: Person) -> None:
    user = person("robot", "approver", is_agent=True)
    actor = actor_from_request(asked(user=user), Surface.ADMIN)
    assert actor.is_agent
    assert not actor.is_session


def test_a_session_needs_the_form_token_to_change_something(person: Person) -> None:
    user = person("anna", "approver")
    with pytest.raises(NotPermitted):
        actor_from_request(asked(user=user, method="post"), Surface.REST)
    request = asked(user=user, method="post")
    request.META["CSRF_COOKIE"] = secret = "a" * 32
    request.COOKIES["csrftoken"] = secret
    request.META["HTTP_X_CSRFTOKEN"] = secret
    assert actor_from_request(request, Surface.REST).is_session


def test_login_is_throttled_by_user_and_address(person: Person, settings: Any) -> None:
    """Ten wrong passwords pause further tries, also with the right one."""
    user = person("anna", "marketing")
    user.set_password("a right password 1")
    user.save()
    client = Client()
    form = {"username": "anna", "password": "wrong"}
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer = client.post("/admin/login/", form)
    assert answer.status_code == 429
    form["password"] = "a right password 1"
    assert client.post("/admin/login/", form).status_code == 429
    assert "_auth_user_id" not in client.session
    assert client.post("/admin/login/", form, REMOTE_ADDR="203.0.113.5").status_code == 302


def test_passwords_are_hashed_with_argon2() -> None:
    from smsmarketing import settings as product

    assert product.PASSWORD_HASHERS[0].endswith("Argon2PasswordHasher")
