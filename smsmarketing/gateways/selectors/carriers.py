"""How to speak to a gateway: the one place that turns its row into a transport and a configuration.

A gateway with a transport of its own has always the same one; a gateway that is described as data
has the one that its definition makes, in the version that held at the moment in question.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from smsmarketing.gateways import transports
from smsmarketing.gateways.credentials import credentials_read
from smsmarketing.gateways.models import DefinitionUse, DefinitionVersion, Gateway
from smsmarketing.gateways.transports.base import Transport, TransportConfig
from smsmarketing.gateways.transports.generic import NAME, Definition, GenericHttp
from smsmarketing.webhooks.rules.addresses import AddressPolicy, ip_fault

_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_MADE_MOST: Final = 256
_made: dict[str, GenericHttp] = {}
"""Transports by the hash of their content, which never changes; a process keeps the last ones."""


def use_of(gateway_id: int, at: datetime) -> DefinitionUse | None:
    """The use that holds for a gateway at a moment, without the content of its version."""
    return (
        DefinitionUse.objects.filter(gateway_id=gateway_id, valid_from__lte=at)
        .select_related("version__definition")
        .defer("version__content")
        .order_by("-valid_from")
        .first()
    )


def transport_of(gateway: Gateway, *, at: datetime | None = None) -> Transport:
    """How to speak to the gateway now, or as it was to be spoken to at `at`. Raises KeyError for a
    transport that does not exist; a generic gateway without a definition gets one that refuses.
    """
    if gateway.transport != NAME:
        return transports.get(gateway.transport)
    use = use_of(gateway.pk, at or timezone.now())
    return version_transport(use.version) if use is not None else transports.get(NAME)


def transports_of(gateway_ids: Collection[int]) -> Mapping[int, Transport]:
    """The transports of many gateways, now."""
    rows = Gateway.objects.filter(pk__in=gateway_ids).only("transport")
    return {row.pk: transport_of(row) for row in rows}


def version_transport(version: DefinitionVersion) -> GenericHttp:
    """The transport that a version makes."""
    made = _made.get(version.sha256)
    if made is None:
        made = GenericHttp(Definition.model_validate(version.content))
        if len(_made) >= _MADE_MOST:
            _made.clear()
        _made[version.sha256] = made
    return made


def config_of(gateway: Gateway, *, credentials: Mapping[str, str] | None = None) -> TransportConfig:
    """Address, credentials (or those given instead) and options. Raises CredentialsUnreadable."""
    return TransportConfig(
        base_url=gateway.base_url,
        credentials=credentials_read(gateway) if credentials is None else credentials,
        options=gateway.options,
        may_connect=_guard(gateway.base_url) if gateway.transport == NAME else None,
    )


def config_at(base_url: str, credentials: Mapping[str, str]) -> TransportConfig:
    """A configuration of an address that somebody entered and no gateway has."""
    return TransportConfig(base_url=base_url, credentials=credentials, may_connect=_guard(base_url))


class _Guard:
    """Where a gateway of this address may be connected to [R-10.8]. Equal for equal settings."""

    def __init__(self, scheme: str, *, own_machine: bool, policy: AddressPolicy) -> None:
        self._scheme, self._own_machine, self._policy = scheme, own_machine, policy

    def __call__(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        if self._own_machine and address.is_loopback:
            return True
        return not ip_fault(address, scheme=self._scheme, policy=self._policy)


def _guard(base_url: str) -> _Guard:
    return _guard_of(
        base_url,
        settings.PRODUCTION,
        settings.INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES,
        settings.INTEGRATIONS_ALLOW_HTTP,
    )


@lru_cache(maxsize=256)
def _guard_of(base_url: str, production: bool, private: bool, http: bool) -> _Guard:
    parts = urlsplit(base_url)
    return _Guard(
        parts.scheme,
        own_machine=not production and (parts.hostname or "") in _LOCAL,
        policy=AddressPolicy(allow_private=private, allow_http=http),
    )
