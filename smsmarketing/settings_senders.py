"""Settings of senders; a part of smsmarketing/settings.py, which is at its limit of lines."""

from smsmarketing import env

SENDER_DOCUMENT_DAYS = env.number(
    "SENDER_DOCUMENT_DAYS",
    default=365,
    minimum=1,
    maximum=3650,
    doc="Days after which the documents of a refused, ended or withdrawn sender registration are deleted.",
)
