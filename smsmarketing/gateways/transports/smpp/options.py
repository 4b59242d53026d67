"""How one gateway wants its SMPP: the options of a gateway row, checked and with their defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from smsmarketing.gateways.transports.base import TransportDataError
from smsmarketing.gateways.transports.smpp.texts import (
    ALPHABETS,
    LONG_TEXTS,
    Alphabet,
    LongText,
)

BIND_MODES: Final = ("transceiver", "pair")
VALIDITIES: Final = ("relative", "none")
_WORD = re.compile(r"[\x21-\x7e]{0,12}")
_RANGES: Mapping[str, tuple[int, int]] = {
    "enquire_s": (5, 600),
    "response_s": (2, 120),
    "source_ton": (0, 6),
    "source_npi": (0, 18),
}


@dataclass(frozen=True, slots=True)
class SmppOptions:
    """One gateway's dialect. Every default is what most carriers take (providers.md A12)."""

    bind_mode: Literal["transceiver", "pair"] = "transceiver"
    """One connection for both ways, or a transmitter and a receiver."""
    alphabet: Alphabet = "gsm7"
    """What data_coding 0 means there: unpacked GSM-7, or Latin-1 (`latin1_default`); `latin1` sends
    Latin-1 as data_coding 3.
    """
    long_text: LongText = "udh"
    validity: Literal["relative", "none"] = "relative"
    """`none`: the carrier refuses a validity period. What it holds back may then arrive at night."""
    system_type: str = ""
    service_type: str = ""
    source_ton: int | None = None
    source_npi: int | None = None
    enquire_s: int = 30
    response_s: int = 20


CHOICES: Mapping[str, tuple[str, ...]] = {
    "bind_mode": BIND_MODES,
    "alphabet": ALPHABETS,
    "long_text": LONG_TEXTS,
    "validity": VALIDITIES,
}
NAMES: Final = (*CHOICES, "system_type", "service_type", *_RANGES)


def options_read(given: Mapping[str, str]) -> SmppOptions:
    """The options of a gateway. Raises TransportDataError that names the first one at fault."""
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in NAMES:
            raise TransportDataError("options", f"SMPP has no option {name[:24]!r}.")
        if value != "":
            values[name] = _checked(name, str(value))
    return SmppOptions(**values)


def _checked(name: str, value: str) -> str | int:
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise TransportDataError("options", f"{name}: use {', '.join(CHOICES[name])}.")
        return value
    if name in _RANGES:
        least, most = _RANGES[name]
        if not value.isdecimal() or len(value) > 3 or not least <= int(value) <= most:
            raise TransportDataError("options", f"{name}: use a number from {least} to {most}.")
        return int(value)
    longest = 5 if name == "service_type" else 12
    if not _WORD.fullmatch(value) or len(value) > longest:
        raise TransportDataError("options", f"{name}: use up to {longest} plain characters.")
    return value
