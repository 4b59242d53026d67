"""Django configuration of the approvals app."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Registers the app under the short label ``approvals``."""

    name = "smsmarketing.approvals"
    label = "approvals"
    default_auto_field = "django.db.models.BigAutoField"
