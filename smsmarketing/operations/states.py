"""FSMModel and StateField: the base and the field of every row with a state machine (design.md §6).

django-fsm checks a transition against the instance in memory. Two requests that both loaded `draft`
would both pass, so a transition is only allowed on a row locked in this transaction, through
`transition_apply`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, TypeVar

from django.db import models, transaction
from django_fsm import FSMField, TransitionNotAllowed, can_proceed

from smsmarketing.operations.errors import Conflict


class StateField(FSMField):  # type: ignore[misc]  # django-fsm has no types
    """A state that only a transition changes; to a migration, plain text.

    django-fsm listens for good to each class that has its field, and the history of migrations makes thousands of
    classes: a third of the time of `migrate` on an empty database went into that.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"protected": True, **options})

    def deconstruct(self) -> Any:
        """What a migration keeps of the field."""
        name, _, args, options = super().deconstruct()
        options.pop("protected", None)
        return name, "django.db.models.CharField", args, options


class FSMModel(models.Model):
    """A model with a protected FSM field called `state`."""

    class Meta:
        abstract = True

    def refresh_from_db(
        self,
        using: str | None = None,
        fields: Iterable[str] | None = None,
        from_queryset: models.QuerySet[Any] | None = None,
    ) -> None:
        """Refresh also the protected state: a protected field refuses assignment, so its cached
        value is dropped first.
        """
        wanted = list(fields) if fields is not None else None
        if wanted is None or "state" in wanted:
            held = self.__dict__.pop("state", None)
            try:
                super().refresh_from_db(using=using, fields=wanted, from_queryset=from_queryset)
            except BaseException:
                if held is not None:
                    self.__dict__.setdefault("state", held)
                raise
            return
        super().refresh_from_db(using=using, fields=wanted, from_queryset=from_queryset)


Row = TypeVar("Row", bound=FSMModel)


def row_lock(model: type[Row], pk: Any) -> Row:
    """The row, locked until the end of the transaction. Raises model.DoesNotExist."""
    return model._default_manager.select_for_update().get(pk=pk)


def transition_apply(
    row: FSMModel, name: str, /, *, save: Collection[str] = (), **arguments: Any
) -> None:
    """Run the transition `name` on a row that this transaction has locked, and save the state and
    the fields in `save`.

    Raises Conflict when the row's state does not allow it.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("transition_apply needs a transaction that holds the row's lock")
    method = getattr(row, name)
    state = str(row.state)  # type: ignore[attr-defined]
    if not can_proceed(method):
        raise Conflict(
            f"This {row._meta.verbose_name} is {state.replace('_', ' ')}; it cannot "
            f"{name.replace('_', ' ')} from there.",
            details={"state": state, "transition": name},
        )
    try:
        method(**arguments)
    except TransitionNotAllowed as exc:
        raise Conflict(
            f"This {row._meta.verbose_name} is {state.replace('_', ' ')}; it cannot "
            f"{name.replace('_', ' ')}."
        ) from exc
    row.save(update_fields=sorted({"state", *save}))
