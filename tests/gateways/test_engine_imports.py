"""Transports, engine and simulator stand alone: they can be tested, and run, without Django."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = {
    "smsmarketing/gateways/transports": {
        "smsmarketing.gateways.transports",
        "smsmarketing.gateways.rules.encoding",  # pure: which alphabet a text needs
        "smsmarketing.gateways.rules.numbers",  # pure words for what is wrong with a number
    },
    "smsmarketing/gateways/engine": {
        "smsmarketing.gateways.engine",
        "smsmarketing.gateways.transports",
    },
    "smsmarketing/simulator": {"smsmarketing.simulator"},
}
SOCKETS = {"socket", "ssl", "http", "urllib.request", "requests", "pycurl", "asyncio"}


def imports(folder: str) -> set[str]:
    found: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path} has a relative import"
                found.add(node.module or "")
    return found


@pytest.mark.parametrize("folder", ALLOWED)
def test_imports_neither_django_nor_the_rest_of_the_product(folder: str) -> None:
    for name in imports(folder):
        assert name.split(".")[0] not in {"django", "celery", "rest_framework", "mcp"}
        if name.split(".")[0] == "smsmarketing":
            assert any(name == home or name.startswith(home + ".") for home in ALLOWED[folder])


def test_a_transport_opens_no_socket() -> None:
    """design.md §7: transports are sans-IO."""
    assert not imports("smsmarketing/gateways/transports") & SOCKETS
