"""Hard limits of the house: small files, small functions, names that say something (style.md §3)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.embedded.place import CHECKOUT

FILE_LINES = 400
FUNCTION_LINES = 60
BANNED_MODULES = {"utils", "helpers", "common", "signals", "managers", "constants"}


def _sources() -> Iterator[Path]:
    for folder in ("smsmarketing", "tools", "benchmarks"):
        for path in sorted((CHECKOUT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


SOURCES = [pytest.param(path, id=str(path.relative_to(CHECKOUT))) for path in _sources()]


@pytest.mark.parametrize("path", SOURCES)
def test_file_keeps_the_limits(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    too_long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > FUNCTION_LINES
    ]
    assert too_long == []
    assert len(source.splitlines()) <= FILE_LINES
    assert path.stem not in BANNED_MODULES
    assert path.parent.name not in BANNED_MODULES
