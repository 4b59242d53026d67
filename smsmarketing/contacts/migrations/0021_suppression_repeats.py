"""A "no" that is said again leaves its time, and makes a lift that was asked before stale."""

from django.db import migrations, models

FREE = "'lifted_at', 'contact_id', 'phone', 'phone_hash', 'hash_key', 'sync_state'"
KEPT = """
CREATE OR REPLACE FUNCTION contacts_suppression_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(NEW) - ARRAY[{free}]) IS DISTINCT FROM (to_jsonb(OLD) - ARRAY[{free}])
        OR (OLD.lifted_at IS NOT NULL AND NEW.lifted_at IS DISTINCT FROM OLD.lifted_at)
        OR (NEW.phone IS NOT NULL AND NEW.phone IS DISTINCT FROM OLD.phone)
        OR (OLD.phone IS NULL AND (NEW.phone_hash, NEW.hash_key) IS DISTINCT FROM (OLD.phone_hash, OLD.hash_key))
        OR (NEW.phone_hash IS DISTINCT FROM OLD.phone_hash AND NEW.hash_key = OLD.hash_key){more}
    THEN
        RAISE EXCEPTION 'a suppression is never edited; lift it' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""
REPEATS = """
        OR NEW.version < OLD.version
        OR (OLD.repeated_at IS NOT NULL AND (NEW.repeated_at IS NULL OR NEW.repeated_at < OLD.repeated_at))"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0020_suppression_words")]

    operations = [
        migrations.AddField(
            model_name="suppression",
            name="repeated_at",
            field=models.DateTimeField(
                help_text="When the same was said again last; a lift must be newer than this.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="suppression",
            name="version",
            field=models.IntegerField(
                db_default=1,
                help_text="Grows when it is said again, so that a lift asked before is refused.",
            ),
        ),
        migrations.AddIndex(
            model_name="suppression",
            index=models.Index(
                condition=models.Q(("expires_at__isnull", False), ("lifted_at", None)),
                fields=["expires_at"],
                name="suppression_runs_out",
            ),
        ),
        migrations.RunSQL(
            KEPT.format(free=f"{FREE}, 'repeated_at', 'version'", more=REPEATS),
            KEPT.format(free=FREE, more=""),
        ),
    ]
