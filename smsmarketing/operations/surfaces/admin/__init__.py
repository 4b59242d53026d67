"""The admin surface: read-only rows with operation buttons, form pages, and the catalogue of all operations.

A GET never executes: a button leads to a page that shows the form, and only its POST calls `execute()`.
"""

from smsmarketing.operations.surfaces.admin.base import OperationAdmin, OperationButton

__all__ = ["OperationAdmin", "OperationButton"]
