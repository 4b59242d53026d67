"""Addresses, signatures and verdicts: pure rules [R-10.6], [R-10.8]."""

import hashlib
import hmac
import random
from datetime import timedelta
from ipaddress import ip_address

import pytest

from smsmarketing.webhooks.rules.addresses import (
    AddressPolicy,
    AddressRefused,
    addresses_check,
    ip_fault,
    place_of,
)
from smsmarketing.webhooks.rules.outcomes import (
    ATTEMPTS_MOST,
    explanation,
    retry_after_s,
    retry_delay,
    verdict_of,
)
from smsmarketing.webhooks.rules.signing import signature

CLOSED = AddressPolicy()
OWN = AddressPolicy(allow_private=True)
PUBLIC = "93.184.216.34"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://hooks.example.com/", "url_scheme"),
        ("ftp://hooks.example.com/", "url_scheme"),
        ("file:///etc/passwd", "url_scheme"),
        ("gopher://hooks.example.com/", "url_scheme"),
        ("https://user@hooks.example.com/", "url_login"),
        ("https://user:secret@hooks.example.com/", "url_login"),
        ("https://hooks.example.com@127.0.0.1/", "url_login"),
        ("https://0x7f000001/", "url_host"),
        ("https://0x7f.1/", "url_host"),
        ("https://2130706433/", "url_host"),
        ("https://017700000001/", "url_host"),
        ("https://0177.0.0.1/", "url_host"),
        ("https://127.1/", "url_host"),
        ("https://127.0.0.0x1/", "url_host"),
        ("https://1.2.3.4.5/", "url_host"),
        ("https://localhost./", "url_host"),
        ("https://hooks.example.com./", "url_host"),
        ("https://localhost/", "address_private"),
        ("https://a.localhost/", "address_private"),
        ("https://printer.local/", "address_private"),
        ("https://intranet/", "address_private"),
        ("https://metadata.google.internal/", "address_private"),
        ("https://hooks.example.com:22/", "url_port"),
        ("https://hooks.example.com:8443/", "url_port"),
        ("https://hooks.example.com:99999/", "url_unreadable"),
        ("https://hooks example.com/", "url_unreadable"),
        ("https://hooks.example.com\\@127.0.0.1/", "url_unreadable"),
        ("https://hooks.example.com/\r\nHost: x", "url_unreadable"),
        ("https://hooks.exämple.com/", "url_unreadable"),
        ("https://①②⑦.0.0.1/", "url_unreadable"),
        ("https://%31%32%37.0.0.1/", "url_host"),
        ("https://[fe80::1%25eth0]/", "url_host"),
        ("https:///path", "url_host"),
        ("https://hooks.example.com/#part", "url_unreadable"),
        ("https://" + "a" * 500 + ".example.com/", "url_unreadable"),
    ],
)
def test_addresses_that_are_read_in_more_than_one_way_are_refused(url: str, code: str) -> None:
    """[R-10.8]"""
    with pytest.raises(AddressRefused) as refusal:
        place_of(url, CLOSED)
    assert refusal.value.code == code
    assert refusal.value.sentence


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "::1",
        "fc00::1",
        "fd12:3456::1",
    ],
)
def test_own_networks_need_the_setting(address: str) -> None:
    """[R-10.8]"""
    assert ip_fault(ip_address(address), scheme="https", policy=CLOSED) == "address_private"
    assert ip_fault(ip_address(address), scheme="http", policy=OWN) == ""


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "169.254.169.254",
        "192.0.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "192.0.2.1",
        "203.0.113.7",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:93.184.216.34",
        "::127.0.0.1",
        "fe80::1",
        "fd00:ec2::254",
        "ff02::1",
        "2002:7f00:1::1",
        "2001:0:4136:e378::1",
        "64:ff9b::7f00:1",
        "2001:db8::1",
        "100::1",
    ],
)
def test_reserved_addresses_are_refused_whatever_the_setting(address: str) -> None:
    """[R-10.8]: metadata services, multicast, and IPv6 that carries IPv4."""
    for policy in (CLOSED, OWN):
        assert ip_fault(ip_address(address), scheme="https", policy=policy) == "address_refused"


def test_one_private_address_among_public_ones_refuses_the_name() -> None:
    """[R-10.8]"""
    place = place_of("https://hooks.example.com/in", CLOSED)
    assert [str(a) for a in addresses_check(place, [PUBLIC], CLOSED)] == [PUBLIC]
    for found in ([PUBLIC, "127.0.0.1"], ["10.0.0.1", PUBLIC], [PUBLIC, "fe80::1"]):
        with pytest.raises(AddressRefused):
            addresses_check(place, found, CLOSED)
    with pytest.raises(AddressRefused):
        addresses_check(place, [], CLOSED)


def test_plain_http_goes_to_own_networks_only() -> None:
    place = place_of("http://hooks.example.com/", OWN)
    with pytest.raises(AddressRefused) as refusal:
        addresses_check(place, [PUBLIC], OWN)
    assert refusal.value.code == "url_scheme"
    addresses_check(place, [PUBLIC], AddressPolicy(allow_http=True))


def test_the_signature_is_what_a_receiver_computes() -> None:
    """[R-10.6], with hashlib alone; two secrets while one is rotated."""
    body = b'{"id":"1"}'
    header = signature(body, secrets=["whsec_new", "whsec_old"], at=1_800_000_000)
    stamp, *marks = (part.split("=", 1) for part in header.split(","))
    assert stamp == ["t", "1800000000"]
    for secret, (name, mark) in zip(["whsec_new", "whsec_old"], marks, strict=True):
        expected = hmac.new(secret.encode(), b"1800000000." + body, hashlib.sha256).hexdigest()
        assert (name, mark) == ("v1", expected)


@pytest.mark.parametrize(
    ("status", "error", "verdict"),
    [
        (200, "", "delivered"),
        (204, "", "delivered"),
        (301, "redirect", "failed"),
        (400, "status_400", "failed"),
        (404, "status_404", "failed"),
        (408, "status_408", "retry"),
        (410, "gone", "gone"),
        (429, "status_429", "retry"),
        (500, "status_500", "retry"),
        (503, "status_503", "retry"),
        (None, "dns", "retry"),
        (None, "timeout", "retry"),
        (None, "connect", "retry"),
        (None, "tls", "retry"),
        (None, "address_private", "failed"),
        (None, "secret", "failed"),
    ],
)
def test_only_what_may_pass_by_itself_is_tried_again(
    status: int | None, error: str, verdict: str
) -> None:
    """[R-10.6]"""
    assert verdict_of(status, error) == verdict
    assert explanation("failed" if verdict != "delivered" else "delivered", error).endswith(".")


def test_attempts_spread_over_a_day_and_end() -> None:
    """[R-10.6]: 5 to 10 attempts, exponential, with jitter, up to 24 hours."""
    assert 5 <= ATTEMPTS_MOST <= 10
    for seed in range(50):
        chance = random.Random(seed)
        delays = [
            retry_delay(n, retry_after_s=None, chance=chance) for n in range(1, ATTEMPTS_MOST)
        ]
        assert all(delay is not None for delay in delays)
        total = sum((delay for delay in delays if delay), timedelta())
        assert timedelta(hours=16) < total <= timedelta(hours=26)
        assert delays == sorted(delays)
    assert retry_delay(ATTEMPTS_MOST, retry_after_s=None, chance=random.Random(1)) is None


def test_retry_after_is_honoured_up_to_a_day() -> None:
    """[R-10.6]"""
    chance = random.Random(1)
    assert retry_delay(1, retry_after_s=3600, chance=chance) == timedelta(hours=1)
    assert retry_delay(1, retry_after_s=9_999_999, chance=chance) == timedelta(hours=24)
    assert retry_after_s("120") == 120
    assert retry_after_s("Wed, 21 Oct 2026 07:28:00 GMT") is None
    assert retry_after_s("٣") is None
