"""Declaring custom fields, and reading values by what was declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from smsmarketing.contacts.models import CustomField
from smsmarketing.contacts.rules.custom_values import (
    FITS_SQL,
    NAME,
    TYPES,
    ValueRefused,
    values_read,
)
from smsmarketing.contacts.rules.events import EventRefused, kind_check
from smsmarketing.contacts.selectors.events import fields_declared
from smsmarketing.operations.errors import Conflict, InvalidInput

CONTACT = "contact"
FIELDS_MAX = 200
CHOICES_MAX = 100

_MISFITS_CONTACT = """
    SELECT count(*) FROM contacts_contact c
    CROSS JOIN LATERAL (SELECT c.custom ->> %(name)s AS v) x
    WHERE jsonb_exists(c.custom, %(name)s) AND v IS NOT NULL AND v <> '' AND NOT ({fits})
        AND c.erased_at IS NULL AND EXISTS (SELECT 1 FROM contacts_sendstate s
            JOIN accounts_brand b ON b.id = s.brand_id
            WHERE s.contact_id = c.id AND b.team_id = %(team)s)
"""
_MISFITS_EVENT = """
    SELECT count(*) FROM contacts_contactevent e
    CROSS JOIN LATERAL (SELECT e.properties ->> %(name)s AS v) x
    WHERE e.team_id = %(team)s AND e.kind = %(applies_to)s
        AND jsonb_exists(e.properties, %(name)s) AND v IS NOT NULL AND v <> '' AND NOT ({fits})
"""


def field_save(
    *,
    team_id: int,
    applies_to: str,
    name: str,
    label: str,
    type: str,
    choices: Sequence[str] = (),
    description: str = "",
    archived: bool = False,
    field: CustomField | None = None,
    now: datetime | None = None,
) -> CustomField:
    """Declare a custom field, or change a locked one; its name and what it applies to stay.

    A type (or a list of choices) is taken only when every value stored under the name fits it.
    Raises InvalidInput for what cannot be declared, Conflict for a name that is declared already
    or for stored values that do not fit, with how many.
    """
    now = now or timezone.now()
    chosen = list(dict.fromkeys(choice.strip() for choice in choices))
    _checked(applies_to=applies_to, name=name, type=type, choices=chosen)
    changed = field is None or (field.type, list(field.choices)) != (type, chosen)
    if changed and not archived:
        _fit_check(team_id, applies_to, name, type, chosen)
    if field is None:
        return _created(team_id, applies_to, name, label, type, chosen, description, now)
    field.label, field.type, field.choices = label, type, chosen
    field.description = description
    field.archived_at = (field.archived_at or now) if archived else None
    field.updated_at = now
    field.version += 1
    field.save()
    return field


def _created(
    team_id: int,
    applies_to: str,
    name: str,
    label: str,
    type: str,
    choices: list[str],
    description: str,
    now: datetime,
) -> CustomField:
    if CustomField.objects.filter(team_id=team_id).count() >= FIELDS_MAX:
        raise Conflict(f"A team has at most {FIELDS_MAX} declared fields. Use the ones there are.")
    try:
        with transaction.atomic():
            return CustomField.objects.create(
                team_id=team_id,
                applies_to=applies_to,
                name=name,
                label=label,
                type=type,
                choices=choices,
                description=description,
                created_at=now,
                updated_at=now,
            )
    except IntegrityError:
        raise Conflict(
            f'The field "{name}" is declared already. Change that one instead.',
            field_errors={"name": "Take another name, or give field_id to change it."},
        ) from None


def _checked(*, applies_to: str, name: str, type: str, choices: Sequence[str]) -> None:
    faults: dict[str, str] = {}
    if applies_to != CONTACT:
        try:
            kind_check(applies_to)
        except EventRefused as exc:
            faults["applies_to"] = f"Give contact, or a kind of events. {exc.message}"
    if not NAME.fullmatch(name):
        faults["name"] = "Give letters, digits, and _ . - or a space; at most 60."
    if type not in TYPES:
        faults["type"] = f"Give one of: {', '.join(TYPES)}."
    if type == "choice" and not (1 <= len(choices) <= CHOICES_MAX and all(choices)):
        faults["choices"] = f"Give 1 to {CHOICES_MAX} choices, none of them blank."
    if type != "choice" and choices:
        faults["choices"] = "Only a field of type choice has choices."
    if faults:
        raise InvalidInput("The field cannot be declared so.", field_errors=faults)


def _fit_check(team_id: int, applies_to: str, name: str, type: str, choices: Sequence[str]) -> None:
    if type == "text":
        return
    sql = _MISFITS_CONTACT if applies_to == CONTACT else _MISFITS_EVENT
    with connection.cursor() as cursor:
        cursor.execute(
            sql.replace("{fits}", FITS_SQL[type]),
            {
                "name": name,
                "team": team_id,
                "applies_to": applies_to,
                "choices": [choice.casefold() for choice in choices],
            },
        )
        misfits = int(cursor.fetchone()[0])
    if misfits:
        whose = "contacts" if applies_to == CONTACT else "events"
        raise Conflict(
            f'{misfits:,} {whose} hold a value in "{name}" that is no {type}. Mend or empty these'
            " values first, or declare it as text.",
            field_errors={"type": f"{misfits:,} stored values do not fit."},
            details={"misfits": misfits},
        )


def custom_read(team_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """Custom values of a contact as they are stored, by what the team has declared.

    Names that nobody declared are kept as they are. Raises InvalidInput naming `custom.<name>`.
    """
    try:
        return values_read(fields_declared(team_id, CONTACT), values)
    except ValueRefused as exc:
        path = f"custom.{exc.name}" if exc.name else "custom"
        raise InvalidInput(
            f"The custom fields cannot be saved. {exc}", field_errors={path: str(exc)}
        ) from None
