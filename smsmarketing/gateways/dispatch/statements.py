"""The SQL of a wave. Few statements, each over a whole wave (perf.md §3).

Locks are always taken in this order: batch, send states (by id), messages, quota.
"""

from __future__ import annotations

from functools import cache

from smsmarketing.contacts.rules.suppressions import HARD_REASONS
from smsmarketing.contacts.selectors.suppressions import (
    SUPPRESSION_RANK,
    suppression_covers,
    suppression_word,
)
from smsmarketing.gateways.dispatch.session import BY_INDEX
from smsmarketing.gateways.services.approval import BATCH_APPROVED_SQL

_HARD = ", ".join(f"'{reason}'" for reason in HARD_REASONS)

BATCH_LOCK = f"""
SELECT b.state,
       {BATCH_APPROVED_SQL} AND (b.gateway_id = g.id OR g.id = ANY(b.route_ids)),
       CASE WHEN b.purpose = 'reply' THEN 'verified'
            WHEN s.state = 'verified' AND s.expires_at <= %(now)s THEN 'expired'
            ELSE s.state END,
       g.state,
       (SELECT count(*) FROM gateways_batchslice l
        WHERE l.id = ANY(%(slices)s::bigint[]) AND l.state = 'leased' AND l.lease_owner = %(owner)s),
       b.not_after IS NULL OR b.not_after > %(now)s,
       b.cost_ceiling - b.money_committed,
       {BY_INDEX}
FROM gateways_batch b
JOIN gateways_senderid s ON s.id = b.sender_id
JOIN gateways_gateway g ON g.id = %(gateway)s
WHERE b.id = %(batch)s
FOR NO KEY UPDATE OF b
"""  # noqa: S608 - constant fragments

BATCH_STATE = f"""
SELECT state, {BY_INDEX} FROM gateways_batch WHERE id = %(batch)s FOR NO KEY UPDATE
"""  # noqa: S608 - constant fragments

# Locked by id before they are read: caps are exact between workers, and an opt-out that is
# just committing is waited for, so that the next statement sees it.
SLOTS_LOCK = """
SELECT 1 FROM contacts_sendstate
WHERE brand_id = %(brand)s AND contact_id = ANY(%(contacts)s::bigint[])
ORDER BY id
FOR NO KEY UPDATE
"""

_MARK = """
WITH wave AS MATERIALIZED (
    SELECT m.id, m.contact_id, m.country, [hashes_of_wave], w.opens_at, w.shut, w.price,
           m.state = 'queued' AS waiting
    FROM unnest(%(ids)s::bigint[], %(opens)s::timestamptz[], %(shut)s::text[],
                %(prices)s::numeric[], [hash_parameters])
        AS w(id, opens_at, shut, price, [hash_columns])
    JOIN gateways_message m ON m.id = w.id
),
checked AS MATERIALIZED (
    SELECT w.id, w.opens_at, w.shut, w.price, w.waiting, s.id AS slot_id,
        CASE
            WHEN no.rank IS NOT NULL THEN [suppression_word]
            WHEN %(kind)s IN ('test', 'reply', 'opt_in') THEN NULL
            WHEN %(purpose)s = 'marketing' AND s.id IS NULL THEN 'no_consent'
            WHEN %(purpose)s = 'marketing' AND s.marketing_reason IS NOT NULL
                THEN s.marketing_reason
            WHEN %(purpose)s = 'marketing' AND s.consent_expires_at <= %(now)s
                THEN 'consent_expired'
            WHEN %(purpose)s IN ('transactional', 'notification')
                AND s.transactional_reason IS NOT NULL THEN s.transactional_reason
            WHEN %(purpose)s = 'otp' AND s.transactional_reason IN ('landline', 'invalid', 'trashed')
                THEN s.transactional_reason
        END AS personal,
        CASE
            WHEN w.country <> ALL(%(countries)s::text[]) THEN 'country_blocked'
            WHEN %(kind)s <> 'reply' AND w.country <> ALL(%(eligible)s::text[])
                THEN 'sender_not_eligible'
        END AS road,
        CASE
            WHEN %(counted)s THEN EXISTS (
                SELECT 1 FROM unnest(%(limits)s::int[], %(windows)s::interval[]) AS k(n, span)
                WHERE s.recent[k.n] > %(now)s - k.span
            )
            WHEN cardinality(%(limits)s::int[]) = 0 THEN false
            ELSE EXISTS (
                SELECT 1 FROM unnest(%(limits)s::int[], %(windows)s::interval[]) AS k(n, span)
                WHERE k.n <= (
                    SELECT count(*) FROM gateways_message x
                    JOIN gateways_batch y ON y.id = x.batch_id
                    WHERE x.contact_id = w.contact_id AND x.handed_at > %(now)s - k.span
                      AND x.state NOT IN ('queued', 'rejected', 'failed')
                      AND y.brand_id = %(brand)s AND y.purpose = %(kind)s
                )
            )
        END AS capped
    FROM wave w
    -- LIMIT keeps the planner from joining the whole brand when its statistics are stale.
    LEFT JOIN LATERAL (
        SELECT t.id, t.marketing_reason, t.transactional_reason, t.consent_expires_at, t.recent
        FROM contacts_sendstate t
        WHERE t.brand_id = %(brand)s AND t.contact_id = w.contact_id
        LIMIT 1
    ) s ON true
    LEFT JOIN LATERAL (
        SELECT min([suppression_rank]) AS rank
        FROM contacts_suppression x
        WHERE x.phone_hash IN ([hash_values]) AND x.lifted_at IS NULL
          AND (x.expires_at IS NULL OR x.expires_at > %(now)s)
          AND (x.brand_id IS NULL OR x.brand_id = %(brand)s)
          AND CASE
              WHEN %(kind)s = 'reply' THEN x.reason IN ([hard])
              WHEN x.scope = 'sender' THEN lower(x.sender) = lower(%(sender_value)s)
              ELSE [suppression_covers]
          END
    ) no ON true
),
decided AS MATERIALIZED (
    SELECT id, slot_id, opens_at, price,
        CASE
            WHEN coalesce(personal, road, shut) IS NOT NULL THEN 'skipped'
            WHEN opens_at IS NOT NULL THEN 'held'
            WHEN capped THEN 'skipped'
            ELSE 'handing_over'
        END AS state,
        CASE
            WHEN coalesce(personal, road, shut) IS NOT NULL THEN coalesce(personal, road, shut)
            WHEN opens_at IS NOT NULL THEN 'quiet_hours'
            WHEN capped THEN 'capped'
            ELSE ''
        END AS reason
    FROM checked
    WHERE waiting
),
taken AS (
    UPDATE contacts_sendstate s
    SET recent = (ARRAY[%(now)s::timestamptz] || s.recent)[1:16]
    FROM decided d
    WHERE %(counted)s AND s.id = d.slot_id AND d.state = 'handing_over'
)
UPDATE gateways_message m
SET state = d.state,
    reason = d.reason,
    held_until = CASE WHEN d.state = 'held' THEN d.opens_at END,
    final_at = CASE WHEN d.state = 'skipped' THEN %(now)s::timestamptz END,
    attempt = m.attempt + (d.state = 'handing_over')::int,
    handed_at = CASE WHEN d.state = 'handing_over' THEN %(now)s::timestamptz ELSE m.handed_at END,
    gateway_id = CASE WHEN d.state = 'handing_over' THEN %(gateway)s ELSE m.gateway_id END,
    price = CASE WHEN d.state = 'handing_over' THEN coalesce(d.price, m.price) ELSE m.price END
FROM decided d
WHERE m.id = d.id AND m.state = 'queued'
RETURNING m.id, m.state, m.reason, m.attempt
"""


@cache
def mark_statement(keys: int) -> str:
    """The statement that decides and marks a wave, for numbers hashed under `keys` keys [R-4.10].

    Suppressions are the contacts room's truth: which row covers which purpose is its to say.
    """
    names = [f"h{number}" for number in range(keys)]
    parts = {
        "[hashes_of_wave]": ", ".join(f"w.{name}" for name in names),
        "[hash_parameters]": ", ".join(f"%({name})s::bytea[]" for name in names),
        "[hash_columns]": ", ".join(names),
        "[hash_values]": ", ".join(f"w.{name}" for name in names),
        "[suppression_rank]": SUPPRESSION_RANK,
        "[suppression_word]": suppression_word("no.rank"),
        "[suppression_covers]": suppression_covers("%(purpose)s"),
        "[hard]": _HARD,
    }
    statement = _MARK
    for place, text in parts.items():
        statement = statement.replace(place, text)
    return statement


COMMIT_MONEY = """
UPDATE gateways_batch SET money_committed = money_committed + %(change)s WHERE id = %(batch)s
"""

# The guard is the transition table: handing_over → any of these, and unknown → what an answer
# proves (rules/messages.py). Returns the change of committed money against what the mark committed.
# What is queued again has the price that was reserved for it, not that of the gateway that said no.
RECORD = """
UPDATE gateways_message m
SET state = r.state,
    reason = r.reason,
    gateway_message_id = CASE WHEN r.gateway_message_id <> '' THEN r.gateway_message_id
                              ELSE m.gateway_message_id END,
    parts_billed = coalesce(r.parts, m.parts_billed),
    price_billed = coalesce(r.price, r.parts * m.price, m.price_billed),
    price = CASE WHEN r.state = 'queued' THEN coalesce(r.planned, m.price) ELSE m.price END,
    error_code = r.error_code,
    error_class = r.error_class,
    held_until = r.held_until,
    accepted_at = CASE WHEN r.state = 'accepted' THEN %(now)s::timestamptz ELSE m.accepted_at END,
    final_at = CASE WHEN r.state IN ('rejected', 'failed', 'stopped') THEN %(now)s::timestamptz
                    ELSE m.final_at END
FROM unnest(
    %(ids)s::bigint[], %(attempts)s::int[], %(states)s::text[], %(reasons)s::text[],
    %(gateway_ids)s::text[], %(parts)s::int[], %(prices)s::numeric[], %(marked)s::numeric[],
    %(planned)s::numeric[], %(codes)s::text[], %(classes)s::text[], %(held)s::timestamptz[]
) AS r(id, attempt, state, reason, gateway_message_id, parts, price, marked, planned, error_code,
       error_class, held_until)
WHERE m.id = r.id AND m.attempt = r.attempt
  AND (m.state = 'handing_over'
       OR (m.state = 'unknown' AND r.state IN ('accepted', 'rejected', 'failed', 'queued')))
RETURNING m.id,
    CASE WHEN r.state = 'accepted' THEN coalesce(m.price_billed, m.parts * m.price)
         WHEN r.state = 'unknown' THEN m.parts * m.price
         ELSE 0 END - m.parts * coalesce(r.marked, m.price)
"""

ATTEMPTS = """
INSERT INTO gateways_attempt (message_id, number, gateway_id, handed_at, outcome, error_code,
                              error_class)
SELECT a.id, a.number, %(gateway)s, coalesce(m.handed_at, %(now)s), a.outcome, a.code, a.class
FROM unnest(%(ids)s::bigint[], %(numbers)s::int[], %(outcomes)s::text[], %(codes)s::text[],
            %(classes)s::text[]) AS a(id, number, outcome, code, class)
JOIN gateways_message m ON m.id = a.id
"""

# A slot that was taken for a hand-over that definitely did not happen is given back.
SLOTS_BACK = """
WITH slot AS (
    SELECT s.id, m.handed_at
    FROM gateways_message m
    JOIN contacts_sendstate s ON s.contact_id = m.contact_id AND s.brand_id = %(brand)s
    WHERE m.id = ANY(%(ids)s::bigint[])
    ORDER BY s.id
    FOR NO KEY UPDATE OF s
)
UPDATE contacts_sendstate s SET recent = array_remove(s.recent, slot.handed_at)
FROM slot WHERE s.id = slot.id
"""

PROGRESS = """
UPDATE gateways_batchslice SET crashes = 0
WHERE id = ANY(%(slices)s::bigint[]) AND lease_owner = %(owner)s AND crashes > 0
"""

# What receipts find their message by, where they carry nothing of ours.
PART_IDS = """
INSERT INTO gateways_partid (gateway_id, key, message_id, number, total, state, created_at)
SELECT %(gateway)s, p.key, p.id, p.number, p.total, '', %(now)s
FROM unnest(%(ids)s::bigint[], %(keys)s::text[], %(numbers)s::int[], %(totals)s::int[])
    AS p(id, key, number, total)
"""
