"""What is the same for all messages of a run: transport, credentials, callback address, limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from smsmarketing.gateways.credentials import webhook_secret_read
from smsmarketing.gateways.dispatch.claim import Row
from smsmarketing.gateways.dispatch.waves import WavePlan
from smsmarketing.gateways.models import Batch, Gateway
from smsmarketing.gateways.selectors import caps_for
from smsmarketing.gateways.selectors.carriers import config_of, transport_of
from smsmarketing.gateways.transports.base import (
    OutboundMessage,
    Priority,
    SubmitRequest,
    Transport,
    TransportConfig,
)

_PRIORITIES: dict[str, Priority] = {"otp": "high", "reply": "high"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """A batch's way to its gateway."""

    plan: WavePlan
    transport: Transport
    config: TransportConfig = field(repr=False)
    dlr_base: str = field(repr=False)
    quiet_mode: str
    not_after: datetime | None

    @property
    def shortest_validity_s(self) -> int:
        limits = self.transport.capabilities.validity_range_s
        return limits[0] if limits else 0

    @property
    def secrets(self) -> list[str]:
        """What a gateway knows of us and must never be shown: credentials, our address's secret part."""
        path = self.dlr_base.rstrip("/").split("/")
        return [*self.config.credentials.values(), path[-2]]

    def _validity_s(self, closes_at: datetime | None, now: datetime) -> int | None:
        """Seconds the gateway may try. The end of the send window bounds the hand-over, so what is
        left of it is rounded up to the provider's shortest; quiet hours are never rounded.
        """
        left = [] if closes_at is None else [int((closes_at - now).total_seconds())]
        if self.not_after is not None:
            window = int((self.not_after - now).total_seconds())
            left.append(max(window, self.shortest_validity_s))
        return min(left) if left else None

    def request(self, row: Row, *, closes_at: datetime | None, now: datetime) -> SubmitRequest:
        """Describe the submit of one message. The gateway must give up before the recipient's quiet
        hours begin and before the send window ends, so a backlog cannot arrive at night [R-3.5].

        Raises TransportDataError when the transport cannot express it.
        """
        capabilities = self.transport.capabilities
        validity = self._validity_s(closes_at, now) if capabilities.validity_range_s else None
        return self.transport.submit_request(
            OutboundMessage(
                message_id=row.id,
                to=row.phone,
                sender=self.plan.sender_value,
                body=row.body,
                parts=row.parts,
                validity_s=validity,
                expires_at=None if validity is None else now + timedelta(seconds=validity),
                priority=(
                    _PRIORITIES.get(self.plan.purpose, "normal")
                    if capabilities.priority
                    else "normal"
                ),
                dlr_url=f"{self.dlr_base}{row.id}" if capabilities.dlr else "",
            ),
            self.config,
        )


def road_of(batch: Batch, gateway: Gateway | None = None) -> Road:
    """Read everything a run needs to hand over to a gateway, by default the batch's own. Raises
    KeyError (transport) and CredentialsUnreadable.
    """
    gateway = gateway or batch.gateway
    secret = webhook_secret_read(gateway)
    return Road(
        plan=WavePlan(
            batch_id=batch.pk,
            brand_id=batch.brand_id,
            sender_id=batch.sender_id,
            sender_value=batch.sender.value,
            gateway_id=gateway.pk,
            countries=list(gateway.countries),
            purpose=batch.purpose,
            caps=[(cap.limit, cap.window) for cap in caps_for(batch.brand_id, batch.purpose)],
        ),
        transport=transport_of(gateway, at=batch.created_at),
        config=config_of(gateway),
        dlr_base=f"{settings.PUBLIC_BASE_URL.rstrip('/')}/webhooks/{gateway.slug}/{secret}/dlr/",
        quiet_mode=batch.quiet_mode,
        not_after=batch.not_after,
    )
