"""The same call through REST, MCP, the admin and the command line has the same outcome and the same audit entry."""

from typing import Any

import pytest

from smsmarketing.accounts.models import Team, User
from smsmarketing.operations.models import AuditEntry
from tests.operations.surfaces.probes import REQUEST_ID
from tests.surfaces import SURFACES, Answer, SurfaceName, call

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("probes")]

KEY = "a-key-of-sixteen-letters"


@pytest.fixture(params=SURFACES)
def surface(request: pytest.FixtureRequest) -> SurfaceName:
    name: SurfaceName = request.param
    return name


def audited(key: str) -> list[tuple[str, str, str]]:
    rows = AuditEntry.objects.filter(operation=key).order_by("seq")
    return [(row.outcome, row.surface, row.object_id) for row in rows]


def test_done(surface: SurfaceName, anna: User) -> None:
    answer = call(surface, anna, "probe.create", {"name": "East"})
    team = Team.objects.get(name="East")
    assert (answer.status, answer.data) == ("done", {"team_id": team.pk})
    assert audited("probe.create") == [("done", surface, str(team.pk))]
    assert AuditEntry.objects.get(operation="probe.create").request_id == answer.request_id


def test_done_twice_with_one_key(surface: SurfaceName, anna: User) -> None:
    """[R-8.10]."""
    first = call(surface, anna, "probe.create", {"name": "East"}, idempotency_key=KEY)
    again = call(surface, anna, "probe.create", {"name": "East"}, idempotency_key=KEY)
    assert (first.replayed, again.replayed) == (False, True)
    assert again.data == first.data
    assert len(audited("probe.create")) == 1
    reused = call(surface, anna, "probe.create", {"name": "West"}, idempotency_key=KEY)
    assert (reused.code, set(reused.field_errors)) == ("CONFLICT", {"idempotency_key"})


def test_one_key_over_two_surfaces(surface: SurfaceName, anna: User) -> None:
    """[R-8.9]: the key belongs to the person, whatever they call through."""
    call("rest", anna, "probe.create", {"name": "East"}, idempotency_key=KEY)
    assert call(surface, anna, "probe.create", {"name": "East"}, idempotency_key=KEY).replayed
    assert Team.objects.filter(name="East").count() == 1


def test_held(surface: SurfaceName, anna: User) -> None:
    answer = call(surface, anna, "probe.create", {"name": "Big one"})
    assert (answer.status, answer.action_request_id) == ("held", str(REQUEST_ID))
    assert answer.message == "A second person must agree."
    assert audited("probe.create") == [("held", surface, "")]
    assert not Team.objects.filter(name="Big one").exists()


def test_dry_run(surface: SurfaceName, anna: User) -> None:
    answer = call(surface, anna, "probe.create", {"name": "East"}, dry_run=True)
    assert (answer.status, answer.dry_run) == ("done", True)
    assert audited("probe.create") == []
    assert not Team.objects.filter(name="East").exists()


def test_read(surface: SurfaceName, anna: User, team: Team) -> None:
    answer = call(surface, anna, "probe.get", {"team_id": team.pk})
    assert answer.data is not None
    assert answer.data["balance"] == {"amount": "12.50", "currency": "EUR"}


SHAPES = {
    "name": "Ann",
    "count": 7,
    "price": "1.50",
    "urgent": True,
    "known": False,
    "at": "2026-07-01T09:00:00Z",
    "day": "2026-03-01",
    "colour": "blue",
    "size": "large",
    "tags": ["a", "b"],
    "numbers": [1, 2],
    "colours": ["red", "blue"],
    "part": {"label": "x", "weight": "1.5"},
    "id": "00000000-0000-4000-8000-0000000000aa",
}


@pytest.mark.parametrize("key", ["probe.shapes", "probe.shapes_write"])
def test_every_kind_of_field_arrives_alike(surface: SurfaceName, anna: User, key: str) -> None:
    answer = call(surface, anna, key, SHAPES)
    assert answer.data is not None, answer
    assert answer.data["seen"] == SHAPES


REFUSALS: list[tuple[str, dict[str, Any], str, set[str]]] = [
    ("probe.create", {"name": ""}, "INVALID_INPUT", {"name"}),
    ("probe.create", {"name": "x" * 81}, "INVALID_INPUT", {"name"}),
    ("probe.shapes_write", {"name": "x", "count": "many"}, "INVALID_INPUT", {"count"}),
    ("probe.shapes_write", {"name": "x", "count": 100}, "INVALID_INPUT", {"count"}),
    ("probe.shapes_write", {"name": "x", "at": "soon"}, "INVALID_INPUT", {"at"}),
    ("probe.shapes_write", {"name": "x", "part": {"label": "x"}}, "INVALID_INPUT", {"part.weight"}),
    ("probe.refuse", {}, "CONFLICT", {"nowhere"}),
    ("probe.need_preview", {}, "PRECONDITION_REQUIRED", {"probe_id"}),
    ("probe.rename", {"team_id": 999_999, "name": "x"}, "NOT_FOUND", {"team_id"}),
    ("probe.crash", {}, "INTERNAL", set()),
]


@pytest.mark.parametrize(("key", "payload", "code", "fields"), REFUSALS)
def test_refusals_are_the_same(
    surface: SurfaceName,
    anna: User,
    key: str,
    payload: dict[str, Any],
    code: str,
    fields: set[str],
) -> None:
    before = Team.objects.count()
    answer = call(surface, anna, key, payload)
    assert (answer.status, answer.code, set(answer.field_errors)) == ("refused", code, fields)
    assert [entry[:2] for entry in audited(key)] == [(code, surface)]
    assert Team.objects.count() == before


@pytest.mark.parametrize(
    ("key", "payload"),
    [("probe.create", {"name": "x"}), ("probe.send", {"name": "x"}), ("probe.decide", {})],
)
def test_who_may_not_is_refused_everywhere(
    surface: SurfaceName, viewer: User, key: str, payload: dict[str, Any]
) -> None:
    answer = call(surface, viewer, key, payload, idempotency_key=KEY)
    assert answer.code == "NOT_PERMITTED"
    assert [entry[:2] for entry in audited(key)] == [("NOT_PERMITTED", surface)]


def test_only_a_browser_session_decides(surface: SurfaceName, anna: User) -> None:
    """[R-8.1]."""
    answer: Answer = call(surface, anna, "probe.decide")
    allowed = surface in {"admin", "rest"}  # rest without a token is the browser session
    assert answer.status == ("done" if allowed else "refused")
    if not allowed:
        assert answer.code == "NOT_PERMITTED"


def test_a_row_of_another_team_is_not_there(
    surface: SurfaceName, anna: User, stranger_team: Team
) -> None:
    assert call(surface, anna, "probe.get", {"team_id": stranger_team.pk}).code == "NOT_FOUND"
