"""Django configuration of the reporting app."""

from django.apps import AppConfig


class ReportingConfig(AppConfig):
    """Registers the app under the short label ``reporting``."""

    name = "smsmarketing.reporting"
    label = "reporting"
    default_auto_field = "django.db.models.BigAutoField"
