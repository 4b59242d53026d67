"""Operations of webhooks. Importing this package registers them."""

from smsmarketing.webhooks.operations import choosers, deliveries, endpoints

__all__ = ["choosers", "deliveries", "endpoints"]
