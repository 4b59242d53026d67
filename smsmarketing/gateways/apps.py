"""Django configuration of the gateways app."""

from django.apps import AppConfig


class GatewaysConfig(AppConfig):
    """Registers the app under the short label ``gateways``."""

    name = "smsmarketing.gateways"
    label = "gateways"
    default_auto_field = "django.db.models.BigAutoField"
