"""Paths of contacts below /api/v1/ that are no operations."""

from django.urls import path

from smsmarketing.contacts.uploads import evidence_upload, import_upload

urlpatterns = [
    path("imports/files", import_upload, name="import-upload"),
    path("imports/evidence", evidence_upload, name="import-evidence"),
]
