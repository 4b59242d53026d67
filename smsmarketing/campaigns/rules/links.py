"""Which links may stand in a text ([R-6.1], [R-6.4]). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

URL: Final = re.compile(
    r"\b(?:https?|ftp)://[^\s{}]+|\b(?:[a-z0-9-]+\.)+[a-z]{2,}/[^\s{}]*", re.IGNORECASE
)

# Carriers and regulators block these (compliance §6): the domain belongs to everybody.
PUBLIC_SHORTENERS: Final = frozenset(
    """
    adf.ly bit.ly bitly.com bl.ink buff.ly clck.ru cutt.ly dub.sh goo.gl is.gd lnkd.in ow.ly qps.ru
    rb.gy rebrand.ly s.id shorte.st short.io shorturl.at smarturl.it soo.gd t.co t.ly tiny.cc
    tinyurl.com tny.im trib.al u.to v.gd x.co
    """.split()  # noqa: SIM905 - a list of words to read
)


def link_problems(text: str) -> Iterator[tuple[str, str, int]]:
    """(code, sentence, position) of every link in a text that may not be sent."""
    for found in URL.finditer(text):
        address = found.group()
        parts = urlsplit(address if "://" in address else f"https://{address}")
        host = (parts.hostname or "").removeprefix("www.")
        if host in PUBLIC_SHORTENERS:
            yield (
                "PUBLIC_SHORTENER",
                f"Carriers block links of the public shortener {host}. Use an address of your own domain.",
                found.start(),
            )
        elif parts.scheme.lower() != "https":
            yield ("LINK_NOT_HTTPS", "A link must begin with https://. Change it.", found.start())
