"""The numbers a contact had before; rows are only added, and forgotten by erasure."""

import django.db.models.deletion
from django.db import migrations, models

GUARD = """
CREATE FUNCTION contacts_former_number_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.phone IS NOT NULL
        OR (to_jsonb(NEW) - ARRAY['phone']) IS DISTINCT FROM (to_jsonb(OLD) - ARRAY['phone'])
    THEN
        RAISE EXCEPTION 'former numbers are append-only' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER former_number_frozen BEFORE UPDATE ON contacts_formernumber
    FOR EACH ROW EXECUTE FUNCTION contacts_former_number_frozen();
"""
UNGUARD = """
DROP TRIGGER former_number_frozen ON contacts_formernumber;
DROP FUNCTION contacts_former_number_frozen();
"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0095_erasure_of_contact")]

    operations = [
        migrations.CreateModel(
            name="FormerNumber",
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
                        help_text="E.164; empty when it is not known any more.",
                        max_length=16,
                        null=True,
                    ),
                ),
                ("phone_hash", models.BinaryField(max_length=32)),
                ("hash_key", models.CharField(blank=True, max_length=32)),
                (
                    "since",
                    models.DateTimeField(
                        help_text="When the contact got it; empty: from its beginning.", null=True
                    ),
                ),
                ("until", models.DateTimeField(help_text="When it was changed.")),
                ("changed_by", models.CharField(blank=True, max_length=80)),
                (
                    "known_by",
                    models.CharField(
                        default="change",
                        help_text="change; ledger or blocks: found out later.",
                        max_length=12,
                    ),
                ),
                (
                    "contact",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="former_numbers",
                        to="contacts.contact",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["phone_hash"], name="former_number_hash")],
            },
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
