"""Erasure: its jobs, and evidence of a "no" that may be reduced to what names nobody [R-4.11]."""

from django.db import migrations, models

# Beside the guard, not in it: only the number, the contact and parts of the evidence may go, and
# they may only go. Everything else is still refused by contacts_suppression_kept.
REDUCED = """
CREATE FUNCTION contacts_suppression_reduced(was contacts_suppression, becomes contacts_suppression)
RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT becomes.phone IS NULL AND becomes.contact_id IS NULL AND was.evidence @> becomes.evidence
        AND (to_jsonb(becomes) - ARRAY['phone', 'contact_id', 'evidence'])
            = (to_jsonb(was) - ARRAY['phone', 'contact_id', 'evidence'])
$$;
DROP TRIGGER suppression_kept ON contacts_suppression;
CREATE TRIGGER suppression_kept BEFORE UPDATE ON contacts_suppression
    FOR EACH ROW WHEN (NOT contacts_suppression_reduced(OLD, NEW))
    EXECUTE FUNCTION contacts_suppression_kept();
"""
WHOLE = """
DROP TRIGGER suppression_kept ON contacts_suppression;
CREATE TRIGGER suppression_kept BEFORE UPDATE ON contacts_suppression
    FOR EACH ROW EXECUTE FUNCTION contacts_suppression_kept();
DROP FUNCTION contacts_suppression_reduced(contacts_suppression, contacts_suppression);
"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0041_audience_archive")]

    operations = [
        migrations.CreateModel(
            name="EraseJob",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "phone",
                    models.CharField(
                        blank=True, help_text="E.164 until it is finished.", max_length=16
                    ),
                ),
                ("phone_hash", models.BinaryField(max_length=32)),
                (
                    "contact_ids",
                    models.JSONField(default=list, help_text="The erased contacts that had it."),
                ),
                ("category", models.CharField(max_length=24)),
                (
                    "reference",
                    models.CharField(blank=True, help_text="Number of the case.", max_length=80),
                ),
                ("requested_by", models.BigIntegerField(null=True)),
                ("steps", models.JSONField(default=dict, help_text="Step → rows it cleared.")),
                ("created_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("finished_at", None)),
                        fields=["id"],
                        name="erase_job_open",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("finished_at", None), ("phone", ""), _connector="OR"),
                        name="erase_job_forgets",
                    )
                ],
            },
        ),
        migrations.RunSQL(REDUCED, WHOLE),
    ]
