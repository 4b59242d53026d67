"""Files handed to people: who may fetch them, for how long, and what a worker's death leaves."""

import hashlib
import os
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from smsmarketing.accounts.models import Brand, Role, Team, User
from smsmarketing.accounts.selectors import actor_for_user
from smsmarketing.contacts.models import ExportFile
from smsmarketing.contacts.services import exports
from smsmarketing.contacts.services.exports import MAKERS, Count, Wanted, export_ask, export_now
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.types import Actor, Surface
from tests.surfaces import call, token_for

CONTENT = b"a,b\r\n1,2\r\n"


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path / "exports"


@pytest.fixture
def crm(team: Team) -> User:
    return person(team, "crm-person")


def person(team: Team, name: str, *roles: str) -> User:
    user = User.objects.create_user(name, password=None, is_staff=True)
    user.teams.add(team)
    user.roles.set(Role.objects.filter(key__in=roles or ("crm",)))
    return user


def actor_of(user: User) -> Actor:
    return actor_for_user(user, surface=Surface.ADMIN, is_session=True)


def wanted(team: Team, **changes: Any) -> Wanted:
    content: dict[str, Any] = {
        "operation": "contacts.get",
        "kind": "contacts",
        "file_name": "people.csv",
        "content_type": "text/csv; charset=utf-8",
        "team_ids": [team.pk],
    }
    return Wanted(**{**content, **changes})


def made(user: User, team: Team, *, rows: int = 1, **changes: Any) -> ExportFile:
    return export_now(wanted(team, **changes), [CONTENT], actor=actor_of(user), rows=rows)


def fetch(row: ExportFile, user: User | None = None, token: str = "") -> Any:
    client = Client()
    if user is not None:
        client.force_login(user)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    response: Any = client.get(f"/api/v1/exports/{row.pk}/file", headers=headers)
    response.body = response.getvalue()  # what a client does that reads to the end
    for close in response._resource_closers:  # the server does it; close() would end the database
        close()
    return response


def refused(row: ExportFile, response: Any, status: int, code: str) -> None:
    """The refusal has its code and a sentence, and nothing was counted or handed over."""
    assert response.status_code == status, response.body
    error = response.json()["error"]
    assert error["code"] == code
    assert error["message"].endswith(".")
    assert CONTENT not in response.body
    row.refresh_from_db()
    assert (row.downloads, row.downloaded_at) == (0, None)


@pytest.mark.django_db
@pytest.mark.parametrize("by", ["session", "token"])
def test_who_asked_fetches_the_file(crm: User, team: Team, folder: Path, by: str) -> None:
    row = made(crm, team)
    response = fetch(row, crm) if by == "session" else fetch(row, token=token_for(crm))
    assert response.status_code == 200
    assert response.body == CONTENT
    assert response["Content-Disposition"] == 'attachment; filename="people.csv"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in response["Cache-Control"]
    assert row.sha256 == hashlib.sha256(CONTENT).hexdigest()
    row.refresh_from_db()
    assert row.downloads == 1
    entry = AuditEntry.objects.get(operation="exports.download")
    assert (entry.outcome, entry.object_id) == ("done", str(row.pk))
    assert (folder / row.stored_path).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.django_db
def test_nobody_else_fetches_it(crm: User, team: Team) -> None:
    row = made(crm, team)
    refused(row, fetch(row), 401, "AUTH_REQUIRED")
    refused(row, fetch(row, token="smk_wrong"), 401, "AUTH_INVALID")
    colleague = person(team, "colleague", "crm", "admin")
    refused(row, fetch(row, colleague), 404, "NOT_FOUND")
    assert AuditEntry.objects.filter(operation="exports.download", outcome="NOT_FOUND").exists()
    answer = call("rest", colleague, "exports.get", {"export_id": str(row.pk)})
    assert answer.code == "NOT_FOUND"
    assert call("rest", colleague, "exports.list").data == {"items": [], "next_cursor": None}


@pytest.mark.django_db
def test_a_right_that_was_taken_away_counts(crm: User, team: Team, other_brand: Brand) -> None:
    row = made(crm, team)
    refused(row, fetch(row, token=token_for(crm, ["sms:compliance"])), 403, "INSUFFICIENT_SCOPE")
    crm.roles.set(Role.objects.filter(key="viewer"))
    refused(row, fetch(row, crm), 403, "NOT_PERMITTED")
    crm.roles.set(Role.objects.filter(key="crm"))
    crm.teams.set([other_brand.team])
    refused(row, fetch(row, crm), 404, "NOT_FOUND")


@pytest.mark.django_db
def test_full_numbers_need_the_right_to_see_them(crm: User, team: Team) -> None:
    """[R-4.12]: a token is given at most 50 full numbers."""
    few = made(crm, team, full_numbers=True, rows=50)
    many = made(crm, team, full_numbers=True, rows=51)
    refused(few, fetch(few, token=token_for(crm, ["sms:contacts.read"])), 403, "NOT_PERMITTED")
    refused(many, fetch(many, token=token_for(crm)), 403, "NOT_PERMITTED")
    assert fetch(few, token=token_for(crm)).status_code == 200
    assert fetch(many, crm).status_code == 200
    crm.roles.set(Role.objects.filter(key="marketing"))
    assert fetch(many, crm).json()["error"]["code"] == "NOT_PERMITTED"


@pytest.mark.django_db
def test_what_cannot_be_fetched_says_why(crm: User, team: Team, folder: Path) -> None:
    row = made(crm, team)
    (folder / row.stored_path).write_bytes(b"changed")
    refused(row, fetch(row, crm), 409, "CONFLICT")
    (folder / row.stored_path).unlink()
    refused(row, fetch(row, crm), 409, "CONFLICT")
    making = export_ask(wanted(team), {}, actor=actor_of(crm))
    refused(making, fetch(making, crm), 409, "CONFLICT")
    ExportFile.objects.filter(pk=making.pk).update(state="failed", problem="Too large.")
    assert "Too large." in fetch(making, crm).json()["error"]["message"]
    assert Client().post(f"/api/v1/exports/{row.pk}/file").status_code == 405
    missing = ExportFile(pk=uuid.uuid4())
    assert fetch(missing, crm).status_code == 404


@pytest.mark.django_db
def test_a_name_cannot_break_the_header(crm: User, team: Team) -> None:
    row = made(crm, team, file_name='a"\r\nX-Evil: 1\u202egnp.csv')
    response = fetch(row, crm)
    assert response.status_code == 200
    assert "X-Evil" not in response.headers
    assert "\n" not in response["Content-Disposition"]


@pytest.mark.django_db
def test_an_expired_file_goes_and_its_row_stays(crm: User, team: Team, folder: Path) -> None:
    """[R-4.14]."""
    row, later = made(crm, team), made(crm, team, kept=timedelta(days=30))
    loose = folder / "loose"
    loose.write_bytes(b"x")
    old = (timezone.now() - timedelta(days=2)).timestamp()
    os.utime(loose, (old, old))
    assert exports.exports_expire(now=timezone.now() + timedelta(days=8)) == 2
    assert not (folder / row.stored_path).exists()
    assert not loose.exists()
    refused(row, fetch(row, crm), 409, "CONFLICT")
    assert row.state == "expired"
    assert row.sha256 == later.sha256
    later.refresh_from_db()
    assert later.state == "ready"
    assert (folder / later.stored_path).exists()


def _made_slowly(row: ExportFile, count: Count) -> Iterator[bytes]:
    for number in range(3):
        count.rows += 1
        yield f"{number}\n".encode()


def _refusing(row: ExportFile, count: Count) -> Iterator[bytes]:
    yield b"half"
    raise InvalidInput("The list is gone. Choose another one.")


def _breaking(row: ExportFile, count: Count) -> Iterator[bytes]:
    yield b"half"
    raise RuntimeError("disk")


@pytest.mark.django_db
def test_a_worker_makes_a_large_file(
    crm: User, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MAKERS, "contacts", _made_slowly)
    row = export_ask(wanted(team), {"audience_id": 1}, actor=actor_of(crm))
    late = timezone.now() + timedelta(minutes=2)
    assert exports.exports_stalled() == []
    assert exports.exports_stalled(now=late) == [str(row.pk)]
    assert exports.export_work(row.pk)
    assert not exports.export_work(row.pk)
    row.refresh_from_db()
    assert (row.state, row.rows, row.size_bytes, row.attempts) == ("ready", 3, 6, 1)
    assert exports.exports_stalled(now=late) == []
    answer = call("mcp", crm, "exports.get", {"export_id": str(row.pk)})
    assert answer.data is not None
    assert answer.data["download_url"].endswith(f"/api/v1/exports/{row.pk}/file")


@pytest.mark.django_db
def test_what_cannot_be_made_fails_with_a_sentence_and_leaves_no_file(
    crm: User, team: Team, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MAKERS, "contacts", _refusing)
    row = export_ask(wanted(team), {}, actor=actor_of(crm))
    assert not exports.export_work(row.pk)
    row.refresh_from_db()
    assert (row.state, row.problem) == ("failed", "The list is gone. Choose another one.")
    monkeypatch.setitem(MAKERS, "contacts", _breaking)
    row = export_ask(wanted(team), {}, actor=actor_of(crm))
    for _ in range(4):
        assert not exports.export_work(row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("failed", 3)
    assert list(folder.iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_two_workers_make_it_once(crm: User, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second finds the row's lock taken and goes away without waiting."""
    row = export_ask(wanted(team), {}, actor=actor_of(crm))
    seen: list[bool] = []

    def racing(row: ExportFile, count: Count) -> Iterator[bytes]:
        import threading

        def second() -> None:
            seen.append(exports.export_work(row.pk))
            connection.close()

        thread = threading.Thread(target=second)
        thread.start()
        thread.join(timeout=20)
        yield b"once"

    monkeypatch.setitem(MAKERS, "contacts", racing)
    assert exports.export_work(row.pk)
    assert seen == [False]
