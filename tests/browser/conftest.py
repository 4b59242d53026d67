"""A headless Chromium, Debian's, for the tests that see the product as people do."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from django.db import connections
from playwright.sync_api import Browser, Page, sync_playwright

ASYNC_UNSAFE = "DJANGO_ALLOW_ASYNC_UNSAFE"
PATIENCE_MS = 30_000


@pytest.fixture(scope="package")
def chromium(chromium_path: str) -> Iterator[Browser]:
    """One browser process for all tests here. Root cannot use Chromium's sandbox; the pages are ours."""
    # Playwright's own event loop runs in this thread; Django would take its presence for an async view.
    before = os.environ.get(ASYNC_UNSAFE)
    os.environ[ASYNC_UNSAFE] = "true"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium_path,
                args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            )
            yield browser
            browser.close()
            # While Playwright's event loop runs, this thread has database connections of its own.
            connections.close_all()
    finally:
        if before is None:
            del os.environ[ASYNC_UNSAFE]
        else:
            os.environ[ASYNC_UNSAFE] = before


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The browser without a window; those that a test opens are closed after it."""
    yield chromium
    for context in chromium.contexts:
        context.close()


@pytest.fixture
def pages(chromium: Browser) -> Iterator[Pages]:
    """Windows of different people; what a page complains about fails the test."""
    opened = Pages(chromium)
    yield opened
    opened.close()
    assert opened.complaints == []


class Pages:
    """A window for each person, with cookies of its own."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.complaints: list[str] = []
        self._contexts: list[object] = []

    def open(self, base_url: str) -> Page:
        """A new window. Errors of scripts and blocked resources (Content-Security-Policy) are noted."""
        context = self.browser.new_context(
            base_url=base_url, viewport={"width": 1280, "height": 900}
        )
        context.set_default_timeout(PATIENCE_MS)
        self._contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error.stack}"))
        page.on(
            "console",
            lambda message: (
                self.complaints.append(f"{page.url}: {message.text}")
                if message.type == "error" and "Content Security Policy" in message.text
                else None
            ),
        )
        return page

    def signed_in(self, base_url: str, username: str, password: str) -> Page:
        """A window in which this person has signed in through the login page."""
        page = self.open(base_url)
        page.goto("/admin/login/?next=/admin/")
        page.fill("input[name=username]", username)
        page.fill("input[name=password]", password)
        page.click("[type=submit]")
        page.wait_for_url("**/admin/")
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()  # type: ignore[attr-defined]
