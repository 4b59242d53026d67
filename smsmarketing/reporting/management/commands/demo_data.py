"""manage.py demo_data: what the demo starts with. Run again, it changes only what is missing."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from smsmarketing.reporting.demo.campaign import campaign_ensure, template_ensure
from smsmarketing.reporting.demo.contacts import contacts_ensure
from smsmarketing.reporting.demo.people import people_ensure, team_ensure, token_ensure
from smsmarketing.reporting.demo.road import (
    gateway_ensure,
    inbound_url,
    quota_ensure,
    senders_ensure,
    smpp_gateway_ensure,
)


class Command(BaseCommand):
    help = (
        "Loads people, a brand, a gateway to the carrier simulator, 2,000 contacts and a campaign."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--carrier-url",
            default="http://127.0.0.1:8090",
            help="Where the carrier simulator listens.",
        )
        parser.add_argument(
            "--carrier-smpp-url", default="", help="Where it speaks SMPP, if it does."
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help="Print logins and addresses as JSON in the last line.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        team, brand = team_ensure()
        logins = people_ensure(team)
        gateway = gateway_ensure(options["carrier_url"], now=now)
        if options["carrier_smpp_url"]:
            smpp_gateway_ensure(options["carrier_smpp_url"], now=now)
        sender = senders_ensure(team, brand, now=now)
        quota_ensure(team, now=now)
        audience = contacts_ensure(team=team, brand=brand)
        template_ensure(brand)
        campaign_ensure(brand=brand, audience=audience, sender=sender, gateway=gateway)
        # Last, since its plaintext is shown once: nothing behind it can fail and lose it.
        token = token_ensure(now=now)
        notes = {"logins": logins, "token": token, "inbound_url": inbound_url(gateway)}
        self.stdout.write(json.dumps(notes) if options["json"] else "The demo data is loaded.")
