"""How long personal data is kept [R-4.14], and how much of it one person may uncover: settings of their own file."""

from smsmarketing import env

__all__ = [
    "CONTACT_TRASH_DAYS",
    "DELIVERY_DATA_DAYS",
    "INBOUND_TEXT_DAYS",
    "MESSAGE_TEXT_DAYS",
    "OTP_TEXT_HOURS",
    "PHONE_REVEALS_A_DAY",
]

CONTACT_TRASH_DAYS = env.number(
    "CONTACT_TRASH_DAYS",
    default=30,
    minimum=1,
    maximum=3650,
    doc="Days a deleted contact can be restored; then it is erased.",
)
PHONE_REVEALS_A_DAY = env.number(
    "PHONE_REVEALS_A_DAY",
    default=200,
    minimum=0,
    maximum=100_000,
    doc="Full phone numbers one person may see a day, over all surfaces; 0: nobody sees any.",
)
OTP_TEXT_HOURS = env.number(
    "OTP_TEXT_HOURS",
    default=24,
    minimum=1,
    maximum=720,
    doc="Hours after which the text of a one-time code is deleted.",
)
MESSAGE_TEXT_DAYS = env.number(
    "MESSAGE_TEXT_DAYS",
    default=90,
    minimum=1,
    maximum=3650,
    doc="Days after the end of a send in which its texts are kept; states, parts and costs stay.",
)
INBOUND_TEXT_DAYS = env.number(
    "INBOUND_TEXT_DAYS",
    default=395,
    minimum=30,
    maximum=3650,
    doc="Days (13 months) for which replies and what gateways reported are kept as they came.",
)
DELIVERY_DATA_DAYS = env.number(
    "DELIVERY_DATA_DAYS",
    default=395,
    minimum=90,
    maximum=3650,
    doc="Days (13 months) for which it is kept who got which message, who replied and which number somebody"
    " had before; totals stay.",
)
