"""A client that knows nothing but the OpenAPI document: paths, parameters and answers come from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jsonschema
import requests

_METHODS = {"get", "post", "put", "patch", "delete"}


@dataclass(frozen=True)
class Reply:
    """One answer, already checked against the document."""

    status: int
    body: dict[str, Any]
    headers: Any

    @property
    def code(self) -> str:
        """The error code; empty for a success."""
        return str(self.body["error"]["code"]) if "error" in self.body else ""

    @property
    def replayed(self) -> bool:
        return bool(self.headers.get("Idempotent-Replayed") == "true")


@dataclass
class DocumentClient:
    """Calls operations by operationId with a bearer token."""

    base_url: str
    token: str
    document: dict[str, Any] = field(default_factory=dict)
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.headers["Authorization"] = f"Bearer {self.token}"
        answer = self.session.get(
            f"{self.base_url}/api/schema/", params={"format": "json"}, timeout=60
        )
        assert answer.status_code == 200, answer.text
        self.document = answer.json()

    def operation(self, operation_id: str) -> tuple[str, str, dict[str, Any]]:
        """(method, path, description) of an operationId."""
        for path, methods in self.document["paths"].items():
            for method, found in methods.items():
                if method in _METHODS and found["operationId"] == operation_id:
                    return method, path, found
        raise AssertionError(f"The document has no operation {operation_id}.")

    def ask(self, operation_id: str, *, key: str = "", **fields: Any) -> Reply:
        """Send the fields where the document says they belong; the answer may be a refusal."""
        method, path, described = self.operation(operation_id)
        left = dict(fields)
        query: dict[str, Any] = {}
        for parameter in described.get("parameters", []):
            name = parameter["name"]
            if parameter["in"] == "path":
                path = path.replace(f"{{{name}}}", str(left.pop(name)))
            elif parameter["in"] == "query" and name in left:
                query[name] = left.pop(name)
        has_body = "requestBody" in described
        assert has_body or not left, f"{operation_id} takes no {sorted(left)}"
        answer = self.session.request(
            method,
            f"{self.base_url}{path}",
            params=query,
            json=left if has_body else None,
            headers={"Idempotency-Key": f'"{key}"'} if key else {},
            timeout=60,
        )
        self._check(operation_id, described, answer)
        return Reply(answer.status_code, answer.json(), answer.headers)

    def call(self, operation_id: str, *, key: str = "", **fields: Any) -> dict[str, Any]:
        """The result of an operation that must succeed."""
        reply = self.ask(operation_id, key=key, **fields)
        assert reply.status in {200, 201}, f"{operation_id}: {reply.status} {reply.body}"
        return reply.body

    def _check(
        self, operation_id: str, described: dict[str, Any], answer: requests.Response
    ) -> None:
        """The status and the body are among those the document promises."""
        promised = described["responses"].get(str(answer.status_code))
        assert promised, f"{operation_id}: undocumented {answer.status_code} {answer.text[:500]}"
        kind = answer.headers["Content-Type"].split(";")[0]
        assert kind in promised["content"], (operation_id, kind)
        # The document's references are relative to its root.
        schema = {
            **promised["content"][kind]["schema"],
            "components": self.document["components"],
        }
        jsonschema.Draft202012Validator(schema).validate(answer.json())
