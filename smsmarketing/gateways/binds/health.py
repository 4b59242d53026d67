"""The row that says how a bind is: taken by one process at a time, and what people see of it."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from smsmarketing.gateways import services
from smsmarketing.gateways.models import Bind, Gateway

LEASE: Final = timedelta(seconds=60)
"""A process that died keeps others away for so long."""
NO_BIND: Final = "No SMPP bind: "
"""How the reason begins when a gateway is degraded from here, so that only that is recovered from."""
_PATIENCE: Final = timedelta(seconds=30)
"""A bind that is down for longer degrades its gateway."""


@dataclass(slots=True)
class BindRow:
    """One process' hold on the bind of one gateway."""

    gateway_id: int
    owner: str = field(
        default_factory=lambda: f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid4().hex[:8]}"
    )
    down_since: datetime | None = None

    def take(self) -> bool:
        """Hold the bind, or False while another process does."""
        Bind.objects.get_or_create(gateway_id=self.gateway_id)
        now = timezone.now()
        free = Q(owner="") | Q(owner=self.owner) | Q(lease_until__lt=now)
        return (
            Bind.objects.filter(free, gateway_id=self.gateway_id).update(
                owner=self.owner, lease_until=now + LEASE
            )
            == 1
        )

    def renew(self, *, heard_at: datetime | None = None) -> bool:
        """Keep holding it; False when another process took it meanwhile."""
        fields: dict[str, Any] = {"lease_until": timezone.now() + LEASE}
        if heard_at is not None:
            fields["heard_at"] = heard_at
        return self._update(**fields)

    def binding(self) -> None:
        self._update(state="binding")

    def bound(self) -> None:
        now = timezone.now()
        self.down_since = None
        self._update(state="bound", bound_since=now, heard_at=now, binds=F("binds") + 1)
        gateway = Gateway.objects.get(pk=self.gateway_id)
        if gateway.state == "degraded" and gateway.state_reason.startswith(NO_BIND):
            with transaction.atomic():
                services.gateway_recover(gateway)

    def lost(self, why: str, *, lasting: bool = False) -> None:
        """It is not bound any more, or could not be. `lasting`: waiting alone will not help."""
        now = timezone.now()
        self.down_since = self.down_since or now
        if not self._update(state="waiting", bound_since=None, last_error=why[:200], error_at=now):
            return
        if lasting or now - self.down_since > _PATIENCE:
            with transaction.atomic():
                services.gateway_degrade(
                    Gateway.objects.get(pk=self.gateway_id), reason=f"{NO_BIND}{why}"
                )

    def release(self) -> None:
        """Nobody holds it now."""
        self._update(state="down", owner="", lease_until=None, bound_since=None)

    def _update(self, **fields: Any) -> bool:
        held = Bind.objects.filter(gateway_id=self.gateway_id, owner=self.owner)
        return held.update(**fields) == 1
