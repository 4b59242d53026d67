"""Webhooks in the admin: endpoints and deliveries to read, with buttons that lead to operations."""

from smsmarketing.webhooks.admin.endpoints import WebhookDeliveryAdmin, WebhookEndpointAdmin

__all__ = ["WebhookDeliveryAdmin", "WebhookEndpointAdmin"]
