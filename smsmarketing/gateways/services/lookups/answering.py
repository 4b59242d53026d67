"""Taking a lookup's answer: by our id in the address, once, also before our own record of the asking."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import transaction

from smsmarketing.gateways.models import Gateway, NumberLookup
from smsmarketing.gateways.rules.lookups import FORGOTTEN_WORDS
from smsmarketing.gateways.services.lookups.money import lookups_book
from smsmarketing.gateways.transports.controls import LookupAnswer

logger = structlog.get_logger("smsmarketing.gateways.lookups")

_WAITING = ("asked", "no_answer")


def lookup_answer(gateway: Gateway, lookup_id: int, answer: LookupAnswer, *, now: datetime) -> bool:
    """Record the answer. False: it belongs to no lookup that waits for one (a repetition, an id of
    another, one that was never asked for), so nothing changed.
    """
    with transaction.atomic():
        row = (
            NumberLookup.objects.select_for_update(of=("self",))
            .filter(pk=lookup_id, gateway=gateway, state__in=_WAITING)
            .exclude(masked__in=FORGOTTEN_WORDS)
            .first()
        )
        if row is None or (row.remote_id and row.remote_id != answer.remote_id):
            logger.warning("lookup_answer_unexpected", gateway_id=gateway.pk, lookup_id=lookup_id)
            return False
        row.state, row.ended_at, row.phone = "done", now, ""
        row.remote_id = answer.remote_id
        row.result, row.error_code, row.error = answer.result, answer.error_code, answer.sentence
        row.country = answer.country or row.country
        row.operator, row.operator_id = answer.operator, answer.operator_id
        row.ported, row.ported_from = answer.ported, answer.ported_from
        row.save()
        lookups_book([row], now=now)
    return True
