"""Django configuration of the approvals app."""

from importlib import import_module

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Registers the app under the short label ``approvals``, and its operations and tasks."""

    name = "smsmarketing.approvals"
    label = "approvals"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the operations and tasks, and write the notes that webhooks has for people."""
        import_module("smsmarketing.approvals.operations")
        import_module("smsmarketing.approvals.tasks")
        notes = import_module("smsmarketing.approvals.services.notes")
        outcomes = import_module("smsmarketing.webhooks.services.outcomes")
        outcomes.notice_add(notes.people_notify)
