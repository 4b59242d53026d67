"""The audit chain [R-8.13]-[R-8.16]."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from smsmarketing.operations.audit import (
    anchor_sign,
    audit_anchor,
    audit_append,
    audit_append_system,
    audit_verify,
    ip_truncated,
)
from smsmarketing.operations.models import AuditAnchor, AuditEntry, AuditHead

pytestmark = pytest.mark.django_db


def _appended(count: int) -> None:
    for number in range(count):
        audit_append_system(operation="test.act", outcome="done", facts={"number": number})


def _tampered(statement: str, *, table: str = "operations_auditentry") -> None:
    """Run a statement as somebody who can switch the triggers off."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement)
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def test_the_chain_starts_at_one_without_gaps_and_verifies() -> None:
    _appended(3)
    assert list(AuditEntry.objects.values_list("seq", flat=True)) == [1, 2, 3]
    head = AuditHead.objects.get()
    verdict = audit_verify()
    assert verdict.valid
    assert (verdict.entries, verdict.head_seq, verdict.head_hash) == (3, 3, head.hash)


def test_an_empty_chain_is_valid() -> None:
    assert audit_verify().valid


def test_a_rolled_back_change_leaves_no_gap() -> None:
    _appended(1)
    with transaction.atomic():
        _appended(1)
        transaction.set_rollback(True)
    _appended(1)
    assert list(AuditEntry.objects.values_list("seq", flat=True)) == [1, 2]
    assert audit_verify().valid


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE operations_auditentry SET reason = 'x'",
        "DELETE FROM operations_auditentry",
        "TRUNCATE operations_auditentry",
        "UPDATE operations_auditanchor SET hash = 'x'",
        "DELETE FROM operations_auditanchor",
        "TRUNCATE operations_auditanchor",
        "DELETE FROM operations_audithead",
        "TRUNCATE operations_audithead",
        "UPDATE operations_audithead SET seq = 0",
        "UPDATE operations_audithead SET hash = 'x'",
    ],
)
def test_the_database_refuses_to_change_history(statement: str) -> None:
    """[R-8.14] by triggers, whoever asks."""
    _appended(2)
    audit_anchor()
    with pytest.raises(DatabaseError, match=r"append-only|moves forward"), transaction.atomic():
        connection.cursor().execute(statement)
    assert audit_verify().valid
    assert AuditEntry.objects.count() == 2


@pytest.mark.parametrize(
    ("statement", "seq"),
    [
        ("UPDATE operations_auditentry SET outcome = 'other' WHERE seq = 3", 3),
        ("UPDATE operations_auditentry SET facts = '{\"number\": 9}' WHERE seq = 2", 2),
        ("UPDATE operations_auditentry SET at = at + interval '1 microsecond' WHERE seq = 4", 4),
        ("DELETE FROM operations_auditentry WHERE seq = 2", 2),
        ("DELETE FROM operations_auditentry WHERE seq = 5", 5),
        (
            "UPDATE operations_auditentry SET seq = CASE seq WHEN 2 THEN 103 ELSE 102 END "
            "WHERE seq IN (2, 3); UPDATE operations_auditentry SET seq = seq - 100 WHERE seq > 100",
            2,
        ),
        (
            "INSERT INTO operations_auditentry SELECT 6, at, actor_type, actor_id, on_behalf_of, "
            "auth_method, surface, ip_truncated, operation, outcome, object_type, object_id, "
            "object_version, input_hash, before_hash, after_hash, reason, facts, request_id, "
            "hash, hash FROM operations_auditentry WHERE seq = 5",
            6,
        ),
    ],
    ids=["outcome", "facts", "time", "delete", "delete last", "swap", "forge"],
)
def test_verify_names_the_first_entry_that_was_touched(statement: str, seq: int) -> None:
    """[R-8.14] by somebody who can switch the triggers off."""
    _appended(5)
    _tampered(statement)
    verdict = audit_verify()
    assert not verdict.valid
    assert verdict.broken_seq == seq
    assert verdict.problem


def test_cutting_the_end_and_rewinding_the_head_is_found_by_the_anchor() -> None:
    """[R-8.14] a chain alone does not show that its end is missing; the anchor does."""
    _appended(5)
    anchor = audit_anchor()
    assert anchor is not None
    assert anchor.seq == 5
    _tampered("DELETE FROM operations_auditentry WHERE seq = 5")
    _tampered(
        "UPDATE operations_audithead SET seq = 4, "
        "hash = (SELECT hash FROM operations_auditentry WHERE seq = 4)",
        table="operations_audithead",
    )
    verdict = audit_verify()
    assert not verdict.valid
    assert verdict.broken_seq == 5


def test_rewriting_everything_with_correct_hashes_is_found_by_the_anchor() -> None:
    _appended(3)
    audit_anchor()
    _tampered("TRUNCATE operations_auditentry")
    _tampered(
        "UPDATE operations_audithead SET seq = 0, hash = repeat('0', 64)",
        table="operations_audithead",
    )
    _appended(4)
    verdict = audit_verify()
    assert not verdict.valid
    assert verdict.broken_seq == 3


def test_a_forged_anchor_is_found() -> None:
    _appended(3)
    head = AuditHead.objects.get()
    AuditAnchor.objects.create(
        seq=3,
        at="2026-01-01T00:00Z",
        hash=head.hash,
        signature=anchor_sign(3, head.hash, secret="guess"),
    )
    verdict = audit_verify()
    assert not verdict.valid
    assert verdict.broken_seq == 3


def test_a_position_from_a_shipped_log_line_finds_the_cut_even_without_anchors() -> None:
    _appended(3)
    head = AuditHead.objects.get()
    assert audit_verify(expected={3: head.hash}).valid
    assert audit_verify(expected={3: "f" * 64}).broken_seq == 3
    assert audit_verify(expected={9: "f" * 64}).broken_seq == 4


def test_an_anchor_is_written_once_per_position() -> None:
    assert audit_anchor() is None
    _appended(1)
    assert audit_anchor() is not None
    assert audit_anchor() is None
    assert AuditAnchor.objects.count() == 1
    assert audit_verify().anchors == 1


def test_a_missing_head_stops_every_append() -> None:
    """[R-8.16] fail closed."""
    _appended(1)
    _tampered("DELETE FROM operations_audithead", table="operations_audithead")
    with pytest.raises(RuntimeError, match="head of the audit chain is missing"):
        _appended(1)
    assert AuditEntry.objects.count() == 1


def test_entries_hold_no_personal_data() -> None:
    """[R-8.15]"""
    entry = audit_append_system(
        operation="test.act",
        outcome="done",
        object_id="+371 2000-0000",
        reason="asked by anna@example.com from 37120000000",
        facts={"to": "+37120000000", "+37120000001": 1, "n": 5, "ratio": 0.5, "bad": "a\x00b"},
    )
    assert entry.object_id == "[number]"
    assert entry.reason == "asked by [address] from [number]"
    assert entry.facts == {"to": "[number]", "[number]": 1, "n": 5, "ratio": "0.5", "bad": "ab"}
    assert audit_verify().valid


def test_facts_that_are_too_long_leave_their_hash() -> None:
    entry = audit_append_system(
        operation="test.act", outcome="done", facts={"ids": list(range(9_999))}
    )
    assert entry.facts["too_long"] is True
    assert len(entry.facts["facts_hash"]) == 64


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("", ""),
        ("not an address", ""),
    ],
)
def test_addresses_are_cut_to_their_network(address: str, network: str) -> None:
    assert ip_truncated(address) == network


@pytest.mark.django_db(transaction=True)
def test_append_needs_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="needs the transaction"):
        audit_append(operation="test.act", outcome="done", actor=None)
    assert not AuditEntry.objects.exists()


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_two_writers_with_200_entries_each_make_one_valid_chain(
    threads: Callable[[list[Callable[[], Any]]], list[Any]],
) -> None:
    def write() -> None:
        for number in range(200):
            with transaction.atomic():
                audit_append_system(operation="test.act", outcome="done", facts={"number": number})

    assert threads([write, write]) == [None, None]
    verdict = audit_verify()
    assert verdict.valid
    assert verdict.entries == 400
