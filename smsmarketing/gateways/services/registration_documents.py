"""The papers of a registration: sealed in a private folder, with their hash and limits [R-5.9].

Each file has a key of its own, which lies sealed in its row: keys rotate without touching files, and
a removed document is unreadable at once, whatever copies of the folder exist.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.contacts.services.imports import EVIDENCE_TYPES
from smsmarketing.contacts.services.private_files import loose_remove, private_path
from smsmarketing.gateways.models import Registration, RegistrationDocument
from smsmarketing.gateways.rules.registries import OTHER_PAPER
from smsmarketing.gateways.selectors.registrations import registry_of
from smsmarketing.gateways.services.registrations import editable_check
from smsmarketing.operations.encryption import SecretUnreadable, secret_open, secret_seal
from smsmarketing.operations.errors import Conflict, InvalidInput, NotFound
from smsmarketing.operations.sealed import sealed_add
from smsmarketing.operations.states import row_lock

FOLDER: Final = "registrations"
SIZE_MAX: Final = 10 * 2**20
DOCUMENTS_MOST: Final = 20
_ACTIVE: Final = (b"/JavaScript", b"/JS ", b"/JS(", b"/Launch", b"/EmbeddedFile")
_NONCE_BYTES: Final = 12
_BOUND: Final = "gateways.registrationdocument:{pk}:key"
_OVER: Final = ("rejected", "expired", "withdrawn")


def document_add(
    registration: Registration,
    *,
    kind: str,
    file_name: str,
    content: bytes,
    uploaded_by: User,
    now: datetime,
) -> RegistrationDocument:
    """Seal and keep one paper of a draft, or of one that was refused.

    Raises Conflict in another state, and InvalidInput for a paper that the registry does not know,
    or that is empty, above 10 MiB, no PDF, PNG or JPEG, or holds a script or another file.
    """
    held = row_lock(Registration, registration.pk)
    editable_check(held)
    known = {OTHER_PAPER, *(paper.key for paper in registry_of(held).papers)}
    if kind not in known:
        raise InvalidInput(
            "The registry does not ask for this document.",
            field_errors={"kind": f"Use one of: {', '.join(sorted(known))}."},
        )
    if held.documents.filter(removed_at=None).count() >= DOCUMENTS_MOST:
        raise Conflict(
            f"A registration has at most {DOCUMENTS_MOST} documents. Remove one that is not needed."
        )
    media_type = _media_type(content)
    path = private_path(FOLDER, f"{uuid.uuid4().hex}.sealed")
    row = RegistrationDocument.objects.create(
        registration=held,
        kind=kind,
        file_name=Path(file_name.replace("\\", "/")).name[-200:] or "document",
        media_type=media_type,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        stored_path=path.name,
        uploaded_by=uploaded_by,
        created_at=now,
    )
    key, nonce = AESGCM.generate_key(256), os.urandom(_NONCE_BYTES)
    row.sealed_key = secret_seal(key, bound_to=_bound(row))
    row.save(update_fields=["sealed_key"])
    sealed = nonce + AESGCM(key).encrypt(nonce, content, row.sha256.encode())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        target.write(sealed)
    held.version += 1
    held.save(update_fields=["version"])
    return row


def document_remove(document: RegistrationDocument, *, now: datetime) -> None:
    """Take a paper out of a draft; its row stays. Raises Conflict once it was submitted."""
    held = row_lock(Registration, document.registration_id)
    editable_check(held)
    document.removed_at, document.sealed_key = now, None
    document.save(update_fields=["removed_at", "sealed_key"])
    held.version += 1
    held.save(update_fields=["version"])


def document_read(document: RegistrationDocument) -> bytes:
    """The bytes that were uploaded. Raises NotFound when they were deleted, Conflict when the file is
    not the one that was stored.
    """
    if document.removed_at is not None:
        raise NotFound("This document was removed; its name and hash are kept.")
    try:
        sealed = private_path(FOLDER, document.stored_path).read_bytes()
        key = secret_open(bytes(document.sealed_key or b""), bound_to=_bound(document))
        content = AESGCM(key).decrypt(
            sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], document.sha256.encode()
        )
    except (FileNotFoundError, SecretUnreadable, InvalidTag, ValueError):
        raise Conflict(
            "The stored document is gone or cannot be opened. Restore it, and its key, from a backup."
        ) from None
    return content


def documents_expire(*, now: datetime | None = None) -> int:
    """Delete the files of registrations that are over since SENDER_DOCUMENT_DAYS, of removed
    documents, and of uploads that were rolled back; rows stay. Returns how many.
    """
    moment = now or timezone.now()
    old = moment - timedelta(days=settings.SENDER_DOCUMENT_DAYS)
    over = RegistrationDocument.objects.filter(
        removed_at=None, registration__state__in=_OVER, registration__changed_at__lte=old
    )
    gone = 0
    for row in over.order_by("pk")[:500]:
        private_path(FOLDER, row.stored_path).unlink(missing_ok=True)
        row.removed_at, row.sealed_key = moment, None
        row.save(update_fields=["removed_at", "sealed_key"])
        gone += 1
    living = RegistrationDocument.objects.filter(removed_at=None)
    known = set(living.values_list("stored_path", flat=True))
    return gone + loose_remove(FOLDER, known=known, now=moment)


def _media_type(content: bytes) -> str:
    if not content:
        raise _refused("The document is empty. Choose the file again.")
    if len(content) > SIZE_MAX:
        raise _refused("The document is larger than 10 MiB. Scan it with fewer dots per inch.")
    kind = next(
        (name for name, (mark, _) in EVIDENCE_TYPES.items() if content.startswith(mark)), ""
    )
    if not kind:
        raise _refused("The document is no PDF, PNG or JPEG. Save it as one of these.")
    if kind == "application/pdf" and any(mark in content for mark in _ACTIVE):
        raise _refused("The PDF holds a script or another file. Print it to a new PDF.")
    return kind


def _refused(message: str) -> InvalidInput:
    return InvalidInput(message, field_errors={"content_base64": message})


def sealed_register() -> None:
    """Called at ready(): the keys rotate with all other secrets."""
    sealed_add(RegistrationDocument, "sealed_key", bound_to=_BOUND)


def _bound(row: RegistrationDocument) -> str:
    return _BOUND.format(pk=row.pk)
