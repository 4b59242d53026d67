"""Files handed to people: made at once or by a worker, fetched by who asked, deleted in time."""

from smsmarketing.contacts.services.exports.expiry import exports_expire
from smsmarketing.contacts.services.exports.fetching import export_fetch
from smsmarketing.contacts.services.exports.files import (
    KEPT,
    Wanted,
    export_ask,
    export_folder,
    export_now,
    export_path,
)
from smsmarketing.contacts.services.exports.working import (
    MAKERS,
    Count,
    export_work,
    exports_stalled,
)

__all__ = [
    "KEPT",
    "MAKERS",
    "Count",
    "Wanted",
    "export_ask",
    "export_fetch",
    "export_folder",
    "export_now",
    "export_path",
    "export_work",
    "exports_expire",
    "exports_stalled",
]
