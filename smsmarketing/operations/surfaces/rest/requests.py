"""From an HTTP request to the payload, key and dry-run flag of one operation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from rest_framework.request import Request

from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.surfaces.schemas import field_schema, field_types
from smsmarketing.operations.types import Operation

READ_METHODS = ("GET", "HEAD")
VERSION_FIELD = "base_version_token"
TRUE_WORDS = {"true": True, "1": True, "false": False, "0": False}
_ETAG = re.compile(r'"([\x21\x23-\x7e]*)"')
_QUOTED = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')


def payload_of(
    operation: Operation[Any, Any], request: Request, path_arguments: Mapping[str, str]
) -> dict[str, Any]:
    """Path arguments, body (or query for GET) and If-Match as one payload. Raises InvalidInput."""
    if request.method in READ_METHODS:
        payload = _query_payload(operation, request.query_params)
    else:
        unknown = set(request.query_params) - {"dry_run"}
        if unknown:
            raise InvalidInput(
                "Send the input in the JSON body; the query takes dry_run only.",
                field_errors=dict.fromkeys(sorted(unknown), "Not a query parameter here."),
            )
        payload = _body_payload(request)
    _path_merge(payload, path_arguments)
    _if_match_merge(operation, request, payload)
    return payload


def _body_payload(request: Request) -> dict[str, Any]:
    data = request.data
    if isinstance(data, QueryDict):  # no body at all
        return {}
    if not isinstance(data, dict):
        raise InvalidInput("The body must be a JSON object.")
    return dict(data)


def _query_payload(operation: Operation[Any, Any], query: QueryDict) -> dict[str, Any]:
    payload: dict[str, Any] = {}
    for name, values in query.lists():
        types = field_types(field_schema(operation.input, name))
        if "array" in types:
            payload[name] = values
        elif len(values) > 1:
            raise InvalidInput(
                f"{name} is given {len(values)} times; it takes one value.",
                field_errors={name: "Give it once."},
            )
        elif "object" in types:
            payload[name] = _query_object(name, str(values[0]))
        else:
            payload[name] = values[0]
    return payload


def _query_object(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput(
            f"{name} must be JSON text in the query.", field_errors={name: "Not valid JSON."}
        ) from None


def _path_merge(payload: dict[str, Any], path_arguments: Mapping[str, str]) -> None:
    for name, value in path_arguments.items():
        if name in payload and str(payload[name]) != value:
            raise InvalidInput(
                f"{name} stands in the path and, with another value, in the input. Send it in the path only.",
                field_errors={name: "Differs from the path."},
            )
        payload[name] = value


def _if_match_merge(
    operation: Operation[Any, Any], request: Request, payload: dict[str, Any]
) -> None:
    header = request.headers.get("If-Match")
    if header is None:
        return
    if VERSION_FIELD not in operation.input.model_fields:
        raise InvalidInput("This operation compares no version; send it without If-Match.")
    found = _ETAG.fullmatch(header.strip())
    if found is None:
        raise InvalidInput(
            "If-Match must be one strong entity tag: the ETag of the row as you read it, with its quotes.",
            field_errors={VERSION_FIELD: "Malformed If-Match header."},
        )
    if payload.get(VERSION_FIELD, found[1]) != found[1]:
        raise InvalidInput(
            f"If-Match and {VERSION_FIELD} differ; send one of them.",
            field_errors={VERSION_FIELD: "Differs from If-Match."},
        )
    payload[VERSION_FIELD] = found[1]


def idempotency_key_of(request: Request) -> str | None:
    """The Idempotency-Key header: a structured-field string in quotes, or bare. Raises InvalidInput."""
    header = request.headers.get("Idempotency-Key")
    if header is None:
        return None
    value = header.strip()
    if value.startswith('"'):
        found = _QUOTED.fullmatch(value)
        if found is None:
            raise InvalidInput(
                "The Idempotency-Key header has an unmatched quote.",
                field_errors={"idempotency_key": "Malformed header."},
            )
        value = re.sub(r"\\(.)", r"\1", found[1])
    return value


def dry_run_of(operation: Operation[Any, Any], request: Request) -> bool:
    """`?dry_run=true` on writes. Raises InvalidInput for another word, or on an operation that writes nothing."""
    if request.method in READ_METHODS or "dry_run" not in request.query_params:
        return False
    word = str(request.query_params["dry_run"]).lower()
    if word not in TRUE_WORDS:
        raise InvalidInput(
            "dry_run is true or false.", field_errors={"dry_run": "Give true or false."}
        )
    if not operation.writes:
        raise InvalidInput(
            "This operation changes nothing, so it takes no dry_run.",
            field_errors={"dry_run": "Not taken here."},
        )
    return TRUE_WORDS[word]
