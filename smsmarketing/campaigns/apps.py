"""Django configuration of the campaigns app."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """Registers the app under the short label ``campaigns``."""

    name = "smsmarketing.campaigns"
    label = "campaigns"
    default_auto_field = "django.db.models.BigAutoField"
