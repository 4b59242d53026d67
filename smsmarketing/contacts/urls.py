"""Paths of contacts below /api/v1/ that are no operations."""

from django.urls import path

from smsmarketing.contacts.downloads import export_file
from smsmarketing.contacts.uploads import evidence_upload, import_upload

urlpatterns = [
    path("imports/files", import_upload, name="import-upload"),
    path("imports/evidence", evidence_upload, name="import-evidence"),
    path("exports/<uuid:export_id>/file", export_file, name="export-file"),
]
