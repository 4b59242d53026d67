"""Scheduled imports from a folder: what is taken, by whom, under which policies, and never twice."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from smsmarketing.accounts.models import Brand, Role, User
from smsmarketing.approvals.models import OwnerNotification
from smsmarketing.contacts.models import Contact, ImportFolder, ImportFolderFile, ImportJob
from smsmarketing.contacts.services.imports import import_work
from smsmarketing.contacts.services.imports.folders import folder_run, folders_due
from smsmarketing.contacts.tasks import start_for
from tests.contacts.test_imports import A, B
from tests.surfaces import SURFACES, SurfaceName, call

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def root(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.IMPORT_FOLDER_ROOT = str(tmp_path / "drop")
    (tmp_path / "drop" / "shop").mkdir(parents=True)
    return tmp_path / "drop"


@pytest.fixture
def crm(user: User) -> User:
    user.is_staff = True
    user.save()
    user.roles.add(Role.objects.get(key="crm"))
    return user


@pytest.fixture
def folder(crm: User, brand: Brand) -> ImportFolder:
    answer = call(
        "rest", crm, "import_folders.save", {"brand_id": brand.pk, "name": "Shop", "folder": "shop"}
    )
    assert answer.data is not None, answer
    return ImportFolder.objects.get(pk=answer.data["folder_id"])


@pytest.fixture
def look(folder: ImportFolder) -> Callable[[], list[str]]:
    """Look again, half an hour later each time; then do what was started."""
    moment = [timezone.now()]

    def run() -> list[str]:
        moment[0] += timedelta(minutes=30)
        outcomes = folder_run(folder.pk, start_for, now=moment[0])
        for job in ImportJob.objects.filter(state="running"):
            import_work(job.pk)
        return outcomes

    return run


def test_a_file_that_is_still_written_waits_and_a_stable_one_is_taken(
    look: Callable[[], list[str]], root: Path, crm: User
) -> None:
    path = root / "shop" / "day.csv"
    path.write_text(f"phone\n{A}\n")
    (root / "shop" / "notes.txt").write_text("no csv")
    assert look() == []
    path.write_text(f"phone\n{A}\n{B}\n")
    assert look() == []
    assert look() == ["started"]
    assert set(Contact.objects.values_list("phone", flat=True)) == {A, B}
    assert ImportJob.objects.get().created_by == crm
    assert [each.name[-8:] for each in (root / "shop" / "processed").iterdir()] == ["-day.csv"]
    assert sorted(each.name for each in (root / "shop").iterdir()) == [
        "failed",
        "notes.txt",
        "processed",
    ]


def test_a_done_marker_takes_a_file_at_once_and_the_same_file_again_is_skipped(
    look: Callable[[], list[str]], root: Path
) -> None:
    for name in ("a.csv", "b.csv"):
        (root / "shop" / name).write_text(f"phone\n{A}\n")
        (root / "shop" / f"{name}.done").write_text("")
        assert look() == (["started"] if name == "a.csv" else ["skipped"])
    newest = ImportFolderFile.objects.order_by("-id").first()
    assert newest is not None
    assert "brought in before" in newest.note
    assert ImportJob.objects.count() == 1
    assert not list((root / "shop").glob("*.done"))


def test_a_bad_file_goes_to_failed_and_the_owner_is_told_once(
    look: Callable[[], list[str]], root: Path, crm: User, folder: ImportFolder
) -> None:
    for name in ("a.csv", "b.csv"):
        (root / "shop" / name).write_bytes(b"PK\x03\x04rest")
        (root / "shop" / f"{name}.done").write_text("")
    assert look() == ["failed", "failed"]
    folder.refresh_from_db()
    assert "Export the list as CSV" in folder.problem
    assert OwnerNotification.objects.filter(user=crm, kind="import_folder").count() == 2
    assert len(list((root / "shop" / "failed").iterdir())) == 2
    assert not ImportJob.objects.exists()


def test_an_import_that_fails_later_is_told_too(
    look: Callable[[], list[str]], root: Path, folder: ImportFolder
) -> None:
    bad = f"phone,name\n{A},Ana\n" + f"{B},x\n" * 60_000 + f'{A},"never closed\n'
    (root / "shop" / "late.csv").write_text(bad)
    (root / "shop" / "late.csv.done").write_text("")
    assert look() == ["started"]
    look()
    folder.refresh_from_db()
    assert "late.csv" in folder.problem
    assert folder.files.get().outcome == "failed"


def test_a_large_file_waits_for_a_second_person(
    look: Callable[[], list[str]], root: Path, folder: ImportFolder
) -> None:
    """[R-8.4] Consent by row for more than 100 people; the policies hold for a folder, too."""
    rows = "".join(
        f"+4474{number:08},2026-03-01,Yes,https://a.example,web_form,express\n"
        for number in range(150)
    )
    head = "phone,consent_date,consent_text,consent_url,consent_method,consent_basis\n"
    (root / "shop" / "big.csv").write_text(head + rows)
    (root / "shop" / "big.csv.done").write_text("")
    assert look() == ["held"]
    assert folder.files.get().action_request_id is not None
    assert not Contact.objects.exists()


def test_a_person_who_lost_the_right_brings_nothing_in(
    look: Callable[[], list[str]], root: Path, crm: User
) -> None:
    crm.roles.clear()
    (root / "shop" / "a.csv").write_text(f"phone\n{A}\n")
    (root / "shop" / "a.csv.done").write_text("")
    assert look() == ["failed"]
    assert not ImportJob.objects.exists()


def test_links_are_never_followed(
    look: Callable[[], list[str]], root: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(f"phone\n{A}\n")
    os.symlink(secret, root / "shop" / "a.csv")
    (root / "shop" / "a.csv.done").write_text("")
    assert look() == []
    assert secret.exists()
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize(
    "path", ["/etc", "../media", "shop/../..", "shop/nothing", "link", "link/in"]
)
def test_a_folder_outside_the_root_is_refused(
    crm: User, brand: Brand, root: Path, tmp_path: Path, path: str
) -> None:
    (tmp_path / "media" / "in").mkdir(parents=True)
    os.symlink(tmp_path / "media", root / "link")
    answer = call(
        "rest", crm, "import_folders.save", {"brand_id": brand.pk, "name": "X", "folder": path}
    )
    assert (answer.code, list(answer.field_errors)) == ("INVALID_INPUT", ["folder"])
    assert not ImportFolder.objects.exists()


def test_without_a_root_there_are_no_folders(crm: User, brand: Brand, settings: Any) -> None:
    settings.IMPORT_FOLDER_ROOT = ""
    answer = call(
        "rest", crm, "import_folders.save", {"brand_id": brand.pk, "name": "X", "folder": "shop"}
    )
    assert "IMPORT_FOLDER_ROOT" in answer.field_errors["folder"]
    assert not ImportFolder.objects.exists()


def test_one_time_of_consent_for_all_files_to_come_is_refused(crm: User, brand: Brand) -> None:
    """[R-4.2]"""
    consent = {"disclosure_text": "Yes", "captured_at": "2026-03-01", "method": "web_form"}
    payload = {"brand_id": brand.pk, "name": "X", "folder": "shop", "consent": consent}
    answer = call("rest", crm, "import_folders.save", payload)
    assert list(answer.field_errors) == ["consent.captured_at"]
    assert not ImportFolder.objects.exists()


def test_a_saved_mapping_is_shared_and_used_by_the_folder(
    crm: User, brand: Brand, root: Path
) -> None:
    mapping = {"col1": "phone", "col2": "first_name"}
    kept = call(
        "mcp",
        crm,
        "import_mappings.save",
        {"brand_id": brand.pk, "name": "Till", "mapping": mapping},
    )
    assert kept.data is not None, kept
    bad = call(
        "rest",
        crm,
        "import_mappings.save",
        {"brand_id": brand.pk, "name": "No", "mapping": {"a": "b"}},
    )
    assert list(bad.field_errors) == ["mapping.a"]
    listed = call("rest", crm, "import_mappings.list", {})
    assert listed.data is not None
    assert [row["name"] for row in listed.data["items"]] == ["Till"]
    answer = call(
        "rest",
        crm,
        "import_folders.save",
        {
            "brand_id": brand.pk,
            "name": "Till",
            "folder": "shop",
            "mapping_id": kept.data["mapping_id"],
        },
    )
    assert answer.data is not None, answer
    (root / "shop" / "a.csv").write_text(f"col1,col2\n{A},Ana\n")
    (root / "shop" / "a.csv.done").write_text("")
    assert folder_run(answer.data["folder_id"], start_for) == ["started"]
    import_work(ImportJob.objects.get().pk)
    assert Contact.objects.get().first_name == "Ana"


@pytest.mark.parametrize("surface", SURFACES)
def test_folders_are_listed_on_every_surface(
    surface: SurfaceName, crm: User, folder: ImportFolder
) -> None:
    answer = call(surface, crm, "import_folders.list", {})
    assert answer.data is not None, answer
    assert [row["folder"] for row in answer.data["items"]] == ["shop"]
    assert folders_due() == [folder.pk]
