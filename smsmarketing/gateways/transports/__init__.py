"""Carrier protocols by name. `get("vertexsms")` is one; a gateway row stores the name."""

from smsmarketing.gateways.transports.base import Transport
from smsmarketing.gateways.transports.vertexsms import VertexSms

_REGISTRY: dict[str, Transport] = {transport.name: transport for transport in (VertexSms(),)}


def names() -> tuple[str, ...]:
    """The transports there are, for choices on a gateway."""
    return tuple(sorted(_REGISTRY))


def get(name: str) -> Transport:
    """The transport called `name`. Raises KeyError with the known names."""
    try:
        return _REGISTRY[name]
    except KeyError:
        raise KeyError(f"No transport is called {name!r}. Known: {', '.join(names())}.") from None
