"""How long personal data is kept [R-4.14], and how much of it one person may uncover: settings of their own file."""

from smsmarketing import env

__all__ = ["CONTACT_TRASH_DAYS", "PHONE_REVEALS_A_DAY"]

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
