"""Django configuration of the accounts app."""

from importlib import import_module

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    """Registers the app under the short label ``accounts``, its operations and its seeded roles."""

    name = "smsmarketing.accounts"
    label = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the operations and seed the roles after each migrate."""
        seeding = import_module("smsmarketing.accounts.seeding")
        post_migrate.connect(seeding.roles_seed, sender=self)
        import_module("smsmarketing.accounts.operations")
