"""Operations of the contacts app; importing this registers them."""

from smsmarketing.contacts.operations import (
    audiences,
    contacts,
    custom_fields,
    events,
    import_folders,
    import_mappings,
    import_undo,
    imports,
    numbers,
    opt_outs,
    opt_outs_block,
    opt_outs_clear,
    opt_outs_lift,
    upsert,
)

__all__ = [
    "audiences",
    "contacts",
    "custom_fields",
    "events",
    "import_folders",
    "import_mappings",
    "import_undo",
    "imports",
    "numbers",
    "opt_outs",
    "opt_outs_block",
    "opt_outs_clear",
    "opt_outs_lift",
    "upsert",
]
