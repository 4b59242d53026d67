"""Contacts in the admin: rows to read, and the import wizard. Views hold no rule: they call operations."""

from smsmarketing.contacts.admin.exports import ExportFileAdmin
from smsmarketing.contacts.admin.fields import CustomFieldAdmin
from smsmarketing.contacts.admin.import_folders import ImportFolderAdmin
from smsmarketing.contacts.admin.imports import ImportJobAdmin
from smsmarketing.contacts.admin.opt_in_forms import OptInFormAdmin
from smsmarketing.contacts.admin.people import ContactAdmin
from smsmarketing.contacts.admin.rows import AudienceAdmin, ConsentEventAdmin
from smsmarketing.contacts.admin.suppressions import BlockClearingAdmin, SuppressionAdmin

__all__ = [
    "AudienceAdmin",
    "BlockClearingAdmin",
    "ConsentEventAdmin",
    "ContactAdmin",
    "CustomFieldAdmin",
    "ExportFileAdmin",
    "ImportFolderAdmin",
    "ImportJobAdmin",
    "OptInFormAdmin",
    "SuppressionAdmin",
]
