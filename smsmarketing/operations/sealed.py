"""Every column that holds sealed secrets, and sealing them anew under the newest key.

An app registers its columns at `ready()`; a test fails for a binary column that is neither here nor
known to hold something else. Rotation is a matter of rows: each is opened under the key that it names
and sealed under the first of settings.CREDENTIALS_KEYS, in short transactions, so that it can be
stopped and started again at any time while the system runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Model

from smsmarketing.operations.audit import audit_append_system
from smsmarketing.operations.encryption import (
    SecretUnreadable,
    secret_key_id,
    secret_open,
    secret_seal,
)

ROWS: Final = 100
"""Rows of one transaction."""
NO_KEY: Final = "(not readable)"
"""The key id of bytes that no key made."""


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """One column of secrets. `bound_to` is what its secrets are bound to, with {pk} for the row."""

    model: type[Model]
    name: str
    bound_to: str

    @property
    def label(self) -> str:
        return f"{self.model._meta.db_table}.{self.name}"

    def walk(self) -> Iterator[list[tuple[int, bytes]]]:
        """All of them, a page at a time."""
        after = 0
        while page := list(self._all().filter(pk__gt=after).values_list("pk", self.name)[:ROWS]):
            yield [(pk, bytes(sealed)) for pk, sealed in page if sealed]
            after = page[-1][0]

    def _all(self) -> Any:
        return self.model._default_manager.exclude(**{self.name: None}).order_by("pk")


@dataclass(slots=True)
class Rotation:
    """What a rotation did. `unreadable` names rows that no key opens, as table.column/id."""

    newest: str
    sealed: int = 0
    left: int = 0
    unreadable: list[str] = field(default_factory=list)


class KeysMissing(Exception):
    """Rows name keys that are not in CREDENTIALS_KEYS: nothing was changed."""


_columns: dict[str, SealedColumn] = {}


def sealed_add(model: type[Model], name: str, *, bound_to: str) -> None:
    """Register a column; called at ready()."""
    column = SealedColumn(model, name, bound_to)
    _columns[column.label] = column


def sealed_columns() -> list[SealedColumn]:
    return [_columns[label] for label in sorted(_columns)]


def keys_used() -> dict[str, Counter[str]]:
    """How many secrets each key sealed, by column."""
    return {
        column.label: Counter(
            secret_key_id(sealed) or NO_KEY for page in column.walk() for _, sealed in page
        )
        for column in sealed_columns()
    }


def secrets_rotate() -> Rotation:
    """Seal everything under the newest key. Raises KeysMissing before anything is changed.

    A row that its key does not open is left as it is and named; the others go on. A row that changed
    under a running program is read again under its lock, so the newest secret is what is sealed.
    """
    _keys_check()
    rotation = Rotation(newest=next(iter(settings.CREDENTIALS_KEYS)))
    for column in sealed_columns():
        for page in column.walk():
            old = [pk for pk, sealed in page if secret_key_id(sealed) != rotation.newest]
            rotation.left += len(page) - len(old)
            if old:
                _page_seal(column, old, rotation)
    return rotation


def _keys_check() -> None:
    missing: Counter[str] = Counter()
    for counts in keys_used().values():
        for key_id, count in counts.items():
            if key_id != NO_KEY and key_id not in settings.CREDENTIALS_KEYS:
                missing[key_id] += count
    if missing:
        told = ", ".join(f"{key_id} ({count} secrets)" for key_id, count in sorted(missing.items()))
        raise KeysMissing(
            f"CREDENTIALS_KEYS lacks keys that stored secrets need: {told}. Nothing was changed."
            " Put them back behind the newest key and start again."
        )


def _page_seal(column: SealedColumn, ids: list[int], rotation: Rotation) -> None:
    """One transaction: what was sealed, and the entry that says so, or nothing."""
    with transaction.atomic():
        rows = column.model._default_manager.select_for_update().filter(pk__in=ids).order_by("pk")
        done: list[int] = []
        for row in rows:
            sealed = bytes(getattr(row, column.name) or b"")
            if not sealed or secret_key_id(sealed) == rotation.newest:
                continue  # somebody wrote it meanwhile
            bound_to = column.bound_to.format(pk=row.pk)
            try:
                plain = secret_open(sealed, bound_to=bound_to)
            except SecretUnreadable:
                rotation.unreadable.append(f"{column.label}/{row.pk}")
                continue
            setattr(row, column.name, secret_seal(plain, bound_to=bound_to))
            row.save(update_fields=[column.name])
            done.append(row.pk)
        if done:
            audit_append_system(
                operation="secrets.rotate",
                outcome="sealed",
                object_type=column.label,
                facts={"key_id": rotation.newest, "rows": len(done), "ids": done},
            )
    rotation.sealed += len(done)
