"""The audit chain in the database itself: append-only by triggers, the head only moves forward [R-8.14]."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION operations_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit rows are append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION operations_audit_head_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id IS DISTINCT FROM OLD.id OR NEW.seq IS DISTINCT FROM OLD.seq + 1 THEN
        RAISE EXCEPTION 'the audit head moves forward by one entry'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE ON operations_auditentry
    FOR EACH ROW EXECUTE FUNCTION operations_audit_append_only();
CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON operations_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION operations_audit_append_only();
CREATE TRIGGER audit_anchor_append_only BEFORE UPDATE OR DELETE ON operations_auditanchor
    FOR EACH ROW EXECUTE FUNCTION operations_audit_append_only();
CREATE TRIGGER audit_anchor_no_truncate BEFORE TRUNCATE ON operations_auditanchor
    FOR EACH STATEMENT EXECUTE FUNCTION operations_audit_append_only();
CREATE TRIGGER audit_head_forward BEFORE UPDATE ON operations_audithead
    FOR EACH ROW EXECUTE FUNCTION operations_audit_head_forward();
CREATE TRIGGER audit_head_no_delete BEFORE DELETE ON operations_audithead
    FOR EACH ROW EXECUTE FUNCTION operations_audit_append_only();
CREATE TRIGGER audit_head_no_truncate BEFORE TRUNCATE ON operations_audithead
    FOR EACH STATEMENT EXECUTE FUNCTION operations_audit_append_only();

INSERT INTO operations_audithead (id, seq, hash) VALUES (1, 0, repeat('0', 64));
"""

GUARDS_REMOVED = """
DROP TRIGGER audit_entry_append_only ON operations_auditentry;
DROP TRIGGER audit_entry_no_truncate ON operations_auditentry;
DROP TRIGGER audit_anchor_append_only ON operations_auditanchor;
DROP TRIGGER audit_anchor_no_truncate ON operations_auditanchor;
DROP TRIGGER audit_head_forward ON operations_audithead;
DROP TRIGGER audit_head_no_delete ON operations_audithead;
DROP TRIGGER audit_head_no_truncate ON operations_audithead;
DROP FUNCTION operations_audit_append_only();
DROP FUNCTION operations_audit_head_forward();
DELETE FROM operations_audithead;
"""


class Migration(migrations.Migration):
    dependencies = [("operations", "0001_initial")]

    operations = [migrations.RunSQL(GUARDS, GUARDS_REMOVED)]
