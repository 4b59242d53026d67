"""Files of many people and of one: what is in them, who may have them, and what erasure takes back."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smsmarketing.accounts.models import Brand
from smsmarketing.approvals.models import ActionRequest, ApprovalPolicy
from smsmarketing.contacts.models import (
    Audience,
    AudienceMember,
    Contact,
    EraseJob,
    ExportFile,
    RevealBudget,
)
from smsmarketing.contacts.rules.csv_cells import cell_safe
from smsmarketing.contacts.services import suppression_add
from smsmarketing.contacts.services.erasing import erase_work, person_erase
from smsmarketing.contacts.services.exports import export_path, export_work
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import (
    InvalidInput,
    NotFound,
    NotPermitted,
    OperationError,
    RateLimited,
)
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.types import Actor, Done, Held

PHONES = ("+447400123456", "+447400123457", "+447400123458")
Make = Callable[..., Contact]
WHY = "for the mailing house"


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


def made(actor: Actor, key: str, **payload: Any) -> ExportFile:
    outcome = execute(key, {"reason": WHY, **payload}, actor=actor)
    assert isinstance(outcome, Done), outcome
    row = ExportFile.objects.get(pk=outcome.result.export_id)  # type: ignore[attr-defined]
    if row.state == "making":
        export_work(row.pk)
        row.refresh_from_db()
    assert row.state == "ready", row.problem
    return row


def lines(row: ExportFile) -> list[dict[str, str]]:
    content = export_path(row.stored_path).read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(content, newline="")))


def test_no_cell_is_run_by_a_spreadsheet() -> None:
    """OWASP's beginnings of a formula get a quote; everything else stays as it is."""
    for text in ("=1+1", "+447400123456", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"):
        assert cell_safe(text) == f"'{text}"
    for text in ("Ona", "a=b", "1-2", "'quoted", ""):
        assert cell_safe(text) == text
    assert cell_safe(None) == ""


@pytest.mark.django_db
def test_a_list_is_exported_masked_and_safe(make_contact: Make, brand: Brand, actor: Actor) -> None:
    """[R-4.12]."""
    make_contact(PHONES[0], consent=True, first_name='=HYPERLINK("x")', tags=["vip", "b2b"])
    make_contact(PHONES[1])
    gone = make_contact(PHONES[2])
    Contact.objects.filter(pk=gone.pk).update(trashed_at=gone.created_at)
    row = made(actor, "contacts.export", brand_id=brand.pk)
    first, second = lines(row)
    assert first["first_name"] == '\'=HYPERLINK("x")'
    assert (first["tags"], first["marketing"]) == ("vip; b2b", "may be texted")
    assert (second["marketing"], row.rows) == ("no consent", 2)
    content = export_path(row.stored_path).read_text()
    assert not any(phone[-9:] in content for phone in PHONES)
    full = made(actor, "contacts.export", brand_id=brand.pk, show_phones=True)
    assert [line["phone"] for line in lines(full)] == [f"'{phone}" for phone in PHONES[:2]]
    entry = AuditEntry.objects.filter(operation="contacts.export").latest("seq")
    assert (entry.reason, entry.facts["full_numbers"]) == (WHY, True)
    assert RevealBudget.objects.get().used == 2


@pytest.mark.django_db
def test_full_numbers_come_from_the_budget_or_need_a_second_person(
    make_contact: Make, brand: Brand, actor: Actor, settings: Any
) -> None:
    """[R-4.12]: few count in the day's budget, many wait for a second person, the policy is seeded."""
    policy = ApprovalPolicy.objects.get(key="export-full-numbers")
    assert policy.conditions == [{"fact": "full_numbers", "op": ">", "value": 50}]
    settings.PHONE_REVEALS_A_DAY = 2
    contact = make_contact(PHONES[0], consent=True)
    make_contact(PHONES[1])
    asked = {"brand_id": brand.pk, "show_phones": True, "reason": WHY}
    made(actor, "contacts.export", **asked)
    for key, payload in (
        ("contacts.export", asked),
        ("contacts.export_person", {"contact_id": contact.pk, "reason": WHY}),
        (
            "contacts.consent_proof",
            {"contact_id": contact.pk, "brand_id": brand.pk, "show_phone": True, "reason": WHY},
        ),
    ):
        with pytest.raises(RateLimited):
            execute(key, payload, actor=actor)
    assert (ExportFile.objects.count(), RevealBudget.objects.get().used) == (1, 2)
    made(actor, "contacts.export", brand_id=brand.pk)
    ApprovalPolicy.objects.filter(pk=policy.pk).update(
        conditions=[{"fact": "full_numbers", "op": ">", "value": 1}]
    )
    assert isinstance(execute("contacts.export", asked, actor=actor), Held)
    assert ExportFile.objects.count() == 2


@pytest.mark.django_db
def test_one_list_only(make_contact: Make, brand: Brand, actor: Actor) -> None:
    contacts = [make_contact(phone) for phone in PHONES]
    audience = Audience.objects.create(
        team_id=brand.team_id, brand=brand, name="Few", created_at=contacts[0].created_at
    )
    AudienceMember.objects.create(
        audience=audience, contact=contacts[1], added_at=contacts[0].created_at
    )
    row = made(actor, "contacts.export", brand_id=brand.pk, audience_id=audience.pk)
    assert [line["contact_id"] for line in lines(row)] == [str(contacts[1].pk)]


@pytest.mark.django_db
def test_opt_outs_of_the_brand_and_of_all(brand: Brand, other_brand: Brand, actor: Actor) -> None:
    for phone, of in zip(PHONES, (brand, None, other_brand), strict=True):
        suppression_add(
            phone=phone,
            scope="brand" if of else "global",
            brand=of,
            reason="opt_out",
            source="web",
            evidence={},
        )
    row = made(actor, "opt_outs.export", brand_id=brand.pk, show_phones=True)
    assert [line["phone"] for line in lines(row)] == [f"'{phone}" for phone in PHONES[:2]]


@pytest.mark.django_db
def test_many_people_wait_for_a_second_person(
    make_contact: Make, brand: Brand, actor: Actor
) -> None:
    """[R-8.4]: by policy; nothing is made before."""
    policy = ApprovalPolicy.objects.get(key="export-large")
    assert policy.conditions == [{"fact": "contacts", "op": ">", "value": 1000}]
    ApprovalPolicy.objects.filter(pk=policy.pk).update(
        conditions=[{"fact": "contacts", "op": ">", "value": 1}]
    )
    make_contact(PHONES[0])
    made(actor, "contacts.export", brand_id=brand.pk)
    make_contact(PHONES[1])
    for key in ("contacts.export",):
        outcome = execute(key, {"brand_id": brand.pk, "reason": WHY}, actor=actor)
        assert isinstance(outcome, Held)
    assert ExportFile.objects.count() == 1
    assert ActionRequest.objects.count() == 1


@pytest.mark.django_db
def test_what_is_refused_makes_nothing(
    make_contact: Make, brand: Brand, other_brand: Brand, actor: Actor, outsider: Actor
) -> None:
    make_contact(PHONES[0])
    blind = Actor(
        **{
            **{name: getattr(actor, name) for name in actor.__dataclass_fields__},
            "permissions": actor.permissions - {"contacts.phone_view"},
        }
    )
    tries: list[tuple[Actor, str, dict[str, Any], type[OperationError]]] = [
        (outsider, "contacts.export", {"brand_id": brand.pk}, NotFound),
        (outsider, "opt_outs.export", {"brand_id": brand.pk}, NotFound),
        (actor, "contacts.export", {"brand_id": brand.pk, "audience_id": 99}, NotFound),
        (actor, "contacts.export", {"brand_id": brand.pk, "segment_id": 99}, NotFound),
        (actor, "contacts.export", {"brand_id": brand.pk, "reason": "      "}, InvalidInput),
        (blind, "contacts.export", {"brand_id": brand.pk, "show_phones": True}, NotPermitted),
        (blind, "contacts.export_person", {"contact_id": Contact.objects.get().pk}, NotPermitted),
        (outsider, "contacts.export_person", {"contact_id": Contact.objects.get().pk}, NotFound),
    ]
    for who, key, payload, error in tries:
        with pytest.raises(error):
            execute(key, {"reason": WHY, **payload}, actor=who)
    assert not ExportFile.objects.exists()


@pytest.mark.django_db
def test_everything_about_one_person(make_contact: Make, brand: Brand, actor: Actor) -> None:
    contact = make_contact(PHONES[0], consent=True, first_name="<b>Ona</b>", tags=["vip"])
    suppression_add(
        phone=PHONES[0],
        scope="brand",
        brand=brand,
        reason="opt_out",
        source="inbound",
        evidence={"text": "STOP"},
    )
    outcome = execute(
        "contacts.export_person", {"contact_id": contact.pk, "reason": WHY}, actor=actor
    )
    assert isinstance(outcome, Done)
    files = [
        ExportFile.objects.get(kind="person", file_name__endswith=end) for end in ("json", "html")
    ]
    told, page = [export_path(row.stored_path).read_text() for row in files]
    content = json.loads(told)
    (profile,) = content["profile"]
    assert (profile["phone"], profile["tags"]) == (PHONES[0], ["vip"])
    assert [row["direction"] for row in content["consents"]] == ["granted", "revoked"]
    assert content["opt_outs_and_blocks"][0]["evidence"]["text"] == "STOP"
    assert "&lt;b&gt;Ona" in page
    assert "<b>Ona" not in page
    assert content["consents"][0]["disclosure_text"] in page


@pytest.mark.django_db
def test_erasure_takes_the_files_back(make_contact: Make, brand: Brand, actor: Actor) -> None:
    """[R-4.9]: packs and exports of the person, and lists that name them; other files stay."""
    contact, other = make_contact(PHONES[0], consent=True), make_contact(PHONES[1])
    pick = {"contact_id": contact.pk}
    execute("contacts.consent_proof", {**pick, "brand_id": brand.pk}, actor=actor)
    execute("contacts.export_person", {**pick, "reason": WHY}, actor=actor)
    made(actor, "contacts.export", brand_id=brand.pk)
    execute("contacts.consent_proof", {"contact_id": other.pk, "brand_id": brand.pk}, actor=actor)
    person_erase(contact=contact, category="test_data")
    erase_work(EraseJob.objects.get().pk)
    kept = ExportFile.objects.filter(state="ready")
    assert {row.params["contact_id"] for row in kept} == {other.pk}
    gone = ExportFile.objects.filter(state="expired")
    assert gone.count() == 5
    assert not any(export_path(row.stored_path).exists() for row in gone)
