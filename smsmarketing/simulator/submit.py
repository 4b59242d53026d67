"""Reading a submit as the VertexSMS documentation describes it (seed 002, "Sending SMS")."""

import json
import re
from dataclasses import dataclass
from typing import NoReturn

from smsmarketing.simulator.settings import loopback_target

_TO = re.compile(r"\+?[1-9][0-9]{6,14}")
_MSISDN = re.compile(r"\+?[0-9]{5,15}")
_ALPHANUMERIC = re.compile(r"[A-Za-z0-9 .]{1,11}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_SENDER_RULE = (
    "Sender ID must either be a valid MSISDN or an alpha-numeric string (max. length: 11 "
    "characters), which may consist only of upper+lower-case latin letters, digits, spaces and "
    "dots."
)


class SubmitRefused(ValueError):
    """The request is invalid; the text is the `message` of the 400."""


@dataclass(frozen=True, slots=True)
class Submit:
    """A valid submit. `to` has no plus."""

    to: str
    sender: str
    message: str
    dlr_url: str
    callback: tuple[str, int, str] | None
    priority: str
    expire_in: int | None
    test_mode: str | None


def submit_read(body: bytes) -> Submit:
    """The submit in `body`. Raises SubmitRefused with the sentence the provider would answer."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise SubmitRefused("The request body is not valid JSON.") from None
    if not isinstance(fields, dict):
        raise SubmitRefused("The request body must be a JSON object.")
    to, sender, message = (_text(fields, name) for name in ("to", "from", "message"))
    if not _TO.fullmatch(to):
        _invalid("to", "It must be a valid MSISDN in international format.")
    if not _MSISDN.fullmatch(sender) and not _ALPHANUMERIC.fullmatch(sender):
        _invalid("from", _SENDER_RULE)
    dlr_url = fields.get("dlrUrl", "")
    callback = loopback_target(dlr_url) if isinstance(dlr_url, str) else None
    if dlr_url != "" and callback is None:
        _invalid("dlrUrl", "The simulator calls http addresses on this machine only.")
    return Submit(
        to=to.removeprefix("+"),
        sender=sender,
        message=message,
        dlr_url=dlr_url,
        callback=callback,
        priority=_word(fields, "priority", ("high", "normal", "low")) or "normal",
        expire_in=_expire_in(fields),
        test_mode=_word(fields, "testMode", ("1", "2")),
    )


def _text(fields: dict[str, object], name: str) -> str:
    value = fields.get(name)
    if value is None or value == "":
        raise SubmitRefused(f"Missing required field '{name}'.")
    if not isinstance(value, str):
        _invalid(name, "It must be a string.")
    return value


def _word(fields: dict[str, object], name: str, allowed: tuple[str, ...]) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or value not in allowed:
        _invalid(name, f"It must be one of: {', '.join(allowed)}.")
    return value


def _expire_in(fields: dict[str, object]) -> int | None:
    _check_untold(fields)
    value = fields.get("expireIn")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 360 <= value <= 432_000:
        _invalid("expireIn", "It must be a number of seconds from 360 to 432000.")
    return value


def _check_untold(fields: dict[str, object]) -> None:
    """Fields of the documentation that the simulator knows but does not act on."""
    if fields.get("scheduled") is not None:
        _invalid("scheduled", "The simulator does not schedule.")
    coding = fields.get("coding")
    if coding is not None and (isinstance(coding, bool) or coding not in (0, 1, 2)):
        _invalid("coding", "It must be 0, 1 or 2.")
    if fields.get("udh") is not None and coding is None:
        _invalid("udh", "With udh the field coding is required.")
    country = fields.get("correctBy")
    if country is not None and not (isinstance(country, str) and _COUNTRY.fullmatch(country)):
        _invalid("correctBy", "It must be an ISO 3166-1 alpha-2 country code.")


def _invalid(name: str, sentence: str) -> NoReturn:
    raise SubmitRefused(f"Invalid value for field '{name}'. {sentence}")
