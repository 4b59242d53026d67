"""`manage.py gateway_credentials <slug>`: enter a gateway's secrets, or see its webhook addresses."""

from __future__ import annotations

import getpass
import secrets
import sys
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from smsmarketing.gateways.credentials import (
    credentials_write,
    webhook_secret_read,
    webhook_secret_write,
)
from smsmarketing.gateways.models import Gateway
from smsmarketing.gateways.selectors.carriers import transport_of
from smsmarketing.gateways.transports.base import CredentialField
from smsmarketing.operations.audit import audit_append_system


class Command(BaseCommand):
    """Reads from the terminal or standard input, never from an argument or a request."""

    help = (
        "Enter the credentials of a gateway, or make a new webhook secret. Written to the audit log."
        " What is asked depends on its provider; from standard input one value a line, in the order"
        " that --fields shows, an empty line for an optional one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--new-webhook-secret", action="store_true")
        parser.add_argument("--fields", action="store_true", help="Show what is asked, and end.")

    def handle(self, *_: Any, **options: Any) -> None:
        gateway = Gateway.objects.filter(slug=options["slug"]).first()
        if gateway is None:
            raise CommandError("There is no gateway with this slug.")
        fields = transport_of(gateway).credential_fields
        if options["fields"]:
            for field in fields:
                need = "" if field.required else " (optional)"
                self.stdout.write(f"{field.name}: {field.label}{need}")
            return
        renew = bool(options["new_webhook_secret"])
        values = {} if renew else self._values(fields)
        with transaction.atomic():
            held = Gateway.objects.select_for_update(of=("self",)).get(pk=gateway.pk)
            if renew:
                webhook_secret_write(held, secrets.token_urlsafe(24))
            else:
                credentials_write(held, values)
            held.version += 1
            held.save()
            audit_append_system(
                operation="gateways.credentials",
                outcome="webhook_secret" if renew else "credentials",
                object_type="gateways.gateway",
                object_id=str(held.pk),
            )
        base = f"{settings.PUBLIC_BASE_URL.rstrip('/')}/webhooks/{held.slug}"
        address = f"{base}/{webhook_secret_read(held)}"
        own = transport_of(held).capabilities.inbound
        self.stdout.write(f"Saved. Replies go to {address}/{'events' if own else 'inbound'}")

    def _values(self, fields: Sequence[CredentialField]) -> dict[str, str]:
        """What was entered, by name; nothing is kept when a required one is missing."""
        values = {}
        for field in fields:
            value = (
                getpass.getpass(f"{field.label}: ")
                if sys.stdin.isatty()
                else sys.stdin.readline().strip()
            )
            if value:
                values[field.name] = value
            elif field.required:
                raise CommandError(f"{field.label} is missing; nothing was changed.")
        return values
