"""The proof of a lift stays, but what names an erased person may be taken out of its words [R-4.9]."""

from django.db import migrations

# Beside the guard, not in it: only the two texts may change, and what is left of each is what was
# there, with stretches of it replaced by [erased] and perhaps its end cut off.
REDUCED = """
CREATE FUNCTION contacts_text_reduced(was text, becomes text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT was LIKE replace(regexp_replace(becomes, '([\\\\%_])', '\\\\\\1', 'g'), '[erased]', '%') || '%'
$$;
CREATE FUNCTION contacts_lift_reduced(was contacts_suppressionlift, becomes contacts_suppressionlift)
RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT contacts_text_reduced(was.reason, becomes.reason)
        AND contacts_text_reduced(was.document, becomes.document)
        AND (to_jsonb(becomes) - ARRAY['reason', 'document'])
            = (to_jsonb(was) - ARRAY['reason', 'document'])
$$;
DROP TRIGGER suppression_lift_frozen ON contacts_suppressionlift;
CREATE TRIGGER suppression_lift_frozen BEFORE UPDATE ON contacts_suppressionlift
    FOR EACH ROW WHEN (NOT contacts_lift_reduced(OLD, NEW)) EXECUTE FUNCTION contacts_append_only();
CREATE TRIGGER suppression_lift_not_deleted BEFORE DELETE ON contacts_suppressionlift
    FOR EACH ROW EXECUTE FUNCTION contacts_append_only();
"""
WHOLE = """
DROP TRIGGER suppression_lift_not_deleted ON contacts_suppressionlift;
DROP TRIGGER suppression_lift_frozen ON contacts_suppressionlift;
CREATE TRIGGER suppression_lift_frozen BEFORE UPDATE OR DELETE ON contacts_suppressionlift
    FOR EACH ROW EXECUTE FUNCTION contacts_append_only();
DROP FUNCTION contacts_lift_reduced(contacts_suppressionlift, contacts_suppressionlift);
DROP FUNCTION contacts_text_reduced(text, text);
"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0094_name_statistics")]

    operations = [migrations.RunSQL(REDUCED, WHOLE)]
