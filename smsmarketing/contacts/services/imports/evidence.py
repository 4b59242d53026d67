"""Documents that show how people agreed, kept privately as long as the ledger that names them."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from django.db import transaction
from django.utils import timezone

from smsmarketing.contacts.models import EvidenceFile
from smsmarketing.contacts.services.private_files import private_path
from smsmarketing.operations.audit import audit_append
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.types import Actor

EVIDENCE_TYPES: Final = {
    "application/pdf": (b"%PDF-", "pdf"),
    "image/png": (b"\x89PNG\r\n\x1a\n", "png"),
    "image/jpeg": (b"\xff\xd8\xff", "jpg"),
}
"""Media type → its first bytes and the ending of the stored name. The bytes decide, not the name."""
_SIZE_MAX = 10 * 2**20


def evidence_path(stored_path: str) -> Path:
    """Where a document lies. Raises ValueError for a path that leaves the folder."""
    return private_path("evidence", stored_path)


def evidence_record(actor: Actor, chunks: Iterable[bytes], file_name: str) -> EvidenceFile:
    """Keep a document; noted in the audit log. Raises InvalidInput (field `file`) for one that is
    empty, larger than 10 MiB, or no PDF, PNG or JPEG; nothing is kept of it then.
    """
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > _SIZE_MAX:
            raise _refused("The document is larger than 10 MiB. Scan it with fewer dots per inch.")
    kind = next(
        (name for name, (mark, _) in EVIDENCE_TYPES.items() if content.startswith(mark)), ""
    )
    if not kind:
        raise _refused("The document is no PDF, PNG or JPEG. Save the form as one of these.")
    path = evidence_path(f"{uuid.uuid4().hex}.{EVIDENCE_TYPES[kind][1]}")
    with transaction.atomic():
        row = EvidenceFile.objects.create(
            uploaded_by=actor.user,
            file_name=Path(file_name.replace("\\", "/")).name[-200:] or "evidence",
            stored_path=path.name,
            media_type=kind,
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            created_at=timezone.now(),
        )
        audit_append(
            operation="imports.evidence",
            outcome="done",
            actor=actor,
            object_type="contacts.evidencefile",
            object_id=str(row.pk),
            facts={"size_bytes": row.size_bytes, "sha256": row.sha256},
        )
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            target.write(content)
    return row


def _refused(message: str) -> InvalidInput:
    return InvalidInput(message, field_errors={"file": message}, details={"reason": "EVIDENCE"})
