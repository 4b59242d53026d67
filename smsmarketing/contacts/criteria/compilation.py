"""From validated nodes to one parameterised boolean SQL expression, and the rows it is asked of.

Written over the aliases `s` (contacts_sendstate of the brand), `v1`, `v2`, ... (the roll-up of one
kind of event each) and, where the wide row is needed, `c` (contacts_contact). Under a `not` every
leaf is true or false, never NULL, so that it means the opposite.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import singledispatch
from typing import Any, NamedTuple

from django.utils import timezone

from smsmarketing.contacts.criteria import event_sql, nodes
from smsmarketing.contacts.criteria.comparisons import comparison_sql
from smsmarketing.contacts.criteria.nodes import Criteria, Node
from smsmarketing.contacts.criteria.pieces import Piece, Setting, span_sql
from smsmarketing.contacts.criteria.windows import window_bounds

# An age of at most n days is a time at or after now - n days: the sign turns around.
_AGE_SIGNS = {"lt": ">", "le": ">=", "gt": "<", "ge": "<="}
# The newest word on a purpose other than marketing, of which the send state knows it already, for the
# number the contact has now, as a join and not as a look per contact. The order of
# selectors.consent.CONSENT_NEWEST: at one instant a "no" stands first, and an end that the system
# wrote after the consent it ends.
_NEWEST_CONSENT = (
    "EXISTS (SELECT 1 FROM contacts_consentevent e WHERE e.contact_id = s.contact_id"
    " AND e.brand_id = %s AND e.purpose = %s AND e.direction = 'granted'"
    " AND e.phone_hash = c.phone_hash{more} AND NOT EXISTS (SELECT 1 FROM contacts_consentevent n"
    " WHERE n.contact_id = e.contact_id AND n.brand_id = e.brand_id AND n.purpose = e.purpose"
    " AND n.phone_hash = e.phone_hash AND (n.captured_at,"
    " n.direction NOT IN ('granted', 'expired'), n.id) > (e.captured_at, FALSE, e.id)))"
)


# One row per team, contact and kind: the join adds no rows, and the planner makes it an inner one
# where the condition cannot hold without.
_SUMMARY_JOIN = (
    " LEFT JOIN contacts_eventsummary {alias} ON {alias}.contact_id = s.contact_id"
    " AND {alias}.team_id = %s AND {alias}.kind = %s"
)


@dataclass(frozen=True)
class CompiledSQL:
    """`where` with `%s` places for `params`, over the rows of `source`.

    `needs_contact`: it names `c` besides `s`. A statement is
    `SELECT ... FROM {source()} WHERE s.brand_id = %s AND ({where})` with the parameters
    `(*source_params, brand_id, *params)`.
    """

    where: str
    params: tuple[Any, ...]
    needs_contact: bool
    joins: str = ""
    source_params: tuple[Any, ...] = ()

    def source(self, *, contact: bool = False) -> str:
        """The tables to select from; with `contact`, `c` is among them in any case."""
        wide = " JOIN contacts_contact c ON c.id = s.contact_id"
        return f"contacts_sendstate s{self.joins}{wide if contact or self.needs_contact else ''}"


def criteria_compile(criteria: Criteria, *, now: datetime | None = None) -> CompiledSQL:
    """The expression at the moment `now` (default: this one), for days counted back from it."""
    return node_compile(criteria.root, criteria, now=now)


def node_compile(node: Node, criteria: Criteria, *, now: datetime | None = None) -> CompiledSQL:
    """The expression of one node of the tree, to count it alone."""
    setting = Setting(criteria.brand_id, criteria.team_id, now or timezone.now(), contact=False)
    piece = _compiled(node, setting)
    if piece.wide:
        setting = replace(setting, contact=True, summaries={})
        piece = _compiled(node, setting)
    return CompiledSQL(
        piece.sql,
        piece.params,
        piece.wide,
        joins="".join(_SUMMARY_JOIN.format(alias=alias) for alias in setting.summaries.values()),
        source_params=tuple(
            value for kind in setting.summaries for value in (criteria.team_id, kind)
        ),
    )


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
    piece = _compiled(node.node, replace(setting, exact=True))
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
    sign, wanted = "@>" if node.every else "&&", (list(node.tags),)
    if setting.contact:
        return Piece(f"c.tags {sign} %s::varchar[]", wanted, wide=True)
    # By the index of tags: an `any` with a tag among its conditions would join every contact for it.
    sql = (
        "EXISTS (SELECT 1 FROM contacts_contact t"  # noqa: S608
        f" WHERE t.id = s.contact_id AND t.tags {sign} %s::varchar[])"
    )
    return Piece(sql, wanted)


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
    given = setting.now - timedelta(days=node.days)
    return Piece(setting.truth(f"s.consent_at {_AGE_SIGNS[node.operator]} %s"), (given,))


@_compiled.register
def _consent(node: nodes.HasConsent, setting: Setting) -> Piece:
    if node.purpose == "marketing":
        columns = _ConsentColumns(
            "s.consent_expires_at", "s.consent_basis", "s.consent_method", "s.consent_at"
        )
        conditions, params = _consent_tests(node, setting.now, columns)
        if node.source:
            conditions.append(f"EXISTS ({_STANDING} AND {_AT_SOURCE})")
            params.append(node.source)
        given = " AND ".join(["s.consent_at IS NOT NULL", *conditions])
        return Piece(setting.truth(given), tuple(params))
    columns = _ConsentColumns("e.expires_at", "e.basis", "e.method", "e.captured_at")
    conditions, params = _consent_tests(node, setting.now, columns)
    if node.source:
        conditions.append(_AT_SOURCE)
        params.append(node.source)
    more = "".join(f" AND {condition}" for condition in conditions)
    return Piece(
        _NEWEST_CONSENT.format(more=more), (setting.brand_id, node.purpose, *params), wide=True
    )


class _ConsentColumns(NamedTuple):
    """Where the standing consent's facts are read."""

    expires: str
    basis: str
    method: str
    given: str


_STANDING = "SELECT 1 FROM contacts_consentevent e WHERE e.id = s.consent_id"
_AT_SOURCE = "strpos(lower(e.source_url), lower(%s)) > 0"


def _consent_tests(
    node: nodes.HasConsent, now: datetime, columns: _ConsentColumns
) -> tuple[list[str], list[Any]]:
    """What is asked of the standing consent, but for its source."""
    conditions = [f"({columns.expires} IS NULL OR {columns.expires} > %s)"]
    params: list[Any] = [now]
    if node.expires_within is not None:
        conditions.append(f"{columns.expires} <= %s")
        params.append(now + timedelta(days=node.expires_within))
    for column, wanted in ((columns.basis, node.bases), (columns.method, node.methods)):
        if wanted:
            conditions.append(f"{column} = ANY(%s)")
            params.append(list(wanted))
    if node.given is not None:
        more, values = span_sql(columns.given, window_bounds(node.given, now))
        conditions += more
        params += values
    return conditions, params


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
