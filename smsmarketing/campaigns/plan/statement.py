"""The one SQL statement that gives every contact of a segment one decision.

Preview, cost preview and the real plan are made from the same pieces, so their sums agree to the unit. The reasons come
in the order in which a person would ask: may we at all, can we reach the country, did they get enough already, does the
text fit them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smsmarketing.contacts.criteria import CompiledSQL
from smsmarketing.contacts.rules.suppressions import IN_TRASH
from smsmarketing.gateways.selectors.limits import Cap

SENDABLE = "sendable"
REASONS: dict[str, str] = {
    "opted_out": "Opted out",
    "complaint": "Complained",
    "blocked": "Blocked by a person",
    "legal": "On a legal register",
    "invalid": "Number is invalid",
    "trashed": "In the trash or erased",
    "landline": "Landline",
    "reassigned": "Number has a new owner",
    "unreachable": "Could not be reached for too long",
    "on_hold": "On hold until a person decides about their reply",
    "no_consent": "No consent for this brand",
    "consent_incomplete": "Consent evidence is incomplete",
    "consent_expired": "Consent has expired",
    "country_blocked": "Gateway does not serve the country",
    "sender_not_eligible": "Sender ID is not allowed in the country",
    "no_rate": "No price known for the country",
    "capped": "Frequency cap reached",
    "variable_missing": "A required field of the text is empty",
    "variable_charset": "A value would change the encoding",
    "variable_too_long": "A value is too long for the text",
}


@dataclass(frozen=True)
class Flag:
    """A test of one contact that leaves it out for `reason` when it is true (NULL is false)."""

    sql: str
    params: tuple[Any, ...]
    reason: str


@dataclass(frozen=True, kw_only=True)
class DecisionStatement:
    """Who is decided on (`where`), and the pieces of the decision in their order.

    `reason` is a column of the send state, `road` names the countries that are shut and why, and
    the flags before and after it look at the contact. Both forms are built by `_case`, so that a
    count and the list it counts cannot differ.
    """

    criteria: CompiledSQL
    where: str
    where_params: tuple[Any, ...]
    wide: bool
    reason: str
    before: tuple[Flag, ...]
    road: tuple[tuple[tuple[str, ...], str], ...]
    after: tuple[Flag, ...]

    def rows(self, columns: Sequence[str] = ()) -> tuple[str, tuple[Any, ...]]:
        """SELECT of (contact_id, country, decision, *columns of `c`), with its parameters."""
        case, params = self._case(
            self.reason, [flag.sql for flag in self._flags()], "s.country", inline=True
        )
        extra = "".join(f", {column}" for column in columns)
        return (
            f"SELECT s.contact_id, s.country, {case} AS decision{extra} FROM {self._joined(wide=bool(columns))}",
            (*params, *self.criteria.source_params, *self.where_params),
        )

    def counts(self) -> tuple[str, tuple[Any, ...]]:
        """SELECT of (country, decision, contacts), with its parameters.

        The rows are aggregated by small columns and booleans first, and the countries decided once per group: a CASE
        over `recent` would make the planner expect a group per contact and give up on parallel workers (perf.md §2).
        """
        flags = self._flags()
        tests = "".join(
            f", ({self.reason} IS NULL AND {flag.sql}) AS f{number}"
            for number, flag in enumerate(flags)
        )
        params = tuple(value for flag in flags for value in flag.params)
        keys = ", ".join(str(position + 1) for position in range(2 + len(flags)))
        case, road = self._case(
            "g.reason", [f"g.f{number}" for number in range(len(flags))], "g.country", inline=False
        )
        return (
            f"SELECT g.country, {case} AS decision, sum(g.contacts)::bigint FROM ("
            f"SELECT s.country, {self.reason} AS reason{tests}, count(*) AS contacts "
            f"FROM {self._joined(wide=False)} GROUP BY {keys}) g GROUP BY 1, 2",
            (*road, *params, *self.criteria.source_params, *self.where_params),
        )

    def _flags(self) -> tuple[Flag, ...]:
        return self.before + self.after

    def _joined(self, *, wide: bool) -> str:
        return f"{self.criteria.source(contact=wide or self.wide)} WHERE {self.where}"

    def _case(
        self, reason: str, tests: Sequence[str], country: str, *, inline: bool
    ) -> tuple[str, list[Any]]:
        """The decision as a CASE, and its parameters in order; a test's own only where it stands `inline`."""
        cases = [f"WHEN {reason} IS NOT NULL THEN {reason}"]
        params: list[Any] = []
        split = len(self.before)
        flags = self._flags()
        for test, flag in zip(tests[:split], flags[:split], strict=True):
            cases.append(f"WHEN {test} THEN '{flag.reason}'")
            params += flag.params if inline else ()
        for countries, why in self.road:
            cases.append(f"WHEN NOT ({country} = ANY(%s)) THEN '{why}'")
            params.append(list(countries))
        for test, flag in zip(tests[split:], flags[split:], strict=True):
            cases.append(f"WHEN {test} THEN '{flag.reason}'")
            params += flag.params if inline else ()
        return f"CASE {' '.join(cases)} ELSE '{SENDABLE}' END", params


def decision_statement(
    *,
    criteria: CompiledSQL,
    brand_id: int,
    purpose: str,
    served: Collection[str],
    eligible: Collection[str],
    rated: Collection[str],
    caps: Sequence[Cap],
    now: datetime,
    conditions: Sequence[tuple[str, str]] = (),
) -> DecisionStatement:
    """Build the statement.

    `conditions` are (SQL on the contact, reason) of the text's fields. `served`, `eligible` and `rated` are ISO
    countries; caps apply to marketing only.

    Reads the narrow SendState and joins the wide contact row only when somebody looks at it (perf.md §2).
    """
    before: list[Flag] = []
    after: list[Flag] = []
    if purpose == "marketing":
        before.append(Flag("s.consent_expires_at <= %s", (now,), "consent_expired"))
        if caps:
            # The n-th newest send lies inside the window: the cap of n is reached. Exact, no history read.
            tests = " OR ".join("s.recent[%s] > %s" for _ in caps)
            moments = tuple(value for cap in caps for value in (cap.limit, now - cap.window))
            after.append(Flag(f"({tests})", moments, "capped"))
    after += [Flag(f"({sql})", (), reason) for sql, reason in conditions]
    reason = "s.marketing_reason" if purpose == "marketing" else "s.transactional_reason"
    return DecisionStatement(
        # Who is in the trash is no part of any audience: not planned and not counted as left out.
        where=f"s.brand_id = %s AND {reason} IS DISTINCT FROM '{IN_TRASH}' AND ({criteria.where})",
        where_params=(brand_id, *criteria.params),
        criteria=criteria,
        wide=bool(conditions),
        reason=reason,
        before=tuple(before),
        road=(
            (tuple(sorted(served)), "country_blocked"),
            (tuple(sorted(eligible)), "sender_not_eligible"),
            (tuple(sorted(rated)), "no_rate"),
        ),
        after=tuple(after),
    )
