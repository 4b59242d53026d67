"""The proof pack: everything that shows why a number was or was not sendable at a moment."""

from smsmarketing.contacts.services.proof.files import PackFiles, pack_files
from smsmarketing.contacts.services.proof.pack import Asked, pack_bytes, pack_gather

__all__ = ["Asked", "PackFiles", "pack_bytes", "pack_files", "pack_gather"]
