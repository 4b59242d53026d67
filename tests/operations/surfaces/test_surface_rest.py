"""REST: how a request becomes a payload, and an outcome an answer."""

import json
from typing import Any

import pytest
from django.test import Client

from smsmarketing.accounts.models import Team, User
from smsmarketing.operations.models import AuditEntry
from tests.operations.surfaces.probes import REQUEST_ID, SECRET
from tests.surfaces import token_for

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("probes")]

KEY = "a-key-of-sixteen-letters"


class Api:
    """A client with a bearer token."""

    def __init__(self, token: str = "") -> None:
        self.client = Client(raise_request_exception=False)
        self.token = token

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        data = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        return self.client.generic(
            method, f"/api/v1{path}", data, content_type="application/json", headers=headers
        )

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, {} if body is None else body, **headers)


@pytest.fixture
def api(anna: User) -> Api:
    return Api(token_for(anna, ["sms:read", "sms:draft", "sms:send"]))


def refusal(response: Any, status: int, code: str) -> dict[str, Any]:
    """The envelope of a refused call, after checking that every error answer has its form."""
    body = response.json()
    assert (response.status_code, body["error"]["code"]) == (status, code)
    assert response["Content-Type"] == "application/problem+json"
    assert response["Cache-Control"] == "no-store"
    assert response["X-Request-ID"] == body["error"]["request_id"]
    assert set(body) == {"type", "title", "status", "detail", "error"}
    assert (body["status"], body["detail"]) == (status, body["error"]["message"])
    assert body["type"] == body["error"]["help_url"] == f"/api/docs/errors#{code}"
    assert set(body["error"]) == {
        "code",
        "message",
        "retryable",
        "retry_after_s",
        "field_errors",
        "action_request_id",
        "request_id",
        "gateway_error_code",
        "help_url",
        "details",
    }
    error: dict[str, Any] = body["error"]
    return error


# --- input
# -------------------------------------------------------------------------------------------------
def test_query_strings_become_typed_values(api: Api) -> None:
    response = api.get(
        "/probes/shapes?name=Ann&count=7&price=1.50&urgent=true&known=false&tags=a&tags=b&numbers=4"
        "&colours=red&colour=blue&at=2026-03-01T09:00:00%2B02:00&day=2026-03-01"
        '&part={"label":"x","weight":"1.5"}'
    )
    assert response.status_code == 200, response.content
    assert response.json()["seen"] == {
        "name": "Ann",
        "count": 7,
        "price": "1.50",
        "urgent": True,
        "known": False,
        "tags": ["a", "b"],
        "numbers": [4],
        "colours": ["red"],
        "colour": "blue",
        "at": "2026-03-01T09:00:00+02:00",
        "day": "2026-03-01",
        "part": {"label": "x", "weight": "1.5"},
    }


def test_a_scalar_given_twice_is_refused(api: Api) -> None:
    error = refusal(api.get("/probes/shapes?name=a&name=b"), 422, "INVALID_INPUT")
    assert set(error["field_errors"]) == {"name"}


def test_an_unknown_field_is_refused_by_name(api: Api) -> None:
    error = refusal(api.get("/probes/shapes?name=a&colr=red"), 422, "INVALID_INPUT")
    assert set(error["field_errors"]) == {"colr"}
    error = refusal(api.post("/probes", {"nme": "x"}), 422, "INVALID_INPUT")
    assert set(error["field_errors"]) == {"name", "nme"}


def test_json_in_a_query_object_must_be_json(api: Api) -> None:
    error = refusal(api.get("/probes/shapes?name=a&part={"), 422, "INVALID_INPUT")
    assert set(error["field_errors"]) == {"part"}


def test_a_body_that_contradicts_the_path_is_refused(api: Api, team: Team) -> None:
    error = refusal(
        api.post(f"/probes/{team.pk}/rename", {"team_id": team.pk + 1, "name": "x"}),
        422,
        "INVALID_INPUT",
    )
    assert set(error["field_errors"]) == {"team_id"}
    team.refresh_from_db()
    assert team.name == "North"


def test_a_query_on_a_write_is_refused(api: Api) -> None:
    error = refusal(api.post("/probes?name=x", {"name": "x"}), 422, "INVALID_INPUT")
    assert set(error["field_errors"]) == {"name"}
    assert not Team.objects.filter(name="x").exists()


@pytest.mark.parametrize(
    ("body", "word", "field"),
    [
        (b"{", "not valid JSON", ""),
        (b'{"name": "a", "name": "b"}', "twice", "name"),
        (b'{"\\ud800": 1, "\\ud800": 2}', "twice", "\\ud800"),
        (b'{"name": NaN}', "NaN", "name"),
        (b'{"name": {"a": [0, -Infinity]}}', "-Infinity", "name.a.1"),
        (b'{"name": "\xff"}', "UTF-8", ""),
        (b"[" * 33 + b"]" * 33, "32 levels", ""),
        (b"[" * 100_000, "32 levels", ""),
        (b'{"a": 1, "name": ' + b"9" * 5000 + b"}", "too long", "name"),
    ],
)
def test_json_is_read_strictly(api: Api, body: bytes, word: str, field: str) -> None:
    """[R-9.7]: duplicate keys, depth over 32 and what is not JSON are refused, by field if any."""
    error = refusal(api.send("POST", "/probes", body), 400, "INVALID_INPUT")
    assert word in error["message"]
    assert list(error["field_errors"]) == ([field] if field else [])


def test_the_body_limit_is_one_mebibyte(api: Api) -> None:
    """[R-9.7]."""
    big = json.dumps({"name": "x" * (1024 * 1024)}).encode()
    refusal(api.send("POST", "/probes", big), 413, "INVALID_INPUT")


def test_a_body_that_is_no_object_is_refused(api: Api) -> None:
    refusal(api.send("POST", "/probes", b"[1]"), 422, "INVALID_INPUT")


def test_text_that_no_table_can_hold_is_refused(api: Api) -> None:
    for name in ("a\x00b", "\ud83d"):
        error = refusal(
            api.send("POST", "/probes", json.dumps({"name": name}).encode()), 422, "INVALID_INPUT"
        )
        assert set(error["field_errors"]) == {"name"}


def test_other_content_types_are_refused(api: Api) -> None:
    response = api.client.post(
        "/api/v1/probes", {"name": "x"}, headers={"Authorization": f"Bearer {api.token}"}
    )
    refusal(response, 415, "INVALID_INPUT")


@pytest.mark.parametrize("form", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_a_session_that_sends_a_form_is_told_to_send_json(anna: User, form: str) -> None:
    """Not that its form token or its fields are missing: nobody looks for them in such a body."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(anna, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post("/api/v1/probes", b'{"name": "x"}', content_type=form)
    refusal(answer, 415, "INVALID_INPUT")


def test_a_body_in_chunks_and_a_query_without_end_are_refused(api: Api) -> None:
    """Without a length the body would be taken for none."""
    refusal(
        api.post("/probes", {"name": "x"}, **{"Transfer-Encoding": "chunked"}), 411, "INVALID_INPUT"
    )
    refusal(api.get("/probes/count?" + "a=1&" * 1001), 400, "INVALID_INPUT")
    assert not Team.objects.filter(name="x").exists()


# --- outcomes
# ----------------------------------------------------------------------------------------------
def test_a_creation_is_201_and_a_change_is_200(api: Api, team: Team) -> None:
    created = api.post("/probes", {"name": "East"})
    assert created.status_code == 201
    assert Team.objects.get(pk=created.json()["team_id"]).name == "East"
    read = api.get(f"/probes/{team.pk}")
    renamed = api.post(f"/probes/{team.pk}/rename", {"name": "N"}, **{"If-Match": read["ETag"]})
    assert renamed.status_code == 200
    assert renamed["Cache-Control"] == "no-store"


def test_a_held_call_is_202_and_writes_nothing_else(api: Api) -> None:
    response = api.post("/probes", {"name": "Big one"})
    assert response.status_code == 202
    assert response.json() == {
        "status": "held",
        "action_request_id": str(REQUEST_ID),
        "message": "A second person must agree.",
        "policies": ["big-names"],
        "request_id": response["X-Request-ID"],
    }
    assert not Team.objects.filter(name="Big one").exists()


def test_a_dry_run_writes_nothing(api: Api) -> None:
    response = api.post("/probes?dry_run=true", {"name": "East"})
    assert (response.status_code, response["Dry-Run"]) == (200, "true")
    held = api.post("/probes?dry_run=true", {"name": "Big"})
    assert (held.status_code, held["Approval-Needed"]) == (200, "big-names")
    assert Team.objects.filter(name__in=["East", "Big"]).count() == 0


def test_dry_run_takes_two_words_and_only_on_writes(api: Api) -> None:
    error = refusal(api.post("/probes?dry_run=maybe", {"name": "x"}), 422, "INVALID_INPUT")
    assert set(error["field_errors"]) == {"dry_run"}
    error = refusal(api.get("/probes/count?dry_run=true"), 422, "INVALID_INPUT")
    assert set(error["field_errors"]) == {"dry_run"}


@pytest.mark.parametrize("key", [KEY, f'"{KEY}"'])
def test_a_repeated_key_replays_the_first_answer(api: Api, key: str) -> None:
    """[R-8.10]; the header may be a structured-field string or bare."""
    first = api.post("/probes", {"name": "East"}, **{"Idempotency-Key": KEY})
    again = api.post("/probes", {"name": "East"}, **{"Idempotency-Key": key})
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert Team.objects.filter(name="East").count() == 1


def test_a_key_with_other_content_is_422(api: Api) -> None:
    api.post("/probes", {"name": "East"}, **{"Idempotency-Key": KEY})
    refusal(api.post("/probes", {"name": "West"}, **{"Idempotency-Key": KEY}), 422, "CONFLICT")
    assert not Team.objects.filter(name="West").exists()


@pytest.mark.parametrize("key", ["short", '"unmatched-quote-in-key', "spaces in this key here"])
def test_a_malformed_key_is_refused(api: Api, key: str) -> None:
    error = refusal(
        api.post("/probes", {"name": "x"}, **{"Idempotency-Key": key}), 422, "INVALID_INPUT"
    )
    assert set(error["field_errors"]) == {"idempotency_key"}
    assert not Team.objects.filter(name="x").exists()


def test_an_outbound_call_without_a_key_is_428(api: Api) -> None:
    """[R-8.9]."""
    refusal(api.post("/probes/send", {"name": "x"}), 428, "PRECONDITION_REQUIRED")
    assert not Team.objects.filter(name="x").exists()


# --- versions
# ----------------------------------------------------------------------------------------------
def test_etag_and_if_match_carry_the_version_token(api: Api, team: Team) -> None:
    """[R-8.7]: strong ETag; missing is 428, stale is 412."""
    read = api.get(f"/probes/{team.pk}")
    assert read["ETag"] == f'"{read.json()["base_version_token"]}"'
    path = f"/probes/{team.pk}/rename"
    refusal(api.post(path, {"name": "x"}), 428, "PRECONDITION_REQUIRED")
    changed = api.post(path, {"name": "New"}, **{"If-Match": read["ETag"]})
    assert changed.json()["name"] == {"untrusted": True, "source": "team", "text": "New"}
    assert changed["ETag"] != read["ETag"]
    stale = refusal(
        api.post(path, {"name": "x"}, **{"If-Match": read["ETag"]}), 412, "VERSION_CONFLICT"
    )
    assert stale["details"]["current_version_token"] in changed["ETag"]
    in_body = {"name": "Newer", "base_version_token": changed.json()["base_version_token"]}
    assert api.post(path, in_body).status_code == 200


@pytest.mark.parametrize("header", ['W/"abc"', "*", "abc", '"a", "b"'])
def test_if_match_must_be_one_strong_tag(api: Api, team: Team, header: str) -> None:
    error = refusal(
        api.post(f"/probes/{team.pk}/rename", {"name": "x"}, **{"If-Match": header}),
        422,
        "INVALID_INPUT",
    )
    assert set(error["field_errors"]) == {"base_version_token"}


def test_if_match_that_differs_from_the_body_is_refused(api: Api, team: Team) -> None:
    body = {"name": "x", "base_version_token": "one"}
    refusal(
        api.post(f"/probes/{team.pk}/rename", body, **{"If-Match": '"two"'}), 422, "INVALID_INPUT"
    )


def test_if_match_where_no_version_is_compared_is_refused(api: Api) -> None:
    refusal(api.post("/probes", {"name": "x"}, **{"If-Match": '"two"'}), 422, "INVALID_INPUT")
    assert not Team.objects.filter(name="x").exists()


# --- who asks
# ----------------------------------------------------------------------------------------------
def test_without_a_token_401_with_a_challenge() -> None:
    response = Api().get("/probes/count")
    refusal(response, 401, "AUTH_REQUIRED")
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("token", ["nonsense", "smsmk_0000000000_" + "a" * 43])
def test_a_bad_token_is_401(token: str) -> None:
    response = Api(token).get("/probes/count")
    refusal(response, 401, "AUTH_INVALID")
    assert 'error="invalid_token"' in response["WWW-Authenticate"]


def test_a_token_in_the_address_is_refused(anna: User) -> None:
    """[R-9.21]."""
    refusal(Api().get(f"/probes/count?access_token={token_for(anna)}"), 401, "AUTH_INVALID")


def test_a_missing_scope_is_403_and_names_all_scopes(anna: User) -> None:
    """[R-9.22]."""
    response = Api(token_for(anna, ["sms:read"])).post("/probes", {"name": "x"})
    error = refusal(response, 403, "INSUFFICIENT_SCOPE")
    assert error["details"]["required_scopes"] == ["sms:draft"]
    assert 'scope="sms:draft"' in response["WWW-Authenticate"]
    assert not Team.objects.filter(name="x").exists()


def test_a_missing_permission_is_403(viewer: User) -> None:
    refusal(Api(token_for(viewer)).post("/probes", {"name": "x"}), 403, "NOT_PERMITTED")
    assert not Team.objects.filter(name="x").exists()


def test_a_row_of_another_team_is_404(api: Api, stranger_team: Team) -> None:
    refusal(api.get(f"/probes/{stranger_team.pk}"), 404, "NOT_FOUND")
    refusal(api.get("/probes/999999"), 404, "NOT_FOUND")


def test_a_person_only_operation_refuses_every_token(api: Api, anna: User) -> None:
    """[R-8.1]: and tells where a person does it."""
    error = refusal(api.post("/probes/decide"), 403, "NOT_PERMITTED")
    assert error["details"]["open_in_browser"].endswith("/admin/operations/call/probe.decide/")
    client = Client()
    client.force_login(anna, backend="django.contrib.auth.backends.ModelBackend")
    assert (
        client.post("/api/v1/probes/decide", {}, content_type="application/json").status_code == 201
    )


def test_a_session_needs_its_form_token(anna: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(anna, backend="django.contrib.auth.backends.ModelBackend")
    refusal(
        client.post("/api/v1/probes", {"name": "x"}, content_type="application/json"),
        403,
        "NOT_PERMITTED",
    )
    assert client.get("/api/v1/probes/count").status_code == 200
    assert not Team.objects.filter(name="x").exists()


def test_a_bad_token_does_not_fall_back_to_the_session(anna: User) -> None:
    api = Api("nonsense")
    api.client.force_login(anna, backend="django.contrib.auth.backends.ModelBackend")
    refusal(api.get("/probes/count"), 401, "AUTH_INVALID")


# --- errors around an operation
# ----------------------------------------------------------------------------
def test_unknown_paths_speak_the_envelope(api: Api) -> None:
    for path in ("/nothing", "/probes/1/2/3", "/probes/count/"):
        refusal(api.get(path), 404, "NOT_FOUND")
    refusal(api.client.post("/api/nothing"), 404, "NOT_FOUND")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_405_and_name_the_allowed(api: Api, method: str) -> None:
    response = api.send(method, "/probes/shapes", {})
    refusal(response, 405, "INVALID_INPUT")
    assert response["Allow"] == "GET, POST"


def test_head_is_answered_like_get(api: Api) -> None:
    assert api.send("HEAD", "/probes/count").status_code == 200


def test_a_bug_says_nothing_of_itself(api: Api) -> None:
    """[R-9.13]."""
    response = api.post("/probes/crash")
    refusal(response, 500, "INTERNAL")
    assert SECRET not in response.content.decode()
    assert "hunter2" not in response.content.decode()


def test_a_refusal_leaves_only_its_audit_entry(api: Api) -> None:
    refusal(api.post("/probes/refuse"), 409, "CONFLICT")
    assert not Team.objects.filter(name="half done").exists()
    entry = AuditEntry.objects.get(operation="probe.refuse")
    assert (entry.outcome, entry.surface) == ("CONFLICT", "rest")


def test_an_operation_for_the_admin_only_has_no_path(api: Api) -> None:
    refusal(api.get("/probes/admin-only"), 422, "INVALID_INPUT")  # read as /probes/{team_id}


def test_a_request_id_of_the_caller_is_kept_when_it_is_sane(api: Api) -> None:
    response = api.get("/probes/count", **{"X-Request-ID": "trace-1234"})
    assert response["X-Request-ID"] == "trace-1234"
    response = api.get("/probes/count", **{"X-Request-ID": "bad id\r\n"})
    assert response["X-Request-ID"] != "bad id"


def test_too_many_calls_are_429_with_retry_after(api: Api, settings: Any) -> None:
    """[R-9.18]."""
    settings.OPERATION_RATE_LIMITS = {"read": 1, "preview": 1, "write": 1, "outbound": 1}
    assert api.get("/probes/count").status_code == 200
    response = api.get("/probes/count")
    error = refusal(response, 429, "RATE_LIMITED")
    assert response["Retry-After"] == str(error["retry_after_s"])
