"""Imports through the surfaces: upload, dry run, start, status; who may, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from smsmarketing.accounts.models import Brand, Role, User
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.contacts.models import Contact, ImportFile, ImportJob, Suppression
from smsmarketing.contacts.services import audience_save
from smsmarketing.contacts.services.imports import import_work
from smsmarketing.operations.models import AuditEntry
from tests.contacts.test_imports import CONSENT, A, B
from tests.surfaces import SURFACES, SurfaceName, call, token_for

CSV = f"phone,first_name\n{A},Ana\n{B},Bernd\n"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path / "imports"


@pytest.fixture
def crm(user: User) -> User:
    """A person who may import."""
    user.is_staff = True
    user.save()
    user.roles.add(Role.objects.get(key="crm"))
    return user


@pytest.fixture
def stranger(other_brand: Brand) -> User:
    """The same right in another team."""
    person = User.objects.create(username="stranger", is_staff=True)
    person.teams.add(other_brand.team)
    person.roles.add(Role.objects.get(key="crm"))
    return person


def send(content: bytes, user: User, **more: Any) -> Any:
    headers = {"Authorization": f"Bearer {token_for(user, more.pop('scopes', None))}"}
    return Client().post(
        "/api/v1/imports/files",
        {"file": SimpleUploadedFile("list.csv", content)},
        headers=headers,
        **more,
    )


@pytest.mark.parametrize("surface", SURFACES)
def test_inline_text_is_checked_and_brought_in_on_every_surface(
    surface: SurfaceName, crm: User, brand: Brand
) -> None:
    payload = {"csv_text": CSV + "nobody,X\n", "brand_id": brand.pk}
    checked = call(surface, crm, "imports.preview", payload)
    assert checked.status == "done", checked
    assert checked.data is not None
    assert checked.data["state"] == "previewed"
    assert checked.data["counts"]["create"] == 2
    assert [row["code"] for row in checked.data["rejects"]] == ["PHONE_LETTERS"]
    assert not Contact.objects.exists()
    started = call(surface, crm, "imports.start", {"import_id": checked.data["import_id"]})
    assert started.status == "done", started
    import_work(checked.data["import_id"])
    status = call(surface, crm, "imports.status", {"import_id": checked.data["import_id"]})
    assert status.data is not None
    assert (status.data["state"], status.data["percent"]) == ("done", 100)
    assert Contact.objects.count() == 2
    again = call(surface, crm, "imports.start", {"import_id": checked.data["import_id"]})
    assert again.code == "CONFLICT"


def test_an_upload_is_stored_privately_and_started_by_its_id(
    crm: User, brand: Brand, folder: Path
) -> None:
    answer = send(CSV.encode(), crm)
    assert answer.status_code == 201
    body = answer.json()
    assert body["size_bytes"] == len(CSV)
    (stored,) = folder.iterdir()
    assert stored.stat().st_mode & 0o077 == 0
    assert stored.name != "list.csv"
    started = call(
        "rest",
        crm,
        "imports.start",
        {"upload_id": body["upload_id"], "brand_id": brand.pk, "kind": "opt_outs"},
    )
    assert started.status == "done", started
    import_work(ImportJob.objects.get().pk)
    assert Suppression.objects.count() == 2
    assert AuditEntry.objects.filter(operation="imports.upload", outcome="done").count() == 1


def test_a_raw_csv_body_is_an_upload_too(crm: User) -> None:
    answer = Client().post(
        "/api/v1/imports/files",
        CSV,
        content_type="text/csv",
        headers={"Authorization": f"Bearer {token_for(crm)}"},
    )
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "FILE_EMPTY"), (b"PK\x03\x04rest", "FILE_TYPE"), (b"%PDF-1.4", "FILE_TYPE")],
)
def test_a_wrong_upload_is_refused_and_not_kept(
    crm: User, folder: Path, content: bytes, reason: str
) -> None:
    answer = send(content, crm)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["details"]["reason"]) == (
        422,
        "INVALID_INPUT",
        reason,
    )
    assert list(error["field_errors"]) == ["file"]
    assert not ImportFile.objects.exists()
    assert not list(folder.iterdir())


def test_200_megabytes_are_refused_by_their_length(crm: User, folder: Path) -> None:
    """[R-10.11]: not a byte of the body is read."""
    answer = send(b"x", crm, CONTENT_LENGTH=str(200 * 2**20))
    assert answer.status_code == 413
    assert answer.json()["error"]["details"]["reason"] == "FILE_TOO_LARGE"
    assert not folder.exists()


def test_who_may_not_upload(crm: User, brand: Brand) -> None:
    assert Client().post("/api/v1/imports/files").status_code == 401
    assert Client().get("/api/v1/imports/files").status_code == 405
    viewer = User.objects.create(username="viewer")
    viewer.roles.add(Role.objects.get(key="viewer"))
    assert send(CSV.encode(), viewer).json()["error"]["code"] == "NOT_PERMITTED"
    narrow = send(CSV.encode(), crm, scopes=["sms:read"])
    assert narrow.json()["error"]["code"] == "INSUFFICIENT_SCOPE"
    session = Client(enforce_csrf_checks=True)
    session.force_login(crm)
    answer = session.post(
        "/api/v1/imports/files", {"file": SimpleUploadedFile("list.csv", CSV.encode())}
    )
    assert answer.status_code == 403
    assert not ImportFile.objects.exists()


def test_a_body_that_is_no_form_is_refused(crm: User) -> None:
    headers = {"Authorization": f"Bearer {token_for(crm)}"}
    for kind, status in (("multipart/form-data", 422), ("application/json", 415)):
        answer = Client().post(
            "/api/v1/imports/files", b"--nothing", content_type=kind, headers=headers
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, "INVALID_INPUT")


def test_the_upload_of_another_person_does_not_exist(
    crm: User, stranger: User, other_brand: Brand
) -> None:
    upload_id = send(CSV.encode(), crm).json()["upload_id"]
    answer = call(
        "rest",
        stranger,
        "imports.preview",
        {"upload_id": upload_id, "brand_id": other_brand.pk},
    )
    assert (answer.code, list(answer.field_errors)) == ("NOT_FOUND", ["upload_id"])
    assert not ImportJob.objects.exists()


def test_imports_of_another_team_do_not_exist(crm: User, stranger: User, brand: Brand) -> None:
    done = call("rest", crm, "imports.preview", {"csv_text": CSV, "brand_id": brand.pk})
    assert done.data is not None
    import_id = {"import_id": done.data["import_id"]}
    assert call("rest", stranger, "imports.status", import_id).code == "NOT_FOUND"
    assert call("rest", stranger, "imports.start", import_id).code == "NOT_FOUND"
    assert ImportJob.objects.get().state == "previewed"


def test_fields_that_do_not_fit_are_named(crm: User, brand: Brand, other_brand: Brand) -> None:
    foreign = audience_save(team_id=other_brand.team_id, brand=other_brand, name="Theirs")
    good = {"csv_text": CSV, "brand_id": brand.pk}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"csv_text": CSV}, "brand_id"),
        ({"csv_text": CSV, "brand_id": other_brand.pk}, "brand_id"),
        ({"brand_id": brand.pk}, "upload_id"),
        ({**good, "audience_id": foreign.pk}, "audience_id"),
        ({**good, "encoding": "ebcdic"}, "encoding"),
        ({**good, "mapping": {"phone": "phone", "nope": "tags"}}, "mapping.nope"),
        ({**good, "consent": {**CONSENT, "captured_at": "2099-01-01"}}, "consent.captured_at"),
        ({"import_id": 1, "csv_text": CSV}, "csv_text"),
    ]
    for payload, field in cases:
        answer = call("rest", crm, "imports.start", payload)
        assert answer.status == "refused", payload
        assert field in answer.field_errors, (field, answer)
    assert not ImportJob.objects.exists()
    assert not Contact.objects.exists()


def test_consent_for_many_waits_for_a_second_person(crm: User, brand: Brand) -> None:
    """[R-8.4]: more than 100 consents are held, checked before or not; opt-outs never are [R-2.8]."""
    many = "phone\n" + "".join(f"+4474{number:08}\n" for number in range(101))
    by_row = "phone,consent_date,consent_text,consent_url\n" + "".join(
        f"+4474{number:08},2026-03-31,Yes,https://acme.example\n" for number in range(101)
    )
    for text, consent in ((many, CONSENT), (by_row, None)):
        payload = {"csv_text": text, "brand_id": brand.pk, "consent": consent}
        assert call("rest", crm, "imports.start", payload).status == "held"
        assert not ImportJob.objects.exists()
    checked = call("rest", crm, "imports.preview", {**payload, "csv_text": by_row})
    assert checked.data is not None
    import_id = {"import_id": checked.data["import_id"]}
    assert call("rest", crm, "imports.start", import_id).status == "held"
    assert ImportJob.objects.get().state == "previewed"
    stop = call(
        "rest", crm, "imports.start", {"csv_text": many, "brand_id": brand.pk, "kind": "opt_outs"}
    )
    assert stop.status == "done", stop


@pytest.mark.parametrize("surface", SURFACES)
def test_an_import_is_undone_on_every_surface(
    surface: SurfaceName, crm: User, brand: Brand
) -> None:
    checked = call(surface, crm, "imports.preview", {"csv_text": CSV, "brand_id": brand.pk})
    assert checked.data is not None
    which = {"import_id": checked.data["import_id"]}
    call(surface, crm, "imports.start", which)
    import_work(which["import_id"])
    seen = call(surface, crm, "imports.undo_preview", which)
    assert seen.data is not None, seen
    assert seen.data["counts"]["trashed"] == 2
    assert seen.data["in_words"][0] == "2 new contacts go to the trash."
    asked = {**which, "undo_preview_id": seen.data["undo_preview_id"], "reason": "wrong file"}
    answer = call(surface, crm, "imports.undo", asked)
    assert answer.status == "done", answer
    import_work(which["import_id"])
    status = call(surface, crm, "imports.status", which)
    assert status.data is not None
    assert (status.data["state"], status.data["undo"]["trashed"]) == ("undone", 2)
    again = call(surface, crm, "imports.undo_preview", which)
    assert again.code == "CONFLICT"


def test_an_undo_needs_a_preview_of_ones_own_and_of_that_import(
    crm: User, brand: Brand, stranger: User
) -> None:
    jobs = []
    for phone in (A, B):
        job = call(
            "rest", crm, "imports.start", {"csv_text": f"phone\n{phone}\n", "brand_id": brand.pk}
        )
        assert job.data is not None
        import_work(job.data["import_id"])
        jobs.append(job.data["import_id"])
    seen = call("rest", crm, "imports.undo_preview", {"import_id": jobs[0]})
    assert seen.data is not None
    token = seen.data["undo_preview_id"]
    for user, asked, code in (
        (crm, {"import_id": jobs[1], "undo_preview_id": token}, "PRECONDITION_REQUIRED"),
        (crm, {"import_id": jobs[0]}, "PRECONDITION_REQUIRED"),
        (stranger, {"import_id": jobs[0], "undo_preview_id": token}, "NOT_FOUND"),
    ):
        answer = call("rest", user, "imports.undo", {**asked, "reason": "because"})
        assert answer.code == code, answer
    assert set(ImportJob.objects.values_list("state", flat=True)) == {"done"}
    assert not Contact.objects.exclude(trashed_at=None).exists()


def test_a_large_undo_waits_for_a_second_person_who_sees_the_figures(
    crm: User, brand: Brand
) -> None:
    rows = "\n".join(f"+4474{number:08}" for number in range(1100))
    job = call("rest", crm, "imports.start", {"csv_text": f"phone\n{rows}\n", "brand_id": brand.pk})
    assert job.data is not None
    which = {"import_id": job.data["import_id"]}
    import_work(which["import_id"])
    seen = call("rest", crm, "imports.undo_preview", which)
    assert seen.data is not None
    asked = {**which, "undo_preview_id": seen.data["undo_preview_id"], "reason": "wrong file"}
    answer = call("rest", crm, "imports.undo", asked)
    assert answer.status == "held", answer
    request = ActionRequest.objects.get(pk=answer.action_request_id)
    assert "1,100 new contacts go to the trash." in str(request.content)
    assert ImportJob.objects.get().state == "done"
    assert Contact.objects.filter(trashed_at=None).count() == 1100
