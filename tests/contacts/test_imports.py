"""Imports: what a file becomes, what is refused and why, and that an opt-out always stands."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from smsmarketing.accounts.models import Brand, User
from smsmarketing.contacts.models import (
    Audience,
    ConsentEvent,
    Contact,
    ImportFile,
    ImportJob,
    SendState,
    Suppression,
)
from smsmarketing.contacts.rules.import_files import SIZE_MAX, FileRefused
from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.services import audience_save, contact_upsert, suppression_add
from smsmarketing.contacts.services.imports import (
    ImportOptions,
    file_rows,
    import_create,
    import_start,
    import_work,
    imports_expire,
    upload_store,
)
from smsmarketing.contacts.services.imports.working import _Work
from smsmarketing.operations.errors import ConsentIncomplete, InvalidInput
from smsmarketing.operations.models import AuditEntry
from tests.contacts.conftest import DISCLOSURE, state_of

A, B, C = "+447400123456", "+491711234567", "+12025550123"
CONSENT = {
    "disclosure_text": DISCLOSURE,
    "method": "web_form",
    "source_url": "https://acme.example/join",
    "captured_at": "2026-03-31",
}


@pytest.fixture(autouse=True)
def private_folder(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path / "imports"


@pytest.fixture
def bring(brand: Brand, user: User) -> Callable[..., ImportJob]:
    """Upload, dry run, confirm, run; the finished job. `dry=True` stops before the confirmation."""

    def run(
        content: str | bytes, *, dry: bool = False, kind: str = "contacts", **more: Any
    ) -> ImportJob:
        raw = content.encode() if isinstance(content, str) else content
        upload = upload_store([raw], file_name="list.csv", user=user)
        options = ImportOptions(**more.pop("options", {}))
        job = import_create(
            upload, kind=kind, brand=brand, created_by=user, options=options, **more
        )
        import_work(job.pk)
        job.refresh_from_db()
        if not dry and job.state == "previewed":
            import_start(job)
            import_work(job.pk, merge_rows=2)
            job.refresh_from_db()
        return job

    return run


def counts(job: ImportJob, *names: str) -> tuple[int, ...]:
    return tuple(job.counts.get(name, 0) for name in names)


def faults(job: ImportJob) -> list[tuple[int, str, str]]:
    return list(job.rejects.order_by("row_number").values_list("row_number", "field", "code"))


def test_a_file_becomes_contacts_with_evidence(
    bring: Callable[..., ImportJob], brand: Brand
) -> None:
    audience = audience_save(team_id=brand.team_id, brand=brand, name="Spring")
    job = bring(
        "Phone,First Name,tags,points\n"
        f"{A},Ana,vip;new,12\n"
        "0171 1234567,Bernd,,\n"
        "'+12025550123,O\"Neil,,3\n".replace('O"Neil', '"O""Neil, Jr"'),
        mapping={
            "Phone": "phone",
            "First Name": "first_name",
            "tags": "tags",
            "points": "custom:points",
        },
        options={"default_region": "DE", "tags": ["import"], "consent": CONSENT},
        audience=audience,
    )
    assert (job.state, job.error_message) == ("done", "")
    assert counts(job, "create", "change", "unchanged", "rejected") == (3, 0, 0, 0)
    assert counts(job, "consent_recorded", "members_added") == (3, 3)
    ana = Contact.objects.get(phone=A)
    assert (ana.first_name, sorted(ana.tags), ana.custom, ana.source) == (
        "Ana",
        ["import", "new", "vip"],
        {"points": "12"},
        f"import:{job.pk}",
    )
    assert set(Contact.objects.values_list("phone", "country")) == {(A, "GB"), (B, "DE"), (C, "US")}
    assert Contact.objects.get(phone=C).first_name == 'O"Neil, Jr'
    assert set(SendState.objects.values_list("marketing_reason", flat=True)) == {None}
    event = ConsentEvent.objects.get(contact=ana)
    assert (event.disclosure_text, event.method, event.import_job_id, event.captured_by) == (
        DISCLOSURE,
        "web_form",
        job.pk,
        f"user:{job.created_by_id}",
    )
    assert Audience.objects.get().members.count() == 3


def test_the_dry_run_changes_nothing_and_counts_like_the_run(
    bring: Callable[..., ImportJob], make_contact: Callable[..., Contact]
) -> None:
    make_contact(A, first_name="Ana")
    make_contact(B, first_name="Bernd")
    content = f"phone,first_name\n{A},Ana\n{B},Bruno\n{C},Carl\n{C},Carla\nnonsense,X\n"
    before = list(Contact.objects.order_by("id").values())
    job = bring(content, dry=True)
    expected = (1, 1, 1, 1, 1)
    names = ("create", "change", "unchanged", "rejected", "duplicates")
    assert job.state == "previewed"
    assert counts(job, *names) == expected
    assert list(Contact.objects.order_by("id").values()) == before
    assert not ConsentEvent.objects.exists()
    job = bring(content)
    assert counts(job, *names) == expected
    assert faults(job) == [(4, "phone", "DUPLICATE_IN_FILE"), (6, "phone", "PHONE_LETTERS")]
    assert Contact.objects.get(phone=C).first_name == "Carla"
    assert Contact.objects.get(phone=B).version == 2
    assert Contact.objects.get(phone=A).version == 1


def test_the_same_file_again_changes_nothing(bring: Callable[..., ImportJob], brand: Brand) -> None:
    """Idempotent: not one row is written twice."""
    audience = audience_save(team_id=brand.team_id, brand=brand, name="Spring")
    content = f"phone,first_name\n{A},Ana\n{B},Bernd\n"
    more = {"options": {"consent": CONSENT, "tags": ["x"]}, "audience": audience}
    bring(content, **more)
    before = list(Contact.objects.order_by("id").values())
    job = bring(content, **more)
    assert counts(job, "create", "change", "unchanged", "work") == (0, 0, 2, 0)
    assert list(Contact.objects.order_by("id").values()) == before
    assert ConsentEvent.objects.count() == 2


def test_a_blank_cell_leaves_the_value(
    bring: Callable[..., ImportJob], make_contact: Callable[..., Contact]
) -> None:
    make_contact(A, first_name="Ana", tags=["vip"], custom={"points": "1"})
    job = bring(
        f"phone,first_name,language,tags,p\n{A},,de,new,\n",
        mapping={
            "phone": "phone",
            "first_name": "first_name",
            "language": "language",
            "tags": "tags",
            "p": "custom:points",
        },
    )
    contact = Contact.objects.get(phone=A)
    assert counts(job, "change") == (1,)
    assert (contact.first_name, contact.language, contact.tags, contact.custom) == (
        "Ana",
        "de",
        ["vip", "new"],
        {"points": "1"},
    )


def test_an_import_never_removes_an_opt_out(
    bring: Callable[..., ImportJob], brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    """[R-2.16]: known and unknown numbers, also with fresh evidence."""
    make_contact(A, consent=True)
    for phone in (A, B):
        suppression_add(
            phone=phone, scope="brand", reason="opt_out", source="inbound", evidence={}, brand=brand
        )
    job = bring(f"phone\n{A}\n{B}\n{C}\n", options={"consent": CONSENT})
    assert counts(job, "suppressed") == (2,)
    reasons = {
        contact.phone: state_of(contact, brand).marketing_reason
        for contact in Contact.objects.all()
    }
    assert reasons == {A: "opted_out", B: "opted_out", C: None}
    assert Suppression.objects.filter(lifted_at=None).count() == 2


def test_without_evidence_nobody_becomes_sendable(
    bring: Callable[..., ImportJob], brand: Brand
) -> None:
    """[R-4.1]"""
    bring(f"phone\n{A}\n")
    assert state_of(Contact.objects.get(), brand).marketing_reason == "no_consent"


def test_evidence_by_row(bring: Callable[..., ImportJob], brand: Brand) -> None:
    """[R-4.1], [R-4.2]: each row with its own time; a blank is no consent."""
    soon = (timezone.now() + timedelta(days=2)).isoformat()
    job = bring(
        "phone,consent_date,consent_text,consent_url\n"
        f"{A},2026-03-31T10:00:00+02:00,I agree,https://acme.example/a\n"
        f"{B},,,\n"
        f"{C},{soon},I agree,https://acme.example/a\n"
        "+447400123457,2014-01-01,I agree,https://acme.example/a\n"
        "+447400123458,31.03.2026,I agree,https://acme.example/a\n"
        "+447400123459,2026-03-31,,https://acme.example/a\n"
        f"+447400123460,{timezone.now().isoformat()},I agree,https://acme.example/a\n",
    )
    assert counts(job, "create", "rejected", "consent_recorded") == (3, 4, 2)
    assert {code for _, _, code in faults(job)} == {"CONSENT"}
    assert [field for _, field, _ in faults(job)] == [
        "consent_date",
        "consent_date",
        "consent_text",
        "consent_date",
    ]
    assert state_of(Contact.objects.get(phone=A), brand).marketing_reason is None
    assert state_of(Contact.objects.get(phone=B), brand).marketing_reason == "no_consent"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"captured_at": "2031-01-01"}, "consent.captured_at"),
        ({"captured_at": "2012-01-01"}, "consent.captured_at"),
        ({"captured_at": "now"}, "consent.captured_at"),
        ({"captured_at": ""}, "consent.captured_at"),
        ({"disclosure_text": ""}, "consent.disclosure_text"),
        ({"source_url": ""}, "consent.source_url"),
        ({"method": "guessed"}, "consent.method"),
        ({"basis": "purchased"}, "consent.basis"),
    ],
)
def test_evidence_of_the_file_that_proves_nothing_is_refused(
    bring: Callable[..., ImportJob], changes: dict[str, str], field: str
) -> None:
    """[R-4.2], [R-4.8]: no job, no contact."""
    with pytest.raises(ConsentIncomplete) as refusal:
        bring(f"phone\n{A}\n", options={"consent": {**CONSENT, **changes}})
    assert list(refusal.value.field_errors) == [field]
    assert not ImportJob.objects.exists()
    assert not Contact.objects.exists()


def test_the_moment_of_the_import_is_no_consent_time(bring: Callable[..., ImportJob]) -> None:
    """[R-4.2]"""
    for at in (timezone.now().isoformat(), timezone.now().date().isoformat()):
        with pytest.raises(ConsentIncomplete):
            bring(f"phone\n{A}\n", options={"consent": {**CONSENT, "captured_at": at}})


@pytest.mark.parametrize(
    ("cells", "field", "code"),
    [
        ("07400123456,Ana", "phone", "PHONE_NO_COUNTRY"),
        (",Ana", "phone", "PHONE_EMPTY"),
        ("+442071838750,Ana", "phone", "PHONE_LANDLINE"),
        ("+448081570000,Ana", "phone", "PHONE_NOT_TEXTABLE"),
        ("+99912345678,Ana", "phone", "PHONE_UNKNOWN_COUNTRY_CODE"),
        ("4.474E+11,Ana", "phone", "PHONE_SPREADSHEET_NUMBER"),
        ("=CONCAT(1;2),Ana", "phone", "PHONE_SPREADSHEET_FORMULA"),
        (f"{A},=cmd|' /C calc'!A0", "name", "FORMULA"),
        (f"{A},@SUM(A1)", "name", "FORMULA"),
        (f"{A},+cmd|x!A0", "name", "FORMULA"),
        (f"{A},{'x' * 90}", "name", "TOO_LONG"),
        (f"{A},Ana,more,cells", "", "COLUMNS"),
    ],
)
def test_a_bad_row_is_left_out_with_its_reason(
    bring: Callable[..., ImportJob], cells: str, field: str, code: str
) -> None:
    job = bring(f"phone,name\n{cells}\n{B},Bernd\n")
    assert faults(job) == [(2, field, code)]
    assert counts(job, "create", "rejected") == (1, 1)
    assert list(Contact.objects.values_list("phone", flat=True)) == [B]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "FILE_EMPTY"),
        (b"\xef\xbb\xbf\n\n", "FILE_EMPTY"),
        (b"PK\x03\x04" + b"\x00" * 50, "FILE_TYPE"),
        (b"%PDF-1.7\n", "FILE_TYPE"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "FILE_TYPE"),
        (b"\x1f\x8b\x08\x00", "FILE_TYPE"),
        (b"<!DOCTYPE html><html>", "FILE_TYPE"),
        (b"phone\x00\x01\x02\x03,b\n\x00\x05", "FILE_TYPE"),
        (b"phone,phone\n1,2\n", "HEADER"),
        (b"phone,,b\n1,2,3\n", "HEADER"),
        (b",,\n1,2\n", "HEADER"),
        (b"phone,name\n", "NO_ROWS"),
        (b'phone,name\n+447400123456,"An"a\n', "QUOTING"),
    ],
)
def test_a_file_that_is_no_csv_is_refused(
    bring: Callable[..., ImportJob], private_folder: Path, content: bytes, reason: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        bring(content)
    assert refusal.value.details["reason"] == reason
    assert list(refusal.value.field_errors) == ["file"]
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize("after", [0, 3])
def test_a_quote_that_is_never_closed_names_its_line(
    bring: Callable[..., ImportJob], after: int
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        bring(f'phone,name\n{A},Ana\n{B},"Bernd\n' + f"{C},Carl\n" * after)
    assert refusal.value.details["reason"] == "QUOTING"
    assert "line 3" in refusal.value.field_errors["file"]
    assert not ImportJob.objects.exists()


def test_a_quote_that_is_never_closed_far_down_ends_the_import(
    bring: Callable[..., ImportJob],
) -> None:
    job = bring("phone,name\n" + f"{A},Ana\n" * 20_000 + f'{B},"Bernd\n{C},Carl\n')
    assert (job.state, job.error_code) == ("failed", "QUOTING")
    assert "line " in job.error_message
    assert not Contact.objects.exists()


def test_a_header_without_a_phone_column_is_refused(bring: Callable[..., ImportJob]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        bring("name,city\nAna,Rome\n")
    assert list(refusal.value.field_errors) == ["mapping"]
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        ({"phone": "phone", "nope": "first_name"}, "mapping.nope"),
        ({"phone": "phone", "name": "colour"}, "mapping.name"),
        ({"phone": "phone", "name": "phone"}, "mapping.name"),
        ({"name": "first_name"}, "mapping"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(
    bring: Callable[..., ImportJob], mapping: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        bring(f"phone,name\n{A},Ana\n", mapping=mapping)
    assert list(refusal.value.field_errors) == [field]


def test_a_file_of_200_megabytes_is_refused_before_it_is_kept(
    user: User, private_folder: Path
) -> None:
    """[R-10.11]"""
    taken = 0

    def chunks() -> Any:
        nonlocal taken
        for _ in range(200):
            taken += 1
            yield b"x" * 2**20

    with pytest.raises(InvalidInput) as refusal:
        upload_store(chunks(), file_name="big.csv", user=user)
    assert refusal.value.details["reason"] == "FILE_TOO_LARGE"
    assert taken == SIZE_MAX // 2**20 + 1
    assert list(private_folder.iterdir()) == []
    assert not ImportFile.objects.exists()


def test_more_than_a_million_rows_are_refused(user: User) -> None:
    """[R-10.11]: while reading, before anything of the file is merged."""
    upload = upload_store([b"phone\n" + b"1\n" * 1_000_001], file_name="many.csv", user=user)
    rows = file_rows(upload.stored_path, encoding="utf-8", delimiter=",", after=999_990)
    with pytest.raises(FileRefused) as refusal:
        list(rows)
    assert refusal.value.code == "TOO_MANY_ROWS"


NAMES = {"utf-8": "Łukasz 李", "latin-1": "Jérôme Ñ", "big5": "王小明您好", "gb18030": "张伟你们好"}


@pytest.mark.parametrize(
    ("codec", "name", "found"),
    [
        ("utf-8", NAMES["utf-8"], "utf-8"),
        ("utf-8-sig", NAMES["utf-8"], "utf-8-bom"),
        ("utf-16", NAMES["utf-8"], "utf-16-le"),
        ("utf-16-le", NAMES["latin-1"], "utf-16-le"),
        ("utf-16-be", NAMES["latin-1"], "utf-16-be"),
        ("latin-1", NAMES["latin-1"], "latin-1"),
        ("big5", NAMES["big5"], "big5"),
        ("gb18030", NAMES["gb18030"], "gb18030"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_delimiters_are_recognised(
    bring: Callable[..., ImportJob], codec: str, name: str, found: str, delimiter: str
) -> None:
    rows = "".join(f"+4474001234{n:02},{name}\n" for n in range(10, 13))
    content = ("phone,first_name\n" + rows).replace(",", delimiter)
    job = bring(content.encode(codec))
    assert (job.encoding, job.delimiter, job.state) == (found, delimiter, "done")
    assert set(Contact.objects.values_list("first_name", flat=True)) == {name}


def test_a_wrong_encoding_chosen_by_hand_is_named(bring: Callable[..., ImportJob]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        bring(f"phone,first_name\n{A},Jérôme\n".encode("latin-1"), encoding="utf-8")
    assert refusal.value.details["reason"] == "ENCODING"
    job = bring(f"phone,first_name\n{A},Jérôme\n".encode("latin-1"), encoding="latin-1")
    assert Contact.objects.get().first_name == "Jérôme"
    assert job.encoding == "latin-1"


def test_opt_outs_come_in_for_known_and_unknown_numbers(
    bring: Callable[..., ImportJob], brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    known = make_contact(A, consent=True)
    content = (
        "phone,reason,date,message\n"
        f"{A},unsubscribe,2026-01-05,STOP\n"
        f"{B},complaint,,\n"
        f"{C},,,\n"
        "+442071838750,,,\n"
        f"+447400123457,,{(timezone.now() + timedelta(days=3)).date()},\n"
        "+447400123458,bored,,\n"
    )
    job = bring(content, kind="opt_outs")
    assert counts(job, "create", "rejected", "contacts_suppressed") == (4, 2, 1)
    assert [code for _, _, code in faults(job)] == ["VALUE", "VALUE"]
    assert state_of(known, brand).marketing_reason == "opted_out"
    assert Contact.objects.get(pk=known.pk).version == known.version + 1
    rows = {row.phone: row for row in Suppression.objects.all()}
    assert rows[B].reason == "complaint"
    assert rows[A].evidence["text"] == "STOP"
    assert rows[C].purposes == ["marketing", "notification", "transactional"]
    assert Contact.objects.count() == 1
    again = bring(content, kind="opt_outs")
    assert counts(again, "create", "unchanged") == (0, 4)
    assert Suppression.objects.count() == 4


_phones = st.sampled_from([A, B, C])
_cell = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.tuples(st.one_of(_phones, _cell), _cell, _cell), min_size=1, max_size=8))
def test_any_rows_are_merged_or_rejected_and_the_counts_add_up(
    bring: Callable[..., ImportJob], brand: Brand, rows: list[tuple[str, str, str]]
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["phone", "first_name", "note"])
    writer.writerows(rows)
    writer.writerow([A, "Last", ""])
    with transaction.atomic():
        job = bring(
            text.getvalue(),
            mapping={"phone": "phone", "first_name": "first_name", "note": "custom:note"},
        )
        assert job.state == "done", job.error_message
        c = job.counts
        assert (
            c["rows"]
            == c["create"] + c["change"] + c["unchanged"] + c["rejected"] + c["duplicates"]
        )
        assert job.rejects.count() == c["rejected"] + c["duplicates"]
        assert Contact.objects.count() == c["create"]
        assert Contact.objects.get(phone=A).first_name == "Last"
        transaction.set_rollback(True)


def test_old_files_and_dry_runs_are_cleared_away(
    bring: Callable[..., ImportJob], private_folder: Path
) -> None:
    """An uploaded list is personal data [R-4.14]."""
    waiting = bring(f"phone\n{A}\n", dry=True)
    done = bring(f"phone\n{B}\n")
    assert imports_expire(now=timezone.now() + timedelta(days=6)) == 0
    assert imports_expire(now=timezone.now() + timedelta(days=8)) == 0
    waiting.refresh_from_db()
    assert (waiting.state, waiting.error_code) == ("failed", "EXPIRED")
    assert len(list(private_folder.iterdir())) == 2
    (private_folder / "loose.csv").write_text("rolled back")
    assert imports_expire(now=timezone.now() + timedelta(days=31)) == 3
    assert list(private_folder.iterdir()) == []
    done.refresh_from_db()
    assert done.state == "done"
    entry = AuditEntry.objects.get(operation="contacts.imports_expire")
    assert entry.facts == {"files": 3, "rejected_cells": 0}


def test_the_cells_of_rejected_rows_go_and_their_reasons_stay(
    bring: Callable[..., ImportJob], private_folder: Path
) -> None:
    """[R-4.14] audited as figures, without what stood in them."""
    job = bring(f"phone,first name\n{A},Ada\n12,Grace\n")
    job.rejects.update(row=["12", "Grace"])  # as releases before this one kept them
    reject = job.rejects.get()
    imports_expire(now=timezone.now() + timedelta(days=29))
    reject.refresh_from_db()
    assert "Grace" in str(reject.row)
    assert not AuditEntry.objects.filter(operation="contacts.imports_expire").exists()
    imports_expire(now=timezone.now() + timedelta(days=31))
    after = job.rejects.get()
    assert (after.row, after.row_number, after.code) == ([], reject.row_number, reject.code)
    entry = AuditEntry.objects.get(operation="contacts.imports_expire")
    assert entry.facts == {"files": 1, "rejected_cells": 1}
    assert "Grace" not in str(entry.facts)
    imports_expire(now=timezone.now() + timedelta(days=32))
    assert AuditEntry.objects.filter(operation="contacts.imports_expire").count() == 1


def test_a_no_under_an_older_key_stops_a_new_contact(
    bring: Callable[..., ImportJob],
    brand: Brand,
    make_contact: Callable[..., Contact],
    settings: Any,
) -> None:
    """[R-4.10]: also for a number that was erased, of which only the hash is left."""
    settings.PHONE_HASH_KEYS = {"old": "o" * 40}
    for phone in (A, B):
        suppression_add(
            phone=phone, scope="brand", reason="opt_out", source="inbound", evidence={}, brand=brand
        )
    Suppression.objects.update(phone=None)
    settings.PHONE_HASH_KEYS = {"new": "n" * 40, "old": "o" * 40}
    make_contact(A, consent=True)
    bring(f"phone\n{B}\n{C}\n", options={"consent": CONSENT})
    reasons = {
        contact.phone: state_of(contact, brand).marketing_reason
        for contact in Contact.objects.all()
    }
    assert reasons == {A: "opted_out", B: "opted_out", C: None}


def test_a_contact_made_while_the_file_was_compared_is_changed_and_not_lost(
    bring: Callable[..., ImportJob], brand: Brand
) -> None:
    """[R-2.16]: the chunk goes the careful way, and the "no" that came with the contact stands."""
    job = bring(
        f"phone,name\n{A},Ana\n{B},Ben\n",
        dry=True,
        mapping={"phone": "phone", "name": "first_name"},
        options={"consent": CONSENT},
    )
    import_start(job)
    ImportJob.objects.filter(pk=job.pk).update(lease_owner="me")
    work = _Work(job.pk, "me", 100)
    work._compare()
    assert work._go_on()
    with transaction.atomic():
        contact_upsert(phone_parse(A), changes={"language": "de"}, brand_id=brand.pk, source="race")
        suppression_add(
            phone=A, scope="brand", brand=brand, reason="opt_out", source="inbound", evidence={}
        )
    work._merge()
    work._finish()
    job.refresh_from_db()
    assert (job.state, *counts(job, "create", "change")) == ("done", 1, 1)
    ana = Contact.objects.get(phone=A)
    assert (ana.first_name, ana.language) == ("Ana", "de")
    assert state_of(ana, brand).marketing_reason == "opted_out"
    assert state_of(Contact.objects.get(phone=B), brand).marketing_reason is None
    assert Contact.objects.count() == 2
