"""Operations of the contacts app; importing this registers them."""

from smsmarketing.contacts.operations import audiences, contacts, inbound, opt_outs, upsert

__all__ = ["audiences", "contacts", "inbound", "opt_outs", "upsert"]
