"""Handing a file to the person who asked for it: the one check for session and token."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from smsmarketing.contacts.models import ExportFile
from smsmarketing.contacts.selectors import exports_visible
from smsmarketing.contacts.services.exports.files import export_path
from smsmarketing.contacts.services.reveals import FULL_NUMBERS_MOST, may_see_phones
from smsmarketing.operations import registry
from smsmarketing.operations.access import access_check
from smsmarketing.operations.audit import audit_append
from smsmarketing.operations.errors import Conflict, NotFound, NotPermitted, OperationError
from smsmarketing.operations.types import Actor

FETCH = "exports.download"

_EXPIRED = "The file has expired and was deleted. Ask for it anew."
_CHANGED = "The file on the disk is not the one that was made. Ask for it anew."


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A file to hand over: its row, and the open file, which stays readable if it expires now."""

    row: ExportFile
    source: BinaryIO


def export_fetch(export_id: UUID, *, actor: Actor, now: datetime | None = None) -> Fetched:
    """The file when the actor may have it now; counted and audited, and so is a refusal.

    The actor must be who asked, still hold the rights of the operation that made it, and, when full
    numbers are in it, the right to see them. Raises NotFound, NotPermitted, InsufficientScope and
    Conflict (not ready, expired, changed on the disk).
    """
    now = now or timezone.now()
    try:
        with transaction.atomic():
            row = exports_visible(actor).filter(pk=export_id).first()
            if row is None:
                raise NotFound("There is no such file, or somebody else asked for it.")
            _rights_check(row, actor)
            source = _opened(row, now)
            counted = ExportFile.objects.filter(pk=row.pk, state="ready").update(
                downloads=F("downloads") + 1, downloaded_at=now
            )
            if not counted:
                raise Conflict(_EXPIRED)
            _noted(row.pk, actor, "done", rows=row.rows, sha256=row.sha256, kind=row.kind)
    except OperationError as exc:
        exc.request_id = actor.request_id
        with transaction.atomic():
            _noted(export_id, actor, exc.code)
        raise
    return Fetched(row=row, source=source)


def _noted(export_id: UUID, actor: Actor, outcome: str, **facts: object) -> None:
    audit_append(
        operation=FETCH,
        outcome=outcome,
        actor=actor,
        object_type="contacts.exportfile",
        object_id=str(export_id),
        facts=facts,
    )


def _rights_check(row: ExportFile, actor: Actor) -> None:
    operation = registry.find(row.operation)
    if operation is None:
        raise NotFound("Files of this kind are not given out any more. Ask for it anew.")
    access_check(operation, actor)
    if not row.full_numbers:
        return
    if not may_see_phones(actor):
        raise NotPermitted("Full numbers are in this file and you may not see them. Ask anew.")
    if not actor.is_session and row.rows > FULL_NUMBERS_MOST:
        raise NotPermitted(
            f"A token is given at most {FULL_NUMBERS_MOST} full numbers. Fetch this file in the browser."
        )


def _opened(row: ExportFile, now: datetime) -> BinaryIO:
    if row.state == "making":
        raise Conflict(
            "The file is still being made. Look again with exports.get.", retry_after_s=5
        )
    if row.state == "failed":
        raise Conflict(f"The file could not be made. {row.problem}".strip())
    if row.state == "expired" or row.expires_at <= now:
        raise Conflict(_EXPIRED)
    try:
        source = export_path(row.stored_path).open("rb")
    except FileNotFoundError:
        raise Conflict(_CHANGED) from None
    digest = hashlib.file_digest(source, "sha256").hexdigest()
    if digest != row.sha256:
        source.close()
        raise Conflict(_CHANGED)
    source.seek(0)
    return source
