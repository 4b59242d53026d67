"""Secrets under two keys: rotated in pages, resumed, and never half (ASVS 11.2, 11.3)."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.models import BinaryField

from smsmarketing.gateways.credentials import credentials_read, webhook_secret_read
from smsmarketing.gateways.models import Gateway
from smsmarketing.operations import sealed
from smsmarketing.operations.encryption import secret_key_id
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.sealed import keys_used, sealed_columns, secrets_rotate
from tests.gateways.world import world_make

NO_SECRETS = {
    *("contacts_consentseal.row_marks", "gateways_inboundmessage.raw"),
    *("gateways_receipt.raw", "gateways_unclearanswer.raw"),
}
"""Binary columns that hold something else, besides the keyed hashes of numbers."""
NEW = {"k2": "another-key-of-enough-length-0123456789"}


@pytest.fixture
def gateways(db: None) -> list[Gateway]:
    return [world_make().gateway for _ in range(3)]


@pytest.fixture
def two_keys(gateways: list[Gateway], settings: Any) -> dict[str, str]:
    """A newer key in front of the one that everything is sealed with; returns the old ones."""
    old = dict(settings.CREDENTIALS_KEYS)
    settings.CREDENTIALS_KEYS = NEW | old
    return old


def said(action: str) -> str:
    out = io.StringIO()
    call_command("secrets", action, stdout=out)
    return out.getvalue()


def bytes_now() -> list[tuple[Any, ...]]:
    rows = Gateway.objects.order_by("pk").values_list("pk", "credentials", "webhook_secret")
    return [(pk, bytes(one), bytes(other)) for pk, one, other in rows]


def test_every_sealed_column_is_known() -> None:
    """A new binary column is registered with its secrets, or named here."""
    binary = {
        f"{model._meta.db_table}.{column.name}"
        for model in apps.get_models()
        for column in model._meta.concrete_fields
        if isinstance(column, BinaryField) and column.name != "phone_hash"
    }
    assert binary >= NO_SECRETS
    assert {column.label for column in sealed_columns()} == binary - NO_SECRETS


def test_all_is_sealed_under_the_newest_key_and_opens_without_the_old(
    gateways: list[Gateway], two_keys: dict[str, str], settings: Any
) -> None:
    before = [webhook_secret_read(gateway) for gateway in gateways]
    assert "k2" not in said("status")
    told = said("rotate")
    assert "6 secrets sealed under k2, 0 were already." in told
    assert "Nothing needs the key" in told
    settings.CREDENTIALS_KEYS = NEW
    rows = list(Gateway.objects.order_by("pk"))
    assert [credentials_read(row) for row in rows] == [{"token": "test-token"}] * 3
    assert [webhook_secret_read(row) for row in rows] == before
    entry = AuditEntry.objects.filter(operation="secrets.rotate").latest("seq")
    assert (entry.facts["key_id"], entry.facts["rows"]) == ("k2", 3)
    assert "test-token" not in str(entry.facts)


def test_it_goes_on_where_it_was_stopped(
    gateways: list[Gateway], two_keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page is sealed whole or not at all, and what is sealed is not touched again."""
    monkeypatch.setattr(sealed, "ROWS", 2)
    audited = sealed.audit_append_system
    calls = 0

    def lost(**fields: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise ConnectionError
        return audited(**fields)

    monkeypatch.setattr(sealed, "audit_append_system", lost)
    with pytest.raises(ConnectionError):
        secrets_rotate()
    first = bytes_now()
    assert [secret_key_id(row[1]) == "k2" for row in first] == [True, True, False]
    done = secrets_rotate()
    assert (done.sealed, done.left, done.unreadable) == (4, 2, [])
    assert [row[1] for row in bytes_now()][:2] == [row[1] for row in first][:2]
    assert {key for counts in keys_used().values() for key in counts} == {"k2"}


def test_a_missing_key_is_named_and_nothing_changes(gateways: list[Gateway], settings: Any) -> None:
    (lost,) = settings.CREDENTIALS_KEYS
    settings.CREDENTIALS_KEYS = NEW
    before = bytes_now()
    with pytest.raises(CommandError, match=rf"{lost} \(6 secrets\)\. Nothing was changed"):
        said("rotate")
    assert bytes_now() == before
    assert not AuditEntry.objects.filter(operation="secrets.rotate").exists()


def test_a_row_that_does_not_open_is_left_and_named(
    gateways: list[Gateway], two_keys: dict[str, str]
) -> None:
    """A ciphertext that was copied from another row is not sealed as if it were that row's."""
    first, second, third = gateways
    Gateway.objects.filter(pk=second.pk).update(credentials=bytes(first.credentials))
    Gateway.objects.filter(pk=third.pk).update(webhook_secret=b"junk")
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("secrets", "rotate", stdout=out)
    assert ended.value.code == 1
    assert f"gateways_gateway.credentials/{second.pk}" in out.getvalue()
    assert f"gateways_gateway.webhook_secret/{third.pk}" in out.getvalue()
    rows = {row[0]: row for row in bytes_now()}
    assert rows[second.pk][1] == bytes(first.credentials)
    assert rows[third.pk][2] == b"junk"
    assert secret_key_id(rows[third.pk][1]) == "k2"
