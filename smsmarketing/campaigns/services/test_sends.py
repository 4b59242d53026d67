"""Texting a campaign to the team's own people before it goes to anybody else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from smsmarketing.accounts.models import User
from smsmarketing.campaigns.models import Campaign, CampaignSend
from smsmarketing.campaigns.services.content import campaign_fit
from smsmarketing.campaigns.services.copy import split_mode_of
from smsmarketing.contacts.rules.phone import Phone, PhoneError, phone_parse
from smsmarketing.gateways.models import Batch
from smsmarketing.gateways.rules.encoding import text_count
from smsmarketing.gateways.selectors.rates import rates_current, rates_fresh_check
from smsmarketing.gateways.services import MessageRow, batch_create, batch_release, messages_copy
from smsmarketing.operations.errors import Conflict, InvalidInput, RatesUnavailable
from smsmarketing.operations.types import Actor

MOST_PEOPLE = 5


def campaign_test_send(
    campaign: Campaign, *, actor: Actor, usernames: Sequence[str], now: datetime
) -> tuple[Batch, list[str], int]:
    """Send the example text of a locked campaign to registered test phones of the team.

    Returns the batch, the people and the parts of one text. Raises InvalidInput (unknown person, no test phone),
    RatesUnavailable, Conflict, SenderNotEligible, GatewayUnavailable, QuotaExceeded, BudgetExceeded.
    """
    if campaign.state in {"rejected", "cancelled"}:
        raise Conflict(
            f"This campaign is {campaign.state}. Make a new draft with campaigns.create_draft first.",
            details={"state": str(campaign.state)},
        )
    people = _people(campaign, actor=actor, usernames=usernames)
    text = campaign_fit(campaign).example
    count = text_count(text, split_mode=split_mode_of(campaign.gateway))
    rates = rates_current(campaign.gateway, None, now)
    rows = []
    for person in people:
        phone = _test_phone(person)
        rate = rates.get(phone.country)
        if rate is None:
            raise RatesUnavailable(
                f"No price is known for {phone.country} on {campaign.gateway.name}; load rates first.",
                details={"country": phone.country},
            )
        rates_fresh_check(campaign.gateway, rates, [phone.country], now)
        rows.append(
            MessageRow(
                None, phone.e164, phone.country, text, count.encoding, count.parts, rate.price
            )
        )
    batch = batch_create(
        team=campaign.team,
        brand=campaign.brand,
        sender=campaign.sender,
        gateway=campaign.gateway,
        label=f"Test of {campaign.name}"[:160],
        purpose="test",
        quiet_mode=campaign.quiet_mode,
        cost_ceiling=sum((row.price * row.parts for row in rows), Decimal(0)),
        currency=campaign.gateway.currency,
    )
    messages_copy(batch, rows)
    CampaignSend.objects.create(campaign=campaign, batch=batch, kind="test")
    batch_release(batch, now=now)
    return batch, [person.get_username() for person in people], count.parts


def _test_phone(person: User) -> Phone:
    try:
        return phone_parse(person.test_phone)
    except PhoneError as exc:
        raise InvalidInput(
            "A registered test phone is not a mobile number. Ask an admin to mend it in the person's account.",
            field_errors={"usernames": f"Test phone of {person.get_username()}: {exc}"},
        ) from exc


def _people(campaign: Campaign, *, actor: Actor, usernames: Sequence[str]) -> list[User]:
    names = list(dict.fromkeys(usernames)) or [actor.user.get_username()]
    team = User.objects.filter(teams=campaign.team_id, is_active=True, username__in=names)
    people = {person.get_username(): person for person in team}
    wrong = [name for name in names if name not in people]
    if wrong:
        raise InvalidInput(
            "Test texts go to people of the campaign's own team only.",
            field_errors={"usernames": f"Not in the team: {', '.join(wrong)}."},
        )
    without = [name for name in names if not people[name].test_phone]
    if without:
        raise InvalidInput(
            "A person has no test phone. Ask an admin to register one in the person's account.",
            field_errors={"usernames": f"No test phone: {', '.join(without)}."},
        )
    return [people[name] for name in names]
