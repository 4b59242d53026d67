"""[R-4.9] a person is put into every table and folder there is, erased, and looked for everywhere."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.approvals.models import ActionRequest, OwnerNotification
from smsmarketing.approvals.tasks import request_run
from smsmarketing.campaigns.models import Campaign
from smsmarketing.contacts.models import (
    Audience,
    BlockClearing,
    Contact,
    EraseJob,
    EventSummary,
    EvidenceFile,
    ExportFile,
    FormerNumber,
    ImportFolder,
    ImportFolderFile,
    ImportMapping,
    ImportReject,
    ImportUndo,
    Segment,
    Suppression,
    SuppressionLift,
)
from smsmarketing.contacts.phones import phone_hash
from smsmarketing.contacts.rules.consent import ConsentEvidence
from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.services import consent_record, suppression_add
from smsmarketing.contacts.services.double_opt_in import Visit, double_opt_in_request
from smsmarketing.contacts.services.erasing import erase_work, free_text_columns
from smsmarketing.contacts.services.erasing.jobs import Traces
from smsmarketing.contacts.services.imports.evidence import evidence_record
from smsmarketing.gateways.models import (
    Batch,
    InboundMessage,
    Message,
    NumberLookup,
    Quota,
    Receipt,
    UnclearAnswer,
)
from smsmarketing.operations.models import PreviewRecord
from smsmarketing.operations.types import Held
from smsmarketing.webhooks.models import WebhookDelivery, WebhookEvent
from smsmarketing.webhooks.services.endpoints import endpoint_create
from tests.campaigns.desk import Desk
from tests.contacts.people import PHONE, contact_make, crm_make, token, upsert
from tests.contacts.test_erase import (
    KEY,
    NAME,
    SECRETS,
    SURNAME,
    TOLD,
    import_of,
    tables_with,
)
from tests.contacts.test_erase import person as person
from tests.parity.conftest import opt_in_form

pytestmark = pytest.mark.django_db(transaction=True)
SPELLED = f"+{PHONE[1:4]} {PHONE[4:7]}-{PHONE[7:]}"
WHOLE = f"{NAME} {SURNAME}"
NOBODY = {
    # Staff, keys and settings of the house: no column is about a contact.
    *("accounts_apitoken", "accounts_brand", "accounts_role", "accounts_team", "accounts_user"),
    *("approvals_approvalpolicy", "auth_group", "auth_permission", "axes_accessattempt"),
    *("axes_accessfailurelog", "axes_accesslog", "contacts_customfield", "contacts_optinform"),
    *("contacts_optinformversion", "django_admin_log", "django_content_type", "django_migrations"),
    *("django_session", "gateways_bind", "gateways_exchangerate", "gateways_frequencycap"),
    *("gateways_gatewaydefinition", "gateways_definitionversion", "gateways_definitionuse"),
    "gateways_gatewaytest",
    *("gateways_gateway", "gateways_partid", "gateways_bill", "gateways_billline"),
    *("gateways_routemonth", "gateways_quota", "gateways_rate", "gateways_senderid"),
    *("gateways_sendereligibility", "gateways_senderrule", "operations_ratewindow"),
    *("gateways_registration", "gateways_registrationdocument", "gateways_registrationstep"),
    *("gateways_route", "gateways_routehealth", "gateways_routepin", "gateways_routetally"),
    *("webhooks_webhookendpoint", "campaigns_template", "campaigns_templateversion"),
    # Ids, words, figures and keyed hashes; texts are masked before they are written.
    *("approvals_vote", "campaigns_campaignsend", "campaigns_decision", "contacts_consentseal"),
    *("contacts_consentsealwait", "contacts_sendstate", "contacts_audiencemember"),
    "contacts_formermember",
    *("gateways_gatewaylisting", "gateways_gatewayoptout", "gateways_gatewaysync"),
    "gateways_numberinglist",
    *("gateways_attempt", "gateways_batchslice", "gateways_ledgerentry", "operations_auditanchor"),
    *("operations_auditentry", "operations_audithead", "webhooks_webhookdelivery"),
}


def text_tables() -> set[str]:
    """Every table that has a column for text, JSON or bytes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT c.table_name FROM information_schema.columns c"
            " JOIN information_schema.tables t USING (table_schema, table_name)"
            " WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'"
            " AND c.data_type IN ('text', 'character varying', 'jsonb', 'bytea', 'ARRAY')"
        )
        return {row[0] for row in cursor.fetchall()}


def contacts_fill(desk: Desk, crm: User, person: Contact) -> None:
    brand, team, now = desk.world.brand, desk.world.team, timezone.now()
    upsert(
        desk, crm, contact_id=person.pk, base_version_token=token(desk, crm, person), tags=[NAME]
    )
    desk.call(
        "events.record",
        crm,
        brand_id=brand.pk,
        events=[
            {
                "source": "shop",
                "contact_id": person.pk,
                "kind": "order",
                "external_id": f"order-of-{KEY}",
                "occurred_at": now.isoformat(),
                "properties": {"state": NAME, "ship_to": WHOLE},
            }
        ],
    )
    EventSummary.objects.filter(contact=person).update(last_state=NAME)
    ImportUndo.objects.create(job_id=1, contact_id=person.pk, changes={"first_name": [NAME, "Z"]})
    FormerNumber.objects.create(
        contact=person, phone=PHONE, phone_hash=phone_hash(PHONE), since=now, until=now
    )
    with transaction.atomic():
        suppression_add(
            phone=PHONE,
            scope="brand",
            brand=brand,
            reason="complaint",
            source="web",
            evidence={"ip": "203.0.113.9", "user_agent": "Netscape 4", "text": TOLD},
        )
    Audience.objects.create(
        team=team, brand=brand, name=f"Friends of {PHONE}", description=WHOLE, created_at=now
    )
    Audience.objects.create(team=team, brand=brand, name=f"Friends of {SPELLED}", created_at=now)
    Segment.objects.create(
        team=team,
        brand=brand,
        name="One",
        criteria={"any": [{"custom": {"field": "tel", "value": SPELLED}}, {"number": int(PHONE)}]},
        preview={"in_words": f"tel is {PHONE}"},
        created_by=crm,
        created_at=now,
    )
    BlockClearing.objects.create(
        brand=brand,
        reasons=["manual"],
        count=1,
        note=f"asked by {WHOLE}",
        created_by=crm,
        created_at=now,
    )
    version = opt_in_form(desk).versions.get()
    Suppression.objects.filter(phone=PHONE).update(lifted_at=now)
    SuppressionLift.objects.create(
        suppression=Suppression.objects.filter(phone=PHONE).earliest("pk"),
        actor=f"user:{crm.pk}",
        reason=f"{WHOLE} rang from {SPELLED}",
        ground="decision",
        document=f"letters/{PHONE}.pdf",
        created_at=now,
    )
    visit = Visit(asked_by="form", ip="203.0.113.9", user_agent="Netscape 4")
    with transaction.atomic():
        asked, _ = double_opt_in_request(
            phone_parse(PHONE), version, visit=visit, details={"first_name": NAME}
        )
    assert asked == "requested"


def files_fill(desk: Desk, crm: User, person: Contact, root: Path) -> dict[str, EvidenceFile]:
    brand, now, actor = desk.world.brand, timezone.now(), desk.actor(crm)
    job = import_of(f"phone,first name\n{PHONE},{NAME}\n", desk, crm)
    assert job.state == "done"
    job.headers, job.mapping = [PHONE, WHOLE], {WHOLE: "first_name"}
    job.options, job.error_message = {"source": WHOLE}, f"row of {WHOLE}"
    job.file_name = f"{PHONE}.csv"
    job.save()
    type(job.upload).objects.update(file_name=f"{PHONE}.csv")
    for row in ([SPELLED, "x"], ["no number", SURNAME, NAME], {"a": KEY}):
        ImportReject.objects.create(job=job, row_number=9, code="PHONE", message="No.", row=row)
    ImportMapping.objects.create(
        team=desk.world.team, name=f"of {WHOLE}", kind="contacts", mapping={PHONE: "phone"}
    )
    folder = root / "drop" / "shop"
    (folder / "processed").mkdir(parents=True)
    (folder / "failed").mkdir()
    (folder / "processed" / "1-a.csv").write_text(f"phone\n{SPELLED}\n")
    (folder / "failed" / "2-b.csv").write_text(f"name\n{SURNAME};{NAME}\n")
    (folder / "processed" / "3-c.csv").write_text("phone\n+37069900099\n")
    watched = ImportFolder.objects.create(
        team=desk.world.team,
        brand=brand,
        name="Shop",
        folder="shop",
        responsible=crm,
        seen={f"{PHONE}.csv": [1, 2]},
        problem=f"{WHOLE}: wrong",
        created_at=now,
    )
    ImportFolderFile.objects.create(
        folder=watched, file_name=f"{PHONE}.csv", note=WHOLE, outcome="failed", at=now
    )
    other = contact_make(desk, crm, "+37069900077")
    documents = {}
    for name, holders in (("own", [person]), ("shared", [person, other])):
        text = f"%PDF-1.4 {name} {PHONE if name == 'own' else ''}"
        documents[name] = evidence_record(actor, [text.encode()], f"{name} {WHOLE}.pdf")
        for holder in holders:
            proof = ConsentEvidence(
                method="paper",
                disclosure_text="Yes, on paper.",
                captured_at=now - timedelta(days=2),
                evidence_file=documents[name].reference,
                evidence_file_id=documents[name].pk,
                evidence_sha256=documents[name].sha256,
                ip="203.0.113.9" if holder == person else "",
            )
            with transaction.atomic():
                consent_record(holder, proof, brand=brand)
    EvidenceFile.objects.filter(pk=documents["shared"].pk).update(file_name="list.pdf")
    return documents


def sends_fill(desk: Desk, crm: User, person: Contact) -> None:
    gateway, now = desk.world.gateway, timezone.now()
    for state in ("planned", "queued", "held", "quarantined", "unknown", "accepted", "failed"):
        batch = desk.world.batch([person], purpose="notification", body=f"Hi {NAME}", release=False)
        Batch.objects.filter(pk=batch.pk).update(label=f"to {PHONE}", hold_reason=WHOLE)
        Message.objects.filter(batch=batch).update(state=state)
    for raw, state in ((f"to={PHONE}", "applied"), (f"from={PHONE[1:]}", "unusable")):
        Receipt.objects.create(gateway=gateway, raw=raw.encode(), received_at=now, state=state)
    UnclearAnswer.objects.create(
        message_id=Message.objects.filter(contact_id=person.pk).earliest("pk").pk,
        attempt=1,
        gateway=gateway,
        outcome="ambiguous",
        raw=f"<p>{WHOLE}</p>".encode(),
        size=20,
        whole=True,
        received_at=now,
    )
    InboundMessage.objects.create(
        gateway=gateway,
        external_id="in-2",
        phone="+37069900077",
        phone_hash=phone_hash("+37069900077"),
        to="1",
        text=f"Call {SPELLED}, ask for {WHOLE}",
        normalised=f"call {SPELLED}",
        action="review",
        level="none",
        received_at=now,
        stored_at=now,
    )


def lookups_fill(desk: Desk) -> None:
    NumberLookup.objects.create(
        call_id=uuid4(),
        team=desk.world.team,
        gateway=desk.world.gateway,
        asked_by=desk.marketer,
        quota=Quota.objects.filter(team=desk.world.team).earliest("pk"),
        phone=PHONE,
        phone_hash=phone_hash(PHONE),
        masked=PHONE,
        price=0,
        currency="EUR",
        exchange_rate=1,
        next_at=timezone.now(),
        created_at=timezone.now(),
    )


def people_fill(desk: Desk, crm: User, person: Contact) -> None:
    """Requests, notes, previews and kept answers that speak of the person."""
    desk.call("contacts.opt_out", crm, phone=PHONE, message=TOLD)
    campaign = desk.draft()
    Campaign.objects.filter(pk=campaign.pk).update(name=f"For {PHONE}", review_notes=WHOLE)
    ExportFile.objects.create(
        requested_by=crm,
        operation="contacts.export_person",
        kind="person",
        reason=f"letter of {WHOLE}, {SPELLED}",
        state="failed",
        file_name=f"{PHONE}.pdf",
        content_type="application/pdf",
        created_at=timezone.now(),
        expires_at=timezone.now(),
    )
    OwnerNotification.objects.create(
        user=crm,
        kind="import_folder",
        text=f"{WHOLE} wrote from {SPELLED}",
        created_at=timezone.now(),
    )
    for payload in ({"contact_id": person.pk, "name": WHOLE}, {"phone": PHONE}):
        PreviewRecord.objects.create(
            kind="any",
            principal="user:1",
            input_hash="0",
            payload=payload,
            result={},
            created_at=timezone.now(),
            expires_at=timezone.now(),
        )
    held = desk.ask("contacts.erase", crm, reason="first try", phone=PHONE)
    assert isinstance(held, Held)
    desk.call(
        "action_requests.cancel",
        crm,
        action_request_id=str(held.action_request_id),
        reason="asked twice",
    )


def files_with(root: Path, words: tuple[str, ...]) -> list[str]:
    marks = [word.encode() for word in (*words, SPELLED)]
    files = [path for path in root.rglob("*") if path.is_file()]
    return [path.name for path in files if any(mark in path.read_bytes() for mark in marks)]


def test_a_person_in_every_table_and_folder_is_found_nowhere_afterwards(
    desk: Desk, crm: User, person: Contact, settings: Any, tmp_path: Path
) -> None:
    """A new table with text must be filled here, or be named among those that are about nobody."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.IMPORT_FOLDER_ROOT = str(tmp_path / "drop")
    endpoint_create(
        team=desk.world.team,
        name="CRM",
        url="https://crm.example/hook",
        kinds=["consent.granted", "opt_out.created", "contact.erased"],
        created_by=crm,
        now=timezone.now(),
    )
    contacts_fill(desk, crm, person)
    documents = files_fill(desk, crm, person, tmp_path)
    sends_fill(desk, crm, person)
    lookups_fill(desk)
    people_fill(desk, crm, person)
    words = (*SECRETS, SPELLED)
    before = set(tables_with(*words))
    assert text_tables() - NOBODY - before == {"contacts_erasejob"}
    assert set(free_text_columns()) <= before
    assert files_with(tmp_path, SECRETS)
    request = erase_but_told(desk, crm, person)
    assert request.state == "succeeded"
    (job,) = EraseJob.objects.all()
    assert set(job.left) == {"contacts.told"}
    (seen,) = desk.call("contacts.erasures", crm, open_only=True).items
    assert "given up" in seen.waits_for[0].why
    event = WebhookEvent.objects.get(kind="contact.erased")
    assert event.payload["items"] == [{"contact_id": person.pk, "customer_key": KEY}]
    WebhookDelivery.objects.filter(state="pending").update(
        state="delivered", finished_at=timezone.now()
    )
    assert erase_work(job.pk)
    assert tables_with(*words) == {}
    assert files_with(tmp_path, SECRETS) == []
    assert (tmp_path / "drop/shop/processed/3-c.csv").exists()
    left = {path.name for path in (tmp_path / "media/evidence").iterdir()}
    assert left == {documents["shared"].stored_path}
    (done,) = desk.call("contacts.erasures", crm).items
    assert (done.finished_at is None, done.waits_for) == (False, [])


def erase_but_told(desk: Desk, crm: User, person: Contact) -> ActionRequest:
    """As `erase`, with a delivery that is still under way."""
    held = desk.ask("contacts.erase", crm, reason="case 12", contact_id=person.pk)
    assert isinstance(held, Held)
    request = ActionRequest.objects.get(pk=held.action_request_id)
    desk.call(
        "action_requests.approve",
        crm_make(desk, "lena"),
        action_request_id=str(request.pk),
        content_hash=request.content_hash,
    )
    request_run(request.pk)
    request.refresh_from_db()
    assert erase_work(EraseJob.objects.get().pk) is False
    return request


def test_a_request_that_waits_keeps_the_erasure_open_and_its_end_closes_it(
    desk: Desk, crm: User, person: Contact
) -> None:
    other = desk.ask("contacts.erase", crm, reason="twice", contact_id=person.pk)
    assert isinstance(other, Held)
    held = desk.ask("contacts.erase", crm, reason="case 12", contact_id=person.pk)
    assert isinstance(held, Held)
    request = ActionRequest.objects.get(pk=held.action_request_id)
    desk.call(
        "action_requests.approve",
        crm_make(desk, "lena"),
        action_request_id=str(request.pk),
        content_hash=request.content_hash,
    )
    request_run(request.pk)
    (job,) = EraseJob.objects.all()
    assert erase_work(job.pk) is False
    (row,) = desk.call("contacts.erasures", crm, open_only=True).items
    assert [(wait.step, wait.rows) for wait in row.waits_for] == [("approvals.requests", 1)]
    desk.call(
        "action_requests.cancel",
        crm,
        action_request_id=str(other.action_request_id),
        reason="done already",
    )
    assert erase_work(job.pk)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (SPELLED, True),
        (f"00{PHONE[1:]}", True),
        ("+37٠٦٩٩٠٠٠١١", True),
        (f"{SURNAME.upper()}, {NAME.lower()}", True),
        (NAME, False),
        (f"{NAME}la {SURNAME}", False),
        (KEY, True),
        (f"x{KEY}9", False),
        ("+37069900012", False),
    ],
)
def test_what_counts_as_the_person(text: str, found: bool) -> None:
    """The number in every spelling, the whole name and the key; a first name alone is anybody's."""
    traces = Traces(phone=PHONE, phone_hash=b"", contact_ids=(1,), words=(WHOLE, KEY))
    assert traces.written_in(text) is found
