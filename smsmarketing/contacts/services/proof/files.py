"""The two files of a proof pack: the canonical JSON, and the PDF that bears its SHA-256."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from smsmarketing.contacts.models import ExportFile
from smsmarketing.contacts.services.exports import Wanted, export_now
from smsmarketing.contacts.services.proof.pack import Asked, pack_bytes
from smsmarketing.operations.types import Actor

OPERATION = "contacts.consent_proof"
_KEPT = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class PackFiles:
    """The SHA-256 that both files stand for, and their rows."""

    sha256: str
    json: ExportFile
    pdf: ExportFile


def pack_files(pack: dict[str, Any], asked: Asked, *, actor: Actor, now: datetime) -> PackFiles:
    """Write both. The JSON file is the canonical form itself, so its own SHA-256 is the pack's."""
    content = pack_bytes(pack)
    sha256 = hashlib.sha256(content).hexdigest()
    # A seventh of a process' start, and most processes never make a PDF.
    from smsmarketing.contacts.services.proof.document import document_build

    pdf = document_build(pack, sha256=sha256, now=now)
    name = f"proof-{asked.at:%Y%m%d}-{sha256[:12]}"
    made = [
        export_now(
            Wanted(
                operation=OPERATION,
                kind="consent_proof",
                file_name=f"{name}.{ending}",
                content_type=media,
                team_ids=[asked.brand.team_id],
                full_numbers=asked.full,
                reason=asked.reason,
                params={
                    "contact_id": pack["person"].get("contact_id"),
                    "number": pack["question"]["number_fingerprint"],
                },
                kept=_KEPT,
            ),
            [body],
            actor=actor,
            rows=1,
            now=now,
        )
        for ending, media, body in (
            ("json", "application/json", content),
            ("pdf", "application/pdf", pdf),
        )
    ]
    return PackFiles(sha256=sha256, json=made[0], pdf=made[1])
