"""Which answers are kept for people, and what of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from smsmarketing.gateways.dispatch.claim import Row
from smsmarketing.gateways.dispatch.session import array_of, array_of_bytes, array_of_texts
from smsmarketing.gateways.engine import Answer, Exchange
from smsmarketing.gateways.rules.redaction import answer_redacted
from smsmarketing.gateways.transports.base import SubmitResult, Transport

MOST_OF_A_CODE: Final = 20
"""Of each code a run keeps so many: a gateway in trouble says the same to everybody."""

KEEP = """
INSERT INTO gateways_unclearanswer (message_id, attempt, gateway_id, outcome, error_code, error_class,
                                    http_status, content_type, raw, size, whole, received_at)
SELECT u.id, u.attempt, %(gateway)s, u.outcome, u.code, u.class, u.status, u.type, u.raw, u.size, u.whole,
       %(now)s
FROM unnest(%(ids)s::bigint[], %(attempts)s::int[], %(outcomes)s::text[], %(codes)s::text[],
            %(classes)s::text[], %(statuses)s::int[], %(types)s::text[], %(raws)s::bytea[],
            %(sizes)s::int[], %(wholes)s::boolean[])
    AS u(id, attempt, outcome, code, class, status, type, raw, size, whole)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    """One answer as it is stored."""

    message_id: int
    attempt: int
    submit: SubmitResult = field(repr=False)
    status: int | None
    content_type: str
    raw: bytes = field(repr=False)
    size: int
    whole: bool


@dataclass
class UnclearAnswers:
    """What a run has seen and not stored yet is in `rows`. `secrets` are kept out of it."""

    transport: Transport
    secrets: Sequence[str] = field(repr=False)
    rows: list[Unclear] = field(default_factory=list)
    _seen: Counter[str] = field(default_factory=Counter)

    def note(self, row: Row, attempt: int, exchange: Exchange, submit: SubmitResult) -> None:
        """Keep the answer when nothing that we know explains it; silence leaves nothing to keep."""
        code = submit.error_code or ""
        if not isinstance(exchange, Answer) or submit.outcome in {"accepted", "duplicate"}:
            return
        if submit.outcome != "ambiguous" and code in self.transport.errors:
            return
        if self._seen[code] >= MOST_OF_A_CODE:
            return
        self._seen[code] += 1
        bound = self.transport.capabilities.long_lived
        self.rows.append(
            Unclear(
                message_id=row.id,
                attempt=attempt,
                submit=submit,
                status=None if bound else exchange.status,
                content_type="" if bound else exchange.headers.get("content-type", "")[:80],
                raw=answer_redacted(
                    exchange.body, secrets=self.secrets, number=row.phone, text=row.body
                ),
                size=len(exchange.body),
                whole=exchange.complete,
            )
        )


def keep_parameters(rows: Sequence[Unclear], gateway_id: int, now: datetime) -> dict[str, Any]:
    """For KEEP."""
    return {
        "gateway": gateway_id,
        "now": now,
        "ids": array_of(row.message_id for row in rows),
        "attempts": array_of(row.attempt for row in rows),
        "outcomes": array_of_texts(row.submit.outcome[:16] for row in rows),
        "codes": array_of_texts((row.submit.error_code or "")[:32] for row in rows),
        "classes": array_of_texts((row.submit.error_class or "")[:12] for row in rows),
        "statuses": array_of(row.status for row in rows),
        "types": array_of_texts(row.content_type.replace("\0", "") for row in rows),
        "raws": array_of_bytes(row.raw for row in rows),
        "sizes": array_of(row.size for row in rows),
        "wholes": array_of(row.whole for row in rows),
    }
