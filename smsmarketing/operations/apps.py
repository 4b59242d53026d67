"""The operation framework: registers its own operations and its checks over everybody's."""

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    """App config; the framework knows no other app."""

    name = "smsmarketing.operations"
    label = "operations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register audit.list, audit.verify and the system checks."""
        from smsmarketing.operations import catalogue, checks  # noqa: F401
