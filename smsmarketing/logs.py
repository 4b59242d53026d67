"""Structured logs that cannot carry personal data ([R-10.10]).

Every record of the standard library and of structlog passes :func:`redact` right before it is written, so
phone numbers, message bodies, codes and credentials are masked also in texts and tracebacks we did not write.
"""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

SECRET_FIELDS = frozenset(
    {
        "authorization",
        "body",
        "code",
        "cookie",
        "credentials",
        "destination",
        "msisdn",
        "otp",
        "passcode",
        "password",
        "phone",
        "phone_number",
        "phones",
        "recipient",
        "recipients",
        "secret",
        "text",
        "to",
        "token",
    }
)
MASK_NUMBER = "[number]"
MASK_SECRET = "[secret]"  # noqa: S105 - the mask, not a secret

# Digits of 8 to 15 places with an optional plus and usual separators ([E.164] allows at most 15). Runs that
# touch a letter, a dash or a dot are parts of UUIDs, versions, decimals and hashes and stay readable.
_NUMBER = re.compile(
    r"(?<![\w.:-])(?:\+\d(?:[ ().-]{0,2}\d){6,14}|00\d{8,15}|\d{8,15})(?![\w:-]|\.\d)"
)
_PLUS_NUMBER = re.compile(r"(?:\+|%2[Bb])\d(?:[ ().-]{0,2}\d){6,14}")
_BEARER = re.compile(r"(?i)\b(bearer|basic|token)\s+[A-Za-z0-9._~+/=-]{8,}")
_ASSIGNED = re.compile(
    r"(?i)\b([\w-]*(?:password|passwd|secret|token|api[_-]?key|authorization|msisdn|phone))"
    r"(\"?'?\s*[=:]\s*\"?'?)([^\s\"'&,;}]{3,})"
)
_TOKEN = re.compile(r"\bsmsmk_[A-Za-z0-9_-]+")  # accounts/rules/tokens.py
_WEBHOOK = re.compile(
    r"(/webhooks/[^/\s]+/)[^/\s?'\"<>]+"
)  # the secret part of a webhook's address
_URL_LOGIN = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")
_PLAIN_KEYS = frozenset({"timestamp", "level", "logger"})
_ID_SUFFIXES = ("_id", "_ids", "_pk", "_ms", "_ns", "_bytes", "_count", "lineno", "pid", "thread")


def redact_text(value: str) -> str:
    """Return ``value`` with phone numbers, bearer tokens and assigned secrets masked."""
    value = _URL_LOGIN.sub(rf"\1{MASK_SECRET}@", value)
    value = _WEBHOOK.sub(rf"\1{MASK_SECRET}", value)
    value = _TOKEN.sub(MASK_SECRET, value)
    value = _BEARER.sub(rf"\1 {MASK_SECRET}", value)
    value = _ASSIGNED.sub(rf"\1\2{MASK_SECRET}", value)
    value = _PLUS_NUMBER.sub(MASK_NUMBER, value)
    return _NUMBER.sub(MASK_NUMBER, value)


def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Mask every value of a log event; the last processor before the renderer."""
    return {
        key: value if key in _PLAIN_KEYS else _redact_value(key, value)
        for key, value in event.items()
        if not key.startswith("_") or key in {"_record", "_from_structlog"}
    }


def _redact_value(key: str, value: Any) -> Any:
    if key in {"_record", "_from_structlog"} or value is None or isinstance(value, bool):
        return value
    if key.lower() in SECRET_FIELDS:
        return MASK_SECRET
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, int):
        keep = abs(value) < 10**7 or key.endswith(_ID_SUFFIXES) or key == "id"
        return value if keep else redact_text(str(value))
    if isinstance(value, float):
        return value
    if isinstance(value, Mapping):
        return {str(name): _redact_value(str(name), item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact_value(key, item) for item in value]
    return redact_text(str(value))


def _drop_color(logger: WrappedLogger, method: str, event: MutableMapping[str, Any]) -> EventDict:
    event.pop("color_message", None)
    return event


SHARED_PROCESSORS: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def logging_configuration(*, form: str, level: str) -> dict[str, Any]:
    """Return Django's ``LOGGING`` for ``form`` json or console and set up structlog to share it."""
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *SHARED_PROCESSORS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "redacted": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [structlog.stdlib.ExtraAdder(), *SHARED_PROCESSORS],
                "processors": [
                    _drop_color,
                    structlog.processors.format_exc_info,
                    redact,
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    renderer,
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "redacted"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Replaces Django's own handlers, which would write unredacted lines.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
            # Beat wakes the sweeps every few seconds: "sent", "received" and "succeeded" would drown everything else.
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "axes": {"level": "WARNING"},
            "mcp": {"level": "WARNING"},
            # Its debug lines hold whole addresses: numbers that were asked for, passwords in a query.
            "urllib3": {"level": "WARNING"},
        },
    }
