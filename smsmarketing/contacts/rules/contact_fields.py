"""The columns of a contact that people and files write."""

from __future__ import annotations

from typing import Final

TEXT_FIELDS: Final = (
    "first_name",
    "last_name",
    "language",
    "region",
    "time_zone",
    "customer_key",
    "customer_group",
)
OBJECT_FIELDS: Final = ("custom", "crm_keys")
