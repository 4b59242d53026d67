"""The readers of the environment: a bad value is refused with the variable's name and never shown."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from smsmarketing import env

NAME = "RUNWAY_SETTING"
LONG = "s" * 40


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.delenv(f"{NAME}_FILE", raising=False)
    yield
    env.DECLARED.pop(NAME, None)


@pytest.mark.parametrize("word", ["true", "True", "1", "yes", "on"])
def test_flag_reads_words_for_true(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv(NAME, word)
    assert env.flag(NAME, default=False, doc="") is True


@pytest.mark.parametrize("word", ["false", "0", "no", "OFF"])
def test_flag_reads_words_for_false(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv(NAME, word)
    assert env.flag(NAME, default=True, doc="") is False


READERS: dict[str, tuple[Callable[[], Any], str]] = {
    "flag": (lambda: env.flag(NAME, default=True, doc=""), "maybe"),
    "number": (lambda: env.number(NAME, default=1, doc=""), "ten"),
    "number too small": (lambda: env.number(NAME, default=5, minimum=3, doc=""), "2"),
    "number too big": (lambda: env.number(NAME, default=5, maximum=9, doc=""), "10"),
    "amount": (lambda: env.amount(NAME, default=Decimal(1), doc=""), "1,5"),
    "amount not finite": (lambda: env.amount(NAME, default=Decimal(1), doc=""), "NaN"),
    "choice": (lambda: env.choice(NAME, options=("a", "b"), default="a", doc=""), "c"),
    "empty list": (lambda: env.items(NAME, default=["a"], doc=""), " , "),
    "short secret": (lambda: env.secret(NAME, default=None, minimum=20, doc=""), "hunter2"),
    "keyring without id": (lambda: env.keyring(NAME, default=None, doc=""), LONG),
    "keyring short": (lambda: env.keyring(NAME, default=None, doc=""), "a:hunter2"),
    "keyring twice": (lambda: env.keyring(NAME, default=None, doc=""), f"a:{LONG},a:{LONG}"),
    "keyring of commas": (lambda: env.keyring(NAME, default=None, doc=""), ",,"),
    "address": (lambda: env.web_address(NAME, default=None, doc=""), "sms.example.com"),
    "address with login": (
        lambda: env.web_address(NAME, default=None, doc=""),
        "http://a:hunter2@b",
    ),
    "address not https": (
        lambda: env.web_address(NAME, default=None, doc="", secure=True),
        "http://sms.example.com",
    ),
    "redis": (lambda: env.redis_url(NAME, default=None, doc=""), "http://hunter2"),
    "postgres": (
        lambda: env.postgres_database(NAME, default=None, doc=""),
        "mysql://a:hunter2@b/c",
    ),
    "postgres without name": (
        lambda: env.postgres_database(NAME, default=None, doc=""),
        "postgresql://a:hunter2@b/",
    ),
    "postgres port": (
        lambda: env.postgres_database(NAME, default=None, doc=""),
        "postgresql://a:hunter2@b:port/c",
    ),
}


@pytest.mark.parametrize(("read", "value"), READERS.values(), ids=READERS.keys())
def test_bad_value_is_refused_by_name_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[], Any], value: str
) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(env.EnvironmentRefused) as refused:
        read()
    assert refused.value.name == NAME
    assert NAME in str(refused.value)
    assert "hunter2" not in str(refused.value)


REQUIRED: dict[str, Callable[[], Any]] = {
    "text": lambda: env.text(NAME, default=None, doc=""),
    "items": lambda: env.items(NAME, default=None, doc=""),
    "secret": lambda: env.secret(NAME, default=None, doc=""),
    "keyring": lambda: env.keyring(NAME, default=None, doc=""),
    "address": lambda: env.web_address(NAME, default=None, doc=""),
    "redis": lambda: env.redis_url(NAME, default=None, doc=""),
    "postgres": lambda: env.postgres_database(NAME, default=None, doc=""),
}


@pytest.mark.parametrize("read", REQUIRED.values(), ids=REQUIRED.keys())
@pytest.mark.parametrize("blank", [None, "", "  "])
def test_missing_required_value_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[], Any], blank: str | None
) -> None:
    if blank is not None:
        monkeypatch.setenv(NAME, blank)
    with pytest.raises(env.EnvironmentRefused, match=NAME):
        read()


def test_secret_comes_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "secret"))
    assert env.secret(NAME, default=None, doc="") == "from the file"


def test_secret_and_file_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "direct")
    monkeypatch.setenv(f"{NAME}_FILE", "/nowhere")
    with pytest.raises(env.EnvironmentRefused, match=f"{NAME}_FILE"):
        env.secret(NAME, default=None, doc="")


def test_unreadable_secret_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{NAME}_FILE", "/nowhere/at/all")
    with pytest.raises(env.EnvironmentRefused, match=f"{NAME}_FILE"):
        env.secret(NAME, default=None, doc="")


def test_keyring_keeps_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, f"2026:{LONG}a, 2025:{LONG}b")
    keys = env.keyring(NAME, default=None, doc="")
    assert list(keys.items()) == [("2026", f"{LONG}a"), ("2025", f"{LONG}b")]


def test_postgres_url_is_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "postgresql://me%40x:p%2Fw@db.example:5433/sms?sslmode=verify-full")
    entry = env.postgres_database(NAME, default=None, doc="")
    assert {key: entry[key] for key in ("USER", "PASSWORD", "HOST", "PORT", "NAME", "OPTIONS")} == {
        "USER": "me@x",
        "PASSWORD": "p/w",
        "HOST": "db.example",
        "PORT": "5433",
        "NAME": "sms",
        "OPTIONS": {"sslmode": "verify-full"},
    }


def test_postgres_socket_is_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "postgresql://me:pw@/sms?host=%2Frun%2Fpostgresql")
    entry = env.postgres_database(NAME, default=None, doc="")
    assert (entry["HOST"], entry["PORT"], entry["OPTIONS"]) == ("/run/postgresql", "", {})


def test_amount_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "0.10")
    assert env.amount(NAME, default=Decimal(0), doc="") == Decimal("0.10")
