"""`manage.py contracts`: the published contracts as files, so that a change shows in the diff [R-9.29]."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from smsmarketing.operations import registry
from smsmarketing.operations.surfaces.mcp.tools import tool_document
from smsmarketing.operations.surfaces.rest.documents import ApiSchemaGenerator
from smsmarketing.operations.types import Surface


def contract_texts() -> dict[str, str]:
    """File name -> what should stand in it."""
    generator: Any = ApiSchemaGenerator
    openapi = generator().get_schema(request=None, public=True)
    tools = [
        tool_document(operation)
        for operation in registry.every()
        if Surface.MCP in operation.surfaces and not operation.human_only
    ]
    return {"openapi.json": _text(openapi), "mcp_tools.json": _text(tools)}


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


class Command(BaseCommand):
    """Write or check tests/contracts/openapi.json and tests/contracts/mcp_tools.json."""

    help = "Write (--write) or check (--check) the snapshots of the OpenAPI document and the MCP tools."

    def add_arguments(self, parser: CommandParser) -> None:
        """One of two modes."""
        mode = parser.add_mutually_exclusive_group(required=True)
        mode.add_argument("--write", action="store_true", help="Write the snapshots.")
        mode.add_argument("--check", action="store_true", help="Exit 1 when a snapshot is stale.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare or write each file."""
        folder = Path(settings.BASE_DIR) / "tests" / "contracts"
        stale = []
        for name, text in contract_texts().items():
            path = folder / name
            if path.exists() and path.read_text(encoding="utf-8") == text:
                continue
            if options["write"]:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                self.stdout.write(f"Wrote {path}")
            else:
                stale.append(name)
        if stale:
            self.stderr.write(
                f"Stale in tests/contracts: {', '.join(stale)}. "
                "Read the difference as a client would, then run manage.py contracts --write."
            )
            sys.exit(1)
