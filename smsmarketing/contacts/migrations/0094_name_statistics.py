"""Let the planner know how names begin: it takes nothing from the statistics of a partial index."""

from __future__ import annotations

from django.db import migrations

MAKE = """
CREATE STATISTICS contact_first_name_beginnings ON (UPPER(first_name)) FROM contacts_contact;
CREATE STATISTICS contact_last_name_beginnings ON (UPPER(last_name)) FROM contacts_contact;
"""
DROP = """
DROP STATISTICS contact_first_name_beginnings;
DROP STATISTICS contact_last_name_beginnings;
"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0093_name_lookups")]

    operations = [migrations.RunSQL(MAKE, DROP)]
