"""How long personal data is kept [R-4.14], and how much of it one person may uncover: settings of their own file."""

from smsmarketing import env

CONTACT_TRASH_DAYS = env.number(
    "CONTACT_TRASH_DAYS",
    default=30,
    minimum=1,
    maximum=3650,
    doc="Days a deleted contact can be restored; then it is erased.",
)
