"""What people vote on cannot change under them: frozen columns and append-only votes, by trigger [R-8.2]."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION approvals_request_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an action request is never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.operation, OLD.team_id, OLD.requester_id, OLD.requester_surface, OLD.requester_token_id,
        OLD.payload, OLD.content, OLD.content_hash, OLD.facts, OLD.policies, OLD.roles,
        OLD.approvers_needed, OLD.object_type, OLD.object_id, OLD.object_version, OLD.cost_ceiling,
        OLD.currency, OLD.created_at, OLD.window_ends_at)
       IS DISTINCT FROM
       (NEW.operation, NEW.team_id, NEW.requester_id, NEW.requester_surface, NEW.requester_token_id,
        NEW.payload, NEW.content, NEW.content_hash, NEW.facts, NEW.policies, NEW.roles,
        NEW.approvers_needed, NEW.object_type, NEW.object_id, NEW.object_version, NEW.cost_ceiling,
        NEW.currency, NEW.created_at, NEW.window_ends_at) THEN
        RAISE EXCEPTION 'what an action request asks for is frozen' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER approvals_request_frozen BEFORE UPDATE OR DELETE ON approvals_actionrequest
    FOR EACH ROW EXECUTE FUNCTION approvals_request_frozen();

CREATE FUNCTION approvals_vote_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a vote is never changed' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER approvals_vote_frozen BEFORE UPDATE OR DELETE ON approvals_vote
    FOR EACH ROW EXECUTE FUNCTION approvals_vote_frozen();
"""
BACKWARD = """
DROP TRIGGER approvals_vote_frozen ON approvals_vote;
DROP FUNCTION approvals_vote_frozen();
DROP TRIGGER approvals_request_frozen ON approvals_actionrequest;
DROP FUNCTION approvals_request_frozen();
"""


class Migration(migrations.Migration):
    dependencies = [("approvals", "0002_default_policies")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
