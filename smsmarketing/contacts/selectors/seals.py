"""Comparing the consent ledger with its seals (docs/adr/0032)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

from smsmarketing.contacts.models import ConsentEvent, ConsentSeal
from smsmarketing.operations.canonical import canonical_json
from smsmarketing.operations.models import AuditEntry

SCHEME = 1
ZERO_DIGEST = "0" * 64
_MARK = 8

# The canonical form of a row: a JSON array of its columns in this order, times in microseconds.
# Left out are ip and user_agent: erasure empties them, and a seal must outlive that.
# A scheme is never edited; new columns make a new one.
_COLUMNS = {
    1: """e.id, e.contact_id, encode(e.phone_hash, 'hex'), e.brand_id, e.direction, e.purpose,
        e.channel, e.sender_scope, e.basis, e.method, e.source_url, e.form_version,
        e.hosted_form_version_id, e.disclosure_text, e.disclosure_hash, e.language,
        e.checkbox_default, (extract(epoch FROM e.captured_at) * 1000000)::bigint, e.captured_by,
        e.evidence_file, e.evidence_file_id, e.evidence_sha256, e.double_opt_in, e.country,
        (extract(epoch FROM e.expires_at) * 1000000)::bigint, e.import_job_id,
        (extract(epoch FROM e.recorded_at) * 1000000)::bigint"""
}


@dataclass(frozen=True)
class RowsRead:
    """Ids of a range in order, and the digest of each row."""

    ids: list[int]
    digests: list[bytes]


@dataclass(frozen=True, kw_only=True)
class SealVerdict:
    """What a verification found. `problem` is a sentence, empty when everything holds."""

    seals: int
    rows: int
    last_seal: int
    last_digest: str
    unsealed: int
    broken_seal: int | None = None
    broken_row: int | None = None
    problem: str = ""

    @property
    def valid(self) -> bool:
        return self.broken_seal is None


def rows_read(from_id: int, to_id: int, *, scheme: int, most: int | None = None) -> RowsRead:
    """The rows from_id..to_id of the ledger, at most `most`, digested in the database."""
    statement = (
        "SELECT e.id, sha256(convert_to(jsonb_build_array("  # noqa: S608 - fixed words only
        f"{_COLUMNS[scheme]})::text, 'UTF8')) FROM contacts_consentevent e"
        " WHERE e.id BETWEEN %s AND %s ORDER BY e.id LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [from_id, to_id, most])
        found = cursor.fetchall()
    return RowsRead([row[0] for row in found], [bytes(row[1]) for row in found])


def row_digest(event_id: int, seal: ConsentSeal) -> bytes:
    """SHA-256 of one row as it is now, in the form of the seal."""
    return rows_read(event_id, event_id, scheme=seal.scheme).digests[0]


def row_is_sealed(event_id: int, seal: ConsentSeal) -> bool:
    """Whether the row is still the one the seal was put over. `consents_verify` proves the seal."""
    if event_id not in seal.row_ids:
        return False
    place = seal.row_ids.index(event_id) * _MARK
    sealed = bytes(seal.row_marks)[place : place + _MARK]
    return row_digest(event_id, seal)[:_MARK] == sealed


def seal_digest(seal: ConsentSeal) -> str:
    """SHA-256 over what a seal says, in canonical JSON."""
    content = {
        "number": seal.number,
        "scheme": seal.scheme,
        "from_id": seal.from_id,
        "to_id": seal.to_id,
        "rows": seal.rows,
        "rows_digest": seal.rows_digest,
        "previous": seal.previous,
        "sealed_at": seal.sealed_at,
    }
    return hashlib.sha256(canonical_json(content)).hexdigest()


def consents_verify(*, from_seal: int = 1, most: int | None = None) -> SealVerdict:
    """Walk the seals from `from_seal`, at most `most`, and compare each with the rows it covers,
    with the seal before it and with the audit chain. Stops at the first that does not hold.
    """
    before = ConsentSeal.objects.filter(number=from_seal - 1).first() if from_seal > 1 else None
    previous = before.digest if before is not None else ZERO_DIGEST
    after = before.to_id if before is not None else 0
    number, rows, seals = from_seal - 1, 0, 0
    if from_seal > 1 and before is None:
        return _broken(number, None, "the seal is missing", rows, seals, number, previous, after)
    for seal in _seals(from_seal, most):
        row, problem = _seal_problem(seal, number + 1, previous, after)
        if problem:
            at = min(seal.number, number + 1)
            return _broken(at, row, problem, rows, seals, number, previous, after)
        number, previous, after = seal.number, seal.digest, seal.to_id
        rows, seals = rows + seal.rows, seals + 1
    if (most is None or seals < most) and (cut := _newest_audited()) > number:
        problem = f"the seal is missing: the audit chain names seals up to {cut}"
        return _broken(number + 1, None, problem, rows, seals, number, previous, after)
    return SealVerdict(
        seals=seals, rows=rows, last_seal=number, last_digest=previous, unsealed=_unsealed(after)
    )


def _broken(
    at: int,
    row: int | None,
    problem: str,
    rows: int,
    seals: int,
    last: int,
    digest: str,
    after: int,
) -> SealVerdict:
    return SealVerdict(
        seals=seals,
        rows=rows,
        last_seal=last,
        last_digest=digest,
        unsealed=_unsealed(after),
        broken_seal=at,
        broken_row=row,
        problem=problem,
    )


def _seals(from_seal: int, most: int | None) -> Iterator[ConsentSeal]:
    """One at a time: each may be a megabyte, and there is no end to them."""
    done, left = from_seal - 1, most
    while left is None or left > 0:
        seal = ConsentSeal.objects.filter(number__gt=done).order_by("number").first()
        if seal is None:
            return
        yield seal
        done, left = seal.number, None if left is None else left - 1


def _seal_problem(
    seal: ConsentSeal, number: int, previous: str, after: int
) -> tuple[int | None, str]:
    if seal.number != number:
        return None, "the seal is missing"
    if seal.previous != previous or seal.from_id != after + 1:
        return None, "the seal does not follow the one before it"
    if seal_digest(seal) != seal.digest:
        return None, "the seal was changed after it was written"
    audited = set(
        AuditEntry.objects.filter(
            object_type="contacts.consentseal", object_id=str(seal.number), operation="consent.seal"
        ).values_list("after_hash", flat=True)
    )
    if audited != {seal.digest}:
        return None, "the seal is not the one in the audit chain"
    if seal.scheme not in _COLUMNS:
        return None, "the seal is of a scheme that this release does not know"
    read = rows_read(seal.from_id, seal.to_id, scheme=seal.scheme)
    if hashlib.sha256(b"".join(read.digests)).hexdigest() == seal.rows_digest:
        return None, ""
    return _row_problem(seal, read)


def _row_problem(seal: ConsentSeal, read: RowsRead) -> tuple[int | None, str]:
    """The first row that is not as it was sealed."""
    marks = bytes(seal.row_marks)
    sealed = {
        row_id: marks[place * _MARK : (place + 1) * _MARK]
        for place, row_id in enumerate(seal.row_ids)
    }
    found = {row_id: digest[:_MARK] for row_id, digest in zip(read.ids, read.digests, strict=True)}
    for row_id in sorted(sealed.keys() | found.keys()):
        if row_id not in found:
            return row_id, "the row was removed"
        if row_id not in sealed:
            return row_id, "the row was put in after the range was sealed"
        if sealed[row_id] != found[row_id]:
            return row_id, "the row was changed"
    return None, "the rows are not the sealed ones"


def _newest_audited() -> int:
    numbers = AuditEntry.objects.filter(operation="consent.seal").order_by("-seq")
    newest = numbers.values_list("object_id", flat=True).first()
    return int(newest) if newest else 0


def _unsealed(after: int) -> int:
    return ConsentEvent.objects.filter(id__gt=after).count()
