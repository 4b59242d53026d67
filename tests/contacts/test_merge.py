"""contacts.merge: two contacts become one, and no number becomes sendable by it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.tasks import request_run
from smsmarketing.contacts.models import (
    AudienceMember,
    ConsentEvent,
    Contact,
    ContactEvent,
    EventSummary,
    SendState,
    Suppression,
)
from smsmarketing.contacts.rules.merging import choices
from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.services import contact_upsert, event_summaries_refresh, suppression_add
from smsmarketing.contacts.services.erasing import person_erase, trash_expire
from smsmarketing.operations import errors
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.types import Held, Surface
from tests.campaigns.desk import Desk, desk_make
from tests.contacts.people import (
    PHONE,
    consent,
    contact_make,
    crm_make,
    reason,
    token,
    trash,
    upsert,
)

pytestmark = pytest.mark.django_db(transaction=True)
OTHER = "+37069900012"


@pytest.fixture
def twin(desk: Desk, crm: User) -> Contact:
    """The same person under another number."""
    contact = contact_make(
        desk,
        crm,
        OTHER,
        first_name="ona",
        last_name="Kazlauskė",
        customer_key="C-7",
        tags=["vip", "shop"],
        custom={"size": "L"},
        crm_keys={"shop": "77"},
    )
    desk.call("audiences.add_contacts", crm, audience_id=desk.audience.pk, contact_ids=[contact.pk])
    return contact


def preview(desk: Desk, user: User, kept: Contact, other: Contact, **more: Any) -> Any:
    return desk.call(
        "contacts.merge_preview", user, contact_id=kept.pk, other_contact_id=other.pk, **more
    )


def asked(desk: Desk, user: User, kept: Contact, other: Contact, **more: Any) -> dict[str, Any]:
    found = preview(desk, user, kept, other)
    return {
        "contact_id": kept.pk,
        "other_contact_id": other.pk,
        "base_version_token": found.base_version_token,
        "other_version_token": found.other_version_token,
        **more,
    }


def merge(desk: Desk, user: User, kept: Contact, other: Contact, **more: Any) -> Any:
    return desk.call("contacts.merge", user, **asked(desk, user, kept, other, **more))


def order(desk: Desk, contact: Contact, external_id: str) -> None:
    at = timezone.now() - timedelta(days=3)
    ContactEvent.objects.create(
        team=desk.world.team,
        source="shop",
        contact=contact,
        kind="order",
        external_id=external_id,
        occurred_at=at,
        updated_at=at,
        properties={"amount": "10.00"},
        recorded_at=at,
    )
    event_summaries_refresh([contact.pk])


def test_a_merge_unites_what_is_known_and_says_so_before(
    desk: Desk, crm: User, ona: Contact, twin: Contact
) -> None:
    order(desk, ona, "o-1")
    order(desk, twin, "o-2")
    now = timezone.now()
    SendState.objects.filter(contact=twin).update(recent=[now, now - timedelta(days=9)])
    SendState.objects.filter(contact=ona).update(recent=[now - timedelta(days=1)])
    before = preview(desk, crm, ona, twin)
    assert (before.events_moved, before.lists_moved) == (1, [desk.audience.name])
    fields = {field.name: field for field in before.fields}
    assert fields["last_name"].result == "Kazlauskė"
    assert (fields["first_name"].result, fields["first_name"].lost) == ("Ona", "ona")
    assert before.possible
    assert Contact.objects.get(pk=twin.pk).trashed_at is None
    done = merge(desk, crm, ona, twin)
    assert (done.events_moved, done.lists_moved, done.fields_lost) == (1, 1, ["first_name"])
    row = Contact.objects.get(pk=ona.pk)
    assert (row.first_name, row.last_name, row.customer_key) == ("Ona", "Kazlauskė", "C-7")
    assert (row.tags, row.custom, row.crm_keys) == (["vip", "shop"], {"size": "L"}, {"shop": "77"})
    assert AudienceMember.objects.filter(contact=ona, audience=desk.audience).exists()
    summary = EventSummary.objects.get(contact=ona, kind="order")
    assert (summary.count, float(summary.amount_sum)) == (2, 20.0)
    assert not EventSummary.objects.filter(contact=twin).exists()
    assert len(SendState.objects.get(contact=ona).recent) == 3
    assert SendState.objects.get(contact=ona).recent[0] == now
    entry = AuditEntry.objects.filter(operation="contacts.merge", outcome="done").latest("seq")
    assert (entry.object_id, entry.facts["merged"]) == (str(ona.pk), twin.pk)


def test_the_merged_id_is_explained_and_events_for_it_reach_the_kept_contact(
    desk: Desk, crm: User, ona: Contact, twin: Contact
) -> None:
    third = contact_make(desk, crm, "+37069900013")
    merge(desk, crm, ona, twin)
    merge(desk, crm, third, ona)
    found = desk.call("contacts.get", crm, contact_id=twin.pk)
    assert found.merged_into == third.pk
    assert str(third.pk) in found.merge_note
    assert found.erased_after is None
    event = {"kind": "order", "external_id": "late", "occurred_at": timezone.now().isoformat()}
    for who in ({"contact_id": twin.pk}, {"phone": OTHER}, {"customer_key": "C-7"}):
        done = desk.call(
            "events.record",
            crm,
            brand_id=desk.world.brand.pk,
            events=[{"source": "shop", **event, "external_id": str(who), **who}],
        )
        assert done.recorded == 1, done.results
    assert ContactEvent.objects.filter(contact=third).count() == 3


def test_consent_stays_with_its_number(desk: Desk, crm: User, ona: Contact, twin: Contact) -> None:
    """[R-4.3] the kept number was never agreed for; the other one is out of use."""
    done = merge(desk, crm, twin, ona)
    assert done.details.contact.not_sendable == {desk.world.brand.pk: "no_consent"}
    assert reason(ona) == "trashed"
    assert ConsentEvent.objects.filter(contact=ona, direction="granted").count() == 1
    assert not ConsentEvent.objects.filter(contact=twin).exists()


@pytest.mark.parametrize("word", ["opt_out", "complaint", "legal", "blocked", "manual"])
def test_a_no_under_one_number_holds_for_both(
    desk: Desk, crm: User, ona: Contact, twin: Contact, word: str
) -> None:
    """[R-2.16] rows are added on both sides, none is changed; and restoring is no way around."""
    with transaction.atomic():
        suppression_add(
            phone=OTHER,
            scope="brand",
            reason=word,
            source="inbound",
            evidence={},
            brand=desk.world.brand,
        )
    assert reason(ona) is None
    done = merge(desk, crm, ona, twin)
    assert done.opt_outs_added == 1
    assert reason(ona) not in (None, "trashed")
    row = Suppression.objects.get(phone=PHONE)
    assert (row.reason, row.evidence["merged_from"]) == (word, twin.pk)
    desk.call(
        "contacts.restore", crm, contact_id=twin.pk, base_version_token=token(desk, crm, twin)
    )
    assert Suppression.objects.filter(phone=OTHER, lifted_at=None).count() == 1


def test_the_kept_contacts_no_holds_for_the_other_number_when_it_is_restored(
    desk: Desk, crm: User, ona: Contact, twin: Contact
) -> None:
    desk.call("contacts.opt_out", crm, contact_id=twin.pk, message="STOP")
    merge(desk, crm, twin, ona)
    back = desk.call(
        "contacts.restore", crm, contact_id=ona.pk, base_version_token=token(desk, crm, ona)
    )
    assert back.merged_into is None
    assert back.contact.not_sendable == {desk.world.brand.pk: "opted_out"}


def test_what_is_true_of_a_line_stays_with_it(
    desk: Desk, crm: User, ona: Contact, twin: Contact
) -> None:
    with transaction.atomic():
        suppression_add(
            phone=OTHER, scope="global", reason="invalid", source="gateway", evidence={}
        )
    merge(desk, crm, ona, twin)
    assert reason(ona) is None


def test_refusals_change_nothing(desk: Desk, crm: User, ona: Contact, twin: Contact) -> None:
    """[R-8.7] both tokens, both in sight, both in use, and nobody else's."""
    good = asked(desk, crm, ona, twin)
    for change, wrong in (
        ({"base_version_token": None}, errors.PreconditionRequired),
        ({"other_version_token": None}, errors.PreconditionRequired),
        ({"other_version_token": good["base_version_token"]}, errors.VersionConflict),
        ({"other_contact_id": ona.pk}, errors.InvalidInput),
        ({"other_contact_id": 999_999}, errors.NotFound),
        ({"take": ["phone"]}, errors.InvalidInput),
    ):
        with pytest.raises(wrong):
            desk.call("contacts.merge", crm, **{**good, **change})
    with pytest.raises(errors.NotPermitted):
        desk.call("contacts.merge", **asked(desk, desk.marketer, ona, twin))
    desk.call("contacts.opt_out", crm, contact_id=twin.pk, message="STOP")
    with pytest.raises(errors.VersionConflict):
        desk.call("contacts.merge", crm, **good)
    assert Contact.objects.filter(trashed_at=None, merged_into=None).count() == 5
    assert Suppression.objects.count() == 1


def test_trash_holds_and_other_teams_stand_in_the_way(
    desk: Desk, crm: User, ona: Contact, twin: Contact
) -> None:
    with transaction.atomic():
        held = suppression_add(
            phone=OTHER,
            scope="brand",
            reason="hold",
            source="inbound",
            evidence={},
            brand=desk.world.brand,
        )
    assert not preview(desk, crm, ona, twin).possible
    with pytest.raises(errors.Conflict) as refused:
        merge(desk, crm, ona, twin)
    assert "review queue" in refused.value.message
    Suppression.objects.filter(pk=held.pk).update(lifted_at=timezone.now())
    trash(desk, crm, twin)
    with pytest.raises(errors.Conflict) as refused:
        merge(desk, crm, ona, twin)
    assert "contacts.restore" in refused.value.message
    desk.call(
        "contacts.restore", crm, contact_id=twin.pk, base_version_token=token(desk, crm, twin)
    )
    rival = desk_make(contacts=0)
    with transaction.atomic():
        contact_upsert(phone_parse(OTHER), changes={}, brand_id=rival.world.brand.pk, source="x")
    with pytest.raises(errors.NotPermitted):
        preview(desk, crm, ona, twin)
    assert not Contact.objects.exclude(merged_into=None).exists()


def test_a_merge_by_an_agent_waits_for_people(
    desk: Desk, crm: User, ona: Contact, twin: Contact
) -> None:
    actor = desk.actor(crm, session=False)
    agent = type(actor)(**{**vars(actor), "surface": Surface.MCP, "is_agent": True})
    payload = asked(desk, crm, ona, twin)
    held = execute("contacts.merge", payload, actor=agent, idempotency_key="merge-by-an-agent-1")
    assert isinstance(held, Held)
    assert Contact.objects.get(pk=twin.pk).merged_into_id is None
    request = ActionRequest.objects.get(pk=held.action_request_id)
    assert PHONE not in str(request.content)
    desk.call(
        "action_requests.approve",
        crm_make(desk, "lena"),
        action_request_id=str(request.pk),
        content_hash=request.content_hash,
    )
    request_run(request.pk)
    request.refresh_from_db()
    assert request.state == "succeeded", request.result
    assert Contact.objects.get(pk=twin.pk).merged_into_id == ona.pk


def test_the_other_value_wins_where_it_is_asked_for(
    desk: Desk, crm: User, ona: Contact, twin: Contact
) -> None:
    upsert(
        desk,
        crm,
        contact_id=ona.pk,
        base_version_token=token(desk, crm, ona),
        customer_key="C-1",
        custom={"size": "S", "colour": "red"},
    )
    done = merge(desk, crm, ona, twin, take=["customer_key", "custom"])
    row = Contact.objects.get(pk=ona.pk)
    assert (row.customer_key, row.custom) == ("C-7", {"size": "L", "colour": "red"})
    assert done.fields_lost == ["first_name", "customer_key", "custom.size"]


def test_a_surname_is_not_given_to_somebody_elses_first_name() -> None:
    blank = dict.fromkeys(
        ("language", "region", "time_zone", "customer_key", "customer_group", "last_name"), ""
    )
    base = {**blank, "country": "LT", "custom": {}, "crm_keys": {}, "first_name": "Ona"}
    found = choices(base, {**base, "first_name": "Petras", "last_name": "Jonaitis"})
    assert {choice.name: choice.result for choice in found} == {
        "first_name": "Ona",
        "last_name": "",
    }
    away = choices({**base, "country": "US"}, {**base, "region": "VL"})
    assert {choice.name: choice.result for choice in away}["region"] == ""


def test_the_merged_contact_lives_and_is_erased_with_the_kept_one(
    desk: Desk, crm: User, ona: Contact, twin: Contact
) -> None:
    """[R-4.9], [R-4.14]."""
    merge(desk, crm, ona, twin)
    Contact.objects.filter(pk=twin.pk).update(trashed_at="2020-01-01T00:00:00Z")
    assert trash_expire() == 0
    with transaction.atomic():
        done = person_erase(contact=Contact.objects.get(pk=ona.pk), category="data_subject_request")
    assert done.contact_ids == sorted([ona.pk, twin.pk])
    assert len(done.job_ids) == 2
    for phone in (PHONE, OTHER):
        again = upsert(desk, crm, phone=phone, consent=consent())
        assert again.details.contact.sendable_for == []


def test_history_of_both_numbers_is_shown(
    desk: Desk, crm: User, ona: Contact, twin: Contact
) -> None:
    desk.world.batch([ona], purpose="notification", release=False)
    desk.world.batch([twin], purpose="notification", release=False)
    merge(desk, crm, ona, twin)
    assert len(desk.call("contacts.get", crm, contact_id=ona.pk).send_history) == 2


def test_duplicates_are_found_masked_and_page_by_page(
    desk: Desk, crm: User, ona: Contact, twin: Contact
) -> None:
    """[R-4.12]."""
    key = {"customer_key": "c-7", "first_name": "Ona", "last_name": "KAZLAUSKĖ"}
    same = contact_make(desk, crm, "+37069900014", **key, custom={"size": "l"})
    shop = contact_make(desk, crm, "+37069900015", crm_keys={"shop": "77", "erp": "77"})
    for number in (16, 17):
        contact_make(desk, crm, f"+370699000{number}", customer_key="D-1")
    first = desk.call("contacts.duplicates", crm, limit=1)
    assert [row.contact_id for row in first.items[0].contacts] == [twin.pk, same.pk]
    assert all("•" in row.phone for row in first.items[0].contacts)
    second = desk.call("contacts.duplicates", crm, limit=1, cursor=first.next_cursor)
    assert [item.size for item in second.items] == [2]
    assert second.next_cursor is None
    crm_key = desk.call("contacts.duplicates", crm, by="crm_key")
    assert [[r.contact_id for r in item.contacts] for item in crm_key.items] == [[twin.pk, shop.pk]]
    named = desk.call("contacts.duplicates", crm, by="name_and_field", custom_field="size")
    assert [[r.contact_id for r in i.contacts] for i in named.items] == [[twin.pk, same.pk]]
    alone = desk.call("contacts.duplicates", crm, contact_id=ona.pk)
    assert alone.items == []
    listed = desk.call("contacts.duplicates", crm, audience_id=desk.audience.pk)
    assert listed.items == []
    rival = desk_make(contacts=0)
    assert rival.call("contacts.duplicates", rival.marketer).items == []
    for wrong in (
        {"by": "name_and_field"},
        {"custom_field": "size"},
        {"cursor": first.next_cursor, "by": "crm_key"},
    ):
        with pytest.raises(errors.InvalidInput):
            desk.call("contacts.duplicates", crm, **wrong)
    for unknown in ({"contact_id": 999_999}, {"audience_id": 999_999}):
        with pytest.raises(errors.NotFound):
            desk.call("contacts.duplicates", crm, **unknown)
