"""contacts.search, get, upsert, opt_out; audiences.list; opt_outs.list; inbound.classify."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from smsmarketing.accounts.models import Role, User
from smsmarketing.contacts.models import ConsentEvent, Contact, SendState, Suppression
from smsmarketing.operations import errors
from smsmarketing.operations.types import Held
from tests.campaigns.desk import Desk, desk_make

pytestmark = pytest.mark.django_db(transaction=True)

E164 = re.compile(r"\+\d{8,15}")
CONSENT: dict[str, Any] = {
    "method": "web_form",
    "disclosure_text": "Yes, Acme may text me offers. Reply STOP to opt out.",
    "source_url": "https://acme.example/join",
}


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=5)


@pytest.fixture
def crm(desk: Desk) -> User:
    user = User.objects.create_user(f"cleo-{desk.world.team.pk}", password=None, is_staff=True)
    user.teams.add(desk.world.team)
    user.roles.set(Role.objects.filter(key__in=["crm", "compliance"]))
    return user


def consent(**changes: Any) -> dict[str, Any]:
    at = (timezone.now() - timedelta(days=2)).isoformat()
    return {**CONSENT, "captured_at": at, **changes}


def upsert(desk: Desk, user: User, **payload: Any) -> Any:
    return desk.call(
        "contacts.upsert", user, **{"brand_id": desk.world.brand.pk, "source": "shop", **payload}
    )


def test_numbers_are_masked_for_everybody(desk: Desk, crm: User) -> None:
    """[R-4.12] masked server-side; contacts.reveal alone shows them (test_reveal.py)."""
    page = desk.call("contacts.search", tag=None)
    assert len(page.items) == 5
    assert not any(E164.search(item.model_dump_json()) for item in page.items)
    with pytest.raises(errors.InvalidInput):
        desk.call("contacts.search", crm, show_phones=True)


def test_search_by_country_and_language_and_a_hint_when_empty(desk: Desk) -> None:
    contact = Contact.objects.earliest("id")
    everybody = Contact.objects.filter(country=contact.country).count()
    Contact.objects.filter(pk=contact.pk).update(language="fr")
    for given, count in (
        ({"country": contact.country}, everybody),
        ({"country": "AQ"}, 0),
        ({"language": "fr"}, 1),
        ({"language": "de", "country": contact.country}, 0),
    ):
        page = desk.call("contacts.search", **given)
        assert len(page.items) == count
        assert bool(page.hint) is (count == 0)
    hint = desk.call("contacts.search", phone="+447400999999").hint
    assert "contacts.consent_proof" in hint


def test_search_needs_a_whole_number_or_four_digits_with_a_name(desk: Desk) -> None:
    """[R-4.13] no prefix enumeration."""
    contact = Contact.objects.earliest("id")
    assert contact.phone
    found = desk.call("contacts.search", phone=contact.phone)
    assert [item.contact_id for item in found.items] == [contact.pk]
    with pytest.raises(errors.InvalidInput) as refused:
        desk.call("contacts.search", phone_last4=contact.phone[-4:])
    assert "name" in refused.value.field_errors
    with pytest.raises(errors.InvalidInput):
        desk.call("contacts.search", phone=contact.phone[:7])


def test_a_contact_of_another_team_does_not_exist(desk: Desk) -> None:
    other = desk_make(contacts=1)
    contact = Contact.objects.latest("id")
    with pytest.raises(errors.NotFound):
        desk.call("contacts.get", contact_id=contact.pk)
    assert other.call("contacts.get", contact_id=contact.pk).contact.contact_id == contact.pk


def test_a_new_contact_without_consent_is_not_sendable(desk: Desk, crm: User) -> None:
    """[R-4.1] never sendable without evidence."""
    made = upsert(desk, crm, phone="+37069900001", first_name="Ona")
    assert made.created
    assert made.details.contact.sendable_for == []
    assert made.details.contact.not_sendable == {desk.world.brand.pk: "no_consent"}


def test_a_contact_with_evidence_is_sendable(desk: Desk, crm: User) -> None:
    made = upsert(desk, crm, phone="+37069900002", consent=consent())
    assert made.consent_recorded
    assert made.details.contact.sendable_for == [desk.world.brand.pk]
    assert made.details.consent_evidence[0].disclosure_text == CONSENT["disclosure_text"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"captured_at": (timezone.now() + timedelta(days=1)).isoformat()}, "consent.captured_at"),
        ({"captured_at": "2010-01-01T00:00:00Z"}, "consent.captured_at"),
        ({"disclosure_text": ""}, "consent.disclosure_text"),
        ({"basis": "purchased"}, "consent.basis"),
        ({"checkbox_default": True}, "consent.checkbox_default"),
    ],
)
def test_evidence_that_proves_nothing_is_refused_and_nothing_changes(
    desk: Desk, crm: User, changes: dict[str, Any], field: str
) -> None:
    """[R-4.2], [R-4.4], [R-4.8]."""
    before = Contact.objects.count()
    with pytest.raises((errors.ConsentIncomplete, errors.InvalidInput)) as refused:
        upsert(desk, crm, phone="+37069900003", consent=consent(**changes))
    assert field in refused.value.field_errors
    assert Contact.objects.count() == before
    assert not ConsentEvent.objects.exists()


def test_an_update_touches_only_named_fields_and_needs_the_current_token(
    desk: Desk, crm: User
) -> None:
    """[R-8.7] an opt-out in between makes the token stale."""
    made = upsert(desk, crm, phone="+37069900004", first_name="Ona", tags=["vip"])
    contact_id = made.details.contact.contact_id
    token = made.details.base_version_token
    with pytest.raises(errors.PreconditionRequired):
        upsert(desk, crm, contact_id=contact_id, last_name="Onaitė")
    changed = upsert(desk, crm, contact_id=contact_id, base_version_token=token, last_name="Onaitė")
    assert changed.changed == ["last_name"]
    assert changed.details.contact.tags == ["vip"]
    desk.call("contacts.opt_out", crm, contact_id=contact_id, message="STOP")
    with pytest.raises(errors.VersionConflict):
        upsert(
            desk,
            crm,
            contact_id=contact_id,
            base_version_token=changed.details.base_version_token,
            first_name="Rasa",
        )
    assert Contact.objects.get(pk=contact_id).first_name == "Ona"


@pytest.mark.parametrize("phone", ["069900005", "4.4E+11", "+370", "+37052123456789", "abc"])
def test_a_number_that_cannot_be_used_is_refused(desk: Desk, crm: User, phone: str) -> None:
    before = Contact.objects.count()
    with pytest.raises(errors.InvalidInput) as refused:
        upsert(desk, crm, phone=phone)
    assert set(refused.value.field_errors) == {"phone"}
    assert Contact.objects.count() == before


@pytest.mark.parametrize(
    ("field", "value"),
    [("time_zone", "Nope/Zone"), ("language", "!!"), ("region", "Z Z"), ("country", "Germany")],
)
def test_a_field_that_means_nothing_is_refused_by_name(
    desk: Desk, crm: User, field: str, value: str
) -> None:
    with pytest.raises(errors.InvalidInput) as refused:
        upsert(desk, crm, phone="+37069900007", **{field: value})
    assert field in refused.value.field_errors
    assert not Contact.objects.filter(phone="+37069900007").exists()


def test_an_opt_out_works_at_once_and_twice_is_once(desk: Desk, crm: User) -> None:
    """[R-8.5], [R-2.16] no approval, idempotent, evidence kept."""
    made = upsert(desk, crm, phone="+37069900006", consent=consent())
    contact_id = made.details.contact.contact_id
    brand_id = desk.world.brand.pk
    first = desk.call(
        "contacts.opt_out", crm, contact_id=contact_id, brand_id=brand_id, message="No"
    )
    again = desk.call(
        "contacts.opt_out", crm, contact_id=contact_id, brand_id=brand_id, message="No"
    )
    assert first.suppression_id == again.suppression_id
    state = SendState.objects.get(contact_id=contact_id, brand_id=brand_id)
    assert state.marketing_reason == "opted_out"
    listed = desk.call("opt_outs.list", crm, kind="opt_outs")
    assert [row.suppression_id for row in listed.items] == [first.suppression_id]
    assert not E164.search(listed.items[0].phone)


def test_an_unknown_number_can_be_opted_out(desk: Desk, crm: User) -> None:
    desk.call("contacts.opt_out", crm, phone="+37069999999", message="stop")
    assert Suppression.objects.get().contact_id is None
    made = upsert(desk, crm, phone="+37069999999", consent=consent())
    assert made.details.contact.not_sendable == {desk.world.brand.pk: "opted_out"}


def test_audiences_show_consent_states_that_add_up(desk: Desk) -> None:
    SendState.objects.filter(pk=SendState.objects.earliest("id").pk).update(
        marketing_reason="opted_out"
    )
    audience = desk.call("audiences.list").items[0]
    assert (audience.members, audience.sendable) == (5, 4)
    assert audience.consent_states == {"consented": 4, "opted_out": 1}
    assert audience.regions == {"LT": 5}


def test_classify_previews_without_writing(desk: Desk, crm: User) -> None:
    """[R-2.1], [R-2.5]."""
    assert desk.call("inbound.classify", crm, text="Stop").action == "opt_out"
    assert desk.call("inbound.classify", crm, text="unstoppable").action == "review"
    assert not Suppression.objects.exists()


def test_consent_brought_by_an_agent_waits_for_compliance(desk: Desk, crm: User) -> None:
    """[R-9.25] evidence of consent comes from people: the seeded policy holds it."""
    from dataclasses import replace

    from smsmarketing.operations.dispatch import execute

    actor = replace(desk.actor(crm, session=False), is_agent=True)
    outcome = execute(
        "contacts.upsert",
        {
            "brand_id": desk.world.brand.pk,
            "source": "agent",
            "phone": "+37069900009",
            "consent": consent(),
        },
        actor=actor,
        idempotency_key=uuid.uuid4().hex,
    )
    assert isinstance(outcome, Held)
    assert not Contact.objects.filter(phone="+37069900009").exists()


@pytest.mark.parametrize(
    ("changes", "refusal", "field"),
    [
        ({"consent": {"source_url": ""}}, errors.ConsentIncomplete, "consent.source_url"),
        ({"phone": "+37052123456"}, errors.InvalidInput, "phone"),
        ({"phone": "+37069900010", "brand_id": 987654}, errors.NotFound, "brand_id"),
    ],
)
def test_nobody_is_asked_about_what_could_never_be_done(
    desk: Desk, crm: User, changes: dict[str, Any], refusal: type[Exception], field: str
) -> None:
    """An agent's consent waits for a person only when it could be recorded once approved."""
    from dataclasses import replace

    from smsmarketing.approvals.models import ActionRequest
    from smsmarketing.operations.dispatch import execute

    payload = {
        "brand_id": desk.world.brand.pk,
        "source": "agent",
        "phone": "+37069900010",
        **changes,
        "consent": consent(**changes.get("consent", {})),
    }
    actor = replace(desk.actor(crm, session=False), is_agent=True)
    with pytest.raises(refusal) as refused:
        execute("contacts.upsert", payload, actor=actor, idempotency_key=uuid.uuid4().hex)
    assert field in refused.value.field_errors  # type: ignore[attr-defined]
    assert not ActionRequest.objects.exists()
    assert not Contact.objects.filter(phone="+37069900010").exists()
