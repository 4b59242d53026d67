"""A team with a large audience, made by SQL, for the planning benchmarks. Not a benchmark itself."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

COUNTRIES = ("DE", "FR", "GB", "ES", "IT", "NL", "BE", "SE", "PL", "LT", "LV", "EE")

# 5 % opted out, 2 % without consent, a third with sends in the last days: 1.5 % of all at a cap (perf.md §2).
_CONTACTS = """
INSERT INTO contacts_contact (phone, phone_hash, hash_key, country, line_type, first_name, last_name,
    language, region, time_zone, time_zone_source, customer_key, crm_keys, tags, custom, source,
    version, created_at, updated_at)
SELECT '+' || (37060000000 + n), decode(lpad(to_hex(n), 64, '0'), 'hex'), 'k',
    (%(countries)s::text[])[1 + n %% 12], 'mobile', 'Name' || n %% 997, 'Sur' || n %% 499,
    CASE WHEN n %% 3 = 0 THEN 'de' ELSE 'en' END, '', '', 'number', 'c' || n, '{}',
    CASE WHEN n %% 4 = 0 THEN ARRAY['vip'] ELSE ARRAY[]::text[] END,
    jsonb_build_object('city', 'Town ' || n %% 211), 'bench', 1, now(), now()
FROM generate_series(1, %(rows)s) n
"""
_STATES = """
INSERT INTO contacts_sendstate (contact_id, brand_id, country, marketing_reason,
    transactional_reason, consent_expires_at, consent_id, consent_at, consent_basis, consent_method,
    recent)
SELECT c.id, %(brand)s, c.country,
    CASE WHEN c.id %% 20 = 7 THEN 'opted_out' WHEN c.id %% 50 = 3 THEN 'no_consent' END,
    NULL, NULL, e.id, e.captured_at, e.basis, e.method,
    CASE WHEN c.id %% 3 = 0 THEN ARRAY[now() - make_interval(hours => (1 + c.id %% 700)::int),
        now() - make_interval(hours => (60 + c.id %% 900)::int),
        now() - make_interval(hours => (140 + c.id %% 1100)::int)]
    ELSE ARRAY[]::timestamptz[] END
FROM contacts_contact c LEFT JOIN contacts_consentevent e ON e.contact_id = c.id ORDER BY c.id
"""
_MEMBERS = """
INSERT INTO contacts_audiencemember (audience_id, contact_id, added_at)
SELECT %(audience)s, c.id, now() FROM contacts_contact c ORDER BY c.id
"""
# Four in ten ordered, one to six times in two years; one in twenty has a pickup.
_EVENTS = """
INSERT INTO contacts_contactevent (team_id, source, contact_id, kind, external_id, occurred_at,
    updated_at, properties, facts, recorded_at)
SELECT %(team)s, 'shop', c.id, 'order', c.id || '-' || n, at, at,
    jsonb_build_object('state', 'paid', 'amount', (10 + (c.id * 7 + n * 13) %% 190)::text,
        'category', (ARRAY['shoes', 'bags', 'hats'])[1 + (c.id + n) %% 3]), '[]'::jsonb, now()
FROM contacts_contact c, generate_series(1, 1 + (c.id %% 6)::int) n,
    LATERAL (SELECT now() - make_interval(hours => ((c.id * 31 + n * 2017) %% 17520)::int) AS at) t
WHERE c.id %% 10 < 4
UNION ALL
SELECT %(team)s, 'shop', c.id, 'pickup', c.id::text, now() - make_interval(hours => (c.id %% 400)::int),
    now(), jsonb_build_object('state', CASE WHEN c.id %% 3 = 0 THEN 'ready' ELSE 'collected' END), '[]'::jsonb, now()
FROM contacts_contact c WHERE c.id %% 20 = 4
"""
_CONSENTS = """
INSERT INTO contacts_consentevent (contact_id, phone_hash, brand_id, direction, purpose, basis,
    method, source_url, form_version, disclosure_text, disclosure_hash, language, checkbox_default,
    captured_at, captured_by, ip, user_agent, evidence_file, evidence_sha256, country, recorded_at)
SELECT c.id, c.phone_hash, %(brand)s, 'granted', 'marketing', 'express',
    CASE WHEN c.id %% 5 = 0 THEN 'paper' ELSE 'web_form' END, 'https://acme.example/join', '', 'Yes', '',
    '', FALSE, now() - make_interval(days => (c.id %% 900)::int), '', '', '', '', '', c.country, now()
FROM contacts_contact c WHERE c.id %% 50 <> 3
"""
_KINDS = "SELECT DISTINCT team_id, contact_id, kind FROM contacts_contactevent"


@dataclass
class PlanWorld:
    """Rows that a campaign needs."""

    team: Any
    brand: Any
    user: Any
    gateway: Any
    sender: Any
    audience: Any


def world_fill(rows: int) -> PlanWorld:
    """Make the team and `rows` contacts on one list. Django must be set up."""
    from django.db import transaction
    from django.utils import timezone

    from smsmarketing.accounts.models import Brand, Team, User
    from smsmarketing.contacts.services import audience_save
    from smsmarketing.gateways import services
    from smsmarketing.operations.states import row_lock, transition_apply

    team = Team.objects.create(name="Bench", slug="bench")
    brand = Brand.objects.create(team=team, name="Acme", name_in_texts="Acme")
    user = User.objects.create_user("bench", password=None)
    user.teams.add(team)
    gateway = services.gateway_create(
        name="Bench",
        slug="bench",
        transport="vertexsms",
        base_url="http://127.0.0.1:9",
        credentials={"token": "bench"},
        countries=list(COUNTRIES),
        rate_per_second=1000,
        webhook_secret="bench-secret",
    )
    sender = services.sender_create(
        team=team, brand=brand, value="+37060000001", kind="msisdn", can_receive=True
    )
    with transaction.atomic():
        held = row_lock(type(sender), sender.pk)
        for name in ("submit", "verify"):
            transition_apply(held, name)
    sender.refresh_from_db()
    services.sender_eligibility_set(sender, dict.fromkeys(COUNTRIES, "allowed"))
    for country in COUNTRIES[:-1]:  # the last one has no price
        services.rate_set(gateway, country=country, price=Decimal("0.05"))
    services.quota_set(
        team,
        month=timezone.now().date(),
        message_limit=100_000_000,
        money_limit=Decimal("10000000"),
    )
    audience = audience_save(team_id=team.pk, brand=brand, name="Everybody")
    _rows_fill(rows, team_id=team.pk, brand_id=brand.pk, audience_id=audience.pk)
    return PlanWorld(team, brand, user, gateway, sender, audience)


def _rows_fill(rows: int, *, team_id: int, brand_id: int, audience_id: int) -> None:
    """Contacts, what may be sent to them, and what they did: a few statements for any number of them."""
    from django.db import connection

    from smsmarketing.contacts.services.events.summaries import (
        SUMMARIES_DERIVED,
        SUMMARIES_OPENED,
    )

    with connection.cursor() as cursor:
        cursor.execute(_CONTACTS, {"countries": list(COUNTRIES), "rows": rows})
        cursor.execute(_CONSENTS, {"brand": brand_id})
        cursor.execute(_STATES, {"brand": brand_id})
        cursor.execute(_MEMBERS, {"audience": audience_id})
        cursor.execute(_EVENTS, {"team": team_id})
        cursor.execute("ANALYZE contacts_contact, contacts_contactevent")
        cursor.execute(SUMMARIES_OPENED.replace("{keys}", _KINDS))
        cursor.execute("ANALYZE contacts_eventsummary")
        cursor.execute(SUMMARIES_DERIVED.replace("o.id = ANY(%(ids)s)", "TRUE"))
        cursor.execute(
            "VACUUM ANALYZE contacts_contact, contacts_sendstate, contacts_audiencemember,"
            " contacts_contactevent, contacts_eventsummary, contacts_consentevent"
        )
