"""Embedded servers: they keep data through kill -9, touch nothing that is not theirs, and refuse foreign folders."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from tools.embedded import place, postgres, processes, valkey

KEEP_RUNNING = """
import sys, time
from pathlib import Path
from tools.embedded import postgres, valkey
folder, shared = Path(sys.argv[1]), Path(sys.argv[2])
server = postgres.postgres_open(folder / "pg", cache=shared)
postgres.postgres_start(server, durable=True)
store = valkey.valkey_open(folder / "vk", cache=shared)
valkey.valkey_start(store, durable=True)
print(server.child.pid, store.child.pid, store.port, flush=True)
time.sleep(600)
"""
# The binaries are big and always the same: every test uses the copy in this checkout's own cache folder.
SHARED = place.cache_folder()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder of this test; short enough for a socket, enterable by the servers' user."""
    made = Path(tempfile.mkdtemp(prefix="smsm-", dir="/var/tmp"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def server(folder: Path) -> Iterator[postgres.Postgres]:
    opened = postgres.postgres_open(folder / "pg", cache=SHARED)
    yield opened
    postgres.postgres_stop(opened)
    postgres.postgres_clear_stale(opened)


def _rows(server: postgres.Postgres) -> list[tuple[object, ...]]:
    with server.connect() as connection:
        return connection.execute("SELECT word FROM kept ORDER BY word").fetchall()


def _keep(server: postgres.Postgres, word: str) -> None:
    with server.connect() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [word])


def test_postgres_recovers_after_kill_9(server: postgres.Postgres) -> None:
    postgres.postgres_start(server, durable=True)
    _keep(server, "committed")
    assert server.child is not None
    server.child.kill()
    server.child.wait()

    postgres.postgres_start(server, durable=True)

    assert _rows(server) == [("committed",)]


def test_servers_end_with_a_killed_launcher_and_start_again_with_their_data(folder: Path) -> None:
    launcher = subprocess.Popen(
        [sys.executable, "-c", KEEP_RUNNING, str(folder), str(SHARED)],
        cwd=place.CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert launcher.stdout is not None
    postgres_pid, valkey_pid, port = (int(word) for word in launcher.stdout.readline().split())
    server = postgres.postgres_open(folder / "pg", cache=SHARED)
    store = valkey.valkey_open(folder / "vk", cache=SHARED)
    store.port = port
    _keep(server, "before the kill")
    with contextlib.closing(redis.Redis.from_url(store.url())) as client:
        client.set("kept", "yes")
        client.waitaof(1, 0, 5000)

    launcher.kill()
    launcher.wait()
    launcher.stdout.close()
    postgres.postgres_start(server, durable=True)
    valkey.valkey_start(store, durable=True)

    try:
        assert not processes.process_is_ours(postgres_pid, str(server.data))
        assert not processes.process_is_ours(valkey_pid, str(store.data))
        assert _rows(server) == [("before the kill",)]
        with contextlib.closing(redis.Redis.from_url(store.url())) as client:
            assert client.get("kept") == b"yes"
    finally:
        valkey.valkey_stop(store)
        postgres.postgres_stop(server)


def test_a_pid_file_that_names_a_stranger_hurts_nobody(server: postgres.Postgres) -> None:
    postgres.postgres_start(server, durable=True)
    _keep(server, "row")
    assert server.child is not None
    server.child.send_signal(signal.SIGKILL)
    server.child.wait()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], cwd="/")
    try:
        pid_file = server.data / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")

        postgres.postgres_start(server, durable=True)

        assert stranger.poll() is None
        assert _rows(server) == [("row",)]
    finally:
        stranger.kill()
        stranger.wait()


def test_servers_listen_where_only_this_machine_reaches_them(server: postgres.Postgres) -> None:
    postgres.postgres_start(server, durable=False)
    with server.connect() as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert (server.socket.stat().st_mode & 0o077) == 0
    assert (server.data.stat().st_mode & 0o077) == 0


def test_servers_do_not_run_as_root(server: postgres.Postgres) -> None:
    postgres.postgres_start(server, durable=False)
    assert server.child is not None
    assert psutil.Process(server.child.pid).uids().real != 0


def test_a_folder_that_is_a_link_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    monkeypatch.setenv(place.CACHE_VARIABLE, str(tmp_path / "link"))
    with pytest.raises(place.PlaceRefused, match="is not a folder of ours"):
        place.cache_folder()


def test_a_folder_of_another_user_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(place.CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(place.PlaceRefused, match=place.CACHE_VARIABLE):
        place.cache_folder()


def test_a_path_too_long_for_a_socket_is_refused(folder: Path) -> None:
    with pytest.raises(place.PlaceRefused, match="shorter path"):
        postgres.postgres_open(folder / ("long" * 25), cache=SHARED)


def test_a_lock_is_held_by_one_only(folder: Path) -> None:
    first = place.lock_try(folder / "one.lock")
    assert first is not None
    assert place.lock_try(folder / "one.lock") is None
    os.close(first)
    again = place.lock_try(folder / "one.lock")
    assert again is not None
    os.close(again)


def test_a_port_can_be_asked_for(folder: Path) -> None:
    port = processes.port_free()
    store = valkey.valkey_open(folder / "vk", cache=SHARED)
    valkey.valkey_start(store, durable=False, port=port)
    valkey.valkey_stop(store)
    assert store.port == port
