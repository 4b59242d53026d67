"""A campaign review's content as the campaigns app writes it (design.md §7, [R-8.2])."""

from typing import Any

CONTENT: dict[str, Any] = {
    "kind": "campaign",
    "name": "Spring sale",
    "goal": "Fill the shops on Saturday",
    "brand": "Nord Outdoor",
    "owner": "Anna Berg",
    "signed": {"campaign_id": 7, "text": "Hi {first_name}, 20 % off <b>today</b>"},
    "text": {
        "body": "Hi {first_name}, 20 % off <b>today</b> at nord.example/s. Reply STOP to opt out",
        "rendered_example": "Hi Jonas, 20 % off <b>today</b> at nord.example/s.\nReply STOP to opt out",
        "worst_example": "Hi Maximiliane, 20 % off today at nord.example/s. Reply STOP to opt out",
        "encoding": "GSM-7",
        "parts": 1,
        "parts_best": 1,
        "units": 77,
    },
    "audience": {
        "segment": "Customers in Lithuania",
        "criteria": "country is LT and last order within 90 days",
        "matched": 1860,
        "recipients": 1520,
        "exclusions": {"opted out": 210, "no consent": 100, "frequency cap": 30},
        "overlap_removed": 0,
        "held_by_quiet_hours_now": 12,
    },
    "cost": {
        "currency": "EUR",
        "by_country": [
            {
                "country": "LT",
                "recipients": 1520,
                "price_per_part": "0.031000",
                "parts": 1,
                "worst": "47.12",
                "expected": "45.60",
            }
        ],
        "worst": "47.12",
        "expected": "45.60",
        "ceiling": "49.48",
        "rates_from": "2026-11-01T00:00:00Z",
    },
    "sender": {"value": "NORD", "kind": "alphanumeric", "receives_replies": False},
    "gateway": "Vertex",
    "links": ["https://nord.example/s"],
    "window": {
        "local": "2026-11-28T10:00",
        "zone": "Europe/Vilnius",
        "quiet_mode": "strict",
        "per_minute": 600,
    },
    "caps": ["at most 1 in 24 hours"],
    "changes_since_last": [{"field": "text", "old": "Hi, 10 % off", "new": "Hi, 20 % off"}],
    "something_new": "A part nobody gave a place yet",
}
FACTS: dict[str, Any] = {
    "recipients": 1520,
    "cost": "49.48",
    "currency": "EUR",
    "countries": ["LT"],
    "purpose": "marketing",
    "new_country": False,
    "new_template": True,
    "payment_link": False,
    "has_link": True,
}
