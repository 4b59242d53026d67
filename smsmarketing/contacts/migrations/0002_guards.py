"""Guards in the database itself: the consent ledger is append-only, a "no" is never removed [R-2.16]."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION contacts_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: its rows are kept', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

-- Erasure takes the person's traces out of the ledger [R-4.9]; what was agreed stays as it was.
CREATE FUNCTION contacts_consent_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.ip NOT IN ('', OLD.ip) OR NEW.user_agent NOT IN ('', OLD.user_agent)
        OR (to_jsonb(NEW) - ARRAY['ip', 'user_agent']) IS DISTINCT FROM (to_jsonb(OLD) - ARRAY['ip', 'user_agent'])
    THEN
        RAISE EXCEPTION 'consent events are append-only' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

-- Of a suppression only these may change: its one lift, the contact it is linked to, the number at
-- erasure, the hash while the number is known (key rotation [R-4.10]), and how far it was synced.
CREATE FUNCTION contacts_suppression_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(NEW) - ARRAY['lifted_at', 'contact_id', 'phone', 'phone_hash', 'hash_key', 'sync_state'])
        IS DISTINCT FROM (to_jsonb(OLD) - ARRAY['lifted_at', 'contact_id', 'phone', 'phone_hash', 'hash_key', 'sync_state'])
        OR (OLD.lifted_at IS NOT NULL AND NEW.lifted_at IS DISTINCT FROM OLD.lifted_at)
        OR (NEW.phone IS NOT NULL AND NEW.phone IS DISTINCT FROM OLD.phone)
        OR (OLD.phone IS NULL AND (NEW.phone_hash, NEW.hash_key) IS DISTINCT FROM (OLD.phone_hash, OLD.hash_key))
        OR (NEW.phone_hash IS DISTINCT FROM OLD.phone_hash AND NEW.hash_key = OLD.hash_key)
    THEN
        RAISE EXCEPTION 'a suppression is never edited; lift it' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER consent_event_frozen BEFORE UPDATE ON contacts_consentevent
    FOR EACH ROW EXECUTE FUNCTION contacts_consent_frozen();
CREATE TRIGGER consent_event_kept BEFORE DELETE ON contacts_consentevent
    FOR EACH ROW EXECUTE FUNCTION contacts_append_only();
CREATE TRIGGER consent_event_no_truncate BEFORE TRUNCATE ON contacts_consentevent
    FOR EACH STATEMENT EXECUTE FUNCTION contacts_append_only();
CREATE TRIGGER suppression_kept BEFORE UPDATE ON contacts_suppression
    FOR EACH ROW EXECUTE FUNCTION contacts_suppression_kept();
CREATE TRIGGER suppression_not_deleted BEFORE DELETE ON contacts_suppression
    FOR EACH ROW EXECUTE FUNCTION contacts_append_only();
CREATE TRIGGER suppression_no_truncate BEFORE TRUNCATE ON contacts_suppression
    FOR EACH STATEMENT EXECUTE FUNCTION contacts_append_only();
CREATE TRIGGER suppression_lift_frozen BEFORE UPDATE OR DELETE ON contacts_suppressionlift
    FOR EACH ROW EXECUTE FUNCTION contacts_append_only();
CREATE TRIGGER suppression_lift_no_truncate BEFORE TRUNCATE ON contacts_suppressionlift
    FOR EACH STATEMENT EXECUTE FUNCTION contacts_append_only();

-- Room on each page, so that the send counters are updated in place (HOT, perf.md §3).
ALTER TABLE contacts_sendstate SET (fillfactor = 80);
"""

GUARDS_REMOVED = """
DROP TRIGGER consent_event_frozen ON contacts_consentevent;
DROP TRIGGER consent_event_kept ON contacts_consentevent;
DROP TRIGGER consent_event_no_truncate ON contacts_consentevent;
DROP TRIGGER suppression_kept ON contacts_suppression;
DROP TRIGGER suppression_not_deleted ON contacts_suppression;
DROP TRIGGER suppression_no_truncate ON contacts_suppression;
DROP TRIGGER suppression_lift_frozen ON contacts_suppressionlift;
DROP TRIGGER suppression_lift_no_truncate ON contacts_suppressionlift;
DROP FUNCTION contacts_append_only();
DROP FUNCTION contacts_consent_frozen();
DROP FUNCTION contacts_suppression_kept();
ALTER TABLE contacts_sendstate RESET (fillfactor);
"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0001_initial")]

    operations = [migrations.RunSQL(GUARDS, GUARDS_REMOVED)]
