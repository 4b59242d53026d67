"""The admin of contacts: the wizard from upload to result, masked lists, and what is shut."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from smsmarketing.accounts.models import Brand, Role, User
from smsmarketing.contacts.models import (
    Audience,
    Contact,
    ImportFile,
    ImportJob,
    ImportMapping,
)
from smsmarketing.contacts.services import suppression_add
from smsmarketing.contacts.services.imports import import_work
from tests.contacts.test_imports import CONSENT, A, B

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path / "imports"


@pytest.fixture
def browser(user: User) -> Client:
    """Signed in as somebody who may import; form tokens are checked."""
    user.is_staff = True
    user.save()
    user.roles.add(Role.objects.get(key="crm"))
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    return client


def post(browser: Client, address: str, data: dict[str, Any]) -> Any:
    browser.get(reverse("admin:contacts_import_new"))
    token = browser.cookies["csrftoken"].value
    return browser.post(address, {**data, "csrfmiddlewaretoken": token})


def upload(browser: Client, content: bytes, **more: Any) -> Any:
    data = {"file": SimpleUploadedFile("spring.csv", content), **more}
    return post(browser, reverse("admin:contacts_import_new"), data)


CSV = f"Phone,Name,Points\n{A},Ana,12\n{B},=1+1,7\n+442071838750,Desk,\n".encode()
COLUMNS = {
    "field-0": "phone",
    "field-1": "first_name",
    "field-2": "custom:",
    "custom-2": "points",
    "encoding": "utf-8",
    "delimiter": "comma",
}


def test_the_wizard_leads_from_a_file_to_contacts(browser: Client, brand: Brand) -> None:
    answer = upload(browser, CSV, kind="contacts", brand_id=brand.pk)
    assert answer.status_code == 302
    page = browser.get(answer["Location"])
    assert page.status_code == 200
    assert {"Phone", "Ana", "12"} <= {
        text.strip() for text in page.content.decode().replace("<", ">").split(">")
    }
    form = {
        **COLUMNS,
        "brand_id": brand.pk,
        "audience_new": "Spring",
        "tags": "import, spring",
        "save_as": "Shop export",
        **{f"consent.{name}": value for name, value in CONSENT.items()},
    }
    checked = post(browser, answer["Location"], form)
    assert checked.status_code == 302, checked.content.decode()
    job = ImportJob.objects.get()
    assert (job.state, job.counts["create"], job.counts["rejected"]) == ("previewed", 1, 2)
    assert not Contact.objects.exists()
    page = browser.get(checked["Location"]).content.decode()
    assert "What would happen" in page
    assert "FORMULA" in page
    started = post(browser, checked["Location"], {})
    assert started.status_code == 302
    live = browser.get(checked["Location"]).content.decode()
    assert 'http-equiv="refresh"' in live
    progress = browser.get(reverse("admin:contacts_import_progress", args=[job.pk])).json()
    assert progress["state"] == "running"
    import_work(job.pk)
    page = browser.get(checked["Location"]).content.decode()
    assert "What happened" in page
    contact = Contact.objects.get()
    assert (contact.first_name, contact.custom, sorted(contact.tags)) == (
        "Ana",
        {"points": "12"},
        ["import", "spring"],
    )
    assert Audience.objects.get().members.count() == 1
    assert ImportMapping.objects.get().mapping == {
        "Phone": "phone",
        "Name": "first_name",
        "Points": "custom:points",
    }
    again = browser.get(upload(browser, CSV, kind="contacts")["Location"]).content.decode()
    assert 'name="custom-2" value="points"' in again


def test_the_rejected_rows_come_back_as_a_safe_file(browser: Client, brand: Brand) -> None:
    """Formula-safe ([1.2.10]), and good to be mended and uploaded again."""
    address = upload(browser, CSV, kind="contacts", brand_id=brand.pk)["Location"]
    post(browser, address, {**COLUMNS, "brand_id": brand.pk})
    job = ImportJob.objects.get()
    answer = browser.get(reverse("admin:contacts_import_rejects", args=[job.pk]))
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["row", "column", "reason", "Phone", "Name", "Points"]
    assert [row[:2] for row in rows[1:]] == [["3", "Name"], ["4", "Phone"]]
    assert rows[1][3:] == ["'" + B, "'=1+1", "7"]
    assert rows[2][2].startswith("PHONE_LANDLINE: ")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04zip", "Excel workbook"),
        (b"", "empty"),
    ],
)
def test_a_wrong_file_is_answered_on_the_page(
    browser: Client, brand: Brand, content: bytes, words: str
) -> None:
    answer = upload(browser, content, kind="contacts")
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not ImportFile.objects.exists()


def test_a_200_megabyte_file_is_answered_before_it_is_read(browser: Client, folder: Path) -> None:
    answer = browser.post(
        reverse("admin:contacts_import_new"),
        {"file": SimpleUploadedFile("big.csv", b"x")},
        CONTENT_LENGTH=str(200 * 2**20),
    )
    assert answer.status_code == 413
    assert "larger than 50 MiB" in answer.content.decode()
    assert not folder.exists()


def test_an_upload_without_a_form_token_is_refused(browser: Client) -> None:
    answer = browser.post(
        reverse("admin:contacts_import_new"), {"file": SimpleUploadedFile("a.csv", CSV)}
    )
    assert answer.status_code == 403
    assert not ImportFile.objects.exists()


def test_faults_stand_beside_their_fields(browser: Client, brand: Brand) -> None:
    address = upload(browser, CSV, kind="contacts")["Location"]
    form = {
        **COLUMNS,
        "field-1": "phone",
        "brand_id": brand.pk,
    }
    answer = post(browser, address, form)
    assert answer.status_code == 422
    assert "is mapped to phone already" in answer.content.decode()
    form |= {"field-1": "", **{f"consent.{name}": value for name, value in CONSENT.items()}}
    answer = post(browser, address, {**form, "consent.captured_at": "2099-01-01"})
    assert answer.status_code == 422
    assert "lies in the future" in answer.content.decode()
    assert not ImportJob.objects.exists()


def test_the_encoding_can_be_chosen_by_hand(browser: Client, brand: Brand) -> None:
    content = f"phone,name\n{A},Jérôme\n".encode("latin-1")
    address = upload(browser, content, kind="contacts")["Location"]
    assert "Jérôme" in browser.get(address).content.decode()
    broken = browser.get(address + "&encoding=utf-8")
    assert broken.status_code == 422
    assert "is not utf-8 text" in broken.content.decode()


def test_lists_and_pages_hide_numbers(
    browser: Client, brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    """[R-4.12]"""
    contact = make_contact(A, consent=True, first_name="<b>Ana</b>", tags=["vip"])
    suppression_add(
        phone=A, scope="brand", reason="opt_out", source="admin", evidence={}, brand=brand
    )
    for name in ("contact", "suppression", "consentevent"):
        page = browser.get(reverse(f"admin:contacts_{name}_changelist"))
        assert page.status_code == 200
        assert A not in page.content.decode()
        assert "•••" in page.content.decode()
    page = browser.get(reverse("admin:contacts_contact_change", args=[contact.pk]))
    text = page.content.decode()
    assert page.status_code == 200
    assert A not in text
    assert "<b>Ana" not in text
    assert "opted out" in text
    assert "I agree to get offers" in text


@pytest.mark.parametrize(
    ("term", "found"),
    [
        (A, 1),
        ("ana", 1),
        ("3456 ana", 1),
        ("3456 bob", 0),
        ("+4474", 0),
        ("3456", 0),
        ("c-77", 1),
    ],
)
def test_search_takes_no_beginning_of_a_number(
    browser: Client, make_contact: Callable[..., Contact], term: str, found: int
) -> None:
    """[R-4.13]"""
    make_contact(A, first_name="Ana", customer_key="c-77")
    page = browser.get(reverse("admin:contacts_contact_changelist"), {"q": term})
    assert page.context["cl"].result_count == found


def test_filters_find_their_rows(
    browser: Client, brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    make_contact(A, consent=True)
    make_contact(B)
    for value, count in (("sendable", 1), ("no_consent", 1), ("opted_out", 0)):
        page = browser.get(reverse("admin:contacts_contact_changelist"), {"marketing": value})
        assert page.context["cl"].result_count == count


def test_people_of_another_team_see_nothing(
    browser: Client, other_brand: Brand, brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    contact = make_contact(A, consent=True)
    post_address = upload(browser, CSV, kind="contacts", brand_id=brand.pk)["Location"]
    post(browser, post_address, {**COLUMNS, "brand_id": brand.pk})
    job = ImportJob.objects.get()
    stranger = User.objects.create(username="stranger", is_staff=True)
    stranger.teams.add(other_brand.team)
    stranger.roles.add(Role.objects.get(key="crm"))
    client = Client()
    client.force_login(stranger)
    for address in (
        reverse("admin:contacts_contact_change", args=[contact.pk]),
        reverse("admin:contacts_importjob_change", args=[job.pk]),
        reverse("admin:contacts_import_rejects", args=[job.pk]),
        reverse("admin:contacts_import_progress", args=[job.pk]),
        post_address,
    ):
        assert client.get(address).status_code == 404, address
    page = client.get(reverse("admin:contacts_contact_changelist"))
    assert page.context["cl"].result_count == 0


def test_who_may_not_import_gets_no_wizard(brand: Brand) -> None:
    person = User.objects.create(username="viewer", is_staff=True)
    person.roles.add(Role.objects.get(key="viewer"))
    client = Client()
    client.force_login(person)
    assert client.get(reverse("admin:contacts_import_new")).status_code == 403


def test_the_admin_has_no_other_road_to_the_rows(
    browser: Client, brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    """No add, change or delete form, whatever is posted."""
    contact = make_contact(A, consent=True)
    row = suppression_add(
        phone=A, scope="brand", reason="opt_out", source="admin", evidence={}, brand=brand
    )
    for name, pk in (("contact", contact.pk), ("suppression", row.pk)):
        for address in (
            reverse(f"admin:contacts_{name}_add"),
            reverse(f"admin:contacts_{name}_change", args=[pk]),
            reverse(f"admin:contacts_{name}_delete", args=[pk]),
            reverse(f"admin:contacts_{name}_changelist"),
        ):
            answer = post(browser, address, {"first_name": "X", "lifted_at": "", "post": "yes"})
            assert answer.status_code in (403, 405), address
    contact.refresh_from_db()
    assert contact.first_name == ""


def test_the_opt_outs_lead_to_their_export(browser: Client) -> None:
    """And from there to the files, once it is asked for."""
    page = browser.get(reverse("admin:contacts_suppression_changelist"))
    found = [button for button in page.context["operation_buttons"] if button["label"] == "Export"]
    assert len(found) == 1
    assert "opt_outs.export" in found[0]["url"]
    assert urlencode({"next": reverse("admin:contacts_exportfile_changelist")}) in found[0]["url"]
    assert browser.get(found[0]["url"]).status_code == 200
