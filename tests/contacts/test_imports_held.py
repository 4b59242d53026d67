"""A large import waits for a second person, and what runs then is exactly what that person read [R-8.3]."""

from typing import Any

import pytest

from smsmarketing.accounts.models import Brand, Role, Team, User
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.tasks import request_run
from smsmarketing.contacts.models import ConsentEvent, Contact, ImportFile, ImportJob
from smsmarketing.contacts.services import audience_save
from smsmarketing.contacts.services.imports import import_work
from smsmarketing.contacts.services.imports.files import import_path
from tests.contacts.test_imports import CONSENT
from tests.contacts.test_imports_operations import crm, folder, send
from tests.surfaces import call

__all__ = ["crm", "folder"]
pytestmark = pytest.mark.django_db

ROWS = [f"+4474{number:08}" for number in range(101)]
CSV = "phone,name\n" + "".join(f"{phone},Ana\n" for phone in ROWS)


@pytest.fixture
def approver(team: Team) -> User:
    person = User.objects.create(username="ben", is_staff=True)
    person.teams.add(team)
    person.roles.set(Role.objects.filter(key__in=("approver", "compliance")))
    return person


def upload(user: User, text: str = CSV) -> str:
    answer = send(text.encode(), user)
    assert answer.status_code in (200, 201), answer.content
    return str(answer.json()["upload_id"])


def held(crm: User, payload: dict[str, Any]) -> ActionRequest:
    answer = call("rest", crm, "imports.start", payload)
    assert answer.status == "held", answer
    return ActionRequest.objects.get(pk=answer.action_request_id)


def approve(request: ActionRequest, approver: User) -> None:
    payload = {"action_request_id": str(request.pk), "content_hash": request.content_hash}
    answer = call("admin", approver, "action_requests.approve", payload)
    assert answer.status == "done", answer


def ways(way: str, crm: User, brand: Brand) -> dict[str, Any]:
    """The three ways to name a file: its text, an upload, an import that was checked."""
    common = {"brand_id": brand.pk, "consent": CONSENT}
    if way == "text":
        return {**common, "csv_text": CSV}
    if way == "upload":
        return {
            **common,
            "upload_id": upload(crm),
            "mapping": {"phone": "phone", "name": "first_name"},
        }
    checked = call("rest", crm, "imports.preview", {**common, "upload_id": upload(crm)})
    assert checked.data is not None, checked
    return {"import_id": checked.data["import_id"]}


def nothing_came_in() -> None:
    assert not Contact.objects.exists()
    assert not ConsentEvent.objects.exists()
    assert not ImportJob.objects.exclude(state="previewed").exists()


@pytest.mark.parametrize("way", ["text", "upload", "checked"])
def test_held_then_approved_then_exactly_that_file(
    crm: User, approver: User, brand: Brand, way: str
) -> None:
    request = held(crm, ways(way, crm, brand))
    nothing_came_in()
    if way != "text":
        shown = request.content["what_it_means"]
        assert shown["sha256"] == ImportFile.objects.get().sha256
        assert shown["file"]
    request_run(request.pk)  # not approved: nothing happens
    nothing_came_in()
    approve(request, approver)
    request_run(request.pk)
    request.refresh_from_db()
    assert request.state == "succeeded", request.result
    job = ImportJob.objects.get()
    import_work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("done", "")
    assert set(Contact.objects.values_list("phone", flat=True)) == set(ROWS)
    assert set(Contact.objects.values_list("first_name", flat=True)) == {"Ana"}
    assert ConsentEvent.objects.filter(import_job_id=job.pk).count() == len(ROWS)
    request_run(request.pk)  # a second delivery of the job
    assert ImportJob.objects.count() == 1


def test_the_asker_cannot_be_the_second_person(crm: User, brand: Brand) -> None:
    crm.roles.add(Role.objects.get(key="approver"))
    request = held(crm, ways("upload", crm, brand))
    payload = {"action_request_id": str(request.pk), "content_hash": request.content_hash}
    assert call("admin", crm, "action_requests.approve", payload).code == "NOT_PERMITTED"
    nothing_came_in()


@pytest.mark.parametrize("way", ["upload", "checked"])
@pytest.mark.parametrize("change", ["bytes", "gone"])
def test_another_file_in_its_place_is_refused(
    crm: User, approver: User, brand: Brand, way: str, change: str
) -> None:
    """Same name, same number of rows, other people."""
    request = held(crm, ways(way, crm, brand))
    approve(request, approver)
    path = import_path(ImportFile.objects.get().stored_path)
    if change == "gone":
        path.unlink()
    else:
        path.write_text(CSV.replace("+4474", "+4475"))
    request_run(request.pk)
    request.refresh_from_db()
    assert request.state == "failed"
    assert request.executed_at is None
    assert request.result is not None
    assert request.result["error"]["code"] == "CONFLICT"
    assert "not the one that was uploaded" in request.result["error"]["message"]
    nothing_came_in()


@pytest.mark.parametrize(
    "change",
    [
        {"mapping": {"phone": "phone", "name": "last_name"}},
        {"options": {"tags": ["vip"]}},
        {"audience": True},
        {"file": True},
    ],
)
def test_other_columns_or_options_are_drift_and_are_asked_for_again(
    crm: User, approver: User, brand: Brand, change: dict[str, Any]
) -> None:
    request = held(crm, ways("checked", crm, brand))
    approve(request, approver)
    job = ImportJob.objects.get()
    if "file" in change:
        other = ImportFile.objects.get(pk=upload(crm, CSV.replace("+4474", "+4475")))
        job.upload, job.stored_path, job.sha256 = other, other.stored_path, other.sha256
    elif "audience" in change:
        job.audience = audience_save(team_id=brand.team_id, brand=brand, name="Other")
    elif "options" in change:
        job.options = {**job.options, **change["options"]}
    else:
        job.mapping = change["mapping"]
    job.save()
    request_run(request.pk)
    request.refresh_from_db()
    assert request.state == "superseded"
    assert request.executed_at is None
    assert request.renewed_by is not None
    assert request.renewed_by.state == "pending"
    assert "other content" in request.reason
    nothing_came_in()


def test_a_file_that_changes_before_the_worker_reads_it_is_not_read(
    crm: User, brand: Brand
) -> None:
    """Below the limit nobody is asked; the file is still the one that was uploaded, or none."""
    payload = {"upload_id": upload(crm, "phone\n" + ROWS[0] + "\n"), "brand_id": brand.pk}
    started = call("rest", crm, "imports.start", payload)
    assert started.status == "done", started
    path = import_path(ImportFile.objects.get().stored_path)
    path.write_text("phone\n" + ROWS[1] + "\n")
    job = ImportJob.objects.get()
    import_work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "FILE_CHANGED")
    assert "Upload it again" in job.error_message
    assert not Contact.objects.exists()


def test_what_an_import_of_events_leaves_behind_is_said(crm: User, brand: Brand) -> None:
    crm.roles.set(Role.objects.filter(key__in=("crm", "admin")))
    text = f"phone,order_id,date,total\n{ROWS[0]},A1,2026-01-05,10\n"
    call("rest", crm, "contacts.upsert", {"phone": ROWS[0], "brand_id": brand.pk, "source": "shop"})
    started = call(
        "rest", crm, "imports.start", {"csv_text": text, "brand_id": brand.pk, "kind": "events"}
    )
    assert started.data is not None, started
    import_work(started.data["import_id"])
    before = list(Contact.objects.values())
    answer = call("rest", crm, "imports.undo_preview", {"import_id": started.data["import_id"]})
    assert answer.code == "CONFLICT"
    for word in ("no contact, consent or list", "same source and ids", "counts and sums follow"):
        assert word in answer.message
    assert list(Contact.objects.values()) == before
