"""What the documents name exists: make targets, files, and the command that CI runs."""

import re
from pathlib import Path

import pytest

from tools.embedded.place import CHECKOUT

PAGES = sorted(
    path
    for path in [*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")]
    if path.name != "operations.md"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_named_make_targets_exist(page: Path) -> None:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", page.read_text(encoding="utf-8")))
    assert named - targets == set()


def test_readme_begins_with_the_two_commands() -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    block = readme.split("```")[1]
    assert [line.split("#")[0].strip() for line in block.splitlines()[1:3]] == [
        "make demo",
        "make test",
    ]


def test_ci_runs_the_command_of_the_readme() -> None:
    script = (CHECKOUT / ".ci" / "run").read_text(encoding="utf-8")
    assert script.splitlines()[-1] == "exec make test"
    assert (CHECKOUT / ".ci" / "run").stat().st_mode & 0o111


def test_decision_records_are_short_and_have_a_number_each() -> None:
    records = sorted((CHECKOUT / "docs" / "adr").glob("*.md"))
    assert len({path.name[:4] for path in records}) == len(records)
    for path in records:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith(f"# {path.name[:4]} "), path.name
        assert len(lines) <= 30, path.name


def test_readme_map_names_real_folders() -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:smsmarketing/)?[a-z_]+/)`", readme)
    assert [name for name in named if not (CHECKOUT / name).is_dir()] == []
