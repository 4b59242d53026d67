"""Former numbers of the time before they were noted, as far as they can be known.

The ledger bears the hash of the number that each consent was given for, and a row `number_changed`
where a consent ended with it; suppressions bear the hash and the contact. Not knowable: a number
under which nothing was agreed or refused, the exact moment when no consent ended by the change (the
last row under the number stands for it), who changed it, and the number itself when no suppression
names it. The contact's messages and replies are found by the contact, not by the number.
"""

from django.db import migrations

FIND = """
WITH told AS (
    SELECT e.contact_id, e.phone_hash, e.recorded_at AS at, e.captured_by = 'number_changed' AS ended,
        TRUE AS ledger, NULL::varchar AS phone, NULL::varchar AS hash_key
    FROM contacts_consentevent e
    UNION ALL
    SELECT x.contact_id, x.phone_hash, x.created_at, FALSE, FALSE, x.phone, x.hash_key
    FROM contacts_suppression x WHERE x.contact_id IS NOT NULL
), found AS (
    SELECT t.contact_id, t.phone_hash, bool_or(t.ledger) AS ledger, max(t.phone) AS phone,
        coalesce(max(t.hash_key), '') AS hash_key, min(t.at) AS first_at,
        coalesce(max(t.at) FILTER (WHERE t.ended), max(t.at) + interval '1 microsecond') AS until
    FROM told t JOIN contacts_contact c ON c.id = t.contact_id
    WHERE c.erased_at IS NULL AND t.phone_hash <> c.phone_hash
    GROUP BY t.contact_id, t.phone_hash
)
INSERT INTO contacts_formernumber
    (contact_id, phone, phone_hash, hash_key, since, until, changed_by, known_by)
SELECT f.contact_id, f.phone, f.phone_hash, f.hash_key,
    (SELECT max(b.until) FROM found b WHERE b.contact_id = f.contact_id AND b.until <= f.first_at),
    f.until, '', CASE WHEN f.ledger THEN 'ledger' ELSE 'blocks' END
FROM found f ORDER BY f.contact_id, f.until
"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0096_former_numbers")]

    operations = [
        migrations.RunSQL(FIND, "DELETE FROM contacts_formernumber WHERE known_by <> 'change'")
    ]
