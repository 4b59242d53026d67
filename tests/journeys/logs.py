"""[R-10.10]: what the processes of a journey wrote holds nothing personal and nothing secret."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.journeys.processes import Product

LEAST = 5
"""Characters of a text that is looked for; shorter ones stand in logs by chance."""
_E164 = re.compile(r"\+[1-9]\d{7,14}(?!\d)")


def nothing_personal_in(
    product: Product, *, numbers: Iterable[str], secrets: Iterable[str]
) -> None:
    """No number (with or without its plus), token, password, webhook secret or text of the fixtures.

    Raises AssertionError that names the log and the first characters of what it shows.
    """
    logs = product.logs()
    assert len(logs["web"].splitlines()) > 20, "the web server logged nothing, so nothing is proven"
    known = {number for number in numbers if number}
    wanted = known | {number.removeprefix("+") for number in known}
    wanted |= {text for text in secrets if len(text) >= LEAST}
    assert len(wanted) > LEAST
    for name, text in logs.items():
        for item in wanted:
            assert item not in text, f"{name}.log shows {item[:6]}..."
        found = _E164.search(text)
        assert found is None, f"{name}.log shows a number: {found[0][:6]}..."
