"""How the wire's tables are kept: room for HOT updates, and a ledger that only grows."""

from django.db import migrations

GUARDS = """
ALTER TABLE gateways_message SET (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.05
);
ALTER TABLE gateways_batchslice SET (fillfactor = 70);
ALTER TABLE gateways_batch SET (fillfactor = 50);

CREATE FUNCTION gateways_ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger rows are append-only: % is refused', TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON gateways_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION gateways_ledger_append_only();
CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON gateways_ledgerentry
    FOR EACH STATEMENT EXECUTE FUNCTION gateways_ledger_append_only();
"""

GUARDS_REMOVED = """
DROP TRIGGER ledger_no_truncate ON gateways_ledgerentry;
DROP TRIGGER ledger_append_only ON gateways_ledgerentry;
DROP FUNCTION gateways_ledger_append_only();
ALTER TABLE gateways_batch RESET (fillfactor);
ALTER TABLE gateways_batchslice RESET (fillfactor);
ALTER TABLE gateways_message RESET (
    fillfactor, autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor
);
"""


class Migration(migrations.Migration):
    dependencies = [("gateways", "0001_initial")]

    operations = [migrations.RunSQL(GUARDS, GUARDS_REMOVED)]
