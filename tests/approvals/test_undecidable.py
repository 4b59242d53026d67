"""A request that nobody can decide says so at once, everywhere, and what to do [R-8.1]."""

from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import clear_url_caches, include, path

from smsmarketing.accounts.models import Role, Team, User
from smsmarketing.approvals.models import ActionRequest, ApprovalPolicy
from smsmarketing.approvals.selectors import undecidable_words, voters_possible
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.surfaces.rest.urls import patterns_build
from smsmarketing.operations.types import Actor, Done, Held
from tests.approvals.conftest import RENAME, browser
from tests.approvals.test_page import page_of, shown, signed_in
from tests.approvals.test_requests import status
from tests.approvals.test_votes import APPROVE, vote
from tests.surfaces import SURFACES, call

pytestmark = pytest.mark.django_db

Make = Callable[..., ActionRequest]
Policy = Callable[..., ApprovalPolicy]
Person = Callable[..., User]
NOBODY = (
    "Nobody may decide this now. It takes another person in the team North with the role Approver or "
    "Compliance (permission approvals.request_decide): not who asked"
)
ADMIN = "An admin gives somebody else that role; until then it waits and is not done."


def asked(team: Team, actor: Actor, **how: Any) -> Done | Held:
    return execute("tests.rename", {"team_id": team.pk, "name": "Nord"}, actor=actor, **how)


@pytest.fixture
def rest_address(settings: Any) -> Iterator[None]:
    """The address of tests.rename: the product's own are made once, of the operations known then."""
    urls = ModuleType("undecidable_urls")
    urls.urlpatterns = [  # type: ignore[attr-defined]
        path("api/", include(patterns_build([RENAME]))),
        *import_module(settings.ROOT_URLCONF).urlpatterns,
    ]
    settings.ROOT_URLCONF = urls
    clear_url_caches()
    yield
    clear_url_caches()


@pytest.mark.parametrize("surface", SURFACES)
def test_the_held_answer_says_that_nobody_may_decide(
    rest_address: None, team: Team, person: Person, policy: Policy, surface: Any
) -> None:
    """The only person with the role asks herself."""
    policy()
    sole = person("sole", "marketing", "approver", is_superuser=True)
    answer = call(surface, sole, "tests.rename", {"team_id": team.pk, "name": "Nord"})
    assert answer.status == "held", answer
    assert NOBODY in answer.message
    assert ADMIN in answer.message
    request = ActionRequest.objects.get(pk=UUID(answer.action_request_id))
    assert voters_possible(request) == []
    assert undecidable_words(request) in answer.message
    team.refresh_from_db()
    assert team.name == "North"


def test_page_and_status_say_so_until_somebody_has_the_role(
    team: Team, person: Person, policy: Policy
) -> None:
    policy()
    sole = person("sole", "marketing", "approver")
    tried = asked(team, browser(sole), dry_run=True)
    assert isinstance(tried, Done)
    assert tried.approval is not None
    assert NOBODY in tried.approval.message
    held = asked(team, browser(sole))
    assert isinstance(held, Held)
    request = ActionRequest.objects.get(pk=held.action_request_id)
    told = status(request, browser(sole))
    assert (told.may_decide, told.next_step) == ([], undecidable_words(request))
    client: Client = signed_in(sole)
    page = shown(client, page_of(request))
    assert undecidable_words(request) in page
    assert page.count(NOBODY) == 1
    person("far", "approver", teams=[Team.objects.create(name="South", slug="south")])
    person("off", "approver", is_active=False)
    person("bot", "approver", is_agent=True, owner=sole)
    assert NOBODY in status(request, browser(sole)).next_step
    person("ben", "approver")
    assert undecidable_words(request) == ""
    told = status(request, browser(sole))
    assert told.may_decide == ["ben"]
    assert told.next_step.startswith("Wait: 1 more")
    assert "stuck" not in shown(client, page_of(request))
    again = asked(team, browser(sole))
    assert isinstance(again, Held)
    assert "Nobody may decide" not in again.message


def test_too_few_are_told_too_and_who_voted_counts(
    held: Make, ben: User, person: Person, policy: Policy
) -> None:
    """Two must agree, of two policies with roles of their own."""
    policy("a", approvers=2)
    policy("b", roles=["compliance"])
    request = held()
    words = undecidable_words(request)
    assert words.startswith("Those who may decide this now (1) cannot agree to it alone.")
    assert "It takes another person" in words
    vote(APPROVE, browser(ben), request)
    assert undecidable_words(request).startswith("Nobody may decide this now.")
    person("cleo", "compliance")
    assert undecidable_words(request) == ""


def test_roles_that_cannot_decide_by_themselves_are_said_to_need_the_permission(
    team: Team, anna: User, person: Person, policy: Policy
) -> None:
    policy(roles=["crm"])
    person("kim", "crm")
    held = asked(team, browser(anna))
    assert isinstance(held, Held)
    assert "the role CRM and the permission approvals.request_decide" in held.message
    Role.objects.filter(key="crm").delete()
    request = ActionRequest.objects.get(pk=held.action_request_id)
    assert "the role crm and the permission" in undecidable_words(request)


def test_who_may_approve_alone_is_not_told_that_nobody_may(
    team: Team, person: Person, policy: Policy, settings: Any
) -> None:
    settings.ALLOW_SELF_APPROVAL = True
    policy()
    held = asked(team, browser(person("sole", "marketing", "approver")))
    assert isinstance(held, Held)
    assert "Nobody may decide" not in held.message
    request = ActionRequest.objects.get(pk=held.action_request_id)
    assert undecidable_words(request) == ""
