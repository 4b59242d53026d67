"""Django configuration of the contacts app."""

from django.apps import AppConfig


class ContactsConfig(AppConfig):
    """Registers the app under the short label ``contacts``."""

    name = "smsmarketing.contacts"
    label = "contacts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the operations."""
        from smsmarketing.contacts import operations  # noqa: F401
