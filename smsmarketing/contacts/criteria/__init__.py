"""Segment criteria: a validated tree, the SQL it stands for, and the words a person reads.

A node is an object with one key. `all`, `any` take a list of nodes, `not` one node (`and` and `or`
are accepted for `all` and `any`). Leaves:

    {"everyone": true}                        every contact of the brand
    {"audience": 3} or {"audience": [3, 4]}   on one of these lists
    {"tag": "vip"} or {"tag": ["vip", "b2b"]} has one of these tags
    {"country": ["DE", "FR"]}                 ISO 3166-1 alpha-2
    {"language": ["en", "zh-TW"]}             BCP 47; "en" also finds "en-GB"
    {"region": ["US-FL"]}                     ISO 3166-2 (country-subdivision)
    {"custom": {"name": "points", "type": "number", "op": "ge", "value": 100}}
    {"consent_age": {"op": "le", "days": 365}}
    {"last_sent": {"op": "ge", "days": 7}}    last marketing text of the brand, that long ago
    {"never_sent": true}
    {"event": {"kind": "order", "within_days": 30, "count": {"op": "ge", "value": 2},
               "properties": [{"name": "total", "type": "number", "op": "ge", "value": 50}]}}
    {"customer_key": true}                    has a customer id in the CRM or shop
"""

from smsmarketing.contacts.criteria.compilation import CompiledSQL, criteria_compile
from smsmarketing.contacts.criteria.nodes import Criteria
from smsmarketing.contacts.criteria.parsing import criteria_parse
from smsmarketing.contacts.criteria.words import criteria_words

__all__ = ["CompiledSQL", "Criteria", "criteria_compile", "criteria_parse", "criteria_words"]
