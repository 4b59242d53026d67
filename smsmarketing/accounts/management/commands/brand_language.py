"""manage.py brand_language: the language of a brand's public pages and automatic answers."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from smsmarketing.accounts.services import brand_language_set
from smsmarketing.operations.errors import OperationError


class Command(BaseCommand):
    """Needs a shell on the host. The change is written to the audit log."""

    help = "Set the language of a brand's public pages and automatic answers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("brand", help="Name of the brand.")
        parser.add_argument("language", help="Code such as de, pt-BR or zh-TW.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Set it."""
        try:
            brand = brand_language_set(options["brand"], options["language"])
        except OperationError as exc:
            raise CommandError(" ".join([exc.message, *exc.field_errors.values()])) from exc
        self.stdout.write(f"{brand.name} speaks {brand.language}.")
