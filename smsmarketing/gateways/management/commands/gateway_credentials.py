"""`manage.py gateway_credentials <slug>`: enter a gateway's token, or see its webhook address."""

from __future__ import annotations

import getpass
import secrets
import sys
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
from smsmarketing.operations.audit import audit_append_system


class Command(BaseCommand):
    """Reads the token from the terminal or standard input, never from an argument or a request."""

    help = "Enter the token of a gateway, or make a new webhook secret. Written to the audit log."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--new-webhook-secret", action="store_true")

    def handle(self, *_: Any, **options: Any) -> None:
        gateway = Gateway.objects.filter(slug=options["slug"]).first()
        if gateway is None:
            raise CommandError("There is no gateway with this slug.")
        renew = bool(options["new_webhook_secret"])
        token = "" if renew else self._token()
        with transaction.atomic():
            held = Gateway.objects.select_for_update(of=("self",)).get(pk=gateway.pk)
            if renew:
                webhook_secret_write(held, secrets.token_urlsafe(24))
            else:
                credentials_write(held, {"token": token})
            held.version += 1
            held.save()
            audit_append_system(
                operation="gateways.credentials",
                outcome="webhook_secret" if renew else "token",
                object_type="gateways.gateway",
                object_id=str(held.pk),
            )
        base = f"{settings.PUBLIC_BASE_URL.rstrip('/')}/webhooks/{held.slug}"
        self.stdout.write(f"Saved. Replies go to {base}/{webhook_secret_read(held)}/inbound")

    def _token(self) -> str:
        token = getpass.getpass("Token: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
        if not token:
            raise CommandError("Nothing was entered; nothing was changed.")
        return token
