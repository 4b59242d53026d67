"""Every state with every transition of every state machine, generated from the models (design.md §6)."""

import ast
import inspect
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import models, transaction
from django.utils import timezone

from smsmarketing.campaigns.models import STARTED_STATES, Campaign, Template, TemplateVersion
from smsmarketing.contacts.models import (
    DoubleOptIn,
    ExportFile,
    ImportFile,
    ImportJob,
    OptInForm,
    OptInFormVersion,
)
from smsmarketing.gateways.models import Registration
from smsmarketing.operations.errors import Conflict
from smsmarketing.operations.states import FSMModel, row_lock, transition_apply
from tests.campaigns.desk import Desk, desk_make
from tools.embedded.place import CHECKOUT

MACHINES = [model for model in apps.get_models() if issubclass(model, FSMModel)]
OWN_STATEMENTS = {
    "smsmarketing/gateways/dispatch",
    "smsmarketing/gateways/intake",
    "smsmarketing/webhooks/services",
}
"""Guarded statements about slices, receipts and deliveries, which have no FSM (design.md §7)."""
OWN_FILES = {"smsmarketing/gateways/services/batches.py"}
"""Closes the slices of a stopped batch."""


def machine(model: type[FSMModel]) -> dict[str, dict[str, str]]:
    """Transition -> {source: target}."""
    return {
        name: {source: str(step.target) for source, step in method._django_fsm.transitions.items()}
        for name, method in inspect.getmembers(model, inspect.isfunction)
        if hasattr(method, "_django_fsm")
    }


def first(model: type[FSMModel]) -> str:
    return str(model._meta.get_field("state").default)


def reached(model: type[FSMModel]) -> set[str]:
    found = {first(model)}
    steps = [pair for step in machine(model).values() for pair in step.items()]
    while more := {target for source, target in steps if source in found} - found:
        found |= more
    return found


def words(model: type[FSMModel]) -> set[str] | None:
    """The words that the model's CHECK allows; None without one."""
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.CheckConstraint):
            children = getattr(constraint.condition, "children", [])
            if len(children) == 1 and children[0][0] == "state__in":
                return set(children[0][1])
    return None


def row_make(model: type[FSMModel], desk: Desk) -> FSMModel:
    now, world = timezone.now(), desk.world
    name = model.__name__
    if name == "Campaign":
        return desk.approved()
    if name == "Batch":
        return world.batch([], release=False)
    if name == "SenderId":
        return world.sender
    if name == "Gateway":
        return world.gateway
    if name == "ActionRequest":
        return world.approval()
    if name == "TemplateVersion":
        template = Template.objects.create(
            team=world.team, brand=world.brand, name="T", use_case="reminder", created_at=now
        )
        return TemplateVersion.objects.create(
            template=template,
            number=1,
            language="en",
            body="Hi",
            created_by=desk.marketer,
            created_at=now,
        )
    if name == "DoubleOptIn":
        return double_opt_in(desk)
    if name == "ExportFile":
        return ExportFile.objects.create(
            requested_by=desk.marketer,
            operation="contacts.get",
            kind="contacts",
            file_name="a.csv",
            content_type="text/csv",
            stored_path="a",
            sha256="0" * 64,
            created_at=now,
            expires_at=now,
        )
    if name == "Registration":
        return Registration.objects.create(
            team=world.team,
            brand=world.brand,
            sender=world.sender,
            registry="GATEWAY",
            created_by=desk.marketer,
            submitted_by=desk.marketer,
            changed_at=now,
            approved_at=now,
            created_at=now,
        )
    assert name == "ImportJob", f"make a row of {name} here"
    return ImportJob.objects.create(
        kind="contacts",
        team=world.team,
        brand=world.brand,
        created_by=desk.marketer,
        upload=import_file(desk),
        file_name="a.csv",
        stored_path="a",
        size_bytes=1,
        sha256="0" * 64,
        encoding="utf-8",
        delimiter=",",
        created_at=now,
    )


def double_opt_in(desk: Desk) -> DoubleOptIn:
    now, world = timezone.now(), desk.world
    form = OptInForm.objects.create(
        team=world.team, brand=world.brand, slug="join", name="Join", created_at=now
    )
    version = OptInFormVersion.objects.create(
        form=form,
        number=1,
        purposes=["marketing"],
        language="en",
        created_by=desk.marketer,
        created_at=now,
    )
    return DoubleOptIn.objects.create(
        brand=world.brand,
        phone_hash=b"0" * 32,
        form_version=version,
        purposes=["marketing"],
        request_text="Reply YES",
        token_hash="0" * 64,
        asked_by="form",
        requested_at=now,
        expires_at=now + timedelta(days=1),
    )


def import_file(desk: Desk) -> ImportFile:
    return ImportFile.objects.create(
        uploaded_by=desk.marketer,
        file_name="a.csv",
        stored_path="a",
        size_bytes=1,
        sha256="0" * 64,
        created_at=timezone.now(),
    )


def fields_of(model: type[FSMModel], state: str) -> dict[str, Any]:
    """What the row's other CHECKs want in this state."""
    if model is not Campaign:
        return {}
    started = timezone.now() if state in STARTED_STATES else None
    return {"scheduled_at": timezone.now(), "started_at": started}


def values_of(row: FSMModel) -> dict[str, Any]:
    return type(row)._default_manager.filter(pk=row.pk).values().get()


@pytest.mark.django_db
@pytest.mark.parametrize("model", MACHINES, ids=lambda model: model.__name__)
def test_each_transition_from_each_state(model: type[FSMModel]) -> None:
    """Allowed: ends in the target. Any other: Conflict, and the row is as it was."""
    row = row_make(model, desk_make(contacts=1))
    rows = model._default_manager.filter(pk=row.pk)
    steps = machine(model)
    assert steps
    for state in sorted(reached(model)):
        for name, step in steps.items():
            with transaction.atomic():
                point = transaction.savepoint()
                rows.update(state=state, **fields_of(model, state))
                before = values_of(row)
                held = row_lock(model, row.pk)
                if state in step:
                    wanted = fields_of(model, step[state])
                    for field, value in wanted.items():
                        setattr(held, field, value)
                    transition_apply(held, name, save=wanted)
                    assert values_of(row)["state"] == step[state], (state, name)
                else:
                    with pytest.raises(Conflict) as caught:
                        transition_apply(held, name)
                    assert caught.value.details == {"state": state, "transition": name}
                    assert values_of(row) == before, (state, name)
                transaction.savepoint_rollback(point)


@pytest.mark.parametrize("model", MACHINES, ids=lambda model: model.__name__)
def test_the_machine_and_the_check_know_the_same_words(model: type[FSMModel]) -> None:
    found = reached(model)
    named = {word for step in machine(model).values() for pair in step.items() for word in pair} | {
        first(model)
    }
    assert found == named, "a state that nothing leads to"
    allowed = words(model)
    if allowed is not None:
        assert found == allowed


def test_which_machines_have_no_check() -> None:
    without = {model.__name__ for model in MACHINES if words(model) is None}
    assert without <= {"ActionRequest", "ImportJob"}


@pytest.mark.parametrize("model", MACHINES, ids=lambda model: model.__name__)
def test_the_state_cannot_be_assigned(model: type[FSMModel]) -> None:
    row = model()
    with pytest.raises(AttributeError):
        row.state = "draft"  # type: ignore[attr-defined]
    assert row.state == first(model)  # type: ignore[attr-defined]


def writes(path_text: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(path_text)):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign | ast.AugAssign):
            targets = [node.target]
        if any(isinstance(item, ast.Attribute) and item.attr == "state" for item in targets):
            yield node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            named = {word.arg for word in node.keywords}
            if node.func.attr == "update" and "state" in named:
                yield node.lineno


def test_no_code_writes_a_state_beside_its_machine() -> None:
    found = []
    for path in sorted((CHECKOUT / "smsmarketing").rglob("*.py")):
        name = path.relative_to(CHECKOUT).as_posix()
        if "/migrations/" in name or name in OWN_FILES:
            continue
        if any(name.startswith(f"{folder}/") for folder in OWN_STATEMENTS):
            continue
        found += [f"{name}:{line}" for line in writes(path.read_text(encoding="utf-8"))]
    assert found == []


def test_the_scan_sees_both_ways() -> None:
    assert list(writes("row.state = 'a'\nrows.update(state='b')\nrow.name = 'c'")) == [1, 2]
