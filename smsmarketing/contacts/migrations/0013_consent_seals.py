"""Seals over the consent ledger; seals and form versions are append-only (docs/adr/0032)."""

import django.contrib.postgres.fields
from django.db import migrations, models

GUARDS = """
CREATE TRIGGER consent_seal_frozen BEFORE UPDATE OR DELETE ON contacts_consentseal
    FOR EACH ROW EXECUTE FUNCTION contacts_append_only();
CREATE TRIGGER consent_seal_no_truncate BEFORE TRUNCATE ON contacts_consentseal
    FOR EACH STATEMENT EXECUTE FUNCTION contacts_append_only();
CREATE TRIGGER opt_in_form_version_frozen BEFORE UPDATE OR DELETE ON contacts_optinformversion
    FOR EACH ROW EXECUTE FUNCTION contacts_append_only();
CREATE TRIGGER opt_in_form_version_no_truncate BEFORE TRUNCATE ON contacts_optinformversion
    FOR EACH STATEMENT EXECUTE FUNCTION contacts_append_only();
"""
GUARDS_REMOVED = """
DROP TRIGGER consent_seal_frozen ON contacts_consentseal;
DROP TRIGGER consent_seal_no_truncate ON contacts_consentseal;
DROP TRIGGER opt_in_form_version_frozen ON contacts_optinformversion;
DROP TRIGGER opt_in_form_version_no_truncate ON contacts_optinformversion;
"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0012_consent_checks")]

    operations = [
        migrations.CreateModel(
            name="ConsentSeal",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "scheme",
                    models.PositiveSmallIntegerField(help_text="Which columns, in which form."),
                ),
                ("from_id", models.BigIntegerField()),
                ("to_id", models.BigIntegerField(unique=True)),
                ("rows", models.IntegerField()),
                (
                    "rows_digest",
                    models.CharField(help_text="SHA-256 over the rows' digests.", max_length=64),
                ),
                (
                    "row_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), size=None
                    ),
                ),
                ("row_marks", models.BinaryField()),
                (
                    "previous",
                    models.CharField(help_text="Digest of the seal before it.", max_length=64),
                ),
                (
                    "digest",
                    models.CharField(help_text="SHA-256 over all of the above.", max_length=64),
                ),
                ("sealed_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["number"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("from_id__lte", models.F("to_id")), ("rows__gte", 0)),
                        name="consent_seal_range",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ConsentSealWait",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False),
                ),
                ("upto", models.BigIntegerField()),
                (
                    "writers",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), size=None
                    ),
                ),
                ("chosen_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1)), name="consent_seal_wait_single"
                    )
                ],
            },
        ),
        migrations.RunSQL(GUARDS, GUARDS_REMOVED),
    ]
