"""Repeat in the send state what segments ask of the marketing consent that stands."""

from __future__ import annotations

from django.db import migrations, models

# The order of selectors.consent.CONSENT_NEWEST as it was when this was written.
FILL = """
UPDATE contacts_sendstate s SET consent_id = e.id, consent_at = e.captured_at,
    consent_basis = e.basis, consent_method = e.method, consent_expires_at = e.expires_at
FROM (
    SELECT DISTINCT ON (e.contact_id, e.brand_id) e.*
    FROM contacts_consentevent e
    JOIN contacts_contact c ON c.id = e.contact_id AND c.phone_hash = e.phone_hash
    WHERE e.purpose = 'marketing'
    ORDER BY e.contact_id, e.brand_id, e.captured_at DESC,
        (e.direction IN ('granted', 'expired')), e.id DESC
) e
WHERE e.contact_id = s.contact_id AND e.brand_id = s.brand_id AND e.direction = 'granted'
"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0060_erase_job_number")]

    operations = [
        migrations.AddField(
            model_name="sendstate",
            name="consent_id",
            field=models.BigIntegerField(
                help_text="The event of the marketing consent that stands; empty without one.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="sendstate",
            name="consent_at",
            field=models.DateTimeField(help_text="When that consent was given.", null=True),
        ),
        migrations.AddField(
            model_name="sendstate",
            name="consent_basis",
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.AddField(
            model_name="sendstate",
            name="consent_method",
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
