"""No operation answers nonsense with a bug: whatever stands in the fields, the answer is an outcome or a refusal that
names its field, and never INTERNAL.
"""

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.urls import reverse

from smsmarketing.accounts.models import User
from smsmarketing.accounts.selectors import actor_for_user
from smsmarketing.operations import registry
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.parsing import input_parse
from smsmarketing.operations.surfaces.schemas import field_schema, input_schema
from smsmarketing.operations.types import Actor, Operation, Surface
from tests.surfaces import browser_of

pytestmark = pytest.mark.django_db

OPERATIONS = list(registry.every())
NONSENSE: tuple[Any, ...] = (
    None, "", "x" * 600, "0", 0, -1, 2**31, 2**63, 10**30, 1.5, 1e308, True, [], {}, [None], {"": ""}, [[[]]],
    "2026-99-99", "2025-01-01", "2025-01-01T00:00:00", "9999-12-31T23:59:59-12:00",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "\u202e\u0085\ufdd0", "%s%n{0}{}'\";--",
    "00000000-0000-0000-0000-000000000000", "١٢٣",
)  # fmt: skip
NO_DATE = "2026-99-99"
DATES = {value for value in NONSENSE if isinstance(value, str) and re.match(r"\d{4}-\d\d-", value)}
"""Words like any other to a field that takes text, as one does that takes NO_DATE: one of them is enough there."""


@pytest.fixture
def admin() -> Actor:
    user = User.objects.create(username="root", is_superuser=True, is_staff=True)
    return actor_for_user(user, surface=Surface.ADMIN, is_session=True)


def answer(operation: Operation[Any, Any], payload: dict[str, Any], actor: Actor, key: str) -> str:
    """The code of the refusal, or empty."""
    try:
        execute(
            operation.key, payload, actor=actor, idempotency_key=key if operation.writes else None
        )
    except OperationError as error:
        return error.code
    return ""


def keys() -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"bad-input-test-{number:08d}"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.key)
def test_nonsense_is_refused(operation: Operation[Any, Any], admin: Actor) -> None:
    """What the input model lets through goes the whole way; of what it refuses, each refusal once."""
    fresh = keys()
    refused: set[tuple[str, ...]] = set()
    texts: set[str] = set()
    for value in NONSENSE:
        everywhere = dict.fromkeys(operation.input.model_fields, value)
        single = {
            name: valid(operation, random.Random(1)) | {name: value}
            for name in operation.input.model_fields
        }
        for name, payload in {"": everywhere, **single}.items():
            fields = refused_fields(operation, payload)
            if fields in refused or (name in texts and isinstance(value, str) and value in DATES):
                continue
            if fields is not None:
                refused.add(fields)
            elif value == NO_DATE:
                texts.add(name)
            assert answer(operation, payload, admin, next(fresh)) != "INTERNAL", payload


def refused_fields(
    operation: Operation[Any, Any], payload: dict[str, Any]
) -> tuple[str, ...] | None:
    """The fields for which the input model refuses a payload, the first step of `execute`; None when it takes it."""
    try:
        input_parse(operation.input, payload, requires=operation.requires)
    except OperationError as error:
        return tuple(sorted(error.field_errors))
    return None


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.key)
def test_well_formed_strangers_are_refused(operation: Operation[Any, Any], admin: Actor) -> None:
    """Values of the right form that mean nothing here: ids of no row, words nobody declared."""
    fresh = keys()
    for seed in range(8):
        payload = valid(operation, random.Random(seed), optional=seed > 0)
        assert answer(operation, payload, admin, next(fresh)) != "INTERNAL", payload


def valid(
    operation: Operation[Any, Any], chance: random.Random, *, optional: bool = False
) -> dict[str, Any]:
    """An input that fits the schema, with edge values."""
    document = input_schema(operation.input)
    required = set(document.get("required", []))
    return {
        name: sample(field_schema(operation.input, name), document, chance, 0)
        for name in operation.input.model_fields
        if name in required or (optional and chance.random() < 0.6)
    }


def sample(
    schema: dict[str, Any], document: dict[str, Any], chance: random.Random, depth: int
) -> Any:
    if "$ref" in schema:
        schema = document["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    members = schema.get("anyOf") or schema.get("oneOf")
    if members:
        return sample(chance.choice(members), document, chance, depth)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return chance.choice(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        return sample_object(schema, document, chance, depth)
    if kind == "array":
        least, most = schema.get("minItems", 0), min(schema.get("maxItems", 3), 3)
        count = least if depth > 4 else chance.randint(least, max(least, most))
        return [sample(schema.get("items", {}), document, chance, depth + 1) for _ in range(count)]
    if kind == "boolean":
        return chance.random() < 0.5
    if kind in {"integer", "number"}:
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        high = schema.get("maximum", schema.get("exclusiveMaximum", 2**31) - 1)
        return chance.choice([low, high, min(max(low, 1), high)])
    return sample_text(schema, chance) if kind == "string" else None


def sample_object(
    schema: dict[str, Any], document: dict[str, Any], chance: random.Random, depth: int
) -> Any:
    required = set(schema.get("required", []))
    return {
        name: sample(item, document, chance, depth + 1)
        for name, item in schema.get("properties", {}).items()
        if name in required or (depth < 4 and chance.random() < 0.5)
    }


def sample_text(schema: dict[str, Any], chance: random.Random) -> str:
    words = {
        "uuid": str(UUID(int=chance.getrandbits(128), version=4)),
        "date-time": (
            datetime(2027, 1, 1, tzinfo=UTC) + timedelta(hours=chance.randint(-9999, 9999))
        ).isoformat(),
        "date": "2027-01-01",
        "time": "09:30:00",
        "uri": "https://example.com/a",
    }
    if schema.get("format") in words:
        return words[str(schema["format"])]
    text = chance.choice(
        [
            "1",
            "a",
            "+37061234567",
            "LT",
            "en",
            "EUR",
            "Europe/Vilnius",
            "name",
            "{name}",
            "STOP",
            "ąčę€",
            "12.50",
            "x y",
        ]
    )
    least, most = schema.get("minLength", 0), schema.get("maxLength", 200)
    return (text * (least // len(text) + 1) if least > len(text) else text)[:most]


def test_a_mistyped_link_to_a_form_still_shows_the_form(admin: Actor) -> None:
    """Three forms of junk, each field of an operation another one, and each kind of field every one."""
    texts = ("abc", "9" * 40, "\x00")
    browser = browser_of(admin.user)
    pages = [operation for operation in OPERATIONS if Surface.ADMIN in operation.surfaces]
    for number, operation in enumerate(pages):
        names = operation.input.model_fields
        link = {name: texts[(number + place) % 3] for place, name in enumerate(names)}
        page = browser.get(reverse("operation-call", args=[operation.key]), link)
        assert page.status_code == 200, (operation.key, link)
