"""Operations of the contacts app; importing this registers them."""

from smsmarketing.contacts.operations import audiences, contacts, imports, inbound, opt_outs, upsert

__all__ = ["audiences", "contacts", "imports", "inbound", "opt_outs", "upsert"]
