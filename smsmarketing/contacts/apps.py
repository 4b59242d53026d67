"""Django configuration of the contacts app."""

from django.apps import AppConfig


class ContactsConfig(AppConfig):
    """Registers the app under the short label ``contacts``."""

    name = "smsmarketing.contacts"
    label = "contacts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the operations, and hear how telling of suppressions went."""
        from smsmarketing.contacts import operations  # noqa: F401
        from smsmarketing.contacts.services.outbound import SUBJECT, suppressions_told
        from smsmarketing.webhooks.services import subject_listener_add

        subject_listener_add(SUBJECT, suppressions_told)
