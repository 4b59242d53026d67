"""What a test of a gateway would send, and the tests that people may see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet

from smsmarketing.gateways.models import GatewayTest
from smsmarketing.gateways.rules.encoding import text_count
from smsmarketing.gateways.selectors.visibility import gateways_visible
from smsmarketing.gateways.transports.base import OutboundMessage, Transport
from smsmarketing.operations.types import Actor

NO_MESSAGE = 0
"""The message id of a test: no message has it."""


def tests_visible(actor: Actor) -> QuerySet[GatewayTest]:
    """Tests of the gateways that the person may see, newest first."""
    return (
        GatewayTest.objects.filter(gateway__in=gateways_visible(actor))
        .select_related("gateway", "asked_by")
        .order_by("-pk")
    )


def probe_message(
    transport: Transport,
    *,
    to: str,
    sender: str,
    text: str,
    dlr_url: str,
    real: bool = False,
    now: datetime | None = None,
) -> OutboundMessage:
    """The message of a test, in the provider's test mode; `real` only to show what a send looks like."""
    limits = transport.capabilities.validity_range_s
    validity = None if limits is None else min(max(3600, limits[0]), limits[1])
    return OutboundMessage(
        message_id=NO_MESSAGE,
        to=to,
        sender=sender,
        body=text,
        parts=text_count(text, split_mode="codepoint").parts,
        validity_s=validity,
        expires_at=(
            None
            if validity is None
            else (now or datetime.now(UTC)).astimezone(UTC) + timedelta(seconds=validity)
        ),
        dlr_url=dlr_url if transport.capabilities.dlr else "",
        test_mode=None if real else "1",
    )


def probe_summary(row: GatewayTest) -> str:
    """The result in one sentence."""
    if row.progress == "lost":
        return "The test was cut off; whether it reached the provider is not known. Test again."
    if row.progress != "done":
        return "The test is on its way."
    if row.passed is None:
        return "The provider can be reached; the credentials are not proven."
    if row.passed:
        return (
            "It works: the provider took a message in its test mode."
            if row.mode == "test_mode"
            else "It works as far as it can be seen without sending."
        )
    trouble = next((step for step in row.steps if step["found"] in ("failed", "unsure")), None)
    return str(trouble["sentence"]) if trouble else "Nothing could be proven."
