"""What a definition must never carry: secrets in plain words, and bytes that end a line or a path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from smsmarketing.gateways.transports.generic.definition import Definition

JSON_DEEPEST: Final = 20
_SECRET_NAME: Final = re.compile(
    r"(?i)(?:^|[_.-])(?:x[_-])?(?:pass(?:word|wd|phrase)?|pwd|pw|token|secret|auth(?:orization)?|"
    r"api[_-]?key|access[_-]?key|auth[_-]?(?:key|token))$"
)
_PATH: Final = re.compile(r"/[\x21-\x7e]*")

Fault = tuple[str, str, str]
"""Code, place and sentence."""


def safety_faults(definition: Definition) -> Iterator[Fault]:
    """Everything of this kind in a definition."""
    submit, check = definition.submit, definition.check
    paths = [("submit.path", submit.path)] + ([("check.path", check.path)] if check else [])
    for place, path in paths:
        if _PATH.fullmatch(path) is None or "#" in path or "\\" in path:
            yield "path", place, "Use plain ASCII without spaces, # and backslashes."
    for number, pair in enumerate(submit.headers):
        if not (pair.value.isascii() and pair.value.isprintable()):
            yield "header_value", f"submit.headers.{number}.value", "Use one line of plain ASCII."
    if submit.body == "json" and _deep(submit.json_text):
        yield "json_deep", "submit.json_text", f"Nest at most {JSON_DEEPEST} levels."
    yield from _plain_secrets(definition)


def _plain_secrets(definition: Definition) -> Iterator[Fault]:
    """A definition is readable for all who may see gateways, in approvals and in the audit log."""
    submit, check = definition.submit, definition.check
    lists = [
        ("submit.query", submit.query),
        ("submit.headers", submit.headers),
        ("submit.form", submit.form),
        ("submit.test", submit.test),
    ]
    if check is not None:
        lists += [("check.query", check.query), ("check.form", check.form)]
    written = [
        (f"{name}.{number}.value", pair.value)
        for name, pairs in lists
        for number, pair in enumerate(pairs)
        if _SECRET_NAME.search(pair.name)
    ]
    if submit.auth.kind != "none":
        written.append(("submit.auth.secret", submit.auth.secret))
    for place, value in written:
        if value and "{" not in value:
            yield (
                "secret_written",
                place,
                "This looks like a secret. Declare it in credentials and write {credential.<name>}:"
                " it is then entered on the server and kept encrypted.",
            )


def _deep(text: str) -> bool:
    try:
        level = [json.loads(text)]
    except ValueError:
        return False  # said by another check
    except RecursionError:
        return True
    for _ in range(JSON_DEEPEST):
        level = [
            inner
            for each in level
            for inner in (
                each if isinstance(each, list) else each.values() if isinstance(each, dict) else ()
            )
        ]
        if not level:
            return False
    return True
