"""`make test` without a browser: everything else runs, the last line is loud, and CI fails."""

from pathlib import Path

import pytest

from tools.browser import browser_ensure, browser_path
from tools.testrun import pytest_command, verdict

CHROMIUM = Path("/usr/bin/chromium")


def test_with_a_browser_everything_runs() -> None:
    assert "not browser" not in pytest_command(CHROMIUM)
    assert verdict([], browser=CHROMIUM, ci=True) == (0, ["test: all ok"])


def test_without_a_browser_the_rest_runs_and_the_last_line_says_what_to_install() -> None:
    assert pytest_command(None)[-2:] == ["-m", "not browser"]
    code, lines = verdict([], browser=None, ci=False)
    assert code == 0
    assert lines[0] == "test: all ok"
    assert lines[-1].startswith("!!! THE BROWSER TESTS DID NOT RUN")
    assert "apt-get install chromium" in lines[-1]


def test_in_ci_a_missing_browser_is_a_failure() -> None:
    code, lines = verdict([], browser=None, ci=True)
    assert (code, lines[0]) == (1, "test: FAILED: browser tests (no Chromium)")


def test_a_failed_step_is_named() -> None:
    assert verdict(["mypy", "pytest"], browser=CHROMIUM, ci=False) == (
        1,
        ["test: FAILED: mypy, pytest"],
    )


def test_nothing_is_installed_where_there_is_no_apt(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CHROMIUM_PATH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert browser_ensure() is None


def test_a_chosen_browser_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chosen = tmp_path / "my-chromium"
    chosen.touch(mode=0o755)
    monkeypatch.setenv("CHROMIUM_PATH", str(chosen))
    assert browser_path() == chosen
