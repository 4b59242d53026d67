"""The lock of a number: taken first of all, before contact rows (house order)."""

from __future__ import annotations

from django.db import connection


def number_lock(phone: str) -> None:
    """Two calls for one number come one after the other, also when no contact row can be locked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 4711))", [phone])
