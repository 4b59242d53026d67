"""Fill the new columns of events in batches, and derive their summaries.

An event belonged to a contact only. Its team becomes the one of the contact's oldest brand (or the
oldest team, for a contact of no brand). Written without the product's own code: that will change.
"""

from django.db import migrations

BATCH = 20_000
FILL = """
    UPDATE contacts_contactevent e SET source = 'before_sources', updated_at = e.occurred_at,
        recorded_at = e.occurred_at,
        team_id = COALESCE(
            (SELECT b.team_id FROM contacts_sendstate s JOIN accounts_brand b ON b.id = s.brand_id
                WHERE s.contact_id = e.contact_id ORDER BY b.id LIMIT 1),
            (SELECT min(id) FROM accounts_team))
    WHERE e.id IN (SELECT id FROM contacts_contactevent WHERE source IS NULL LIMIT %s)
"""
SUMMARIES = r"""
    INSERT INTO contacts_eventsummary (team_id, contact_id, kind, count, first_at, last_at,
        last_state, amount_sum, mean_gap_days)
    SELECT e.team_id, e.contact_id, e.kind, count(*), min(e.occurred_at), max(e.occurred_at),
        left((array_agg(COALESCE(e.properties ->> 'state', '')
            ORDER BY e.occurred_at DESC, e.external_id DESC))[1], 40),
        sum(CASE WHEN e.properties ->> 'amount' ~ '^-?[0-9]{1,15}(\.[0-9]{1,6})?$'
            AND COALESCE(upper(NULLIF(e.properties ->> 'currency', '')), t.currency) = t.currency
            AND lower(COALESCE(e.properties ->> 'state', '')) NOT IN
                ('cancelled', 'canceled', 'refunded', 'returned', 'failed', 'voided')
            THEN (e.properties ->> 'amount')::numeric ELSE 0 END),
        CASE WHEN count(*) > 1 THEN extract(epoch FROM max(e.occurred_at) - min(e.occurred_at))
            / 86400.0 / (count(*) - 1) END
    FROM contacts_contactevent e JOIN accounts_team t ON t.id = e.team_id
    GROUP BY 1, 2, 3
"""


def fill(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(FILL, [BATCH])
        while cursor.rowcount > 0:
            cursor.execute(FILL, [BATCH])
        cursor.execute(SUMMARIES)


def unfill(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("DELETE FROM contacts_eventsummary")
        cursor.execute(
            "UPDATE contacts_contactevent SET team_id = NULL, source = NULL, updated_at = NULL,"
            " recorded_at = NULL"
        )


class Migration(migrations.Migration):
    dependencies = [("contacts", "0003_event_columns")]

    operations = [migrations.RunPython(fill, unfill)]
