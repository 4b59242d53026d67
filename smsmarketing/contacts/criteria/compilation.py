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

from smsmarketing.contacts.criteria import event_sql, nodes
from smsmarketing.contacts.criteria.comparisons import comparison_sql
from smsmarketing.contacts.criteria.nodes import Criteria, Node
from smsmarketing.contacts.criteria.pieces import Piece, Setting, span_sql
from smsmarketing.contacts.criteria.windows import window_bounds

# An age of at most n days is a time at or after now - n days: the sign turns around.
_AGE_SIGNS = {"lt": ">", "le": ">=", "gt": "<", "ge": "<="}
# The newest word on a purpose, for the number the contact has now, as a join and not as a
# look per contact. The order of selectors.consent.CONSENT_NEWEST: at one instant a "no" stands first,
# and an end that the system wrote after the consent it ends.
_NEWEST_CONSENT = (
    "EXISTS (SELECT 1 FROM contacts_consentevent e WHERE e.contact_id = s.contact_id"
    " AND e.brand_id = %s AND e.purpose = %s AND e.direction = 'granted'"
    " AND e.phone_hash = c.phone_hash{more} AND NOT EXISTS (SELECT 1 FROM contacts_consentevent n"
    " WHERE n.contact_id = e.contact_id AND n.brand_id = e.brand_id AND n.purpose = e.purpose"
    " AND n.phone_hash = e.phone_hash AND (n.captured_at,"
    " n.direction NOT IN ('granted', 'expired'), n.id) > (e.captured_at, FALSE, e.id)))"
)


@dataclass(frozen=True)
class CompiledSQL:
    """`where` with `%s` places for `params`; `needs_contact`: joins `c` besides `s`."""

    where: str
    params: tuple[Any, ...]
    needs_contact: bool


def criteria_compile(criteria: Criteria, *, now: datetime | None = None) -> CompiledSQL:
    """The expression at the moment `now` (default: this one), for days counted back from it."""
    return node_compile(criteria.root, criteria, now=now)


def node_compile(node: Node, criteria: Criteria, *, now: datetime | None = None) -> CompiledSQL:
    """The expression of one node of the tree, to count it alone."""
    setting = Setting(criteria.brand_id, criteria.team_id, now or timezone.now())
    piece = _compiled(node, setting)
    return CompiledSQL(piece.sql, piece.params, piece.wide)


@singledispatch
def _compiled(node: Any, setting: Setting) -> Piece:
    return event_sql.event_piece(node, setting)


@_compiled.register
def _group(node: nodes.Group, setting: Setting) -> Piece:
    pieces = [_compiled(item, setting) for item in node.nodes]
    joiner = " AND " if node.joiner == "all" else " OR "
    return Piece(
        "(" + joiner.join(piece.sql for piece in pieces) + ")",
        tuple(value for piece in pieces for value in piece.params),
        any(piece.wide for piece in pieces),
    )


@_compiled.register
def _not(node: nodes.Not, setting: Setting) -> Piece:
    piece = _compiled(node.node, setting)
    return Piece(f"NOT ({piece.sql})", piece.params, piece.wide)


@_compiled.register
def _everyone(node: nodes.Everyone, setting: Setting) -> Piece:
    return Piece("TRUE")


@_compiled.register
def _audience(node: nodes.InAudience, setting: Setting) -> Piece:
    # EXISTS, not IN: under OR a hashed IN of a million ids would not fit work_mem.
    sql = (
        "EXISTS (SELECT 1 FROM contacts_audiencemember m"
        " WHERE m.contact_id = s.contact_id AND m.audience_id = ANY(%s))"
    )
    return Piece(sql, (list(node.audience_ids),))


@_compiled.register
def _tag(node: nodes.HasTag, setting: Setting) -> Piece:
    sign = "@>" if node.every else "&&"
    return Piece(f"c.tags {sign} %s::varchar[]", (list(node.tags),), wide=True)


@_compiled.register
def _one_of(node: nodes.OneOf, setting: Setting) -> Piece:
    wanted = (list(node.values),)
    if node.column == "country":
        return Piece("s.country = ANY(%s)", wanted)
    if node.column == "region":
        return Piece("(c.country || '-' || c.region) = ANY(%s)", wanted, wide=True)
    return Piece(f"c.{node.column} = ANY(%s)", wanted, wide=True)


@_compiled.register
def _language(node: nodes.SpeaksLanguage, setting: Setting) -> Piece:
    wanted = [language.lower() for language in node.languages]
    return Piece(
        "(lower(c.language) = ANY(%s) OR lower(split_part(c.language, '-', 1)) = ANY(%s))",
        (wanted, [language for language in wanted if "-" not in language]),
        wide=True,
    )


@_compiled.register
def _custom(node: nodes.Comparison, setting: Setting) -> Piece:
    piece = comparison_sql(node, "c.custom", setting.now)
    return Piece(piece.sql, piece.params, wide=True)


@_compiled.register
def _created(node: nodes.Created, setting: Setting) -> Piece:
    conditions, params = span_sql("c.created_at", window_bounds(node.window, setting.now))
    return Piece(f"({' AND '.join(conditions)})", tuple(params), wide=True)


@_compiled.register
def _from_import(node: nodes.FromImport, setting: Setting) -> Piece:
    sources = [f"import:{number}" for number in node.import_ids]
    return Piece("c.source = ANY(%s)", (sources,), wide=True)


@_compiled.register
def _consent_age(node: nodes.ConsentAge, setting: Setting) -> Piece:
    sql = _NEWEST_CONSENT.format(more=f" AND e.captured_at {_AGE_SIGNS[node.operator]} %s")
    given = setting.now - timedelta(days=node.days)
    return Piece(sql, (setting.brand_id, "marketing", given), wide=True)


@_compiled.register
def _consent(node: nodes.HasConsent, setting: Setting) -> Piece:
    conditions = ["(e.expires_at IS NULL OR e.expires_at > %s)"]
    params: list[Any] = [setting.brand_id, node.purpose, setting.now]
    if node.expires_within is not None:
        conditions.append("e.expires_at <= %s")
        params.append(setting.now + timedelta(days=node.expires_within))
    for column, wanted in (("basis", node.bases), ("method", node.methods)):
        if wanted:
            conditions.append(f"e.{column} = ANY(%s)")
            params.append(list(wanted))
    if node.source:
        conditions.append("strpos(lower(e.source_url), lower(%s)) > 0")
        params.append(node.source)
    if node.given is not None:
        more, values = span_sql("e.captured_at", window_bounds(node.given, setting.now))
        conditions += more
        params += values
    more_sql = "".join(f" AND {condition}" for condition in conditions)
    return Piece(_NEWEST_CONSENT.format(more=more_sql), tuple(params), wide=True)


@_compiled.register
def _last_sent(node: nodes.LastSent, setting: Setting) -> Piece:
    sql = f"COALESCE(s.recent[1] {_AGE_SIGNS[node.operator]} %s, FALSE)"
    return Piece(sql, (setting.now - timedelta(days=node.days),))


@_compiled.register
def _last_sent_in(node: nodes.LastSentIn, setting: Setting) -> Piece:
    conditions, params = span_sql("s.recent[1]", window_bounds(node.window, setting.now))
    return Piece(f"COALESCE({' AND '.join(conditions)}, FALSE)", tuple(params))


@_compiled.register
def _sent(node: nodes.SentCount, setting: Setting) -> Piece:
    """`recent` is sorted, newest first: n sends in the window means that the n-th lies in it."""
    since = None if node.within_days is None else setting.now - timedelta(days=node.within_days)

    def least(count: int) -> tuple[str, tuple[Any, ...]]:
        if count <= 0:
            return "TRUE", ()
        if since is None:
            return "cardinality(s.recent) >= %s", (count,)
        return "COALESCE(s.recent[%s] >= %s, FALSE)", (count, since)

    at, above = least(node.count), least(node.count + 1)
    if node.operator == "ge":
        return Piece(*at)
    if node.operator == "gt":
        return Piece(*above)
    if node.operator in ("lt", "le"):
        sql, params = at if node.operator == "lt" else above
        return Piece(f"NOT ({sql})", params)
    exact = f"({at[0]} AND NOT ({above[0]}))"
    return Piece(exact if node.operator == "eq" else f"NOT {exact}", at[1] + above[1])


@_compiled.register
def _never_sent(node: nodes.NeverSent, setting: Setting) -> Piece:
    return Piece("s.recent[1] IS NULL")


@_compiled.register
def _customer_key(node: nodes.HasCustomerKey, setting: Setting) -> Piece:
    return Piece(f"c.customer_key {'<>' if node.present else '='} ''", wide=True)
