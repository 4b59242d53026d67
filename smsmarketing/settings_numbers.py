"""How long numbers that gateways found dead stay retired; a part of smsmarketing/settings.py, which
is at its limit of lines.
"""

from smsmarketing import env

__all__ = ["NUMBER_INVALID_DAYS", "NUMBER_UNKNOWN_DAYS", "NUMBER_UNREACHABLE_DAYS"]

NUMBER_INVALID_DAYS = env.number(
    "NUMBER_INVALID_DAYS",
    default=365,
    minimum=1,
    doc="Days for which a number that a gateway called invalid, or a landline, gets nothing.",
)
NUMBER_UNKNOWN_DAYS = env.number(
    "NUMBER_UNKNOWN_DAYS",
    default=180,
    minimum=1,
    doc="The same after two answers, at least 7 days apart, that no subscriber has the number.",
)
NUMBER_UNREACHABLE_DAYS = env.number(
    "NUMBER_UNREACHABLE_DAYS",
    default=90,
    minimum=1,
    doc="Days without marketing for a number that three campaigns in 30 days could not reach.",
)
