"""The one SQL statement that gives every contact of a segment one decision.

Preview, cost preview and the real plan all run it, so their sums agree to the unit. The reasons come in the order in
which a person would ask: may we at all, can we reach the country, did they get enough already.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smsmarketing.contacts.criteria import CompiledSQL
from smsmarketing.gateways.selectors.limits import Cap

SENDABLE = "sendable"
REASONS: dict[str, str] = {
    "opted_out": "Opted out",
    "complaint": "Complained",
    "blocked": "Blocked by a person",
    "legal": "On a legal register",
    "invalid": "Number is invalid",
    "landline": "Landline",
    "reassigned": "Number has a new owner",
    "no_consent": "No consent for this brand",
    "consent_incomplete": "Consent evidence is incomplete",
    "consent_expired": "Consent has expired",
    "country_blocked": "Gateway does not serve the country",
    "sender_not_eligible": "Sender ID is not allowed in the country",
    "no_rate": "No price known for the country",
    "capped": "Frequency cap reached",
    "variable_missing": "A required field of the text is empty",
    "variable_too_long": "A value is too long for the text",
    "variable_charset": "A value would change the encoding",
}


@dataclass(frozen=True, kw_only=True)
class DecisionStatement:
    """A SELECT of (contact_id, country, decision) with its parameters, ready to be wrapped."""

    sql: str
    params: tuple[Any, ...]


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

    Reads the narrow SendState and joins the wide contact row only when the criteria look at it (perf.md §2).
    """
    marketing = purpose == "marketing"
    column = "marketing_reason" if marketing else "transactional_reason"
    cases = [f"WHEN s.{column} IS NOT NULL THEN s.{column}"]
    params: list[Any] = []
    if marketing:
        cases.append("WHEN s.consent_expires_at <= %s THEN 'consent_expired'")
        params.append(now)
    for countries, reason in (
        (served, "country_blocked"),
        (eligible, "sender_not_eligible"),
        (rated, "no_rate"),
    ):
        cases.append(f"WHEN NOT (s.country = ANY(%s)) THEN '{reason}'")
        params.append(sorted(countries))
    if marketing:
        for cap in caps:
            # The n-th newest send lies inside the window: the cap of n is reached. Exact, no history read.
            cases.append("WHEN s.recent[%s] > %s THEN 'capped'")
            params += [cap.limit, now - cap.window]
    cases += [f"WHEN {condition} THEN '{reason}'" for condition, reason in conditions]
    wide = criteria.needs_contact or bool(conditions)
    join = " JOIN contacts_contact c ON c.id = s.contact_id" if wide else ""
    sql = (
        "SELECT s.contact_id, s.country, CASE "
        + " ".join(cases)
        + f" ELSE '{SENDABLE}' END AS decision FROM contacts_sendstate s{join}"
        + f" WHERE s.brand_id = %s AND ({criteria.where})"
    )
    return DecisionStatement(sql=sql, params=(*params, brand_id, *criteria.params))
