"""A desk with one of everything, and a valid input for each operation."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from smsmarketing.accounts.models import Role, User
from smsmarketing.contacts.models import AudienceMember, OptInForm, OptInFormVersion
from smsmarketing.contacts.services import suppression_add
from smsmarketing.gateways.models import Registration
from smsmarketing.gateways.rules.registries import registries
from smsmarketing.gateways.selectors.definitions import ready_made
from smsmarketing.gateways.services.registrations import registration_create
from smsmarketing.operations import registry
from smsmarketing.operations.models import AuditEntry
from smsmarketing.webhooks.services.endpoints import endpoint_create
from tests.campaigns.desk import Desk, desk_make
from tests.surfaces import SURFACES, Answer, SurfaceName, call, token_for

Valid = Callable[[str], dict[str, Any]]

NOWHERE = 987_654_321
NO_ID = "00000000-0000-4000-8000-00000000dead"


def new_key() -> str:
    return uuid.uuid4().hex


def key_for(key: str) -> str | None:
    """Writes carry an idempotency key, reads do not take one."""
    return new_key() if registry.get(key).writes else None


def keys(choose: Callable[[Any], bool] = lambda operation: True) -> list[str]:
    return [operation.key for operation in registry.every() if choose(operation)]


def surfaces_of(key: str) -> list[SurfaceName]:
    """Where the operation can be called; secrets, for example, are never shown over MCP."""
    allowed = {surface.value for surface in registry.get(key).surfaces}
    return [surface for surface in SURFACES if surface in allowed]


def ask(
    surface: SurfaceName, user: User, key: str, payload: dict[str, Any], once: str | None = ""
) -> Answer:
    """Call with a fresh idempotency key for a write, and with one token per person over MCP."""
    token = None
    if surface == "mcp":
        token = getattr(user, "parity_token", None) or token_for(user)
        user.parity_token = token  # type: ignore[attr-defined]
    return call(surface, user, key, payload, token=token, idempotency_key=once or key_for(key))


def audited_since(seq: int) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(seq__gt=seq).order_by("seq"))


def audit_head() -> int:
    last = AuditEntry.objects.order_by("-seq").first()
    return int(last.seq) if last else 0


@pytest.fixture(autouse=True)
def no_rate_limit(settings: Any) -> None:
    """One token makes every call of a test within a minute."""
    settings.OPERATION_RATE_LIMITS = None


@pytest.fixture
def desk(db: None) -> Desk:
    return desk_make(contacts=3)


@pytest.fixture
def chief(desk: Desk) -> User:
    """Every role, one team: right to everything, and others' rows still do not exist."""
    user = User.objects.create_user(
        "chief", password=None, is_staff=True, test_phone="+447400123498"
    )
    user.teams.add(desk.world.team)
    user.roles.set(Role.objects.exclude(key="admin"))
    return user


@pytest.fixture
def nobody(desk: Desk) -> User:
    """In the team, without a role."""
    user = User.objects.create_user("nobody", password=None, is_staff=True)
    user.teams.add(desk.world.team)
    return user


def opt_in_form(desk: Desk) -> OptInForm:
    """A form with one version that nobody published."""
    now, world = timezone.now(), desk.world
    form = OptInForm.objects.create(
        team=world.team, brand=world.brand, slug="parity", name="Join", created_at=now
    )
    OptInFormVersion.objects.create(
        form=form,
        number=1,
        heading="Offers",
        disclosure_text="Acme texts me offers weekly. Rates apply. STOP ends it.",
        programme="offers",
        frequency="weekly",
        purposes=["marketing"],
        language="en",
        created_by=desk.marketer,
        created_at=now,
    )
    return form


def registration_of(desk: Desk) -> Registration:
    """A draft of the desk's sender."""
    return registration_create(
        brand=desk.world.brand,
        sender=desk.world.sender,
        registry=registries()["GATEWAY"],
        created_by=desk.marketer,
        now=timezone.now(),
    )


@pytest.fixture
def valid(desk: Desk) -> Valid:
    """An input that parses, for every operation; ids are of the desk's rows."""
    campaign = desk.submitted()
    contact = AudienceMember.objects.filter(audience=desk.audience).earliest("pk").contact
    world = desk.world
    blocked = suppression_add(
        phone="+447400123496",
        scope="brand",
        brand=world.brand,
        reason="opt_out",
        source="admin",
        evidence={},
    )
    endpoint = endpoint_create(
        team=world.team,
        name="Parity",
        url="https://hooks.example.com/in",
        kinds=["consent.granted"],
        created_by=desk.marketer,
        now=timezone.now(),
    )
    dossier = registration_of(desk)
    values: dict[str, Any] = {
        "action": "open",
        "hours": 1,
        "weight": 10,
        "action_request_id": str(campaign.action_request_id),
        "audience_id": desk.audience.pk,
        "base_url": "https://api.carrier.example",
        "base_version_token": "stale",
        "body": "Acme: hello.",
        "brand_id": world.brand.pk,
        "campaign_id": campaign.pk,
        "contact_id": contact.pk,
        "clearing_id": NOWHERE,
        "consent_event_id": NOWHERE,
        "content": "country,price\nLT,0.05\n",
        "content_hash": campaign.content_hash,
        "countries": ["LT"],
        "country": "LT",
        "criteria": {"audience": desk.audience.pk},
        "currency": "EUR",
        "events": [
            {
                "contact_id": contact.pk,
                "kind": "order",
                "external_id": "1",
                "occurred_at": "2026-01-05T10:00:00Z",
            }
        ],
        "definition": ready_made()["kannel"].model_dump(mode="json"),
        "definition_id": NOWHERE,
        "delivery_id": NOWHERE,
        "registration_id": dossier.pk,
        "document_id": NOWHERE,
        "content_base64": "JVBERi0xLjc=",
        "file_name": "letter.pdf",
        "state": "withdrawn",
        "endpoint_id": endpoint.pk,
        "export_id": NO_ID,
        "evidence": "contract 17 with the carrier",
        "folder": "nowhere",
        "mapping": {"phone": "phone"},
        "expected": 1,
        "gateway_id": world.gateway.pk,
        "decision": "opt_out",
        "ground": "mistake",
        "import_id": NOWHERE,
        "inbound_id": NOWHERE,
        "items": [{"phone": "+447400123496"}],
        "key": "house-rule",
        "kind": "alphanumeric",
        "form_id": opt_in_form(desk).pk,
        "frequency": "up to 4 messages a month",
        "heading": "Offers by SMS",
        "disclosure_text": "Acme texts me offers, up to 4 messages a month. Rates apply. STOP ends it.",
        "message": "Acme: hello.",
        "kinds": ["opt_out.created"],
        "messages_per_second": 5,
        "name": "Parity",
        "number": 1,
        "programme": "offers",
        "numbers": ["+447400123499"],
        "note": "because of parity",
        "new_tag": "parity-new",
        "money_limit": "100.00",
        "month": "2026-01-01",
        "operations": ["segments.create"],
        "parts_limit": 1000,
        "other_contact_id": AudienceMember.objects.filter(audience=desk.audience)
        .latest("pk")
        .contact_id,
        "price": "0.05",
        "reason": "because of parity",
        "roles": ["approver"],
        "scopes": ["sms:read"],
        "segment_id": campaign.segment_id,
        "segment_preview_id": NO_ID,
        "send_at_local": "2031-05-05T12:00",
        "sender_id": world.sender.pk,
        "slug": "parity",
        "tag": "parity",
        "source": "parity",
        "suppression_id": blocked.pk,
        "team_id": world.team.pk,
        "test_id": NOWHERE,
        "text": "STOP",
        "time_zone": "Europe/Vilnius",
        "token_id": NOWHERE,
        "transport": "vertexsms",
        "undo_preview_id": NO_ID,
        "url": "https://hooks.example.com/in",
        "value": "Parity",
        "status": "allowed",
        "version": 1,
    }
    extra: dict[str, dict[str, Any]] = {
        "billing.import": {"content": "country,parts,amount\nLT,1,0.05\n"},
        "gateway_definitions.save": {"name": "Parity", "definition_id": None},
        "exchange_rates.import": {"content": "base,quote,rate\nEUR,USD,1.08\n"},
        "messages.explain": {"contact_id": contact.pk},
        "audiences.add_contacts": {"contact_ids": [contact.pk]},
        "audiences.remove_contacts": {"contact_ids": [contact.pk]},
        "contacts.erase": {"contact_id": contact.pk},
        "contacts.consent_proof": {"contact_id": contact.pk},
        "contacts.opt_out": {"contact_id": contact.pk},
        "opt_outs.block": {"contact_id": contact.pk},
        "opt_outs.import": {"numbers": [{"phone": "+447400123497"}]},
        "opt_outs.lift": {"note": "because of parity", "base_version_token": "stale"},
        "quotas.save": {"month": None},
        "sender_registrations.record": {"state": "approved"},
        "sender_registrations.document_add": {"kind": "other"},
        "sender_registrations.save": {
            "registration_id": dossier.pk,
            "base_version_token": "stale",
        },
        "sender_rules.list": {"country": "LT"},
        "webhooks.save": {"endpoint_id": endpoint.pk, "base_version_token": "stale"},
        "contacts.opt_in": {
            "contact_id": contact.pk,
            "consent": {
                "method": "web_form",
                "disclosure_text": "Acme offers by SMS",
                "source_url": "https://acme.example/join",
                "captured_at": "2026-01-05T10:00:00Z",
            },
        },
        "opt_in_forms.save": {"brand_id": world.brand.pk, "slug": "parity-too", "form_id": None},
        "contacts.reveal": {"contact_ids": [contact.pk]},
        "contacts.upsert": {"phone": "+447400123499"},
        "contacts.merge": {"base_version_token": "stale", "other_version_token": "stale"},
        "campaigns.create_draft": {"message": "Acme: 20% off today only."},
        "delivery_status.get": {"message_id": NOWHERE},
        "events.list": {"contact_id": contact.pk},
        "numbers.operator": {"number": "+447400123499"},
        "numbers.hygiene_preview": {"segment_id": campaign.segment_id},
        "messages.list": {"contact_id": contact.pk},
        "templates.save": {"brand_id": world.brand.pk, "name": "Parity", "use_case": "promotion"},
    }

    def build(key: str) -> dict[str, Any]:
        fields = registry.get(key).input.model_fields
        needed = [name for name, field in fields.items() if field.is_required()]
        missing = [name for name in needed if name not in values]
        assert not missing, f"Give {missing} of {key} a value here, so that it is compared too."
        return {name: values[name] for name in needed} | extra.get(key, {})

    return build
