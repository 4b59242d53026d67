"""Where a sender may be used: the one place that preview, plan and dispatch ask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from smsmarketing.gateways.models import Gateway, SenderId
from smsmarketing.gateways.rules.eligibility import (
    CountryRule,
    Standing,
    Verdict,
    eligibility_decide,
    purpose_of,
)

STANDINGS = """
SELECT k.country, s.value, s.kind, coalesce(e.status, ''),
       CASE WHEN s.registration_state = 'registered' THEN s.registration ELSE '' END,
       coalesce(d.state, ''), '',
       r.status, r.binding, r.by_people, r.registry, r.replacement, r.note, r.source, r.as_of
FROM gateways_senderid s
CROSS JOIN LATERAL (
    SELECT x.country FROM gateways_sendereligibility x WHERE x.sender_id = s.id
    UNION
    SELECT x.country FROM gateways_senderrule x
    WHERE x.registry = upper(s.registration) AND x.registry <> '' AND x.kind = s.kind
      AND x.retired_at IS NULL AND s.registration_state = 'registered'
    UNION
    SELECT unnest(x.countries) FROM gateways_registration x WHERE x.sender_id = s.id
    UNION
    SELECT unnest(%(countries)s::text[])
) k
LEFT JOIN gateways_sendereligibility e ON e.sender_id = s.id AND e.country = k.country
LEFT JOIN LATERAL (
    SELECT x.*
    FROM gateways_senderrule x
    WHERE x.country = k.country AND x.kind = s.kind AND x.retired_at IS NULL
      AND (x.gateway_id IS NULL OR x.gateway_id = %(gateway)s::bigint)
      AND x.purpose IN ('', %(purpose)s)
    ORDER BY x.by_people DESC, x.gateway_id NULLS LAST, x.purpose DESC
    LIMIT 1
) r ON true
LEFT JOIN LATERAL (
    SELECT CASE WHEN x.state = 'approved' AND x.expires_at <= statement_timestamp() THEN 'expired'
                ELSE x.state END AS state
    FROM gateways_registration x
    WHERE x.sender_id = s.id AND k.country = ANY(x.countries)
      AND (coalesce(r.registry, '') = '' OR x.registry = r.registry)
      AND (x.state <> 'withdrawn' OR x.approved_at IS NOT NULL)
    ORDER BY x.state = 'approved' AND (x.expires_at IS NULL OR x.expires_at > statement_timestamp()) DESC,
             x.state = 'draft', x.id DESC
    LIMIT 1
) d ON true
WHERE s.id = %(sender)s
ORDER BY k.country
"""
"""What is known of a sender in its own countries and in those asked for, with the rule that holds."""


def standings_parameters(
    *, sender_id: int, gateway_id: int | None, purpose: str, countries: Iterable[str] = ()
) -> dict[str, Any]:
    """Parameters of STANDINGS."""
    return {
        "sender": sender_id,
        "gateway": gateway_id,
        "purpose": purpose_of(purpose),
        "countries": "{" + ",".join(sorted(set(countries))) + "}",
    }


def verdicts_of(rows: Iterable[Sequence[Any]], *, purpose: str) -> dict[str, Verdict]:
    """Country → verdict, from the rows of STANDINGS."""
    meant = purpose_of(purpose)
    found = {}
    for row in rows:
        country, value, kind, own, registry, filed, at_gateway, *rule = row
        standing = Standing(country, value, kind, own, registry, filed, at_gateway)
        held = CountryRule(*rule) if rule[0] is not None else None
        found[country] = eligibility_decide(standing, held, purpose=meant)
    return found


def countries_allowed(rows: Iterable[Sequence[Any]], *, purpose: str) -> list[str]:
    """The countries that may be sent to, from the rows of STANDINGS."""
    verdicts = verdicts_of(rows, purpose=purpose)
    return [country for country, verdict in verdicts.items() if verdict.status == "allowed"]


def sender_verdicts(
    sender: SenderId | int,
    *,
    gateway: Gateway | None = None,
    purpose: str = "marketing",
    countries: Iterable[str] = (),
) -> dict[str, Verdict]:
    """Country → verdict for the sender's own countries and for `countries` [R-5.6]."""
    with connection.cursor() as cursor:
        cursor.execute(
            STANDINGS,
            standings_parameters(
                sender_id=sender.pk if isinstance(sender, SenderId) else sender,
                gateway_id=gateway.pk if gateway is not None else None,
                purpose=purpose,
                countries=countries,
            ),
        )
        return verdicts_of(cursor.fetchall(), purpose=purpose)


def sender_eligibility(
    sender: SenderId | int, *, gateway: Gateway | None = None, purpose: str = "marketing"
) -> dict[str, str]:
    """Country → allowed, register, forbidden or unknown. A missing country is unknown [R-5.6]."""
    verdicts = sender_verdicts(sender, gateway=gateway, purpose=purpose)
    return {country: verdict.status for country, verdict in verdicts.items()}
