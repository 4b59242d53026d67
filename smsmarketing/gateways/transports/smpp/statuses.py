"""command_status by name: what each means for the message (SMPP v3.4 §5.1.3; providers.md A12)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from smsmarketing.gateways.transports.base import ErrorClass, ErrorMeaning

_ROWS: tuple[tuple[int, str, ErrorClass, str], ...] = (
    (0x01, "RINVMSGLEN", "content", "The length of the message is not valid."),
    (0x02, "RINVCMDLEN", "content", "The length of the command is not valid."),
    (0x03, "RINVCMDID", "content", "The gateway does not know this command."),
    (0x04, "RINVBNDSTS", "soft", "The bind does not allow submits; it is made anew."),
    (0x05, "RALYBND", "auth", "The account is bound already. End the other bind."),
    (0x06, "RINVPRTFLG", "content", "The priority flag is not valid."),
    (0x07, "RINVREGDLVFLG", "content", "The registered delivery flag is not valid."),
    (0x08, "RSYSERR", "soft", "The gateway has a system error."),
    (0x0A, "RINVSRCADR", "sender", "The sender is not valid on this gateway."),
    (0x0B, "RINVDSTADR", "hard", "The number is not valid."),
    (0x0C, "RINVMSGID", "content", "The message id is not valid."),
    (0x0D, "RBINDFAIL", "auth", "The bind failed."),
    (0x0E, "RINVPASWD", "auth", "The password is wrong. Enter it with gateway_credentials."),
    (0x0F, "RINVSYSID", "auth", "The system id is wrong. Enter it with gateway_credentials."),
    (0x11, "RCANCELFAIL", "soft", "The cancellation failed."),
    (0x13, "RREPLACEFAIL", "soft", "The replacement failed."),
    (0x14, "RMSGQFUL", "throttle", "The gateway's queue is full."),
    (0x15, "RINVSERTYP", "account", "The service type is not valid for this account."),
    (0x33, "RINVNUMDESTS", "content", "The number of destinations is not valid."),
    (0x34, "RINVDLNAME", "content", "The distribution list does not exist."),
    (0x40, "RINVDESTFLAG", "content", "The destination flag is not valid."),
    (0x42, "RINVSUBREP", "content", "Submit with replace is not valid."),
    (0x43, "RINVESMCLASS", "content", "The esm_class is not valid on this gateway."),
    (0x44, "RCNTSUBDL", "content", "Distribution lists are not possible."),
    (0x45, "RSUBMITFAIL", "soft", "The submit failed."),
    (0x48, "RINVSRCTON", "sender", "The sender's type of number is not valid."),
    (0x49, "RINVSRCNPI", "sender", "The sender's numbering plan is not valid."),
    (0x50, "RINVDSTTON", "content", "The recipient's type of number is not valid."),
    (0x51, "RINVDSTNPI", "content", "The recipient's numbering plan is not valid."),
    (0x53, "RINVSYSTYP", "auth", "The system type is wrong. Correct it on the gateway."),
    (0x54, "RINVREPFLAG", "content", "The replace flag is not valid."),
    (0x55, "RINVNUMMSGS", "content", "The number of messages is not valid."),
    (0x58, "RTHROTTLED", "throttle", "The gateway asks to slow down."),
    (0x61, "RINVSCHED", "content", "The scheduled time is not valid."),
    (0x62, "RINVEXPIRY", "content", "The validity period is not valid on this gateway."),
    (0x63, "RINVDFTMSGID", "content", "The predefined message does not exist."),
    (0x64, "RX_T_APPN", "soft", "The receiver has a passing error."),
    (0x65, "RX_P_APPN", "content", "The receiver refuses it for good."),
    (0x66, "RX_R_APPN", "content", "The receiver rejects the message."),
    (0x67, "RQUERYFAIL", "soft", "The query failed."),
    (0xC0, "RINVOPTPARSTREAM", "content", "The optional parameters are not valid."),
    (0xC1, "ROPTPARNOTALLWD", "content", "An optional parameter is not allowed here."),
    (0xC2, "RINVPARLEN", "content", "The length of a parameter is not valid."),
    (0xC3, "RMISSINGOPTPARAM", "content", "An optional parameter is missing."),
    (0xC4, "RINVOPTPARAMVAL", "content", "The value of an optional parameter is not valid."),
    (0xFE, "RDELIVERYFAILURE", "soft", "The delivery failed."),
    (0xFF, "RUNKNOWNERR", "soft", "The gateway has an error that it does not name."),
    (0x100, "RSERTYPUNAUTH", "account", "The account may not use this service type."),
    (0x101, "RPROHIBITED", "account", "The account may not do this."),
    (0x102, "RSERTYPUNAVAIL", "soft", "The service type is not available now."),
)

NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {status: f"ESME_{name}" for status, name, _, _ in _ROWS}
)
ERRORS: Final[Mapping[str, ErrorMeaning]] = MappingProxyType(
    {f"ESME_{name}": ErrorMeaning(error_class, meaning) for _, name, error_class, meaning in _ROWS}
)
OK: Final = 0
INVALID_COMMAND: Final = 0x03
BIND_LOST: Final = 0x04
SYSTEM_ERROR: Final = 0x08
TEMPORARY: Final = 0x64
"""What we answer to a delivery that we could not keep: the carrier offers it again."""
THROTTLES: Final = frozenset({0x14, 0x58})


def status_name(status: int) -> str:
    """The name, or the number in hexadecimal as carriers write it."""
    return NAMES.get(status, f"0x{status:08X}")
