from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    name = "smsmarketing.campaigns"
    label = "campaigns"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the operations and what approval requests of this app are about."""
        from smsmarketing.campaigns import operations  # noqa: F401
        from smsmarketing.campaigns.services import review  # noqa: F401
        from smsmarketing.contacts.services.erasing import free_text_add

        free_text_add("campaigns_campaign", "name", "review_notes", "hold_reason")
