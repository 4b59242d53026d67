"""The row an operation works on: found in the actor's sight, locked, compared with its version
token.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Model

from smsmarketing.operations.audit import value_hash
from smsmarketing.operations.canonical import canonical_json
from smsmarketing.operations.errors import NotFound
from smsmarketing.operations.types import Actor, Input, Operation
from smsmarketing.operations.versions import version_check


def target_load(operation: Operation[Any, Any], data: Input, actor: Actor) -> Any:
    """The target row, locked for writes; None when the operation has no target or the input names
    none.

    Raises NotFound for a row that does not exist or that the actor may not see,
    PreconditionRequired and VersionConflict for versioned targets.
    """
    target = operation.target
    if target is None:
        return None
    wanted = getattr(data, target.argument)
    if wanted is None:
        return None
    visible = target.visible(actor).filter(pk=wanted)
    if operation.writes:
        if target.lock_first is not None:
            target.lock_first(wanted)
        # What is visible may need joins or DISTINCT, which PostgreSQL does not lock: so it is a
        # subquery.
        rows = visible.model._default_manager.select_for_update(of=("self",))
        row = rows.filter(pk__in=visible.order_by().values("pk")).first()
    else:
        row = visible.first()
    if row is None:
        raise NotFound(
            f"There is no {target.label} with this id.",
            field_errors={target.argument: "Not found."},
        )
    if target.versioned:
        tool = next((key for key in operation.requires if key.endswith(".get")), "")
        version_check(row, actor, getattr(data, "base_version_token", None), tool=tool)
    return row


def row_hash(row: Model | None) -> str:
    """Keyed hash of all columns of a row, for `before_hash` and `after_hash`; empty when there
    is no row.
    """
    if row is None:
        return ""
    deferred = row.get_deferred_fields()
    columns = {
        field.attname: _plain(getattr(row, field.attname))
        for field in row._meta.concrete_fields
        if field.attname not in deferred
    }
    return value_hash(columns)


def row_reloaded(row: Model) -> Model | None:
    """The row as it is in the database now, or None when it is gone."""
    return type(row)._base_manager.filter(pk=row.pk).first()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    try:
        canonical_json(value)
    except (TypeError, ValueError):
        return str(value)
    return value
