"""The roads of one run: to the batch's own gateway, and to others when one is needed."""

from __future__ import annotations

from dataclasses import dataclass, field

from smsmarketing.gateways.dispatch.pace import Pace
from smsmarketing.gateways.dispatch.quiet import Clock
from smsmarketing.gateways.dispatch.road import Road, road_of
from smsmarketing.gateways.dispatch.table import RouteTable
from smsmarketing.gateways.dispatch.unclear import UnclearAnswers
from smsmarketing.gateways.models import Batch, Gateway


@dataclass(slots=True)
class Roads:
    """Transport, credentials and rate by gateway, read once a run."""

    batch: Batch
    table: RouteTable
    _roads: dict[int, Road] = field(default_factory=dict)
    _paces: dict[int, Pace] = field(default_factory=dict)
    _unclear: dict[int, UnclearAnswers] = field(default_factory=dict)
    _clocks: dict[int, Clock] = field(default_factory=dict)

    def road(self, gateway_id: int) -> Road:
        """Raises KeyError (transport) and CredentialsUnreadable."""
        if gateway_id not in self._roads:
            self._roads[gateway_id] = road_of(self.batch, self._gateway(gateway_id))
        return self._roads[gateway_id]

    def pace(self, gateway_id: int) -> Pace:
        """The rates that messages to this gateway keep: its own, and the batch's."""
        if gateway_id not in self._paces:
            gateway = self._gateway(gateway_id)
            self._paces[gateway_id] = Pace(
                gateway.pk, gateway.rate_per_second, self.batch.pk, self.batch.per_minute
            )
        return self._paces[gateway_id]

    def clock(self, gateway_id: int) -> Clock:
        """Quiet hours with the margin that this gateway needs: how early it can be told to give up."""
        if gateway_id not in self._clocks:
            self._clocks[gateway_id] = Clock(self.road(gateway_id))
        return self._clocks[gateway_id]

    def unclear(self, gateway_id: int) -> UnclearAnswers:
        """Answers of this gateway that are kept for people."""
        if gateway_id not in self._unclear:
            road = self.road(gateway_id)
            self._unclear[gateway_id] = UnclearAnswers(road.transport, road.secrets)
        return self._unclear[gateway_id]

    def _gateway(self, gateway_id: int) -> Gateway:
        return self.table.gateways.get(gateway_id) or self.batch.gateway
