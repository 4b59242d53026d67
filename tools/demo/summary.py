"""What a person needs to know once the demo runs."""

import json
import shlex
from pathlib import Path
from typing import Any

from tools.demo.configuration import HOST, Ports

SHARED_VARIABLES = (
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "VERSION_TOKEN_KEY",
    "CREDENTIALS_KEYS",
    "PHONE_HASH_KEYS",
    "PUBLIC_BASE_URL",
    "MEDIA_ROOT",
    "IMPORT_FOLDER_ROOT",
)


def summary_render(
    ports: Ports, notes: dict[str, Any], *, environment: dict[str, str], folder: Path
) -> str:
    """Return addresses, logins by role and the configuration for an MCP client.

    ``notes`` is what demo_data printed: ``logins`` (role, username, password) and ``token`` of the demo agent.
    """
    web = f"http://{HOST}:{ports.web}"
    shell = folder / "environment.sh"
    shell.touch(mode=0o600)
    shell.write_text(
        "".join(f"export {name}={shlex.quote(environment[name])}\n" for name in SHARED_VARIABLES)
    )
    lines = [
        "",
        "=" * 100,
        f"  Admin      {web}/admin/",
        f"  REST docs  {web}/api/docs/",
        f"  MCP        {web}/mcp",
        f"  Carrier    http://{HOST}:{ports.carrier} (simulated; no message leaves this machine)",
        f"             smpp://{HOST}:{ports.smpp} is the same carrier over SMPP",
        f"  Inbox      {environment['IMPORT_FOLDER_ROOT']} (for Import folders in the admin; shop is there)",
        f"  Shell      . {shell}   then: .venv/bin/python manage.py operations",
        "",
        *_logins(notes),
        "  MCP client configuration (paste into your client):",
        *_client(f"{web}/mcp", str(notes.get("token") or "")),
        "=" * 100,
        "  Ctrl-C stops everything and keeps the data.",
        "",
    ]
    return "\n".join(lines)


def _logins(notes: dict[str, Any]) -> list[str]:
    logins = notes.get("logins") or []
    if not logins:
        return []
    rows = [("role", "user", "password")]
    rows += [(item["role"], item["username"], item["password"]) for item in logins]
    first, second = (max(len(row[place]) for row in rows) + 2 for place in (0, 1))
    heads = ["  Logins     ", *[" " * 13] * len(logins)]
    lines = [
        f"{head}{role:<{first}}{user:<{second}}{password}"
        for head, (role, user, password) in zip(heads, rows, strict=True)
    ]
    return [*lines, ""]


def _client(url: str, token: str) -> list[str]:
    entry: dict[str, Any] = {"type": "http", "url": url}
    if token:
        entry["headers"] = {"Authorization": f"Bearer {token}"}
    return [
        "    " + line
        for line in json.dumps({"mcpServers": {"sms-marketing": entry}}, indent=2).splitlines()
    ]
