"""The demo's supervisor: clear refusals, readable lines, kept secrets, and an end that ends everything."""

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.demo import configuration
from tools.demo.children import Children
from tools.demo.configuration import DemoRefused, Ports
from tools.demo.summary import summary_render
from tools.embedded.processes import port_free, wait_until


@pytest.fixture
def taken() -> Iterator[int]:
    """Return a port that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.fixture(autouse=True)
def free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_PORT", str(port_free()))
    monkeypatch.setenv("CARRIER_PORT", str(port_free()))
    monkeypatch.delenv("REDIS_PORT", raising=False)


@pytest.mark.parametrize("name", ["WEB_PORT", "CARRIER_PORT", "REDIS_PORT"])
def test_a_busy_port_is_named_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, taken: int, name: str
) -> None:
    monkeypatch.setenv(name, str(taken))
    with pytest.raises(DemoRefused) as refused:
        configuration.ports_read()
    assert f"Port {taken} ({name}) is used" in str(refused.value)
    assert f"make demo {name}={taken + 1}" in str(refused.value)


@pytest.mark.parametrize("value", ["http", "0", "65536", "-1"])
def test_a_bad_port_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("WEB_PORT", value)
    with pytest.raises(DemoRefused, match="WEB_PORT must be a port number"):
        configuration.ports_read()


def test_one_port_for_two_servers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARRIER_PORT", os.environ["WEB_PORT"])
    with pytest.raises(DemoRefused, match="CARRIER_PORT and WEB_PORT are both"):
        configuration.ports_read()


def test_secrets_are_made_once_and_for_us_only(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = configuration.secrets_keep(path)
    assert configuration.secrets_keep(path) == first
    assert path.stat().st_mode & 0o077 == 0
    assert len(set(first.values())) == 4


def test_a_token_that_is_shown_once_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    configuration.notes_merge(path, {"token": "only-once", "logins": []})
    assert configuration.notes_merge(path, {"token": "", "logins": [{"role": "admin"}]}) == {
        "token": "only-once",
        "logins": [{"role": "admin"}],
    }
    assert path.stat().st_mode & 0o077 == 0


def test_lines_carry_the_name_of_their_process(capsys: pytest.CaptureFixture[str]) -> None:
    children = Children({"PATH": os.environ["PATH"]})
    children.start("one", [sys.executable, "-c", "print('first'); print('no newline', end='')"])
    assert wait_until(lambda: children.ended() == "one", seconds=20)
    children.stop(hurry=lambda: False)
    assert capsys.readouterr().out == "one      | first\none      | no newline\n"


def test_stopping_ends_every_process_also_a_deaf_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.demo.children.STOP_SECONDS", 0.5)
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', flush=True); time.sleep(600)"
    )
    children = Children({"PATH": os.environ["PATH"]})
    children.start("polite", [sys.executable, "-c", "import time; time.sleep(600)"])
    children.start("deaf", [sys.executable, "-c", deaf])
    children.relay(seconds=1)
    children.stop(hurry=lambda: False)
    assert [child.returncode for child in children.running.values()] == [
        -signal.SIGTERM,
        -signal.SIGKILL,
    ]


def test_the_summary_can_be_pasted(tmp_path: Path) -> None:
    ports = Ports(web=8123, carrier=8124, redis=None)
    environment = configuration.environment_make(
        ports, folder=tmp_path, database_url="postgresql://a@/b", redis_url="redis://127.0.0.1:1/0"
    )
    notes = {
        "logins": [{"role": "approver", "username": "ada", "password": "a-b-c"}],
        "token": "demo-token",
    }
    text = summary_render(ports, notes, environment=environment, folder=tmp_path)
    for line in ("http://127.0.0.1:8123/admin/", "/api/docs/", "http://127.0.0.1:8123/mcp", "ada"):
        assert line in text
    pasted = text[text.index("    {") : text.index("    }\n=") + 5]
    assert json.loads(pasted)["mcpServers"]["sms-marketing"] == {
        "type": "http",
        "url": "http://127.0.0.1:8123/mcp",
        "headers": {"Authorization": "Bearer demo-token"},
    }


def test_nothing_of_the_callers_shell_leaks_into_the_demo(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DJANGO_ENV", "production")
    monkeypatch.setenv("ALLOWED_HOSTS", "sms.example.com")
    environment = configuration.environment_make(
        Ports(web=1, carrier=2, redis=None), folder=tmp_path, database_url="d", redis_url="r"
    )
    assert environment["DJANGO_ENV"] == "development"
    assert "ALLOWED_HOSTS" not in environment
    assert (Path(environment["IMPORT_FOLDER_ROOT"]) / "shop").is_dir()
