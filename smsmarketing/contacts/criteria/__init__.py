"""Segment criteria: a validated tree, the SQL it stands for, and the words a person reads.

A node is an object with one key. `all`, `any` take a list of nodes, `not` one node (`and` and `or`
are accepted for `all` and `any`). Leaves:

    {"everyone": true}                        every contact of the brand
    {"audience": 3} or {"audience": [3, 4]}   on one of these lists (`list` is accepted too)
    {"tag": ["vip", "b2b"]}                   has one of these tags; {"all_tags": [...]} has all
    {"customer_group": ["wholesale"]}
    {"country": ["DE", "FR"]}                 ISO 3166-1 alpha-2
    {"language": ["en", "zh-TW"]}             BCP 47; "en" also finds "en-GB"
    {"region": ["US-FL"]}                     ISO 3166-2 (country-subdivision)
    {"line_type": "mobile"}
    {"custom": {"name": "points", "type": "number", "op": "ge", "value": 100}}
    {"custom": {"name": "born", "type": "date", "op": "anniversary", "value": 7}}
    {"created": SPAN}, {"source": "shop"}, {"import": 12}
    {"customer_key": true}                    has a customer id in the CRM or shop
    {"consent": {"purpose": "marketing", "basis": [...], "method": [...], "source": "acme.example",
                 "expires_within_days": 30, SPAN of when it was given}} or {"consent": true}
    {"consent_age": {"op": "le", "days": 365}}
    {"last_sent": SPAN} or {"last_sent": {"op": "ge", "days": 7}}   last marketing text of the brand
    {"sent": {"count": {"op": "lt", "value": 2}, "within_days": 30}}
    {"never_sent": true}
    {"event": {"kind": "order", SPAN, "count": {"op": "ge", "value": 2},
               "properties": [{"name": "total", "type": "number", "op": "ge", "value": 50}]}}
    {"newest": {"kind": "pickup", "state": ["ready"], SPAN}}
    {"purchases": {"count": {...}, "total": {"op": "ge", "value": 100}, "first": SPAN, "last": SPAN}}
    {"repurchase": {"days": 60, "lapsed_days": 365}} or {"repurchase": {"factor": 1.2}}
    {"replied": SPAN}, {"clicked": SPAN}      or true; with count, as event

SPAN is one of within_days, older_than_days, between_days, calendar, since and until (windows.py).
"""

from smsmarketing.contacts.criteria.bounds import bounds_check, limit_of, rows_bounded
from smsmarketing.contacts.criteria.compilation import CompiledSQL, criteria_compile
from smsmarketing.contacts.criteria.fields import criteria_settle
from smsmarketing.contacts.criteria.nodes import Criteria
from smsmarketing.contacts.criteria.parsing import criteria_parse
from smsmarketing.contacts.criteria.words import criteria_words

__all__ = [
    "CompiledSQL",
    "Criteria",
    "bounds_check",
    "criteria_compile",
    "criteria_parse",
    "criteria_settle",
    "criteria_words",
    "limit_of",
    "rows_bounded",
]
