"""The order and the promises of `execute()` (design.md §3)."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from celery import current_app
from django.db import OperationalError, connection, transaction

from smsmarketing.accounts.models import Team
from smsmarketing.operations import access, errors, registry
from smsmarketing.operations.audit import audit_verify
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.jobs import enqueue
from smsmarketing.operations.models import AuditEntry, IdempotencyClaim, PreviewRecord
from smsmarketing.operations.types import Actor, Done, Held, Surface
from smsmarketing.operations.versions import version_token
from tests.operations.catalogue import TeamOutput, TestGate, job, operation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]

KEY = "key-0123456789abcdef"


def _refused(kind: type[errors.OperationError], key: str, payload: Any, **arguments: Any) -> Any:
    """Call and expect a refusal that left nothing but one audit entry."""
    teams, claims = Team.objects.count(), IdempotencyClaim.objects.count()
    entries = AuditEntry.objects.count()
    with pytest.raises(kind) as caught:
        execute(key, payload, **arguments)
    assert Team.objects.count() == teams
    assert IdempotencyClaim.objects.count() == claims
    assert AuditEntry.objects.count() == entries + 1
    last = AuditEntry.objects.latest("seq")
    assert last.outcome == caught.value.code
    assert caught.value.request_id == last.request_id
    assert type(caught.value) is kind
    return caught.value


def test_a_call_runs_and_leaves_one_audit_entry(actor: Actor) -> None:
    outcome = execute("tests.create", {"name": "West"}, actor=actor)
    assert isinstance(outcome, Done)
    assert isinstance(outcome.result, TeamOutput)
    assert outcome.request_id == "req-1"
    entry = AuditEntry.objects.get()
    assert (entry.operation, entry.outcome) == ("tests.create", "done")
    assert (entry.object_type, entry.object_id) == ("accounts.team", str(outcome.result.team_id))
    assert (entry.actor_type, entry.actor_id) == ("person", f"user:{actor.user.pk}")
    assert (entry.auth_method, entry.surface) == ("session", "admin")
    assert entry.ip_truncated == "203.0.113.0/24"
    assert entry.facts == {"letters": 4}
    assert len(entry.input_hash) == 64
    assert audit_verify().valid


def test_a_token_is_the_actor_on_behalf_of_its_person(agent: Actor) -> None:
    execute("tests.create", {"name": "West"}, actor=agent)
    entry = AuditEntry.objects.get()
    assert (entry.actor_type, entry.actor_id) == ("agent", "token:7")
    assert entry.on_behalf_of == f"user:{agent.user.pk}"
    assert entry.auth_method == "token"


def test_an_unknown_operation_is_not_found(actor: Actor) -> None:
    _refused(errors.NotFound, "tests.nothing", {}, actor=actor)


@pytest.mark.parametrize("payload", [[], "x", None, 5])
def test_an_input_that_is_no_object_is_refused(actor: Actor, payload: Any) -> None:
    _refused(errors.InvalidInput, "tests.create", payload, actor=actor)


def test_wrong_fields_are_named_with_sentences(actor: Actor) -> None:
    refusal = _refused(
        errors.InvalidInput, "tests.create", {"nam": "x", "preview_id": "no"}, actor=actor
    )
    assert refusal.field_errors == {
        "name": "This field is required.",
        "preview_id": "Give an id in UUID form.",
        "nam": "There is no field with this name. Did you mean name? Known fields: name, preview_id.",
    }
    assert AuditEntry.objects.get().facts == {"fields": ["nam", "name", "preview_id"]}


def test_an_inactive_person_may_nothing(actor: Actor) -> None:
    actor.user.is_active = False
    _refused(errors.NotPermitted, "tests.create", {"name": "West"}, actor=actor)


def test_a_surface_that_is_not_allowed_is_refused(agent: Actor) -> None:
    _refused(errors.NotPermitted, "tests.admin_only", {"name": "West"}, actor=agent)


def test_a_job_is_refused_without_a_grant(actor: Actor) -> None:
    job = replace(actor, surface=Surface.SYSTEM, is_session=False)
    _refused(errors.NotPermitted, "tests.create", {"name": "West"}, actor=job)


def test_a_missing_scope_is_named(agent: Actor) -> None:
    """[R-9.22]"""
    refusal = _refused(
        errors.InsufficientScope,
        "tests.send",
        {"name": "West"},
        actor=agent,
        idempotency_key=KEY,
    )
    assert refusal.details == {"required_scopes": ["sms:send"]}


def test_no_scopes_at_all_means_unrestricted(actor: Actor) -> None:
    assert isinstance(
        execute("tests.send", {"name": "West"}, actor=actor, idempotency_key=KEY), Done
    )


def test_an_empty_set_of_scopes_means_nothing(agent: Actor) -> None:
    _refused(
        errors.InsufficientScope,
        "tests.create",
        {"name": "West"},
        actor=replace(agent, scopes=frozenset()),
    )


def test_a_missing_permission_is_refused(actor: Actor) -> None:
    _refused(
        errors.NotPermitted,
        "tests.create",
        {"name": "West"},
        actor=replace(actor, permissions=frozenset()),
    )


@pytest.mark.parametrize("surface", [Surface.REST, Surface.MCP, Surface.CLI])
def test_only_a_person_in_the_browser_may_approve(actor: Actor, surface: Surface) -> None:
    """[R-8.1] whatever permissions and scopes a token has."""
    refusal = _refused(
        errors.NotPermitted,
        "tests.approve",
        {},
        actor=replace(actor, surface=surface, is_session=False, token_id=1),
    )
    assert refusal.message == access.HUMAN_ONLY
    assert isinstance(execute("tests.approve", {}, actor=actor), Done)


def test_a_row_out_of_sight_is_not_found(other: Actor, team: Team) -> None:
    missing = _refused(
        errors.NotFound, "tests.rename", {"team_id": team.pk + 99, "name": "x"}, actor=other
    )
    foreign = _refused(
        errors.NotFound, "tests.rename", {"team_id": team.pk, "name": "x"}, actor=other
    )
    assert (missing.message, missing.field_errors) == (foreign.message, foreign.field_errors)
    entry = AuditEntry.objects.latest("seq")
    assert (entry.object_type, entry.object_id) == ("team", str(team.pk))
    team.refresh_from_db()
    assert team.name == "North"


def test_an_id_beyond_the_column_is_not_found(actor: Actor) -> None:
    _refused(errors.NotFound, "tests.rename", {"team_id": 10**40, "name": "x"}, actor=actor)


def test_a_change_records_the_row_before_and_after(actor: Actor, team: Team) -> None:
    """[R-8.13]"""
    execute("tests.rename", {"team_id": team.pk, "name": "South"}, actor=actor)
    entry = AuditEntry.objects.get()
    assert (entry.object_type, entry.object_id) == ("accounts.team", str(team.pk))
    assert entry.object_version == 2
    assert entry.before_hash
    assert entry.after_hash
    assert entry.before_hash != entry.after_hash
    execute("tests.rename", {"team_id": team.pk, "name": "East"}, actor=actor)
    assert AuditEntry.objects.latest("seq").before_hash == entry.after_hash


def test_a_versioned_change_needs_the_current_token(actor: Actor, other: Actor, team: Team) -> None:
    """[R-8.7]"""
    team.users.add(other.user)
    payload = {"team_id": team.pk, "name": "South"}
    missing = _refused(errors.PreconditionRequired, "tests.rename_versioned", payload, actor=actor)
    assert "tests.get" in missing.message
    token = version_token(team, actor)
    assert token == version_token(team, actor)
    foreign = payload | {"base_version_token": version_token(team, other)}
    _refused(errors.VersionConflict, "tests.rename_versioned", foreign, actor=actor)
    assert execute("tests.rename_versioned", payload | {"base_version_token": token}, actor=actor)
    stale = _refused(
        errors.VersionConflict,
        "tests.rename_versioned",
        payload | {"base_version_token": token, "name": "East"},
        actor=actor,
    )
    team.refresh_from_db()
    assert team.name == "South"
    assert stale.details == {"current_version_token": version_token(team, actor)}


def test_reads_leave_no_audit_entry_unless_they_reveal(actor: Actor, team: Team) -> None:
    execute("tests.get", {"team_id": team.pk}, actor=actor)
    assert not AuditEntry.objects.exists()
    execute("tests.reveal", {"team_id": team.pk}, actor=actor)
    entry = AuditEntry.objects.get()
    assert (entry.operation, entry.object_id) == ("tests.reveal", str(team.pk))


def test_refusals_of_reads_are_audited(other: Actor, team: Team) -> None:
    _refused(errors.NotFound, "tests.get", {"team_id": team.pk}, actor=other)


def test_a_handler_that_refuses_is_rolled_back(actor: Actor) -> None:
    refusal = _refused(errors.Conflict, "tests.refuse", {"name": "West"}, actor=actor)
    assert refusal.envelope()["error"]["request_id"] == "req-1"


def test_a_bug_shows_nothing_but_the_request_id(actor: Actor, caplog: Any) -> None:
    """[R-9.13]"""
    refusal = _refused(errors.Internal, "tests.fail", {"name": "West"}, actor=actor)
    envelope = refusal.envelope()
    assert "hunter2" not in str(envelope)
    assert "req-1" in envelope["error"]["message"]
    assert envelope["error"]["code"] == "INTERNAL"
    assert any("operation_failed" in record.getMessage() for record in caplog.records)


def test_a_handler_that_returns_the_wrong_type_is_a_bug(actor: Actor) -> None:
    _refused(errors.Internal, "tests.wrong_output", {"name": "West"}, actor=actor)


def test_a_broken_constraint_is_a_bug(actor: Actor, team: Team) -> None:
    _refused(errors.Internal, "tests.create", {"name": team.name}, actor=actor)


def test_a_call_without_request_id_gets_one(actor: Actor) -> None:
    anonymous = replace(actor, request_id="")
    outcome = execute("tests.create", {"name": "West"}, actor=anonymous)
    assert len(outcome.request_id) == 32
    refusal = _refused(errors.Conflict, "tests.refuse", {"name": "x"}, actor=anonymous)
    assert len(refusal.envelope()["error"]["request_id"]) == 32


def _failing(sqlstate: str, *, times: int) -> Any:
    """A handler that fails like PostgreSQL does, `times` times."""
    calls: list[int] = []

    def run(context: Any, data: Any) -> TeamOutput:
        team = Team.objects.create(name=data.name, slug=f"t{len(calls)}")
        calls.append(1)
        if len(calls) <= times:
            with connection.cursor() as cursor:
                cursor.execute(
                    f"DO $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '{sqlstate}'; END $$"
                )
        return TeamOutput(team_id=team.pk, name=team.name)

    return run


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_a_deadlock_is_tried_once_more(actor: Actor, sqlstate: str) -> None:
    registry.add(operation("tests.deadlock", run=_failing(sqlstate, times=1)))
    assert isinstance(execute("tests.deadlock", {"name": "West"}, actor=actor), Done)
    assert Team.objects.filter(name="West").count() == 1
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize(("sqlstate", "times"), [("40001", 2), ("40P01", 2), ("55P03", 1)])
def test_a_row_that_stays_busy_is_a_conflict_to_repeat(
    actor: Actor, sqlstate: str, times: int
) -> None:
    registry.add(operation("tests.busy", run=_failing(sqlstate, times=times)))
    refusal = _refused(errors.Conflict, "tests.busy", {"name": "West"}, actor=actor)
    assert refusal.envelope()["error"]["retryable"] is True
    assert refusal.retry_after_s == 1


def test_other_database_errors_are_bugs(actor: Actor) -> None:
    registry.add(operation("tests.disk", run=_failing("53100", times=1)))
    refusal = _refused(errors.Internal, "tests.disk", {"name": "West"}, actor=actor)
    assert isinstance(refusal.__cause__, OperationalError)


class TestGateRules:
    """Approvals: hold, spend, refuse."""

    def test_what_no_policy_matches_runs(self, actor: Actor) -> None:
        assert isinstance(execute("tests.held", {"name": "Small"}, actor=actor), Done)
        assert AuditEntry.objects.get().facts == {"recipients": 3, "letters": 5}

    def test_what_a_policy_matches_is_held_and_changes_nothing_else(self, actor: Actor) -> None:
        outcome = execute("tests.held", {"name": "Big"}, actor=actor)
        assert isinstance(outcome, Held)
        assert outcome.action_request_id == TestGate.request_id
        assert outcome.policies == ("big-names",)
        assert list(Team.objects.values_list("name", flat=True)) == ["request for Big"]
        entry = AuditEntry.objects.get()
        assert entry.outcome == "held"
        assert entry.facts["action_request_id"] == str(TestGate.request_id)

    def test_what_always_needs_approval_is_held_though_no_policy_matches(
        self, actor: Actor
    ) -> None:
        outcome = execute("tests.always_held", {"name": "Small"}, actor=actor)
        assert isinstance(outcome, Held)
        assert outcome.policies == ("always",)
        assert not Team.objects.filter(name="Small").exists()

    def test_a_dry_run_says_that_approval_would_be_needed(self, agent: Actor) -> None:
        outcome = execute("tests.held", {"name": "Big"}, actor=agent, dry_run=True)
        assert isinstance(outcome, Done)
        assert outcome.dry_run
        assert outcome.approval is not None
        assert outcome.approval.policies == ("big-names",)
        assert not Team.objects.exists()

    def test_a_grant_is_spent_instead_of_asking(self, actor: Actor) -> None:
        job = replace(actor, surface=Surface.SYSTEM, is_session=False)
        outcome = execute(
            "tests.always_held", {"name": "Big"}, actor=job, grant=TestGate.request_id
        )
        assert isinstance(outcome, Done)
        entry = AuditEntry.objects.get()
        assert entry.auth_method == "job"
        assert entry.facts["action_request_id"] == str(TestGate.request_id)
        _refused(
            errors.Conflict,
            "tests.always_held",
            {"name": "Big2"},
            actor=job,
            grant=TestGate.request_id,
        )

    def test_a_wrong_grant_is_refused(self, actor: Actor) -> None:
        job = replace(actor, surface=Surface.SYSTEM, is_session=False)
        wrong = UUID(int=5)
        _refused(errors.PreconditionRequired, "tests.held", {"name": "Big"}, actor=job, grant=wrong)

    def test_the_job_of_a_grant_still_needs_the_permission(self, actor: Actor) -> None:
        job = replace(actor, surface=Surface.SYSTEM, permissions=frozenset(), is_session=False)
        _refused(
            errors.NotPermitted,
            "tests.held",
            {"name": "Big"},
            actor=job,
            grant=TestGate.request_id,
        )

    def test_a_grant_cannot_be_spent_where_none_is_needed(self, actor: Actor) -> None:
        _refused(
            errors.NotPermitted,
            "tests.create",
            {"name": "Big"},
            actor=actor,
            grant=TestGate.request_id,
        )

    @pytest.mark.parametrize("path", [None, "", "nowhere.Gate", "tests.operations.catalogue.Nope"])
    def test_without_a_gate_nothing_that_may_need_approval_runs(
        self, actor: Actor, settings: Any, path: str | None
    ) -> None:
        settings.OPERATION_GATE = path
        _refused(errors.NotPermitted, "tests.held", {"name": "Small"}, actor=actor)
        assert isinstance(execute("tests.create", {"name": "Small"}, actor=actor), Done)


class TestDryRun:
    def test_it_returns_the_result_and_leaves_nothing(self, actor: Actor) -> None:
        outcome = execute("tests.create", {"name": "West"}, actor=actor, dry_run=True)
        assert isinstance(outcome, Done)
        assert outcome.dry_run
        assert outcome.approval is None
        assert isinstance(outcome.result, TeamOutput)
        assert outcome.result.name == "West"
        assert not Team.objects.exists()
        assert not AuditEntry.objects.exists()

    def test_it_needs_no_key_and_claims_none(self, actor: Actor) -> None:
        assert execute("tests.send", {"name": "West"}, actor=actor, dry_run=True)
        execute("tests.send", {"name": "West"}, actor=actor, dry_run=True, idempotency_key=KEY)
        assert not IdempotencyClaim.objects.exists()
        outcome = execute("tests.send", {"name": "West"}, actor=actor, idempotency_key=KEY)
        assert not outcome.replayed

    def test_it_keeps_the_preview_unused(self, actor: Actor) -> None:
        made = execute("tests.preview", {"name": "West"}, actor=actor)
        assert isinstance(made, Done)
        payload = {"name": "West", "preview_id": str(made.result.preview_id)}  # type: ignore[attr-defined]
        execute("tests.create", payload, actor=actor, dry_run=True)
        assert PreviewRecord.objects.get().used_at is None
        execute("tests.create", payload, actor=actor)
        assert PreviewRecord.objects.get().used_at is not None

    def test_its_refusals_are_audited_as_such(self, actor: Actor) -> None:
        _refused(errors.Conflict, "tests.refuse", {"name": "x"}, actor=actor, dry_run=True)
        assert AuditEntry.objects.get().facts == {"dry_run": True}

    def test_it_finds_what_only_the_commit_would(self, actor: Actor) -> None:
        def run(context: Any, data: Any) -> TeamOutput:
            Team.users.through.objects.create(team_id=999_999, user_id=999_999)
            return TeamOutput(team_id=1, name="x")

        registry.add(operation("tests.dangling", run=run))
        _refused(errors.Internal, "tests.dangling", {"name": "x"}, actor=actor, dry_run=True)


@pytest.mark.django_db(transaction=True)
def test_a_call_inside_a_transaction_is_a_bug(actor: Actor) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        execute("tests.create", {"name": "West"}, actor=actor)
    assert not Team.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_jobs_start_after_the_commit_and_only_then(actor: Actor, monkeypatch: Any) -> None:
    """Rows first: a refused call and a dry run start nothing."""
    started: list[Any] = []

    def publish(**arguments: Any) -> None:
        started.append((arguments, Team.objects.count(), connection.in_atomic_block))

    monkeypatch.setattr(current_app.tasks[job.name], "apply_async", publish)

    def run(context: Any, data: Any) -> TeamOutput:
        enqueue("tests.job", countdown_s=5, team="West")
        assert not started
        team = Team.objects.create(name=data.name, slug="west")
        if data.name == "Bad":
            raise errors.Conflict("No.")
        return TeamOutput(team_id=team.pk, name=team.name)

    registry.add(operation("tests.with_job", run=run))
    execute("tests.with_job", {"name": "Dry"}, actor=actor, dry_run=True)
    with pytest.raises(errors.Conflict):
        execute("tests.with_job", {"name": "Bad"}, actor=actor)
    assert started == []
    execute("tests.with_job", {"name": "West"}, actor=actor)
    expected = {"kwargs": {"team": "West"}, "countdown": 5, "retry": False}
    assert started == [(expected, 1, False)]


@pytest.mark.django_db(transaction=True)
def test_a_dead_broker_does_not_fail_the_call(actor: Actor, monkeypatch: Any, caplog: Any) -> None:
    def publish(**arguments: Any) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(current_app.tasks[job.name], "apply_async", publish)

    def run(context: Any, data: Any) -> TeamOutput:
        enqueue("tests.job")
        team = Team.objects.create(name=data.name, slug="west")
        return TeamOutput(team_id=team.pk, name=team.name)

    registry.add(operation("tests.with_job", run=run))
    assert isinstance(execute("tests.with_job", {"name": "West"}, actor=actor), Done)
    assert Team.objects.count() == 1
    assert any("job_publish_failed" in record.getMessage() for record in caplog.records)


def test_an_unknown_job_is_a_bug_at_once() -> None:
    with pytest.raises(KeyError):
        enqueue("tests.no_such_task")
