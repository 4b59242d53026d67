"""The lock of a number: taken first of all, before contact rows (house order)."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection


def number_lock(phone: str) -> None:
    """Two calls for one number come one after the other, also when no contact row can be locked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 4711))", [phone])


def numbers_lock(phones: Collection[str]) -> None:
    """The locks of many numbers in one statement, in the order of the numbers: two calls with the
    same numbers never wait for each other in a circle.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(n, 4711)) FROM unnest(%s::text[]) AS n",
            [sorted(set(phones))],
        )
