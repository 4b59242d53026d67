"""What was saved and used of a definition is never changed: the database refuses it."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION gateways_definition_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER definition_version_append_only BEFORE UPDATE OR DELETE ON gateways_definitionversion
    FOR EACH ROW EXECUTE FUNCTION gateways_definition_append_only();
CREATE TRIGGER definition_use_append_only BEFORE UPDATE OR DELETE ON gateways_definitionuse
    FOR EACH ROW EXECUTE FUNCTION gateways_definition_append_only();
"""

GUARDS_REMOVED = """
DROP TRIGGER definition_use_append_only ON gateways_definitionuse;
DROP TRIGGER definition_version_append_only ON gateways_definitionversion;
DROP FUNCTION gateways_definition_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("gateways", "0085_definitions")]

    operations = [migrations.RunSQL(GUARDS, GUARDS_REMOVED)]
