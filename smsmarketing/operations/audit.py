"""The audit log: one hash chain over every call that changed something or was refused
[R-8.13]-[R-8.16].
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from smsmarketing.operations.canonical import canonical_json
from smsmarketing.operations.masking import facts_plain, text_masked
from smsmarketing.operations.models import AuditAnchor, AuditEntry, AuditHead
from smsmarketing.operations.types import Actor, Surface

logger = structlog.get_logger("smsmarketing.audit")

ZERO_HASH = "0" * 64
_SALT_ANCHOR = "smsmarketing.operations.audit_anchor"
_SALT_VALUE = "smsmarketing.operations.audit_value"
_FACTS_LIMIT = 8_192  # bytes of canonical JSON in one entry
_HASHED_FIELDS = tuple(
    field.attname
    for field in AuditEntry._meta.concrete_fields
    if field.name not in {"prev_hash", "hash"}
)


@dataclass(frozen=True, kw_only=True)
class AuditVerdict:
    """What `audit_verify` found. `broken_seq` is the first number at which the chain does not
    hold.
    """

    valid: bool
    entries: int
    head_seq: int
    head_hash: str
    anchors: int
    broken_seq: int | None = None
    problem: str = ""


def audit_append(
    *,
    operation: str,
    outcome: str,
    actor: Actor | None,
    object_type: str = "",
    object_id: str = "",
    object_version: int | None = None,
    input_hash: str = "",
    before_hash: str = "",
    after_hash: str = "",
    reason: str = "",
    facts: Mapping[str, Any] | None = None,
    request_id: str = "",
    at: datetime | None = None,
) -> AuditEntry:
    """Append one entry to the chain, in the caller's transaction: if this fails, the change fails
    [R-8.16].

    Takes the lock of the head row until the transaction ends, so call it last. `facts` are ids,
    counts and keyed hashes; what looks like a phone number or an address is masked here all the
    same [R-8.15]. Raises RuntimeError outside of a transaction and when the head row is missing
    although entries exist.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("audit_append needs the transaction of the change it records")
    head = _head_locked()
    entry = AuditEntry(
        seq=head.seq + 1,
        at=at or timezone.now(),
        operation=operation[:80],
        outcome=outcome[:32],
        object_type=object_type[:64],
        object_id=text_masked(object_id)[:64],
        object_version=object_version,
        input_hash=input_hash[:64],
        before_hash=before_hash[:64],
        after_hash=after_hash[:64],
        reason=text_masked(reason)[:500],
        facts=_facts_bounded(facts or {}),
        request_id=(request_id or (actor.request_id if actor else ""))[:64],
        prev_hash=head.hash,
        **_who(actor),
    )
    entry.hash = entry_hash(entry)
    entry.save(force_insert=True)
    head.seq, head.hash = entry.seq, entry.hash
    head.save(update_fields=["seq", "hash"])
    return entry


def audit_append_system(
    *,
    operation: str,
    outcome: str,
    object_type: str = "",
    object_id: str = "",
    facts: Mapping[str, Any] | None = None,
    reason: str = "",
    request_id: str = "",
) -> AuditEntry:
    """`audit_append` for webhooks and beat tasks, which act without a person."""
    return audit_append(
        operation=operation,
        outcome=outcome,
        actor=None,
        object_type=object_type,
        object_id=object_id,
        facts=facts,
        reason=reason,
        request_id=request_id,
    )


def value_hash(value: Any) -> str:
    """Keyed SHA-256 of a value: proves what it was without letting anyone guess it by trying phone
    numbers [R-8.15].
    """
    return salted_hmac(_SALT_VALUE, canonical_json(value), algorithm="sha256").hexdigest()


def entry_hash(entry: AuditEntry) -> str:
    """SHA-256(prev_hash followed by the RFC 8785 form of all other columns) [R-8.13]."""
    columns = {name: getattr(entry, name) for name in _HASHED_FIELDS}
    return hashlib.sha256(entry.prev_hash.encode("ascii") + canonical_json(columns)).hexdigest()


def audit_anchor(*, now: datetime | None = None) -> AuditAnchor | None:
    """Sign where the chain stands, in a row and in a log line that is shipped off the host
    [R-8.14].

    Returns None when there is nothing new to anchor. Safe to run twice at the same time.
    """
    head = AuditHead.objects.filter(id=1).first()
    if head is None or head.seq == 0:
        return None
    signature = anchor_sign(head.seq, head.hash)
    anchor, created = AuditAnchor.objects.get_or_create(
        seq=head.seq,
        defaults={"at": now or timezone.now(), "hash": head.hash, "signature": signature},
    )
    if not created:
        return None
    logger.info("audit_anchor", seq_id=head.seq, hash=head.hash, signature=signature)
    return anchor


def anchor_sign(seq: int, entry_digest: str, *, secret: str | None = None) -> str:
    """HMAC-SHA256 under the secret key over one position of the chain."""
    return salted_hmac(
        _SALT_ANCHOR, f"{seq}:{entry_digest}", secret=secret, algorithm="sha256"
    ).hexdigest()


def audit_verify(*, expected: Mapping[int, str] | None = None) -> AuditVerdict:
    """Walk the whole chain and compare it with its anchors; reads row by row, so any length fits in
    memory.

    `expected` are positions known from outside the database (seq to hash, from the shipped log
    lines). Entries that are appended meanwhile are left for the next run. Names the first number at
    which something does not hold.
    """
    marks, anchors, forged = _marks(expected or {})
    last_seen = AuditEntry.objects.order_by("-seq").values_list("seq", flat=True).first() or 0
    # The head is read after the entries, so an honest head is never behind them.
    head = AuditHead.objects.filter(id=1).first() or AuditHead(seq=0, hash=ZERO_HASH)
    seq, digest = 0, ZERO_HASH
    problem, broken = "", None
    for entry in _entries(head.seq):
        broken, problem = _entry_problem(entry, seq + 1, digest, marks)
        if broken is not None:
            break
        seq, digest = entry.seq, entry.hash
    if broken is None:
        broken, problem = _end_problem(seq, digest, head, last_seen, marks)
    if broken is None and forged is not None:
        broken, problem = forged, "the signature of the anchor at this entry is wrong"
    return AuditVerdict(
        valid=broken is None,
        entries=seq,
        head_seq=head.seq,
        head_hash=head.hash,
        anchors=anchors,
        broken_seq=broken,
        problem=problem,
    )


def _marks(expected: Mapping[int, str]) -> tuple[dict[int, str], int, int | None]:
    """Known positions of the chain, the number of anchors, and the first anchor whose signature is
    wrong.
    """
    marks = dict(expected)
    count = 0
    forged = None
    secrets = [settings.SECRET_KEY, *getattr(settings, "SECRET_KEY_FALLBACKS", [])]
    for anchor in AuditAnchor.objects.order_by("seq").iterator(chunk_size=2_000):
        count += 1
        signatures = [anchor_sign(anchor.seq, anchor.hash, secret=secret) for secret in secrets]
        if any(constant_time_compare(anchor.signature, signature) for signature in signatures):
            marks.setdefault(anchor.seq, anchor.hash)
        elif forged is None:
            forged = anchor.seq
    return marks, count, forged


def _entries(last: int) -> Iterator[AuditEntry]:
    """All entries up to `last` in slices: no server-side cursor, which a pooling proxy may not
    allow.
    """
    done = -1
    while True:
        part = list(AuditEntry.objects.filter(seq__gt=done, seq__lte=last).order_by("seq")[:2_000])
        yield from part
        if not part:
            return
        done = part[-1].seq


def _entry_problem(
    entry: AuditEntry, seq: int, previous: str, marks: Mapping[int, str]
) -> tuple[int | None, str]:
    if entry.seq != seq:
        return seq, "the entry is missing"
    if entry.prev_hash != previous:
        return seq, "the entry does not follow the one before it"
    if entry_hash(entry) != entry.hash:
        return seq, "the entry was changed after it was written"
    if marks.get(seq, entry.hash) != entry.hash:
        return seq, "the entry is not the one that was anchored"
    return None, ""


def _end_problem(
    seq: int, digest: str, head: AuditHead, last_seen: int, marks: Mapping[int, str]
) -> tuple[int | None, str]:
    if seq < head.seq:
        return seq + 1, "the entry is missing"
    if last_seen > head.seq:
        return head.seq + 1, "the entry was not appended through the chain's head"
    if digest != head.hash:
        return seq, "the head does not match the last entry"
    cut = [mark for mark in marks if mark > head.seq]
    if cut:
        return seq + 1, f"the chain was cut: entry {min(cut)} was anchored and is gone"
    return None, ""


def _head_locked() -> AuditHead:
    heads = AuditHead.objects.select_for_update()
    head = heads.filter(id=1).first()
    if head is None:
        if AuditEntry.objects.exists():
            raise RuntimeError("the head of the audit chain is missing; run manage.py audit verify")
        AuditHead.objects.bulk_create([AuditHead()], ignore_conflicts=True)
        head = heads.get(id=1)
    return head


def _who(actor: Actor | None) -> dict[str, str]:
    if actor is None:
        return {
            "actor_type": "system",
            "actor_id": "system",
            "on_behalf_of": "",
            "auth_method": "none",
            "surface": Surface.SYSTEM.value,
            "ip_truncated": "",
        }
    token = actor.token_id is not None
    return {
        "actor_type": "agent" if actor.is_agent else ("token" if token else "person"),
        "actor_id": f"token:{actor.token_id}" if token else actor.principal[:64],
        "on_behalf_of": actor.principal[:64] if token else "",
        "auth_method": _auth_method(actor),
        "surface": actor.surface.value,
        "ip_truncated": ip_truncated(actor.ip),
    }


def _auth_method(actor: Actor) -> str:
    if actor.is_session:
        return "session"
    if actor.token_id is not None:
        return "token"
    return {Surface.CLI: "command_line", Surface.SYSTEM: "job"}.get(actor.surface, "none")


def ip_truncated(address: str) -> str:
    """The network an address belongs to: IPv4 /24, IPv6 /48. Empty for what is not an address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    mapped = getattr(parsed, "ipv4_mapped", None)
    parsed = mapped or parsed
    return str(ipaddress.ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False))


def _facts_bounded(facts: Mapping[str, Any]) -> dict[str, Any]:
    plain = facts_plain(facts)
    if len(canonical_json(plain)) <= _FACTS_LIMIT:
        return plain
    return {"facts_hash": value_hash(plain), "too_long": True}
