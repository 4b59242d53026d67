"""Journey 3: a program that has read the OpenAPI document walks the whole path; a person approves in between."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.utils import timezone

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.campaigns.models import Campaign
from smsmarketing.contacts.models import Contact, Suppression
from smsmarketing.gateways.models import Message
from smsmarketing.operations.models import AuditEntry
from tests.journeys.document import DocumentClient
from tests.journeys.logs import nothing_personal_in
from tests.journeys.person import Person
from tests.journeys.processes import Product, product_running
from tests.journeys.scene import SCOPES, Scene, inbound_url, scene_make
from tests.surfaces import token_for

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

READERS = 12
BODY = "Acme: tulips are back, 20% off until Sunday."
NEW_PHONE = "+447400123456"
CLOSED = ("delivered", "undelivered", "failed", "expired", "rejected", "skipped", "stopped")


def new_key() -> str:
    return uuid.uuid4().hex


def adds_up(report: dict[str, Any]) -> bool:
    """planned = delivered + every other end + open, to the unit."""
    funnel = report["delivery"]
    ends = sum(funnel[name] for name in (*CLOSED, "unknown", "quarantined", "open"))
    return bool(funnel["planned"] == ends)


def test_a_program_goes_from_the_document_to_the_report(
    process_environment: dict[str, str],
) -> None:
    with product_running(process_environment) as product:
        scene = scene_make(readers=READERS, carrier_url=product.carrier.base_url)
        world = scene.desk.world
        product.carrier.control(
            inbound_url=inbound_url(product.url, world.gateway, world.secret),
            reply_delay_ms=0,
        )
        token = token_for(scene.desk.marketer, SCOPES, for_agent=False)
        client = DocumentClient(product.url, token)
        segment_id = audience_to_segment(client, scene)
        campaign_id = draft_and_cost(client, scene, segment_id)
        request_id = asks_and_cannot_approve(client, campaign_id)
        person_approves(product, scene, request_id)
        sends_once(client, campaign_id)
        messages_arrive(product, campaign_id)
        report = report_is_final(product, client, campaign_id)
        assert report["delivery"]["planned"] == READERS + 1
        assert report["delivery"]["delivered"] == READERS + 1
        assert report["cost_billed"]["amount"] == report["cost_estimated"]["amount"]
        stop_suppresses(product, client, scene, campaign_id)
        nothing_personal_in(
            product,
            numbers=[NEW_PHONE, world.sender.value, *(row.phone or "" for row in scene.readers)],
            secrets=[token, scene.password, world.secret, BODY, "tulips", "test-token", "Nora"],
        )


def audience_to_segment(client: DocumentClient, scene: Scene) -> int:
    """config.get → audiences.list → contacts.upsert → segments.preview → segments.create."""
    config = client.call("config_get")
    assert config
    brand_id = scene.desk.world.brand.pk
    listed = client.call("audiences_list", brand_id=brand_id)
    (audience,) = listed["items"]
    assert (audience["members"], audience["sendable"]) == (READERS, READERS)
    added = client.call(
        "contacts_upsert",
        key=new_key(),
        brand_id=brand_id,
        phone=NEW_PHONE,
        first_name="Nora",
        time_zone=scene.zone,
        tags=["journey"],
        source="shop checkout",
        consent={
            "method": "web_form",
            "disclosure_text": "Yes, Acme may text me offers. Reply STOP to opt out.",
            "captured_at": (timezone.now() - timedelta(days=2)).isoformat(),
            "source_url": "https://acme.example/texts",
        },
    )
    assert (added["created"], added["consent_recorded"]) == (True, True)
    assert added["details"]["contact"]["sendable_for"] == [brand_id]
    assert NEW_PHONE not in json.dumps(added)
    preview = client.call(
        "segments_preview",
        brand_id=brand_id,
        gateway_id=scene.desk.world.gateway.pk,
        sender_id=scene.desk.world.sender.pk,
        criteria={"any": [{"audience": audience["audience_id"]}, {"tag": "journey"}]},
    )
    assert (preview["matched"], preview["sendable"]) == (READERS + 1, READERS + 1)
    created = client.call(
        "segments_create",
        key=new_key(),
        segment_preview_id=preview["segment_preview_id"],
        name="Noon readers and Nora",
    )
    return int(created["segment_id"])


def draft_and_cost(client: DocumentClient, scene: Scene, segment_id: int) -> int:
    """copy.fit_preview → campaigns.create_draft → cost_preview."""
    world = scene.desk.world
    fit = client.call(
        "copy_fit_preview",
        brand_id=world.brand.pk,
        sender_id=world.sender.pk,
        gateway_id=world.gateway.pk,
        message=BODY,
        recipients=READERS + 1,
    )
    assert fit["fits"], fit["problems"]
    draft = client.call(
        "campaigns_create_draft",
        key=new_key(),
        name="Tulips",
        brand_id=world.brand.pk,
        segment_id=segment_id,
        sender_id=world.sender.pk,
        gateway_id=world.gateway.pk,
        message=BODY,
        quiet_mode="default",
    )
    assert draft["final_message"] == fit["final_message"]
    cost = client.call("cost_preview", campaign_id=draft["campaign_id"])
    assert (cost["recipients"], cost["held_now"]) == (READERS + 1, 0)
    parts = fit["worst"]["parts"]
    assert float(cost["worst"]["amount"]) == pytest.approx(0.039 * parts * (READERS + 1))
    return int(draft["campaign_id"])


def asks_and_cannot_approve(client: DocumentClient, campaign_id: int) -> str:
    """The program asks for a review; neither approving nor sending is in its power [R-8.1]."""
    found = client.call("campaigns_get", campaign_id=campaign_id)
    asked = client.call(
        "campaigns_submit_for_review",
        key=new_key(),
        campaign_id=campaign_id,
        base_version_token=found["base_version_token"],
        note="The florist needs it before noon.",
    )
    assert asked["state"] == "in_review"
    request_id = str(asked["action_request_id"])
    row = ActionRequest.objects.get(pk=request_id)
    vote = {"content_hash": row.content_hash, "reason": "looks fine to me"}
    for operation_id, target in (
        ("campaigns_approve", {"campaign_id": campaign_id}),
        ("action_requests_approve", {"action_request_id": request_id}),
    ):
        refused = client.ask(operation_id, key=new_key(), **target, **vote)
        assert (refused.status, refused.code) == (403, "NOT_PERMITTED")
    token = client.call("campaigns_get", campaign_id=campaign_id)["base_version_token"]
    early = client.ask(
        "campaigns_send_approved", key=new_key(), campaign_id=campaign_id, base_version_token=token
    )
    assert (early.status, early.code) == (403, "APPROVAL_REQUIRED")
    assert Campaign.objects.get(pk=campaign_id).state == "in_review"
    row.refresh_from_db()
    assert (str(row.state), row.votes.count()) == ("pending", 0)
    assert not Message.objects.exists()
    status = client.call("action_request_status", action_request_id=request_id)
    assert status["state"] == "pending"
    return request_id


def person_approves(product: Product, scene: Scene, request_id: str) -> None:
    """Signed in, on the page that shows what the hash covers."""
    person = Person(product.url)
    person.sign_in(scene.desk.approver.username, scene.password)
    page = person.get(f"/admin/approvals/actionrequest/{request_id}/change/")
    row = ActionRequest.objects.get(pk=request_id)
    assert row.content_hash in page
    assert "tulips are back" in page
    answer = person.decide(request_id, "approve")
    assert answer.status_code == 200
    row.refresh_from_db()
    assert str(row.state) == "approved"


def sends_once(client: DocumentClient, campaign_id: int) -> None:
    """One idempotency key, two calls, one send [R-8.10]; other content under the key is refused."""
    found = client.call("campaigns_get", campaign_id=campaign_id)
    key = new_key()
    call = {"campaign_id": campaign_id, "base_version_token": found["base_version_token"]}
    first = client.ask("campaigns_send_approved", key=key, **call)
    again = client.ask("campaigns_send_approved", key=key, **call)
    assert (first.status, first.replayed) == (200, False)
    assert (again.status, again.replayed) == (200, True)
    assert first.body == again.body
    other = client.ask(
        "campaigns_send_approved", key=key, campaign_id=campaign_id, base_version_token="other"
    )
    assert (other.status, other.code) == (422, "CONFLICT")
    sent = AuditEntry.objects.filter(operation="campaigns.send_approved", outcome="done")
    assert sent.count() == 1


def messages_arrive(product: Product, campaign_id: int) -> None:
    """Workers hand every message over once, and the receipts come back."""
    product.until(
        lambda: Message.objects.filter(state="delivered").count() == READERS + 1, seconds=90
    )
    stats = product.carrier.stats()
    assert (stats["accepted"], stats["duplicates"]) == (READERS + 1, 0)
    texts = {message["message"] for message in product.carrier.messages()}
    assert texts == {f"{BODY}\nReply STOP to opt out"}


def report_is_final(product: Product, client: DocumentClient, campaign_id: int) -> dict[str, Any]:
    """The campaign ends by itself, and its report adds up."""
    product.until(lambda: Campaign.objects.get(pk=campaign_id).state == "sent", seconds=60)
    report = client.call("campaign_reports_get", campaign_id=campaign_id)
    assert report["final"]
    assert adds_up(report)
    return report


def stop_suppresses(
    product: Product, client: DocumentClient, scene: Scene, campaign_id: int
) -> None:
    """A STOP that a person texts back holds at once; the next preview leaves the person out."""
    nora = Contact.objects.get(phone=NEW_PHONE)
    world = scene.desk.world
    status, _ = inbound_post(product, scene, sender=NEW_PHONE, text="Stop")
    assert status == 200
    assert Suppression.objects.filter(brand=world.brand, reason="opt_out").count() == 1
    preview = client.call(
        "segments_preview",
        brand_id=world.brand.pk,
        gateway_id=world.gateway.pk,
        sender_id=world.sender.pk,
        criteria={"tag": "journey"},
    )
    assert (preview["matched"], preview["sendable"], preview["opt_outs"]) == (1, 0, 1)
    answer = client.call("messages_explain", campaign_id=campaign_id, contact_id=nora.pk)
    assert answer["message_state"] == "delivered"
    assert NEW_PHONE not in json.dumps(answer)
    report = client.call("campaign_reports_get", campaign_id=campaign_id)
    assert report["opt_outs"] == 1
    assert adds_up(report)


def inbound_post(product: Product, scene: Scene, *, sender: str, text: str) -> tuple[int, str]:
    """What the carrier posts when a person replies."""
    world = scene.desk.world
    answer = requests.post(
        inbound_url(product.url, world.gateway, world.secret),
        json={"from": sender, "to": world.sender.value, "text": text, "id": new_key()},
        timeout=30,
    )
    return answer.status_code, answer.text
