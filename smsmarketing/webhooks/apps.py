"""Django configuration of the webhooks app."""

from importlib import import_module

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Registers the app under the short label ``webhooks``, its operations and its task."""

    name = "smsmarketing.webhooks"
    label = "webhooks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the operations; whoever emits an event needs the task by name."""
        import_module("smsmarketing.webhooks.operations")
        import_module("smsmarketing.webhooks.tasks")
        import_module("smsmarketing.webhooks.services.secrets").sealed_register()
