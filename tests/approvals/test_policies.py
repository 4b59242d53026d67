"""Seeded policies, approval_policies.list and save (seed 000-04, [R-8.4])."""

from typing import Any

import pytest
from django.utils import timezone

from smsmarketing.accounts.models import Role, User
from smsmarketing.approvals.models import ActionRequest, ApprovalPolicy
from smsmarketing.approvals.policies import policies_match, policy_save
from smsmarketing.approvals.rules.conditions import condition_problem
from smsmarketing.approvals.rules.operations import NEVER_HELD, TOPICS
from smsmarketing.approvals.tasks import request_run
from smsmarketing.operations import registry
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import Conflict, InvalidInput, NotPermitted
from smsmarketing.operations.types import Approval, Done, Held
from tests.approvals.conftest import browser, state_of
from tests.approvals.test_votes import APPROVE, vote

pytestmark = pytest.mark.django_db


def keys(operation: str, **facts: Any) -> list[str]:
    return [policy.key for policy in policies_match(operation, facts)]


QUIET: dict[str, Any] = {
    "recipients": 10,
    "cost": "1.00",
    "contacts": 1,
    "consents": 0,
    "consent_changes": 0,
    "opt_out_lifts": 0,
    "countries": ["LT"],
    "purpose": "transactional",
    "use_case": "promotion",
    "state": "draft",
} | dict.fromkeys(
    [
        "anomalous",
        "bulk",
        "by_agent",
        "official",
        "credentials_changed",
        "cross_system",
        "enables",
        "external",
        "new_country",
        "new_template",
        "overwrites",
        "payment_link",
        "sensitive",
    ],
    False,
)


@pytest.mark.parametrize(
    ("operation", "facts", "expected"),
    [
        # each line "approval is recommended" of features.md §2.0, and each trigger of
        ("segments.create", {"recipients": 1001}, "segment-large"),
        ("segments.create", {"cost": "50.01"}, "segment-costly"),
        ("contacts.upsert", {"contacts": 101}, "contacts-bulk"),
        ("contacts.upsert", {"consent_changes": 101}, "contacts-consent-bulk"),
        ("contacts.upsert", {"consent_changes": 1, "by_agent": True}, "contacts-consent-agent"),
        ("contacts.upsert", {"cross_system": True, "by_agent": True}, "contacts-sync-agent"),
        ("templates.save", {"official": True}, "template-official"),
        ("templates.save", {"use_case": "otp"}, "template-otp"),
        ("short_links.create", {"sensitive": True}, "short-link-sensitive"),
        ("short_links.create", {"payment_link": True}, "short-link-payment"),
        ("short_links.create", {"recipients": 1001}, "short-link-large"),
        ("automations.update_state", {"recipients": 1001}, "automation-large"),
        (
            "automations.update_state",
            {"purpose": "marketing", "enables": True},
            "automation-promotion",
        ),
        ("otp.send", {"anomalous": True}, "otp-anomalous"),
        ("otp.send", {"bulk": True}, "otp-bulk"),
        ("failed_messages.resend", {"recipients": 1001}, "resend-large"),
        ("failed_messages.resend", {"cost": "50.01"}, "resend-costly"),
        ("failed_messages.resend", {"purpose": "marketing"}, "resend-promotion"),
        ("performance_snapshot.record", {"overwrites": True}, "results-overwritten"),
        ("review_notification.send", {"external": True}, "notification-external"),
        ("review_notification.send", {"bulk": True}, "notification-bulk"),
        ("imports.start", {"consents": 101}, "import-consents"),
        ("imports.start", {"contacts": 1001, "by_agent": True}, "import-agent"),
        ("contacts.opt_in", {"opt_out_lifts": 1}, "opt-out-lift"),
        ("gateways.update", {"credentials_changed": True}, "gateway-credentials"),
    ],
)
def test_each_recommendation_has_its_policy(
    operation: str, facts: dict[str, Any], expected: str
) -> None:
    assert keys(operation, **QUIET) == []
    assert keys(operation, **(QUIET | facts)) == [expected]


@pytest.mark.parametrize("operation", ["sender_id.apply", "approval_policies.save"])
def test_some_operations_are_watched_whatever_the_facts(operation: str) -> None:
    assert len(keys(operation, **QUIET)) == 1


@pytest.mark.parametrize(
    ("facts", "people", "extra"),
    [
        ({}, 1, set()),
        ({"new_country": True}, 1, {"campaign-review-country"}),
        ({"new_template": True}, 1, {"campaign-review-template"}),
        ({"payment_link": True}, 1, {"campaign-review-payment"}),
        ({"cost": "1000.00"}, 1, set()),
        ({"cost": "1000.01"}, 2, {"campaign-review-cost"}),
        ({"recipients": 100_001}, 2, {"campaign-review-recipients"}),
    ],
)
def test_every_campaign_is_reviewed_and_big_ones_by_two(
    facts: dict[str, Any], people: int, extra: set[str]
) -> None:
    matched = policies_match("campaigns.submit_for_review", QUIET | facts)
    assert {policy.key for policy in matched} == {"campaign-review", *extra}
    assert max(policy.approvers for policy in matched) == people


def test_operations_give_the_facts_their_policies_look_at() -> None:
    """A seeded policy on an operation that never asks the gate would be a promise without effect."""
    for policy in ApprovalPolicy.objects.all():
        for key in policy.operations:
            operation = registry.find(key)
            if operation is not None and key != "campaigns.submit_for_review":
                assert operation.approval is not Approval.NEVER, key


def test_what_an_operation_does_not_tell_is_held() -> None:
    assert keys("segments.create") == ["segment-costly", "segment-large"]


def test_no_seeded_policy_delays_the_safety_direction() -> None:
    """[R-8.5]"""
    watched = {key for policy in ApprovalPolicy.objects.all() for key in policy.operations}
    assert not watched & NEVER_HELD


def test_the_seeded_policies_could_be_written_by_a_person() -> None:
    roles = set(Role.objects.values_list("key", flat=True))
    for policy in ApprovalPolicy.objects.all():
        assert [condition_problem(item) for item in policy.conditions] == [None] * len(
            policy.conditions
        )
        assert set(policy.roles) <= roles
        assert policy.why
    topics = {key for _, operations in TOPICS.values() for key in operations}
    watched = {key for policy in ApprovalPolicy.objects.all() for key in policy.operations}
    assert watched - topics == set()


def test_the_list_shows_all_triggers_the_seed_names(anna: User) -> None:
    """Seed 000-04: campaign creation, opt-out updates, scheduling, official sends, resends,
    sender ID applications, OTP sends.
    """
    outcome = execute("approval_policies.list", {}, actor=browser(anna))
    assert isinstance(outcome, Done)
    found = {trigger.topic: trigger for trigger in outcome.result.triggers}
    assert {
        "campaign_creation",
        "opt_out_updates",
        "scheduling",
        "official_sends",
        "resends",
        "sender_id_applications",
        "otp_sends",
    } <= found.keys()
    for topic in found.values():
        assert topic.policies
        assert topic.operations
    rules = {rule.operation: rule.rule for t in found.values() for rule in t.operations}
    assert rules["approval_policies.save"] == "always"
    assert rules["contacts.opt_out"] == "at_once"
    assert rules["campaigns.cancel_schedule"] == "at_once"
    assert rules["campaigns.schedule"] == rules["campaigns.send_approved"] == "after_review"
    assert rules["campaigns.submit_for_review"] == "always"
    assert rules["segments.create"] == "when_a_policy_matches"
    sends = found["official_sends"]
    assert "campaign-review" in sends.operations[0].policies
    words = {row.key: row.in_words for row in outcome.result.policies}
    assert words["segment-large"] == "recipients more than 1,000"
    assert words["campaign-review"] == "always"
    narrowed = execute("approval_policies.list", {"operation": "otp.send"}, actor=browser(anna))
    assert isinstance(narrowed, Done)
    assert {row.key for row in narrowed.result.policies} == {"otp-anomalous", "otp-bulk"}


def change(**fields: Any) -> dict[str, Any]:
    return {
        "key": "segment-large",
        "name": "Large segment",
        "operations": ["segments.create"],
        "conditions": [{"fact": "recipients", "op": ">", "value": 5000}],
        "roles": ["approver"],
        "approvers": 1,
        "enabled": True,
        "why": "Higher since spring.",
        "base_revision": 1,
    } | fields


def test_a_policy_changes_when_two_others_agree(cleo: User, ben: User, person: Any) -> None:
    """[R-8.4] policy change itself: 2 approvers. The old revision stays."""
    outcome = execute("approval_policies.save", change(), actor=browser(cleo))
    assert isinstance(outcome, Held)
    request = ActionRequest.objects.get(pk=outcome.action_request_id)
    assert request.approvers_needed == 2
    assert keys("segments.create", **(QUIET | {"recipients": 1001})) == ["segment-large"]
    vote(APPROVE, browser(ben), request)
    request_run(request.pk)
    assert state_of(request) == "pending"
    vote(APPROVE, browser(person("dora", "approver")), request)
    request_run(request.pk)
    assert state_of(request) == "succeeded"
    assert keys("segments.create", **(QUIET | {"recipients": 5000})) == []
    assert keys("segments.create", **(QUIET | {"recipients": 5001})) == ["segment-large"]
    old, new = ApprovalPolicy.objects.filter(key="segment-large").order_by("revision")
    assert (old.revision, new.revision) == (1, 2)
    assert old.superseded_at is not None
    assert old.conditions[0]["value"] == 1000


def test_two_people_are_needed_even_if_the_policy_is_gone(cleo: User) -> None:
    """[R-8.4] Switching off the policy on policies does not open the door."""
    ApprovalPolicy.objects.filter(key="policy-change").update(enabled=False)
    outcome = execute("approval_policies.save", change(), actor=browser(cleo))
    assert isinstance(outcome, Held)
    assert ActionRequest.objects.get().approvers_needed == 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"conditions": [{"fact": "weather", "op": ">", "value": 1}]}, "conditions.0"),
        ({"conditions": [{"fact": "recipients", "op": "contains", "value": 1}]}, "conditions.0"),
        ({"roles": ["emperor"]}, "roles"),
        ({"operations": ["no.such"]}, "operations"),
        ({"operations": ["contacts.opt_out"]}, "operations"),
        ({"operations": ["campaigns.send_approved"]}, "operations"),
        ({"operations": ["teams.list"]}, "operations"),
        ({"operations": ["approval_policies.save"], "approvers": 1}, "approvers"),
    ],
)
def test_a_policy_that_cannot_work_is_not_even_asked(
    cleo: User, fields: dict[str, Any], field: str
) -> None:
    before = list(ApprovalPolicy.objects.order_by("pk").values())
    with pytest.raises(InvalidInput) as caught:
        execute("approval_policies.save", change(**fields), actor=browser(cleo))
    assert field in caught.value.field_errors
    assert not ActionRequest.objects.exists()
    assert list(ApprovalPolicy.objects.order_by("pk").values()) == before


def test_who_may_propose_a_change(anna: User) -> None:
    with pytest.raises(NotPermitted):
        execute("approval_policies.save", change(), actor=browser(anna))
    assert not ActionRequest.objects.exists()


@pytest.mark.parametrize("base", [None, 2])
def test_a_change_stands_on_the_current_revision(base: int | None) -> None:
    values = {**change(), "now": timezone.now(), "base_revision": base}
    key = values.pop("key")
    with pytest.raises(Conflict):
        policy_save(key, **values)
    assert ApprovalPolicy.objects.filter(key=key).count() == 1
