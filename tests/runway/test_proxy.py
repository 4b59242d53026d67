"""Behind a proxy the caller's address is the one our own proxy wrote, never one the caller made up."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings

from smsmarketing.proxy import ClientAddressMiddleware


def _seen(forwarded: str | None) -> str:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.META["REMOTE_ADDR"])

    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR="10.0.0.1")
    return ClientAddressMiddleware(view)(request).content.decode()


@pytest.mark.parametrize(
    ("forwarded", "hops", "address"),
    [
        ("203.0.113.7", 1, "203.0.113.7"),
        ("198.51.100.9, 203.0.113.7", 1, "203.0.113.7"),
        ("198.51.100.9, 203.0.113.7, 192.0.2.1", 2, "203.0.113.7"),
        ("203.0.113.7", 2, "10.0.0.1"),
        ("2001:db8::1", 1, "2001:db8::1"),
        ("not an address", 1, "10.0.0.1"),
        ("", 1, "10.0.0.1"),
        (None, 1, "10.0.0.1"),
    ],
)
def test_only_what_our_proxies_wrote_counts(forwarded: str | None, hops: int, address: str) -> None:
    with override_settings(PROXY_HOPS=hops):
        assert _seen(forwarded) == address
