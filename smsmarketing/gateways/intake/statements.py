"""The SQL of receipts."""

from __future__ import annotations

# The guard `moves` is generated from rules/messages.py; a message that is waiting for its next try
# is only moved when there was a first one.
APPLY = """
WITH given AS (
    SELECT r.*, m.state AS before, m.reason AS before_reason
    FROM unnest(
        %(receipts)s::bigint[], %(ids)s::bigint[], %(gateways)s::bigint[], %(targets)s::text[],
        %(gateway_ids)s::text[], %(codes)s::text[], %(classes)s::text[], %(parts)s::int[],
        %(prices)s::numeric[]
    ) AS r(receipt_id, id, gateway_id, target, gateway_message_id, error_code, error_class, parts,
           price)
    JOIN gateways_message m ON m.id = r.id
    WHERE m.gateway_id = r.gateway_id AND m.attempt > 0
      AND m.state || '>' || r.target = ANY(%(moves)s)
    ORDER BY m.id
    FOR NO KEY UPDATE OF m
)
UPDATE gateways_message m
SET state = g.target,
    reason = CASE WHEN g.target IN ('accepted', 'delivered') THEN '' ELSE g.error_class END,
    error_code = g.error_code,
    error_class = g.error_class,
    gateway_message_id = CASE WHEN m.gateway_message_id = '' THEN g.gateway_message_id
                              ELSE m.gateway_message_id END,
    parts_billed = coalesce(g.parts, m.parts_billed),
    price_billed = coalesce(g.price, m.price_billed),
    accepted_at = coalesce(m.accepted_at, m.handed_at, %(now)s),
    held_until = NULL,
    final_at = CASE WHEN g.target <> 'accepted' THEN %(now)s::timestamptz END
FROM given g, gateways_batch b, gateways_senderid s
WHERE m.id = g.id AND m.state = g.before AND b.id = m.batch_id AND s.id = b.sender_id
RETURNING g.receipt_id, m.id, g.before, m.state, m.phone, b.brand_id, s.value, m.contact_id, m.batch_id,
    m.reason, m.error_class, m.error_code, m.gateway_id, m.country, m.accepted_at, g.before_reason
"""

RECEIPTS_MARK = """
UPDATE gateways_receipt r SET state = x.state, note = x.note, applied_at = %(now)s
FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(notes)s::text[]) AS x(id, state, note)
WHERE r.id = x.id
"""

# Nobody was interrupted by a message that did not arrive: its cap slot is free again.
SLOTS_FREE = """
WITH slot AS (
    SELECT s.id, m.handed_at
    FROM gateways_message m
    JOIN gateways_batch b ON b.id = m.batch_id AND b.purpose = 'marketing'
    JOIN contacts_sendstate s ON s.contact_id = m.contact_id AND s.brand_id = b.brand_id
    WHERE m.id = ANY(%s)
    ORDER BY s.id
    FOR NO KEY UPDATE OF s
)
UPDATE contacts_sendstate s SET recent = array_remove(s.recent, slot.handed_at)
FROM slot WHERE s.id = slot.id
"""
