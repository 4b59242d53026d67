"""Exporting a list of contacts: the file a person gets against a raw COPY of the same columns.

    python -m benchmarks export                200,000 contacts on a database of its own
    EXPORT_ROWS=1000000 DATABASE_URL=... python -m benchmarks.export

Measured: masking, formula-safe cells, times, words, SHA-256 and writing. The limit is COPY TO of the
same columns of the same rows, in the same run; best and worst of EXPORT_REPEATS pairs, because
neighbours move single figures. Memory must stay flat, whatever the size. Target: ratio >= 0.4.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import django

ROWS = int(os.environ.get("EXPORT_ROWS", "200000"))
REPEATS = int(os.environ.get("EXPORT_REPEATS", "3"))
MEMORY_MB = 50
TARGET = 0.4

_FILL = """
INSERT INTO contacts_contact (phone, phone_hash, hash_key, country, line_type, first_name, last_name,
    language, region, time_zone, time_zone_source, customer_key, crm_keys, tags, custom, source,
    version, created_at, updated_at)
SELECT '+4475' || lpad(n::text, 8, '0'), sha256(n::text::bytea), '', 'GB', 'mobile', 'N' || n %% 997,
    'L' || n %% 89, 'en', '', '', 'number', 'c' || n, '{}', ARRAY['t' || n %% 9], '{}', 'bench', 1,
    now(), now()
FROM generate_series(1, %s) n
"""
_STATES = """
INSERT INTO contacts_sendstate (contact_id, brand_id, country, recent)
SELECT id, %s, 'GB', '{}' FROM contacts_contact
"""
_COPY = """
COPY (SELECT c.id, c.phone, c.first_name, c.last_name, c.country, c.region, c.language,
    c.customer_key, c.customer_group, c.tags, c.custom, s.marketing_reason, s.consent_expires_at,
    s.recent[1], c.created_at
FROM contacts_sendstate s JOIN contacts_contact c ON c.id = s.contact_id
WHERE s.brand_id = %s AND c.trashed_at IS NULL AND c.phone IS NOT NULL ORDER BY c.id)
TO STDOUT (FORMAT csv)
"""


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smsmarketing.settings")
    django.setup()
    from django.conf import settings
    from django.db import connection, transaction
    from django.utils import timezone

    from smsmarketing.accounts.models import Brand, Team
    from smsmarketing.contacts.models import ExportFile
    from smsmarketing.contacts.services.exports import Count
    from smsmarketing.contacts.services.exports.files import file_write
    from smsmarketing.contacts.services.exports.lists import contacts_blocks

    team = Team.objects.create(name="Bench", slug="bench-export")
    brand = Brand.objects.create(team=team, name="Acme", name_in_texts="Acme", help_line="Acme")
    with connection.cursor() as cursor:
        cursor.execute(_FILL, [ROWS])
        cursor.execute(_STATES, [brand.pk])
        cursor.execute("ANALYZE contacts_contact, contacts_sendstate")
    row = ExportFile(
        params={"brand_id": brand.pk, "criteria": {"everyone": True}}, created_at=timezone.now()
    )
    ratios = []
    with tempfile.TemporaryDirectory() as temporary:
        settings.MEDIA_ROOT = temporary
        before = memory_mb()
        for _ in range(REPEATS):
            start, count = perf_counter(), Count()
            with transaction.atomic():
                written = file_write(contacts_blocks(row, count))
            took = perf_counter() - start
            assert count.rows == ROWS, count.rows
            memory = memory_mb()
            limit = copy_seconds(Path(temporary, "raw"), brand.pk)
            ratios.append(limit / took)
            print(
                f"export {ROWS / took:>10,.0f} rows/s, COPY {ROWS / limit:>10,.0f} rows/s,"
                f" ratio {limit / took:.2f}"
            )
    print(f"{ROWS:,} contacts, {written.size_bytes / 2**20:,.0f} MiB")
    print(f"ratio {min(ratios):.2f} to {max(ratios):.2f} (target >= {TARGET})")
    print(f"memory {memory:,.0f} MB, of which for the export {memory - before:,.0f} MB")
    return 0 if memory - before < MEMORY_MB and max(ratios) >= TARGET else 1


def memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def copy_seconds(path: Path, brand_id: int) -> float:
    """Seconds of a bare COPY of the same columns into a file."""
    from django.db import connection

    start = perf_counter()
    with (
        connection.cursor() as cursor,
        path.open("wb") as target,
        cursor.copy(_COPY, [brand_id]) as copy,
    ):
        for block in copy:
            target.write(block)
    return perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
