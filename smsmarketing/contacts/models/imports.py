"""Uploaded CSV files and the jobs that bring them in."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django_fsm import transition

from smsmarketing.accounts.models import Brand, Team
from smsmarketing.contacts.models.audiences import Audience
from smsmarketing.operations.states import FSMModel, StateField


class ImportFile(models.Model):
    """An upload as it came, under a random name in the private folder. Its id is the upload id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    file_name = models.CharField(max_length=200, help_text="The uploader's name of the file.")
    stored_path = models.CharField(max_length=300, help_text="Below MEDIA_ROOT/imports.")
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.file_name


class EvidenceFile(models.Model):
    """A document that shows how people agreed: a scan of the form, a picture of the page. Kept in a
    private folder as long as the ledger, which names it by id and hash.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    file_name = models.CharField(max_length=200, help_text="The uploader's name of the file.")
    stored_path = models.CharField(max_length=300, help_text="Below MEDIA_ROOT/evidence.")
    media_type = models.CharField(max_length=40)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.file_name

    @property
    def reference(self) -> str:
        """What the consent ledger holds as `evidence_file`."""
        return f"evidence:{self.pk}"


class ImportMapping(models.Model):
    """A saved column mapping, offered when a file has the same headers."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=12)
    mapping = models.JSONField(help_text="Header → field.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "kind", "name"], name="import_mapping_once")
        ]

    def __str__(self) -> str:
        return self.name


class ImportFolder(models.Model):
    """A folder below IMPORT_FOLDER_ROOT that is looked into again and again for new files.

    A file is brought in by `imports.start` in the name of `responsible`, with that person's rights
    of the moment and under the approval policies. No file twice: its SHA-256 is looked for.
    """

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=80)
    folder = models.CharField(max_length=300, help_text="Path below IMPORT_FOLDER_ROOT.")
    pattern = models.CharField(max_length=80, default="*.csv", help_text="Names, with * and ?.")
    options = models.JSONField(
        default=dict, help_text="The input of imports.start, without the file."
    )
    every_minutes = models.PositiveIntegerField(default=15)
    responsible = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    active = models.BooleanField(default=True)
    seen = models.JSONField(default=dict, help_text="Name → [size, time] at the last look.")
    looked_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, blank=True, help_text="What a person must mend.")
    version = models.IntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="import_folder_once")]

    def __str__(self) -> str:
        return self.name


class ImportFolderFile(models.Model):
    """What became of a file of a folder."""

    folder = models.ForeignKey(ImportFolder, on_delete=models.CASCADE, related_name="files")
    file_name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    outcome = models.CharField(max_length=12, help_text="started, held, skipped or failed.")
    note = models.CharField(max_length=300, blank=True)
    job_id = models.BigIntegerField(null=True)
    action_request_id = models.UUIDField(null=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.file_name}: {self.outcome}"


class ImportJob(FSMModel):
    """One uploaded CSV: uploaded → previewed → running → done | failed → undoing → undone.

    A dry run is work in state `uploaded` (`phase` tells how far it is) and ends in `previewed`.
    """

    state = StateField(default="uploaded")
    kind = models.CharField(max_length=12, help_text="contacts or opt_outs.")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="+")
    audience = models.ForeignKey(Audience, on_delete=models.PROTECT, null=True, related_name="+")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    upload = models.ForeignKey(ImportFile, on_delete=models.PROTECT, related_name="jobs")
    file_name = models.CharField(max_length=200)
    stored_path = models.CharField(max_length=300)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    encoding = models.CharField(max_length=20)
    delimiter = models.CharField(max_length=2)
    headers = models.JSONField(default=list)
    mapping = models.JSONField(default=dict, help_text="Header → field.")
    options = models.JSONField(
        default=dict, help_text="Default region, tags, consent evidence for the whole file."
    )
    phase = models.CharField(
        max_length=12,
        blank=True,
        help_text="reading, comparing, checked, merging or empty: what the worker does now.",
    )
    counts = models.JSONField(
        default=dict,
        help_text="create, change, unchanged, rejected, ... of the dry run or the run.",
    )
    rows_total = models.BigIntegerField(null=True)
    rows_read = models.BigIntegerField(default=0, help_text="Data rows staged or rejected so far.")
    rows_done = models.BigIntegerField(default=0, help_text="Resume point: rows merged so far.")
    bounds = models.JSONField(
        default=dict,
        help_text="Lowest and highest ids that the merge wrote, by kind; an undo looks only there.",
    )
    undo_counts = models.JSONField(default=dict, help_text="What the undo has done so far.")
    undo_after = models.BigIntegerField(default=0, help_text="Resume point of the undo's phase.")
    undo_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    undone_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=40, blank=True)
    error_message = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    lease_owner = models.CharField(
        max_length=80, blank=True, help_text="Worker that has it; taken over when it falls silent."
    )
    crashes = models.PositiveSmallIntegerField(
        default=0, help_text="Times a worker died on it without progress [R-10.26]."
    )
    version = models.IntegerField(default=1)

    @transition(field=state, source="uploaded", target="previewed")
    def preview(self) -> None:
        """The dry run is complete."""

    @transition(field=state, source=["uploaded", "previewed"], target="running")
    def start(self) -> None:
        """A person confirmed, or a policy let it through."""

    @transition(field=state, source="running", target="done")
    def finish(self) -> None:
        """All rows are merged."""

    @transition(field=state, source=["done", "failed"], target="undoing")
    def undo(self) -> None:
        """A person takes the import back."""

    @transition(field=state, source="undoing", target="undone")
    def undo_finish(self) -> None:
        """All that could be taken back is."""

    @transition(
        field=state, source=["uploaded", "previewed", "running", "undoing"], target="failed"
    )
    def fail(self) -> None:
        """The file cannot be read further; rows merged before stay merged."""

    def __str__(self) -> str:
        return self.file_name


class ImportUndo(models.Model):
    """What one import changed about a contact that existed before: field → [before, after].

    New contacts have none: their source names the import. Kept for IMPORT_UNDO_DAYS; erasing the
    person deletes these rows. No foreign keys: rows are written by the hundred thousand.
    """

    job_id = models.BigIntegerField()
    contact_id = models.BigIntegerField(db_index=True)
    changes = models.JSONField(default=dict)
    state_made = models.BooleanField(
        default=False, help_text="The import made the contact known to the brand."
    )

    def __str__(self) -> str:
        return f"undo of import {self.job_id} for contact {self.contact_id}"


class ImportReject(models.Model):
    """One rejected row: its number in the file (the header is row 1), what is wrong, its cells."""

    job = models.ForeignKey(
        ImportJob, on_delete=models.CASCADE, db_index=False, related_name="rejects"
    )
    row_number = models.BigIntegerField()
    field = models.CharField(max_length=80, blank=True)
    code = models.CharField(max_length=40)
    message = models.CharField(max_length=300)
    row: Any = models.JSONField(default=list)

    class Meta:
        indexes = [models.Index(fields=["job", "row_number"], name="import_reject_row")]

    def __str__(self) -> str:
        return f"row {self.row_number}: {self.code}"
