"""Everything that changes contacts, consent, suppressions, audiences and imports."""

from smsmarketing.contacts.phones import phone_hash
from smsmarketing.contacts.selectors import suppressed_now, suppressed_phones
from smsmarketing.contacts.services.audiences import (
    audience_add,
    audience_archive,
    audience_remove,
    audience_save,
    segment_create,
)
from smsmarketing.contacts.services.consent import consent_record
from smsmarketing.contacts.services.contacts import Upserted, contact_upsert
from smsmarketing.contacts.services.events import event_summaries_refresh
from smsmarketing.contacts.services.states import send_state_refresh, send_states_expire
from smsmarketing.contacts.services.suppressions import suppression_add, suppression_lift_scope
from smsmarketing.contacts.services.trash import contact_restore, contact_trash, trash_kept

__all__ = [
    "Upserted",
    "audience_add",
    "audience_archive",
    "audience_remove",
    "audience_save",
    "consent_record",
    "contact_restore",
    "contact_trash",
    "contact_upsert",
    "event_summaries_refresh",
    "phone_hash",
    "segment_create",
    "send_state_refresh",
    "send_states_expire",
    "suppressed_now",
    "suppressed_phones",
    "suppression_add",
    "suppression_lift_scope",
    "trash_kept",
]
