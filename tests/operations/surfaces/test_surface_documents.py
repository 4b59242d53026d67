"""The API's documents: OpenAPI, the reference page, the error codes."""

import json
import re
from typing import Any

import jsonschema
import pytest
from django.test import Client
from drf_spectacular.validation import validate_schema

from smsmarketing.operations import errors
from smsmarketing.operations.surfaces.bodies import ERROR_CODES
from smsmarketing.operations.surfaces.rest.problems import Refused, problem_body
from tests.operations.surfaces.probes import OPERATIONS
from tests.surfaces import call

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("probes")]


@pytest.fixture
def document() -> dict[str, Any]:
    response = Client().get("/api/schema/?format=json")
    assert response.status_code == 200
    found: dict[str, Any] = json.loads(response.content)
    return found


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        found["operationId"]: found
        for methods in document["paths"].values()
        for found in methods.values()
    }


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    validate_schema(document)
    assert document["openapi"].startswith("3.1")


def test_the_document_is_the_same_each_time(document: dict[str, Any]) -> None:
    again = Client().get("/api/schema/?format=json")
    assert json.loads(again.content) == document
    assert Client().get("/api/schema/").status_code == 200  # YAML


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert names <= set(document["components"]["schemas"])
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in document["components"]["schemas"])


def test_each_operation_is_there_by_its_key(document: dict[str, Any]) -> None:
    found = operations(document)
    assert set(found) == {item.key.replace(".", "_") for item in OPERATIONS} - {"probe_admin_only"}
    create = found["probe_create"]
    assert create["tags"] == ["teams"]
    assert {"200", "201", "202", "401", "403", "409", "422", "428", "429"} <= set(
        create["responses"]
    )
    assert "202" not in found["probe_rename"]["responses"]
    assert found["probe_decide"]["security"] == [{"browserSession": []}]
    assert create["security"] == [{"bearerToken": []}, {"browserSession": []}]
    assert set(document["components"]["securitySchemes"]) == {"bearerToken", "browserSession"}


def parameters(found: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    return {item["name"]: (item["in"], item["required"]) for item in found["parameters"]}


def test_parameters_say_where_everything_goes(document: dict[str, Any]) -> None:
    found = operations(document)
    assert parameters(found["probe_send"]) == {
        "Idempotency-Key": ("header", True),
        "dry_run": ("query", False),
    }
    assert parameters(found["probe_rename"]) == {
        "team_id": ("path", True),
        "Idempotency-Key": ("header", False),
        "dry_run": ("query", False),
        "If-Match": ("header", False),
    }
    shapes = parameters(found["probe_shapes"])
    assert (shapes["name"], shapes["tags"]) == (("query", True), ("query", False))
    body = document["components"]["schemas"]["ProbeRenameRequest"]
    assert set(body["properties"]) == {"name", "base_version_token"}
    assert body["required"] == ["name"]
    assert body["additionalProperties"] is False


def test_answers_match_what_the_document_says(
    document: dict[str, Any], anna: Any, team: Any
) -> None:
    def schema(operation_id: str, status: str) -> dict[str, Any]:
        content = operations(document)[operation_id]["responses"][status]["content"]
        (media,) = content.values()
        return {**media["schema"], "components": document["components"]}

    read = call("rest", anna, "probe.get", {"team_id": team.pk})
    jsonschema.validate(read.data, schema("probe_get", "200"))
    response = Client().get("/api/v1/probes/count")
    jsonschema.validate(response.json(), schema("probe_count", "401"))


def test_the_reference_page_loads_nothing_from_elsewhere() -> None:
    client = Client()
    page = client.get("/api/docs/")
    assert page.status_code == 200
    script = client.get("/api/docs/?script=")
    for text in (page.content.decode(), script.content.decode()):
        hosts = set(re.findall(r"(?:https?:)?//([a-z0-9.-]+)", text))
        assert hosts <= {"testserver"}
    assert "drf_spectacular_sidecar" in page.content.decode()


def test_every_code_has_its_anchor() -> None:
    page = Client().get("/api/docs/errors").content.decode()
    for code in ERROR_CODES:
        assert f'id="{code}"' in page
    assert {found.code for found in _kinds(errors.OperationError)} == set(ERROR_CODES)


def test_every_error_has_a_body() -> None:
    """A refusal in a rare code must not end as a 500 because nobody named it."""
    for found in _kinds(errors.OperationError):
        status = {"status": 400} if found is Refused else {}
        assert problem_body(found("What to do.", **status), "id")["title"]


def _kinds(base: type[errors.OperationError]) -> set[type[errors.OperationError]]:
    """All classes of errors below `base`; an error has no code but its class's."""
    return {kind for found in base.__subclasses__() for kind in {found, *_kinds(found)}}
