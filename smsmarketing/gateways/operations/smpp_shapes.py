"""What is entered about a gateway's SMPP, and what is shown of its bind."""

from __future__ import annotations

import ipaddress
from datetime import datetime
from typing import Literal, cast
from urllib.parse import urlsplit

from pydantic import Field

from smsmarketing.gateways.models import Bind, Gateway
from smsmarketing.gateways.transports import bound_names
from smsmarketing.operations.types import Input, Output

BindState = Literal["down", "binding", "bound", "waiting"]


class SmppSettings(Input):
    """How this carrier wants its SMPP 3.4; the defaults are what most of them take."""

    bind_mode: Literal["transceiver", "pair"] = Field(
        default="transceiver",
        description="One connection for both ways, or a transmitter and a receiver.",
    )
    alphabet: Literal["gsm7", "latin1", "latin1_default"] = Field(
        default="gsm7",
        description=(
            "What texts without special characters are sent in: GSM-7 unpacked (data_coding 0), Latin-1"
            " (data_coding 3), or Latin-1 as the carrier's default (data_coding 0)."
        ),
    )
    long_text: Literal["udh", "sar", "payload"] = Field(
        default="udh",
        description="Long texts by user data header, by sar_ parameters, or whole in message_payload.",
    )
    validity: Literal["relative", "none"] = Field(
        default="relative",
        description=(
            "none when the carrier refuses a validity period: what it holds back may then arrive in"
            " quiet hours."
        ),
    )
    system_type: str = Field(
        default="",
        max_length=12,
        pattern=r"^[!-~]*$",
        description="system_type of the bind; mostly empty.",
    )
    service_type: str = Field(
        default="",
        max_length=5,
        pattern=r"^[!-~]*$",
        description="service_type of submits; mostly empty.",
    )
    source_ton: int | None = Field(
        default=None,
        ge=0,
        le=6,
        description="Type of number of senders; null = by the sender: 5, 3 or 1.",
    )
    source_npi: int | None = Field(
        default=None, ge=0, le=18, description="Numbering plan of senders; null = by the sender."
    )
    enquire_s: int = Field(
        default=30, ge=5, le=600, description="Seconds of silence after which enquire_link is sent."
    )
    response_s: int = Field(
        default=20,
        ge=2,
        le=120,
        description="Seconds to wait for an answer; a submit without one becomes unknown.",
    )
    plain_connection_accepted: bool = Field(
        default=False,
        description=(
            "True: smpp:// to a public address is accepted although login and texts cross the network"
            " readable. Use smpps:// or a VPN wherever the carrier has one."
        ),
    )

    def options(self) -> dict[str, str]:
        """The words that the gateway keeps for its transport."""
        values = self.model_dump(exclude={"plain_connection_accepted"}, exclude_none=True)
        return {name: str(value) for name, value in values.items() if value != ""}


class BindHealth(Output):
    """The connection that a process of its own holds to an SMPP gateway."""

    state: BindState = Field(
        description=(
            "bound: it can send. waiting: it could not be bound and is tried again. down: no process"
            " holds it; start manage.py smpp_supervise on the server."
        )
    )
    bound_since: datetime | None = Field(description="Since when it is bound, UTC.")
    heard_at: datetime | None = Field(
        description="When the gateway last said anything (answers to enquire_link too), UTC."
    )
    reconnects: int = Field(description="How often it was bound again after the first time.")
    last_error: str = Field(description="Why it was lost or could not be made the last time.")
    error_at: datetime | None = Field(description="When that was, UTC.")


def bind_health(gateway: Gateway) -> BindHealth | None:
    """None for a gateway that no process is bound to; `gateway.bind` should be read already."""
    if gateway.transport not in bound_names():
        return None
    bind: Bind = getattr(gateway, "bind", None) or Bind(gateway=gateway)
    return BindHealth(
        state=cast(BindState, bind.state),
        bound_since=bind.bound_since,
        heard_at=bind.heard_at,
        reconnects=max(0, bind.binds - 1),
        last_error=bind.last_error,
        error_at=bind.error_at,
    )


def bind_sentence(health: BindHealth) -> str:
    """The health of a bind for people."""
    again = f", {health.reconnects} times bound again" if health.reconnects else ""
    if health.state == "bound":
        return (
            f"Bound since {_moment(health.bound_since)}, last heard of at"
            f" {_moment(health.heard_at)}{again}."
        )
    words = {
        "binding": "Being bound.",
        "waiting": "Not bound; it is tried again.",
        "down": "Not bound: start manage.py smpp_supervise on the server.",
    }
    last = f" {_moment(health.error_at)}: {health.last_error}" if health.last_error else ""
    return f"{words[health.state]}{last}"


def _moment(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def smpp_address_wrong(address: str, *, plain_accepted: bool) -> str:
    """What is wrong with the address of an SMPP gateway, as a sentence; empty when nothing is."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if not host or parts.scheme not in {"smpp", "smpps"} or parts.username:
        return (
            "Use smpps://host:port (TLS) or smpp://host:port of the carrier, without login or path."
        )
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        return "Use smpps://host:port or smpp://host:port without a path."
    if parts.scheme == "smpp" and not plain_accepted and not _is_private(host):
        return (
            "smpp:// sends login and texts readable. Use smpps://, a private address (VPN), or say"
            " plain_connection_accepted."
        )
    return ""


def _is_private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost"
