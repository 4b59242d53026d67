"""What beat starts for the framework. Each task is safe to run twice and at the same time."""

from __future__ import annotations

from datetime import timedelta

import structlog
from celery import shared_task
from django.utils import timezone

from smsmarketing.operations.audit import audit_anchor, audit_verify
from smsmarketing.operations.idempotency import claims_expire
from smsmarketing.operations.limits import rate_windows_expire
from smsmarketing.operations.previews import previews_expire

logger = structlog.get_logger("smsmarketing.audit")

BEAT = {
    "operations.anchor_audit": timedelta(hours=1),
    "operations.verify_audit": timedelta(days=1),
    "operations.expire_records": timedelta(minutes=10),
}
"""Task name to how often beat starts it [R-8.14]."""


@shared_task(name="operations.anchor_audit")
def anchor_audit() -> None:
    """Sign where the audit chain stands, hourly [R-8.14]."""
    audit_anchor()


@shared_task(name="operations.verify_audit")
def verify_audit() -> None:
    """Walk the audit chain, nightly, and alert at the first break [R-8.14]."""
    verdict = audit_verify()
    if verdict.valid:
        logger.info("audit_verified", entries=verdict.entries, head_hash=verdict.head_hash)
    else:
        logger.error("audit_chain_broken", seq_id=verdict.broken_seq, problem=verdict.problem)


@shared_task(name="operations.expire_records")
def expire_records() -> None:
    """Delete idempotency claims, previews and rate windows whose time is over."""
    now = timezone.now()
    claims_expire(now=now)
    previews_expire(now=now)
    rate_windows_expire(now=now)
