"""From validated nodes to one parameterised boolean SQL expression.

Written over the aliases `s` (contacts_sendstate of the brand) and, where the wide row is needed,
`c` (contacts_contact). Every leaf is true or false, never NULL, so that `not` means the opposite.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import singledispatch
from typing import Any

from django.utils import timezone

from smsmarketing.contacts.criteria import nodes
from smsmarketing.contacts.criteria.nodes import Criteria

_SIGNS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
# An age of at most n days is a time at or after now - n days: the sign turns around.
_AGE_SIGNS = {"lt": ">", "le": ">=", "gt": "<", "ge": "<="}
_NUMERIC = r"'^\s*-?[0-9]{1,20}(\.[0-9]{1,10})?\s*$'"
_DATE = r"'^[0-9]{4}-[0-9]{2}-[0-9]{2}'"


@dataclass(frozen=True)
class CompiledSQL:
    """`where` with `%s` places for `params`; `needs_contact`: joins `c` besides `s`."""

    where: str
    params: tuple[Any, ...]
    needs_contact: bool


@dataclass(frozen=True)
class _Setting:
    brand_id: int
    now: datetime


@dataclass(frozen=True)
class _Piece:
    sql: str
    params: tuple[Any, ...] = ()
    wide: bool = False


def criteria_compile(criteria: Criteria, *, now: datetime | None = None) -> CompiledSQL:
    """The expression at the moment `now` (default: this one), for days counted back from it."""
    piece = _compiled(criteria.root, _Setting(criteria.brand_id, now or timezone.now()))
    return CompiledSQL(piece.sql, piece.params, piece.wide)


@singledispatch
def _compiled(node: Any, setting: _Setting) -> _Piece:
    raise TypeError(f"no SQL for {type(node).__name__}")


@_compiled.register
def _group(node: nodes.Group, setting: _Setting) -> _Piece:
    pieces = [_compiled(item, setting) for item in node.nodes]
    joiner = " AND " if node.joiner == "all" else " OR "
    return _Piece(
        "(" + joiner.join(piece.sql for piece in pieces) + ")",
        tuple(value for piece in pieces for value in piece.params),
        any(piece.wide for piece in pieces),
    )


@_compiled.register
def _not(node: nodes.Not, setting: _Setting) -> _Piece:
    piece = _compiled(node.node, setting)
    return _Piece(f"NOT ({piece.sql})", piece.params, piece.wide)


@_compiled.register
def _everyone(node: nodes.Everyone, setting: _Setting) -> _Piece:
    return _Piece("TRUE")


@_compiled.register
def _audience(node: nodes.InAudience, setting: _Setting) -> _Piece:
    # EXISTS, not IN: under OR a hashed IN of a million ids would not fit work_mem.
    sql = (
        "EXISTS (SELECT 1 FROM contacts_audiencemember m"
        " WHERE m.contact_id = s.contact_id AND m.audience_id = ANY(%s))"
    )
    return _Piece(sql, (list(node.audience_ids),))


@_compiled.register
def _tag(node: nodes.HasTag, setting: _Setting) -> _Piece:
    return _Piece("c.tags && %s::varchar[]", (list(node.tags),), wide=True)


@_compiled.register
def _country(node: nodes.InCountry, setting: _Setting) -> _Piece:
    return _Piece("s.country = ANY(%s)", (list(node.countries),))


@_compiled.register
def _language(node: nodes.SpeaksLanguage, setting: _Setting) -> _Piece:
    wanted = [language.lower() for language in node.languages]
    return _Piece(
        "(lower(c.language) = ANY(%s) OR lower(split_part(c.language, '-', 1)) = ANY(%s))",
        (wanted, [language for language in wanted if "-" not in language]),
        wide=True,
    )


@_compiled.register
def _region(node: nodes.InRegion, setting: _Setting) -> _Piece:
    return _Piece("(c.country || '-' || c.region) = ANY(%s)", (list(node.regions),), wide=True)


@_compiled.register
def _custom(node: nodes.Comparison, setting: _Setting) -> _Piece:
    piece = _comparison(node, "c.custom")
    return _Piece(piece.sql, piece.params, wide=True)


@_compiled.register
def _consent_age(node: nodes.ConsentAge, setting: _Setting) -> _Piece:
    sql = (  # the sign comes from the table above
        "COALESCE((SELECT e.direction = 'granted' AND e.captured_at"  # noqa: S608
        f" {_AGE_SIGNS[node.operator]} %s FROM contacts_consentevent e"
        " WHERE e.contact_id = s.contact_id AND e.brand_id = %s AND e.purpose = 'marketing'"
        " ORDER BY e.captured_at DESC, e.id DESC LIMIT 1), FALSE)"
    )
    return _Piece(sql, (setting.now - timedelta(days=node.days), setting.brand_id))


@_compiled.register
def _last_sent(node: nodes.LastSent, setting: _Setting) -> _Piece:
    sql = f"COALESCE(s.recent[1] {_AGE_SIGNS[node.operator]} %s, FALSE)"
    return _Piece(sql, (setting.now - timedelta(days=node.days),))


@_compiled.register
def _never_sent(node: nodes.NeverSent, setting: _Setting) -> _Piece:
    return _Piece("s.recent[1] IS NULL")


@_compiled.register
def _customer_key(node: nodes.HasCustomerKey, setting: _Setting) -> _Piece:
    return _Piece(f"c.customer_key {'<>' if node.present else '='} ''", wide=True)


@_compiled.register
def _event(node: nodes.HadEvent, setting: _Setting) -> _Piece:
    # Only the events of the brand's own team: what another team knows of the person is not ours.
    conditions = [
        "v.contact_id = s.contact_id",
        "v.kind = %s",
        "v.team_id = (SELECT b.team_id FROM accounts_brand b WHERE b.id = %s)",
    ]
    params: list[Any] = [node.kind, setting.brand_id]
    if node.within_days is not None:
        conditions.append("v.occurred_at > %s")
        params.append(setting.now - timedelta(days=node.within_days))
    for comparison in node.properties:
        piece = _comparison(comparison, "v.properties")
        conditions.append(piece.sql)
        params += piece.params
    rows = f"FROM contacts_contactevent v WHERE {' AND '.join(conditions)}"
    if (node.operator, node.count) in (("ge", 1), ("gt", 0), ("ne", 0)):
        return _Piece(f"EXISTS (SELECT 1 {rows})", tuple(params))
    sql = f"(SELECT count(*) {rows}) {_SIGNS[node.operator]} %s"
    return _Piece(sql, (*params, node.count))


def _comparison(node: nodes.Comparison, column: str) -> _Piece:
    """A typed look into a JSON object. A value of another type never matches, and never fails:
    no cast is tried before the text has the form of the type.
    """
    held = f"({column} ->> %s)"
    name = node.name
    if node.operator in ("exists", "missing"):
        found = f"COALESCE({held}, '') <> ''"
        return _Piece(found if node.operator == "exists" else f"NOT ({found})", (name,))
    if node.operator == "contains":
        return _Piece(f"COALESCE(strpos(lower({held}), lower(%s)) > 0, FALSE)", (name, node.value))
    if node.type == "number":
        form, cast = _NUMERIC, f"{held}::numeric"
    elif node.type == "date":
        form, cast = _DATE, f'left({held}, 10) COLLATE "C"'
    else:
        return _text_comparison(node, held)
    if node.operator == "in":
        test, value = f"{cast} = ANY(%s::numeric[])", list(node.value)  # type: ignore[arg-type]
        return _Piece(f"CASE WHEN {held} ~ {form} THEN {test} ELSE FALSE END", (name, name, value))
    test = f"{cast} {_SIGNS[node.operator]} %s"
    return _Piece(f"CASE WHEN {held} ~ {form} THEN {test} ELSE FALSE END", (name, name, node.value))


def _text_comparison(node: nodes.Comparison, held: str) -> _Piece:
    if node.operator == "in":
        return _Piece(
            f"COALESCE({held} = ANY(%s), FALSE)",
            (node.name, list(node.value)),  # type: ignore[arg-type]
        )
    value = node.value
    if isinstance(value, bool):
        held, value = f"lower{held}", "true" if value else "false"
    return _Piece(f"COALESCE({held} {_SIGNS[node.operator]} %s, FALSE)", (node.name, value))
