"""Finds the caller's address when a proxy stands in front."""

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse


class ClientAddressMiddleware:
    """Puts the caller's address into ``REMOTE_ADDR``, where limits and address lists of tokens look for it.

    Each proxy appends to ``X-Forwarded-For`` the address that it was called from. Only the last
    ``settings.PROXY_HOPS`` entries were written by our own proxies; everything before them is whatever the
    caller liked to send, so it is not looked at. Without such an entry the address stays that of the proxy.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        entries = request.headers.get("X-Forwarded-For", "").split(",")
        if len(entries) >= settings.PROXY_HOPS:
            try:
                address = ipaddress.ip_address(entries[-settings.PROXY_HOPS].strip())
            except ValueError:
                return self.get_response(request)
            request.META["REMOTE_ADDR"] = str(address)
        return self.get_response(request)
