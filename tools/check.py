"""`make check`: everything that can be found out without running a test."""

from tools.steps import Steps, python

CHECKS: dict[str, list[str]] = {
    "ruff": python("-m", "ruff", "check", "."),
    "ruff format": python("-m", "ruff", "format", "--check", "--quiet", "."),
    "mypy": python("-m", "mypy"),
    "import-linter": python(
        "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
        "--no-cache",
    ),
    # Without a database Django warns that it could not read the applied migrations; that is not the question here.
    "migrations": python(
        "-W", "ignore::RuntimeWarning", "manage.py", "makemigrations", "--check", "--dry-run"
    ),
    "docs/operations.md": python("manage.py", "operations", "--check"),
    "tests/contracts": python("manage.py", "contracts", "--check"),
    "docs/settings.md": python("-m", "tools.settings_page", "--check"),
}


def checks_run(steps: Steps) -> None:
    """Run every check, also after one has failed, so that one run shows all there is to mend."""
    for name, command in CHECKS.items():
        steps.run(name, command, quiet=True)


def main() -> int:
    """Run the checks and name those that failed."""
    steps = Steps()
    checks_run(steps)
    print(f"\ncheck: {'failed: ' + ', '.join(steps.failed) if steps.failed else 'all ok'}")
    return 1 if steps.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
