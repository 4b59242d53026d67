"""Gateway secrets at rest and the syntax of senders."""

from __future__ import annotations

from typing import Any

import pytest

from smsmarketing.gateways.credentials import (
    CredentialsUnreadable,
    credentials_read,
    credentials_write,
    webhook_secret_matches,
    webhook_secret_read,
)
from smsmarketing.gateways.models import Gateway
from smsmarketing.gateways.rules.senders import sender_problem, sender_reserved
from smsmarketing.gateways.services import sender_create
from smsmarketing.operations.encryption import secret_open, secret_seal
from smsmarketing.operations.errors import InvalidInput
from tests.gateways.world import World, world_make

pytestmark = pytest.mark.django_db


def test_credentials_are_sealed_and_come_back(world: World) -> None:
    row = Gateway.objects.get(pk=world.gateway.pk)
    assert b"test-token" not in bytes(row.credentials)
    assert credentials_read(row) == {"token": "test-token"}
    assert webhook_secret_read(row) == world.secret


def test_a_ciphertext_does_not_open_on_another_row(world: World) -> None:
    other = world_make().gateway
    other.credentials = Gateway.objects.get(pk=world.gateway.pk).credentials
    with pytest.raises(CredentialsUnreadable):
        credentials_read(other)


def test_a_changed_ciphertext_does_not_open() -> None:
    sealed = bytearray(secret_seal(b"secret", bound_to="row"))
    sealed[-1] ^= 1
    with pytest.raises(CredentialsUnreadable):
        secret_open(bytes(sealed), bound_to="row")
    with pytest.raises(CredentialsUnreadable):
        secret_open(b"", bound_to="row")


def test_keys_can_be_rotated(world: World, settings: Any) -> None:
    old = dict(settings.CREDENTIALS_KEYS)
    settings.CREDENTIALS_KEYS = {"new": "another-key-of-enough-length-0123456789"} | old
    assert credentials_read(world.gateway) == {"token": "test-token"}
    credentials_write(world.gateway, {"token": "next"})
    settings.CREDENTIALS_KEYS = {"new": "another-key-of-enough-length-0123456789"}
    assert credentials_read(world.gateway) == {"token": "next"}
    settings.CREDENTIALS_KEYS = old
    with pytest.raises(CredentialsUnreadable):
        credentials_read(world.gateway)


def test_the_webhook_secret_is_compared_by_hash(world: World) -> None:
    assert webhook_secret_matches(world.gateway, world.secret)
    assert not webhook_secret_matches(world.gateway, world.secret + "x")
    assert not webhook_secret_matches(None, world.secret)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("Acme", "alphanumeric"),
        ("Acme Shop 1", "alphanumeric"),
        ("a.b", "alphanumeric"),
        ("+37061234567", "msisdn"),
        ("1234", "shortcode"),
        ("+18005551234", "tollfree"),
    ],
)
def test_senders_that_are_fine(value: str, kind: str) -> None:
    """[R-5.1], [R-5.3]"""
    assert sender_problem(value, kind) == ""


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("Ac", "alphanumeric"),
        ("Acme Shop 12", "alphanumeric"),
        ("12345", "alphanumeric"),
        (" Acme", "alphanumeric"),
        ("Ac  me", "alphanumeric"),
        ("Аcme", "alphanumeric"),  # Cyrillic А
        ("Acme!", "alphanumeric"),
        ("37061234567", "msisdn"),
        ("+0", "msisdn"),
        ("12", "shortcode"),
        ("+37061234567", "tollfree"),
        ("Acme", "letters"),
    ],
)
def test_senders_that_are_refused(value: str, kind: str) -> None:
    """[R-5.1]"""
    assert sender_problem(value, kind)


def test_a_country_reserves_words() -> None:
    """[R-5.1]"""
    assert sender_reserved("Smart", "PH")
    assert not sender_reserved("Smart", "LT")


def test_an_alphanumeric_sender_cannot_receive(world: World) -> None:
    """[R-5.4]"""
    with pytest.raises(InvalidInput):
        sender_create(
            team=world.team, brand=world.brand, value="Acme", kind="alphanumeric", can_receive=True
        )


def test_a_sender_is_unique_whatever_its_case_and_team(world: World) -> None:
    """[R-5.5]"""
    sender_create(team=world.team, brand=world.brand, value="Acme", kind="alphanumeric")
    other = world_make()
    with pytest.raises(InvalidInput):
        sender_create(team=other.team, brand=other.brand, value="ACME", kind="alphanumeric")
