"""Nothing personal and no credential reaches a log line ([R-10.10])."""

import contextlib
import io
import json
import logging
import logging.config
from collections.abc import Iterator

import pytest
import structlog

from smsmarketing.logs import logging_configuration, redact_text
from tests.conftest import WATCH

PHONES = [
    "+436641234567",
    "+43 664 1234567",
    "+1 (202) 555-0143",
    "+1-202-555-0143",
    "00436641234567",
    "436641234567",
    "%2B436641234567",
    "sent to +436641234567.",
    "msisdn=436641234567&x=1",
    '{"to": "436641234567"}',
    "tel:+436641234567",
    "https://short.example/dlr?to=436641234567",
]
READABLE = [
    "2026-11-21T03:48:47.123456Z",
    "01938f6e-1234-5678-9012-123456789012",
    "campaign 1234567 has 250000 recipients",
    "cost 12345.67890123 EUR",
    "3f2a9c00aa1234567890bcdef",
    "127.0.0.1:57599",
    "200 OK in 12 ms",
]


@pytest.mark.parametrize("text", PHONES)
def test_phone_numbers_are_masked(text: str) -> None:
    assert not any(part in redact_text(text) for part in ("6641234567", "1234567", "0143"))


@pytest.mark.parametrize("text", READABLE)
def test_ids_times_and_amounts_stay_readable(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer sms_live_abcdefghijkl",
        "authorization=Basic dXNlcjpodW50ZXIy",
        "password=hunter2abc next",
        "'api_key': 'hunter2abc'",
        '"secret": "hunter2abc"',
        "redis://:hunter2abc@127.0.0.1:6379/0",
        "postgresql://me:hunter2abc@db/sms",
        "POST /webhooks?token=hunter2abc&x=1",
        "Not Found: /webhooks/vertex/hunter2abc/receipts",
        "<WSGIRequest: POST '/webhooks/vertex/hunter2abc'>",
        "token smsmk_1_hunter2abc was used",
    ],
)
def test_credentials_are_masked(text: str) -> None:
    masked = redact_text(text)
    assert not any(part in masked for part in ("hunter2abc", "abcdefghijkl", "dXNlcjpodW50ZXIy"))


@contextlib.contextmanager
def _written(form: str) -> Iterator[io.StringIO]:
    """Collect what the product's handler would write to stderr."""
    configuration = logging.config.DictConfigurator(logging_configuration(form=form, level="INFO"))
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(
        configuration.configure_formatter(configuration.config["formatters"]["redacted"])
    )
    logger = logging.getLogger("runway")
    logger.addHandler(handler)
    logger.setLevel("INFO")
    try:
        yield handler.stream
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


def test_fields_are_masked_by_name_and_by_form() -> None:
    with _written("json") as stream:
        structlog.get_logger("runway").info(
            "message_claimed",
            message_id=9876543210123,
            phone="+436641234567",
            body="Your code is 4711",
            note="asked by 436641234567",
            nested={"token": "abc", "ids": [1, 2]},
        )
    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "message_claimed",
        "level": "info",
        "logger": "runway",
        "message_id": 9876543210123,
        "phone": "[secret]",
        "body": "[secret]",
        "note": "asked by [number]",
        "nested": {"token": "[secret]", "ids": [1, 2]},
    }


def test_records_of_any_library_and_their_extra_fields_are_masked() -> None:
    with _written("json") as stream:
        logging.getLogger("runway.library").warning(
            "sending to %s", "+436641234567", extra={"msisdn": "436641234567", "task": "imports"}
        )
    line = json.loads(stream.getvalue())
    assert (line["event"], line["msisdn"], line["task"]) == (
        "sending to [number]",
        "[secret]",
        "imports",
    )


def test_tracebacks_are_masked() -> None:
    with _written("json") as stream:
        try:
            raise ValueError("no route for +436641234567 with password=hunter2abc")
        except ValueError:
            logging.getLogger("runway.library").exception("failed")
    written = stream.getvalue()
    assert "ValueError: no route for [number]" in json.loads(written)["exception"]
    assert "436641234567" not in written
    assert "hunter2abc" not in written


def test_console_lines_are_masked_too() -> None:
    with _written("console") as stream:
        logging.getLogger("runway.library").warning("sending to +436641234567")
    assert "sending to [number]" in stream.getvalue()
    assert "436641234567" not in stream.getvalue()


def test_the_watch_sees_a_number_that_own_code_logs() -> None:
    """The fixture that guards every test works: it looks before anything is masked."""
    logging.getLogger("smsmarketing.runway").warning("sending to %s", "+436641234567")
    assert len(WATCH.found) == 1
    WATCH.found.clear()
