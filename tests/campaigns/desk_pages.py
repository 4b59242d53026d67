"""A person in front of the desk's pages: fetches a page, sends the form that stands on it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from django.test import Client
from django.urls import reverse

from smsmarketing.accounts.models import User


def signed_in(user: User, **options: Any) -> Client:
    """A browser session of this person."""
    client = Client(**options)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def url(name: str, *args: Any) -> str:
    return reverse(f"admin:{name}", args=args)


class _Form(HTMLParser):
    """The values a browser would send for the first form with this id."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id = form_id
        self.inside = False
        self.values: dict[str, Any] = {}
        self.select = ""
        self.area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self.inside = found.get("id") == self.form_id
        if not self.inside or (tag != "option" and not found.get("name")):
            return
        name = found.get("name") or ""
        kind = found.get("type")
        if tag == "input" and kind in {"checkbox", "radio"}:
            if "checked" in found:
                self.values[name] = found.get("value") or "on"
        elif tag == "input":
            self.values[name] = found.get("value") or ""
        elif tag == "textarea":
            self.area = name
            self.values[name] = ""
        elif tag == "select":
            self.select = name
            self.values.setdefault(name, "")
        elif tag == "option" and self.select and "selected" in found:
            self.values[self.select] = found.get("value") or ""

    def handle_data(self, data: str) -> None:
        if self.inside and self.area:
            self.values[self.area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        if tag == "select":
            self.select = ""
        if tag == "textarea":
            self.area = ""


def form_values(html: str, form_id: str) -> dict[str, Any]:
    """What a browser sends for the form as it stands on the page."""
    parser = _Form(form_id)
    parser.feed(html)
    parser.values.pop("csrfmiddlewaretoken", None)
    return parser.values


def text_of(html: str) -> str:
    """The page without tags and scripts, on one line."""
    main = html[html.find('<div class="cp"') :]
    main = re.sub(r"<script.*?</script>", " ", main, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))
