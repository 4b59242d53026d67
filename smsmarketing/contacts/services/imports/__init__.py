"""CSV imports of contacts and opt-outs."""

from smsmarketing.contacts.services.imports.evidence import (
    EVIDENCE_TYPES,
    evidence_path,
    evidence_record,
)
from smsmarketing.contacts.services.imports.expiry import imports_expire
from smsmarketing.contacts.services.imports.files import (
    FileLook,
    file_changed,
    file_lines,
    file_look,
    file_refusal,
    file_rows,
    import_path,
    too_large,
    upload_record,
    upload_remove,
    upload_size_check,
    upload_store,
)
from smsmarketing.contacts.services.imports.jobs import (
    ImportOptions,
    import_before,
    import_check_request,
    import_create,
    import_fingerprint,
    import_look,
    import_start,
    mapping_for,
    mapping_save,
)
from smsmarketing.contacts.services.imports.undoing import (
    PHASES as UNDO_PHASES,
)
from smsmarketing.contacts.services.imports.undoing import (
    undo_check,
    undo_forecast,
    undo_start,
    undo_until,
)
from smsmarketing.contacts.services.imports.working import import_work, imports_stalled

__all__ = [
    "EVIDENCE_TYPES",
    "UNDO_PHASES",
    "FileLook",
    "ImportOptions",
    "evidence_path",
    "evidence_record",
    "file_changed",
    "file_lines",
    "file_look",
    "file_refusal",
    "file_rows",
    "import_before",
    "import_check_request",
    "import_create",
    "import_fingerprint",
    "import_look",
    "import_path",
    "import_start",
    "import_work",
    "imports_expire",
    "imports_stalled",
    "mapping_for",
    "mapping_save",
    "too_large",
    "undo_check",
    "undo_forecast",
    "undo_start",
    "undo_until",
    "upload_record",
    "upload_remove",
    "upload_size_check",
    "upload_store",
]
