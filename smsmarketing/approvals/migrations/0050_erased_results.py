"""A decided request forgets what its run answered, too: figures stay, names do not [R-4.9]."""

from django.db import migrations

FUNCTION = """
CREATE OR REPLACE FUNCTION approvals_request_erased(
    was approvals_actionrequest, becomes approvals_actionrequest)
RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT was.state NOT IN ('pending', 'approved', 'executing')
        AND becomes.payload = '{{}}' AND becomes.content ? 'erased'
        AND (to_jsonb(becomes) - ARRAY[{columns}])
            = (to_jsonb(was) - ARRAY[{columns}])
$$;
"""
FORWARD = FUNCTION.format(columns="'payload', 'content', 'result'")
BACKWARD = FUNCTION.format(columns="'payload', 'content'")


class Migration(migrations.Migration):
    dependencies = [("approvals", "0065_asked_in_person")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
