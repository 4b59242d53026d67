"""The nastiest files there are: each is read rightly, or refused with a code and what to do."""

import csv
import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from smsmarketing.accounts.models import Brand, User
from smsmarketing.contacts.models import ConsentEvent, Contact, ImportJob, Suppression
from smsmarketing.contacts.rules.import_dates import time_read
from smsmarketing.contacts.rules.import_fields import OPT_OUT_REASONS, mapping_guess
from smsmarketing.contacts.rules.suppressions import REASONS, purposes_default
from smsmarketing.contacts.services.imports import file_lines, upload_store
from smsmarketing.operations.errors import InvalidInput
from tests.contacts.conftest import DISCLOSURE
from tests.contacts.test_imports import CONSENT, A, B, C, bring, counts, faults, private_folder

__all__ = ["bring", "private_folder"]
Bring = Callable[..., ImportJob]
pytestmark = pytest.mark.django_db


def workbook() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "reason", "hint"),
    [
        (workbook(), "FILE_TYPE", "Export the list as CSV"),
        (b"\x1f\x8b\x08\x00rest", "FILE_TYPE", "gzip"),
        (b"  <html><table><tr><td>phone</td></tr></table></html>", "FILE_TYPE", "web page"),
        (b"<table><tr><td>phone</td></tr></table>", "FILE_TYPE", "web page"),
        ("<html><body>phone".encode("utf-16"), "FILE_TYPE", "web page"),
        (b'[{"phone": "+447400123456"}]', "FILE_TYPE", "JSON"),
        (b"", "FILE_EMPTY", "Upload a CSV"),
        (b"\xff\xfe", "FILE_EMPTY", "Upload a CSV"),
        (b"sep=;\r\n", "HEADER", "must name the columns"),
        (b"phone,first_name\n", "NO_ROWS", "no other row"),
        (f"{A},Ana\n{B},Bernd\n".encode(), "NO_HEADER", "names of the columns"),
        (b"4.4E+11,Ana\n4.4E+11,Bernd\n", "NO_HEADER", "names of the columns"),
        (b"phone,Name,name\n1,2,3\n", "HEADER", "Rename one"),
        (b"phone,,name\n1,2,3\n", "HEADER", "Name every column"),
        ((",".join(f"c{n}" for n in range(300)) + "\n1\n").encode(), "HEADER", "Leave some out"),
        (b"phone,name\n+447400123456,\x00\x01\x02\n", "FILE_TYPE", "binary"),
        (b'phone,name\n+447400123456,"Ana\n', "QUOTING", "line 2"),
        (f"phone,name\n{A},Łukasz\n{B},José\n".encode() + b"x,Jos\xe9\n", "ENCODING_MIXED", "line 4"),
    ],
)  # fmt: skip
def test_what_is_no_list_is_refused_and_nothing_happens(
    bring: Bring, content: bytes, reason: str, hint: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        bring(content)
    assert (refusal.value.details["reason"], list(refusal.value.field_errors)) == (reason, ["file"])
    assert hint in refusal.value.message
    assert not ImportJob.objects.exists()
    assert not Contact.objects.exists()


def test_a_cell_of_ten_megabytes_ends_the_import_before_anything_is_merged(bring: Bring) -> None:
    content = f"phone,first_name\n{A},Ana\n{B}," + "x" * 10_000_000 + f"\n{C},Carl\n"
    with pytest.raises(InvalidInput) as refusal:
        bring(content)
    assert refusal.value.details["reason"] == "QUOTING"
    assert "line 3" in refusal.value.message
    padding = f"{A},Ana\n" * 20_000
    job = bring("phone,first_name\n" + padding + f"{B}," + "x" * 10_000_000 + "\n")
    assert (job.state, job.error_code) == ("failed", "QUOTING")
    assert "line 20002" in job.error_message
    assert not Contact.objects.exists()


def test_an_encoding_that_changes_far_down_ends_the_import(bring: Bring) -> None:
    rows = "".join(f"+4474{number:08},Łucja\n" for number in range(20_000))
    job = bring(("phone,first_name\n" + rows).encode() + f"{A},José\n".encode("latin-1"))
    assert (job.state, job.error_code) == ("failed", "ENCODING")
    assert not Contact.objects.exists()


@pytest.mark.parametrize(
    "content",
    [
        f"phone,first_name\r\n{A},Ana\r\n",
        f"phone,first_name\r{A},Ana\r",
        f"phone;first_name\n{A};Ana\n",
        f"phone\tfirst_name\n{A}\tAna\n",
        f"phone|first_name\n{A}|Ana\n",
        f"sep=;\r\nphone;first_name\r\n{A};Ana\r\n",
        f'"sep=|"\nphone|first_name\n{A}|Ana\n',
        f"phone,first_name,,\n{A},Ana,,\n",
        f"phone,first_name,note\n{A},Ana\n",
        f"\ufeff\u200fPhone\u200f,First name\u200e\n{A},Ana\n",
        f"Ｐｈｏｎｅ,first_name\n{A},Ana\n",
        f'phone,first_name\n"{A}","Ana"\n',
        f"phone,first_name\n\n\n{A},Ana\n\n",
        "phone,first_name\n'+447400123456,Ana\n",
        "phone,first_name\n\u200e+44 7400 123456\u202c,Ana\n",
        "phone,first_name\n＋４４７４００１２３４５６,Ana\n",
        "phone,first_name\n+٤٤٧٤٠٠١٢٣٤٥٦,Ana\n",
        "phone,first_name\n+447400123456.0,Ana\n",
        "phone,first_name\n00447400123456,Ana\n",
    ],
)
@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_what_means_the_same_is_read_the_same(bring: Bring, content: str, codec: str) -> None:
    job = bring(content.encode(codec))
    assert (job.state, job.error_message, faults(job)) == ("done", "", [])
    assert list(Contact.objects.values_list("phone", "first_name")) == [(A, "Ana")]


def test_a_line_break_within_quotes_is_part_of_the_cell(bring: Bring) -> None:
    bring(f'phone,first_name\r\n{A},"An\r\na"\r\n{B},Bernd\r\n')
    assert set(Contact.objects.values_list("first_name", flat=True)) == {"An a", "Bernd"}


@pytest.mark.parametrize(
    ("cell", "code", "hint"),
    [
        ("4.4E+11", "PHONE_SPREADSHEET_NUMBER", "Format the column as text"),
        ("4,4e+11", "PHONE_SPREADSHEET_NUMBER", "Format the column as text"),
        ("447400123456.0", "PHONE_NO_COUNTRY", "Start it with +"),
        ("=A1", "PHONE_SPREADSHEET_FORMULA", "as text"),
        ("+447400123456; +447400123457", "PHONE_MULTIPLE_NUMBERS", "Give one"),
        ("none", "PHONE_LETTERS", "digits only"),
        ("", "PHONE_EMPTY", "empty"),
        ("+44740012345600", "PHONE_TOO_LONG", "too many digits"),
        ("+442071838750", "PHONE_LANDLINE", "cannot get a text"),
    ],
)
def test_a_bad_number_is_left_out_with_its_reason(
    bring: Bring, cell: str, code: str, hint: str
) -> None:
    job = bring(f'phone,first_name\n"{cell}",Ana\n{B},Bernd\n')
    assert faults(job) == [(2, "phone", code)]
    assert hint in job.rejects.get().message
    assert list(Contact.objects.values_list("phone", flat=True)) == [B]


def test_more_cells_than_columns_and_a_nul_are_rows_left_out(bring: Bring) -> None:
    padding = "+447400123499,x\n" * 20_000  # past what the first look at a file reads
    job = bring(f"phone,first_name\n{padding}{A},Ana,extra\n{B},Ber\x00nd\n{C},Carl\n")
    found = [(code, field) for _, field, code in faults(job)]
    assert [row for row in found if row[0] != "DUPLICATE_IN_FILE"] == [
        ("COLUMNS", ""),
        ("NUL", "first_name"),
    ]
    assert Contact.objects.filter(phone__in=[A, B, C]).count() == 1


def test_lines_are_counted_whatever_ends_them(user: User) -> None:
    """The count is a fact of the approval: a file with bare returns is no small file."""
    for end in ("\n", "\r\n", "\r"):
        upload = upload_store([f"phone{end}{A}{end}".encode() * 50], file_name="a.csv", user=user)
        assert file_lines(upload) == 100


@pytest.mark.parametrize(
    ("text", "order", "wanted"),
    [
        ("2026-03-31", "", (2026, 3, 31, 0)),
        ("2026-03-31T14:05:00+02:00", "", (2026, 3, 31, 12)),
        ("31.03.2026", "", (2026, 3, 31, 0)),
        ("04.05.2026 9:30", "", (2026, 5, 4, 9)),
        ("31/03/2026", "", (2026, 3, 31, 0)),
        ("03/31/2026", "", (2026, 3, 31, 0)),
        ("5/5/2026", "", (2026, 5, 5, 0)),
        ("04/05/2026", "day_first", (2026, 5, 4, 0)),
        ("04/05/2026", "month_first", (2026, 4, 5, 0)),
        ("2026/03/31", "", (2026, 3, 31, 0)),
        ("31 Mar 2026", "", (2026, 3, 31, 0)),
        ("March 31, 2026 2:05 PM", "", (2026, 3, 31, 14)),
        ("03/31/2026 12:15 AM", "", (2026, 3, 31, 0)),
    ],
)
def test_dates_are_read_as_people_write_them(
    text: str, order: str, wanted: tuple[int, int, int, int]
) -> None:
    at = time_read(text, order).astimezone(UTC)
    assert (at.year, at.month, at.day, at.hour) == wanted


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("04/05/2026", "ambiguous"),
        ("4-5-2026", "ambiguous"),
        ("31/31/2026", "no such day"),
        ("46112", "day number"),
        ("yesterday", "2026-03-31"),
        ("31 Foo 2026", "month is not known"),
        ("03/31/2026 14:00 PM", "time of day"),
        ("31.03.26", "2026-03-31"),
    ],
)
def test_a_date_that_can_be_read_in_two_ways_is_never_guessed(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        time_read(text)


_FIRST, _LAST = datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2050-01-01")


@given(at=st.datetimes(_FIRST, _LAST, timezones=st.just(UTC)))
@hypothesis_settings(max_examples=200, deadline=None)
def test_a_date_written_in_any_known_form_is_the_same_day(at: datetime) -> None:
    day = at.date()
    for text, order in (
        (f"{at:%d.%m.%Y}", ""),
        (f"{at:%d/%m/%Y}", "day_first"),
        (f"{at:%m/%d/%Y}", "month_first"),
        (f"{at:%Y/%m/%d %H:%M}", ""),
        (f"{at.day} {at:%b %Y}", ""),
    ):
        assert time_read(text, order).date() == day, text


def test_evidence_by_row_has_every_field(bring: Bring) -> None:
    """[R-4.1], [R-4.2]"""
    content = (
        "phone,consent_date,consent_text,consent_url,consent_method,consent_basis,form_version,"
        "consent_language,consent_ip,consent_until\n"
        f"{A},31/03/2026,Yes to offers,https://acme.example/a,web_form,written,v3,en,203.0.113.7,2036-01-01\n"
        f"{B},04/05/2026,Yes,https://acme.example/a,web_form,express,,,,\n"
        f"{C},2026-03-31,Yes,https://acme.example/a,web_form,express,,,not-an-ip,\n"
        f"+447400123499,{datetime.now(UTC).isoformat()},Yes,https://acme.example/a,web_form,express,,,,\n"
    )
    job = bring(content)
    assert [(row, field) for row, field, _ in faults(job)] == [
        (3, "consent_date"),
        (4, "consent_ip"),
        (5, "consent_date"),
    ]
    event = ConsentEvent.objects.get()
    assert (
        event.captured_at.date().isoformat(),
        event.disclosure_text,
        event.basis,
        event.form_version,
        event.language,
        event.ip,
        event.expires_at.date().isoformat() if event.expires_at else "",
    ) == ("2026-03-31", "Yes to offers", "written", "v3", "en", "203.0.113.7", "2036-01-01")
    ordered = bring(content, options={"date_order": "month_first"})
    assert [row for row, _, _ in faults(ordered)] == [4, 5]


def test_opt_outs_come_in_with_every_reason_there_is(bring: Bring, brand: Brand) -> None:
    assert set(OPT_OUT_REASONS) == set(REASONS) - {"hold"}
    rows = "".join(f"+4474001234{n:02},{reason}\n" for n, reason in enumerate(OPT_OUT_REASONS, 10))
    job = bring("phone,reason\n" + rows, kind="opt_outs")
    assert counts(job, "create", "rejected") == (len(OPT_OUT_REASONS), 0)
    for row in Suppression.objects.all():
        assert tuple(row.purposes) == purposes_default(row.reason, plus_one=False), row.reason


KINDS = {
    "phone": "phone",
    "first": "first_name",
    "last": "last_name",
    "lang": "language",
    "region": "region",
    "zone": "time_zone",
    "key": "customer_key",
    "group": "customer_group",
    "tags": "tags",
    "size": "custom:size",
    "shop": "crm:shop",
    "at": "consent.captured_at",
    "text": "consent.disclosure_text",
    "url": "consent.source_url",
    "how": "consent.method",
    "why": "consent.basis",
    "form": "consent.form_version",
    "ip": "consent.ip",
}


def test_the_same_file_again_changes_nothing_for_every_kind_of_column(bring: Bring) -> None:
    values = (
        "Ana|Last|en|FL|Europe/Riga|k1|gold|vip;new|M|s1|2026-03-31|Yes|https://a.example|web_form"
        "|express|v1|203.0.113.7"
    )
    content = "|".join(KINDS) + f"\n{A}|{values}\n{B}" + "|" * (len(KINDS) - 1) + "\n"
    bring(content, mapping=KINDS)
    before = list(Contact.objects.order_by("id").values())
    events = ConsentEvent.objects.count()
    again = bring(content, mapping=KINDS)
    assert counts(again, "create", "change", "unchanged", "consent_recorded") == (0, 0, 2, 0)
    assert list(Contact.objects.order_by("id").values()) == before
    assert (ConsentEvent.objects.count(), again.bounds) == (events, {})


def test_a_number_that_stands_many_times_counts_once_and_the_last_row_wins(bring: Bring) -> None:
    names = [f"N{number}" for number in range(50)]
    job = bring("phone,first_name\n" + "".join(f"{A},{name}\n" for name in names))
    assert counts(job, "rows", "create", "duplicates") == (50, 1, 49)
    assert Contact.objects.get().first_name == "N49"
    assert job.rejects.count() == 49


def test_headers_with_marks_are_recognised() -> None:
    assert mapping_guess(["\u200fPhone\u200e", "ＦＩＲＳＴ Name"], "contacts") == {
        "\u200fPhone\u200e": "phone",
        "ＦＩＲＳＴ Name": "first_name",
    }


_junk = st.text(alphabet=st.characters(codec="utf-8"), max_size=20)


@hypothesis_settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cells=st.lists(st.lists(_junk, min_size=1, max_size=4), min_size=1, max_size=6),
    delimiter=st.sampled_from(",;\t|"),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_any_file_is_accounted_for_to_the_row_or_refused(
    bring: Bring, cells: list[list[str]], delimiter: str, codec: str, end: str
) -> None:
    """Rows = created + changed + unchanged + rejected + repeated; never an exception of ours."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerow(["phone", "first_name", "note", "tags"])
    writer.writerows([[A if n % 2 else B, *row] for n, row in enumerate(cells)])
    mapping = {"phone": "phone", "first_name": "first_name", "note": "custom:note", "tags": "tags"}
    with transaction.atomic():
        try:
            job = bring(text.getvalue().encode(codec), mapping=mapping)
        except InvalidInput as refused:
            said = refused
            job = None
        if job is None:
            assert said.details["reason"]
        else:
            c: dict[str, Any] = job.counts
            assert job.state == "done", job.error_message
            parts = ("create", "change", "unchanged", "rejected", "duplicates")
            assert c["rows"] == sum(c[name] for name in parts)
            assert Contact.objects.count() == c["create"]
        transaction.set_rollback(True)


def test_consent_of_a_file_that_is_the_moment_of_the_import_is_refused(bring: Bring) -> None:
    """[R-4.2]"""
    with pytest.raises(Exception, match="does not prove"):
        bring(
            f"phone\n{A}\n",
            options={"consent": {**CONSENT, "captured_at": f"{datetime.now(UTC):%d.%m.%Y}"}},
        )
    assert DISCLOSURE
    assert not Contact.objects.exists()
