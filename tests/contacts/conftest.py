"""What the tests of contacts share: a team with a brand, its people, and ways to make contacts."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from smsmarketing.accounts.models import Brand, Team, User
from smsmarketing.accounts.rules.permissions import PERMISSIONS
from smsmarketing.contacts.models import Contact, ContactEvent, SendState
from smsmarketing.contacts.rules.consent import ConsentEvidence
from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.services import consent_record, contact_upsert, event_summaries_refresh
from smsmarketing.operations.types import Actor, Surface
from tests.campaigns.desk import Desk, desk_make
from tests.contacts.people import PHONE, consent, contact_make, crm_make

DISCLOSURE = "I agree to get offers of Acme by SMS. Reply STOP to end."


@pytest.fixture
def team(db: None) -> Team:
    return Team.objects.create(name="Shop", slug="shop")


@pytest.fixture
def brand(team: Team) -> Brand:
    return Brand.objects.create(
        team=team, name="Acme", name_in_texts="Acme", help_line="Acme, help@acme.example, STOP"
    )


@pytest.fixture
def other_brand(db: None) -> Brand:
    """A brand of another team."""
    team = Team.objects.create(name="Rival", slug="rival")
    return Brand.objects.create(
        team=team, name="Rival", name_in_texts="Rival", help_line="Rival, STOP"
    )


@pytest.fixture
def user(team: Team) -> User:
    user = User.objects.create(username="carla")
    user.teams.add(team)
    return user


@pytest.fixture
def actor(user: User, team: Team) -> Actor:
    """A person of the team in the browser, with every permission."""
    return Actor(
        user=user,
        surface=Surface.ADMIN,
        permissions=frozenset(PERMISSIONS),
        team_ids=frozenset({team.pk}),
        is_session=True,
        request_id="req-1",
    )


@pytest.fixture
def outsider(other_brand: Brand) -> Actor:
    """A person of another team."""
    user = User.objects.create(username="otto")
    user.teams.add(other_brand.team)
    return Actor(
        user=user,
        surface=Surface.ADMIN,
        permissions=frozenset(PERMISSIONS) - {"accounts.team_all"},
        team_ids=frozenset({other_brand.team_id}),
        is_session=True,
        request_id="req-2",
    )


def evidence(**changes: Any) -> ConsentEvidence:
    """Complete evidence of a month ago, with changes."""
    content: dict[str, Any] = {
        "method": "web_form",
        "source_url": "https://acme.example/join",
        "disclosure_text": DISCLOSURE,
        "captured_at": timezone.now() - timedelta(days=30),
    }
    return ConsentEvidence(**{**content, **changes})


def state_of(contact: Contact, brand: Brand) -> SendState:
    return SendState.objects.get(contact_id=contact.pk, brand_id=brand.pk)


def order_of(
    contact: Contact,
    team: Team,
    external_id: str,
    *,
    at: datetime,
    source: str = "shop",
    **properties: Any,
) -> ContactEvent:
    """An order in the tables, with its summary."""
    order = ContactEvent.objects.create(
        team=team,
        source=source,
        contact=contact,
        kind="order",
        external_id=external_id,
        occurred_at=at,
        updated_at=at,
        properties=properties,
        recorded_at=timezone.now(),
    )
    event_summaries_refresh([contact.pk])
    return order


@pytest.fixture
def make_contact(brand: Brand) -> Callable[..., Contact]:
    """Make a contact of the brand; `consent=True` with complete evidence."""

    def make(
        phone: str,
        *,
        consent: bool = False,
        of: Brand = brand,
        now: datetime | None = None,
        **changes: Any,
    ) -> Contact:
        contact = contact_upsert(
            phone_parse(phone), changes=changes, brand_id=of.pk, source="test", now=now
        ).contact
        if consent:
            consent_record(contact, evidence(), brand=of)
        contact.refresh_from_db()
        return contact

    return make


@pytest.fixture
def desk(db: None) -> Desk:
    """A team with a list of three sendable contacts."""
    return desk_make(contacts=3)


@pytest.fixture
def crm(desk: Desk) -> User:
    """Somebody of the desk with the roles CRM and compliance."""
    return crm_make(desk)


@pytest.fixture
def ona(desk: Desk, crm: User) -> Contact:
    """A person with consent."""
    return contact_make(desk, crm, PHONE, first_name="Ona", tags=["vip"], consent=consent())
