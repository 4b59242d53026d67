"""`manage.py operations` and `manage.py audit`."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from smsmarketing.accounts.models import Team, User
from smsmarketing.operations import registry
from smsmarketing.operations.audit import audit_anchor, audit_append_system
from smsmarketing.operations.models import AuditEntry, AuditHead
from smsmarketing.operations.types import Actor, Surface
from tests.operations.catalogue import PERMISSION, TestGate

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]

KEY = "key-0123456789abcdef"


def actor_build(user: User, *, surface: Surface) -> Actor:
    """Stands for the selector of accounts: rights by name."""
    permissions = frozenset({PERMISSION}) if user.username == "anna" else frozenset[str]()
    return Actor(user=user, surface=surface, permissions=permissions, team_ids=frozenset())


@pytest.fixture(autouse=True)
def people(settings: Any, actor: Actor) -> None:
    settings.ACTOR_BUILDER = "tests.operations.test_commands.actor_build"
    User.objects.create(username="vera")


def _run(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=out)
    except SystemExit as exc:
        return int(exc.code or 0), out.getvalue()
    return 0, out.getvalue()


def _called(*arguments: str) -> tuple[int, dict[str, Any]]:
    code, text = _run("operations", "call", *arguments)
    return code, json.loads(text)


def test_the_table_lists_every_operation() -> None:
    code, text = _run("operations")
    assert code == 0
    lines = text.splitlines()
    assert lines[0].split() == ["OPERATION", "KIND", "APPROVAL", "PERMISSION", "SUMMARY"]
    assert [line.split()[0] for line in lines[1:]] == [found.key for found in registry.every()]


def test_the_catalogue_as_json_has_schemas() -> None:
    code, text = _run("operations", "--json")
    assert code == 0
    listed = {entry["key"]: entry for entry in json.loads(text)}
    assert set(listed) == {found.key for found in registry.every()}
    entry = listed["tests.send"]
    assert entry["mcp_name"] == "sms_marketing_tests_send"
    assert entry["needs_idempotency_key"] is True
    assert entry["rest"] == {"method": "POST", "path": "/tests/send"}
    assert entry["input_schema"]["additionalProperties"] is False
    assert entry["input_schema"]["properties"]["name"]["maxLength"] == 80
    assert entry["output_schema"]["type"] == "object"


def test_the_page_is_written_and_checked(settings: Any, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / "docs").mkdir()
    code, text = _run("operations", "--check")
    assert code == 1
    assert "manage.py operations --write" in text
    assert _run("operations", "--write")[0] == 0
    assert _run("operations", "--check")[0] == 0
    page = (tmp_path / "docs" / "operations.md").read_text()
    assert "### tests.send" in page
    assert "sends or spends; destructive; needs an idempotency key" in page
    assert "| `name` (required) | text | Name of the team. |" in page
    assert "- surfaces: admin" in page


def test_a_call_prints_its_result() -> None:
    code, answer = _called("tests.create", '{"name": "West"}', "--as", "anna")
    assert code == 0
    assert answer["data"] == {"team_id": Team.objects.get().pk, "name": "West"}
    assert answer["meta"]["replayed"] is False
    entry = AuditEntry.objects.get()
    assert (entry.surface, entry.auth_method) == ("cli", "command_line")
    assert entry.request_id == answer["meta"]["request_id"]


def test_a_call_reads_its_input_from_stdin(monkeypatch: Any) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"name": "West"}'))
    assert _called("tests.create", "-", "--as", "anna")[0] == 0
    assert Team.objects.get().name == "West"


def test_a_dry_run_says_so_and_leaves_nothing() -> None:
    code, answer = _called("tests.held", '{"name": "Big"}', "--as", "anna", "--dry-run")
    assert code == 0
    assert answer["meta"]["dry_run"] is True
    assert answer["meta"]["approval_needed"]["policies"] == ["big-names"]
    assert not Team.objects.exists()


def test_a_held_call_prints_the_request() -> None:
    code, answer = _called("tests.held", '{"name": "Big"}', "--as", "anna")
    assert code == 0
    assert answer["held"]["action_request_id"] == str(TestGate.request_id)


def test_a_key_makes_the_second_call_a_replay() -> None:
    arguments = ("tests.send", '{"name": "West"}', "--as", "anna", "--idempotency-key", KEY)
    assert [_called(*arguments)[1]["meta"]["replayed"] for _ in range(2)] == [False, True]
    assert Team.objects.count() == 1


@pytest.mark.parametrize(
    ("key", "payload", "username", "error"),
    [
        ("tests.create", '{"name": ""}', "anna", "INVALID_INPUT"),
        ("tests.create", "[]", "anna", "INVALID_INPUT"),
        ("tests.create", '{"name": "West"}', "vera", "NOT_PERMITTED"),
        ("tests.approve", "{}", "anna", "NOT_PERMITTED"),
        ("tests.nothing", "{}", "anna", "NOT_FOUND"),
        ("tests.get", '{"team_id": 999}', "anna", "NOT_FOUND"),
        ("tests.send", '{"name": "West"}', "anna", "PRECONDITION_REQUIRED"),
        ("tests.fail", '{"name": "West"}', "anna", "INTERNAL"),
    ],
)
def test_a_refusal_prints_the_envelope_and_exits_1(
    key: str, payload: str, username: str, error: str
) -> None:
    code, answer = _called(key, payload, "--as", username)
    assert code == 1
    assert answer["error"]["code"] == error
    assert not Team.objects.exists()
    assert AuditEntry.objects.get().outcome == error


@pytest.mark.parametrize(
    "arguments",
    [
        ["tests.create", "{", "--as", "anna"],
        ["tests.create", "{}", "--as", "nobody"],
    ],
)
def test_bad_usage_exits_2(arguments: list[str]) -> None:
    with pytest.raises(CommandError) as caught:
        call_command("operations", "call", *arguments)
    assert caught.value.returncode == 2


def test_audit_verify_prints_a_verdict() -> None:
    audit_append_system(operation="test.act", outcome="done")
    audit_anchor()
    head = AuditHead.objects.get()
    code, text = _run("audit", "verify", "--anchor", f"1:{head.hash}")
    assert code == 0
    assert text.strip() == f"The audit chain holds: 1 entries, 1 anchors, head 1:{head.hash}"


def test_audit_verify_exits_1_at_the_first_break() -> None:
    for _ in range(3):
        audit_append_system(operation="test.act", outcome="done")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE operations_auditentry DISABLE TRIGGER USER")
        cursor.execute("UPDATE operations_auditentry SET outcome = 'x' WHERE seq = 2")
        cursor.execute("ALTER TABLE operations_auditentry ENABLE TRIGGER USER")
    code, text = _run("audit", "verify")
    assert code == 1
    assert "broken at entry 2: the entry was changed" in text


def test_audit_verify_finds_a_cut_by_a_log_line() -> None:
    audit_append_system(operation="test.act", outcome="done")
    code, text = _run("audit", "verify", "--anchor", f"7:{'a' * 64}")
    assert code == 1
    assert "broken at entry 2" in text


def test_a_malformed_anchor_exits_2() -> None:
    with pytest.raises(CommandError) as caught:
        call_command("audit", "verify", "--anchor", "7")
    assert caught.value.returncode == 2
