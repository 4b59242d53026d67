"""A decided request may forget whom it was about [R-4.9]: its input goes, its hash and facts stay."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION approvals_request_erased(was approvals_actionrequest, becomes approvals_actionrequest)
RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT was.state NOT IN ('pending', 'approved', 'executing')
        AND becomes.payload = '{}' AND becomes.content ? 'erased'
        AND (to_jsonb(becomes) - ARRAY['payload', 'content'])
            = (to_jsonb(was) - ARRAY['payload', 'content'])
$$;
DROP TRIGGER approvals_request_frozen ON approvals_actionrequest;
CREATE TRIGGER approvals_request_kept BEFORE DELETE ON approvals_actionrequest
    FOR EACH ROW EXECUTE FUNCTION approvals_request_frozen();
CREATE TRIGGER approvals_request_frozen BEFORE UPDATE ON approvals_actionrequest
    FOR EACH ROW WHEN (NOT approvals_request_erased(OLD, NEW))
    EXECUTE FUNCTION approvals_request_frozen();
"""
BACKWARD = """
DROP TRIGGER approvals_request_frozen ON approvals_actionrequest;
DROP TRIGGER approvals_request_kept ON approvals_actionrequest;
CREATE TRIGGER approvals_request_frozen BEFORE UPDATE OR DELETE ON approvals_actionrequest
    FOR EACH ROW EXECUTE FUNCTION approvals_request_frozen();
DROP FUNCTION approvals_request_erased(approvals_actionrequest, approvals_actionrequest);
"""


class Migration(migrations.Migration):
    dependencies = [("approvals", "0040_contact_policies")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
