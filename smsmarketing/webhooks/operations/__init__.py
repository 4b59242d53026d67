"""Operations of webhooks. Importing this package registers them."""

from smsmarketing.webhooks.operations import deliveries, endpoints

__all__ = ["deliveries", "endpoints"]
