"""Settings of imports; a part of smsmarketing/settings.py, which is at its limit of lines."""

from smsmarketing import env

IMPORT_UNDO_DAYS = env.number(
    "IMPORT_UNDO_DAYS",
    default=30,
    minimum=1,
    maximum=365,
    doc="Days after its end in which an import can be undone; what it changed is kept that long.",
)
IMPORT_FOLDER_ROOT = env.text(
    "IMPORT_FOLDER_ROOT",
    default="",
    doc="Folder below which import folders may lie; empty: no scheduled imports from folders.",
)
