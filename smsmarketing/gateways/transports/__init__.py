"""Carrier protocols by name. `get("vertexsms")` is one; a gateway row stores the name."""

from smsmarketing.gateways.transports import account_controls, smsapi_controls, vertexsms_controls
from smsmarketing.gateways.transports.bandwidth import Bandwidth
from smsmarketing.gateways.transports.base import Transport
from smsmarketing.gateways.transports.controls import Controls
from smsmarketing.gateways.transports.generic import GenericHttp
from smsmarketing.gateways.transports.infobip import Infobip
from smsmarketing.gateways.transports.sinch import Sinch
from smsmarketing.gateways.transports.smpp import Smpp
from smsmarketing.gateways.transports.smsapi import SmsApi
from smsmarketing.gateways.transports.telnyx import Telnyx
from smsmarketing.gateways.transports.twilio import Twilio
from smsmarketing.gateways.transports.vertexsms import VertexSms
from smsmarketing.gateways.transports.vonage import Vonage
from smsmarketing.gateways.transports.vonage_messages import VonageMessages

_ALL: tuple[Transport, ...] = (
    Bandwidth(),
    GenericHttp(),
    Infobip(),
    Sinch(),
    SmsApi(),
    Smpp(),
    Telnyx(),
    Twilio(),
    VertexSms(),
    Vonage(),
    VonageMessages(),
)
_REGISTRY: dict[str, Transport] = {transport.name: transport for transport in _ALL}

_CONTROLS: dict[str, Controls] = {
    "infobip": account_controls.INFOBIP,
    "smsapi": smsapi_controls.CONTROLS,
    "twilio": account_controls.TWILIO,
    "vertexsms": vertexsms_controls.CONTROLS,
    "vonage": account_controls.VONAGE,
}


def names() -> tuple[str, ...]:
    """The transports there are, for choices on a gateway."""
    return tuple(sorted(_REGISTRY))


def bound_names() -> tuple[str, ...]:
    """The transports whose gateways a process of its own is bound to."""
    return tuple(name for name in names() if _REGISTRY[name].capabilities.long_lived)


def get(name: str) -> Transport:
    """The transport called `name`. Raises KeyError with the known names."""
    try:
        return _REGISTRY[name]
    except KeyError:
        raise KeyError(f"No transport is called {name!r}. Known: {', '.join(names())}.") from None


def controls(name: str) -> Controls:
    """What the provider can be asked besides sending; nothing where nothing is documented."""
    return _CONTROLS.get(name, Controls())


def names_with(ability: str) -> tuple[str, ...]:
    """The transports whose `Controls` have this, e.g. takes_opt_outs."""
    return tuple(sorted(name for name, each in _CONTROLS.items() if getattr(each, ability)))
