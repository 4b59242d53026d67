"""Segments that marketers ask for again and again, to start from. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Start:
    """A ready tree with a name and what it is good for."""

    name: str
    hint: str
    criteria: dict[str, Any]


STARTS: Final[dict[str, Start]] = {
    "vip_lapsing": Start(
        "VIPs who are slipping away",
        "Ordered in the last 90 days, but not in the last 30.",
        {
            "all": [
                {"tag": ["vip"]},
                {"event": {"kind": "order", "within_days": 90}},
                {"not": {"event": {"kind": "order", "within_days": 30}}},
            ]
        },
    ),
    "payment_abandoned": Start(
        "Abandoned payment",
        "The newest payment is still open or failed, one to three days ago.",
        {
            "all": [
                {
                    "newest": {
                        "kind": "payment",
                        "state": ["open", "pending", "failed"],
                        "between_days": [1, 3],
                    }
                },
                {"not": {"sent": {"count": {"op": "ge", "value": 1}, "within_days": 1}}},
            ]
        },
    ),
    "pickup_ready": Start(
        "Ready for pickup",
        "Something has been waiting for them for a day or longer.",
        {"all": [{"newest": {"kind": "pickup", "state": ["ready"], "older_than_days": 1}}]},
    ),
    "repurchase_due": Start(
        "Due for repurchase",
        "Longer without an order than is usual for that person, but not lost yet.",
        {
            "all": [
                {"repurchase": {"factor": 1.2, "lapsed_days": 365}},
                {"not": {"last_sent": {"within_days": 14}}},
            ]
        },
    ),
    "big_spenders": Start(
        "Best customers",
        "At least three orders and 200 spent in all.",
        {
            "all": [
                {
                    "purchases": {
                        "kind": "order",
                        "count": {"op": "ge", "value": 3},
                        "total": {"op": "ge", "value": 200},
                    }
                }
            ]
        },
    ),
    "engaged": Start(
        "Answered or clicked",
        "Replied to a text or clicked a link in the last 60 days.",
        {"any": [{"replied": {"within_days": 60}}, {"clicked": {"within_days": 60}}]},
    ),
    "new_contacts": Start(
        "New this month",
        "Came in this month and never got a text.",
        {"all": [{"created": {"calendar": "this_month"}}, {"never_sent": True}]},
    ),
}
