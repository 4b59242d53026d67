"""Django configuration of the accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Registers the app under the short label ``accounts``."""

    name = "smsmarketing.accounts"
    label = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
