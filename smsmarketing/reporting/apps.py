from django.apps import AppConfig


class ReportingConfig(AppConfig):
    name = "smsmarketing.reporting"
    label = "reporting"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the operations."""
        from smsmarketing.reporting import operations  # noqa: F401
