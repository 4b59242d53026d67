"""A headless Chromium with a signed-in person in front of the test's own web server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page

from smsmarketing.accounts.models import User


@dataclass
class Seat:
    """Where a person sits: a browser page, and what went wrong in it."""

    page: Page
    address: str
    problems: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(self.address + path)
        return self.page

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(
            self.page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
        )


def seat(browser: Browser, address: str, user: User, **options: Any) -> Seat:
    """Sign in with a session cookie; problems in the console are collected."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": address}])
    found = Seat(context.new_page(), address)
    found.page.set_default_timeout(15_000)
    found.page.on("pageerror", lambda error: found.problems.append(str(error)))
    found.page.on(
        "console",
        lambda message: (
            found.problems.append(message.text)
            if message.type == "error" and "status of 4" not in message.text
            else None
        ),
    )
    return found
