# Needs python3 >= 3.11 with venv, and make. Everything else comes from the lock files.
SHELL := /bin/sh
PYTHON ?= python3
PY := .venv/bin/python
export WEB_PORT CARRIER_PORT REDIS_PORT BENCH

.DEFAULT_GOAL := help
.PHONY: help environment demo test check format docs bench reset lock

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

environment: ## create .venv from requirements-dev.lock
	@$(PYTHON) tools/bootstrap.py requirements-dev.lock

demo: environment ## run everything with demo data until Ctrl-C (WEB_PORT, CARRIER_PORT, REDIS_PORT change ports)
	@exec $(PY) -m tools.demo

test: environment ## all checks and all tests with own servers and browser
	@exec $(PY) -m tools.testrun

check: environment ## ruff, mypy, import-linter, migrations, generated docs
	@exec $(PY) -m tools.check

format: environment ## format and sort imports
	@$(PY) -m ruff check --fix --quiet . ; $(PY) -m ruff format .

docs: environment ## write what is generated: docs/operations.md, docs/settings.md and the snapshots in tests/contracts
	@$(PY) -m tools.settings_page --write
	@$(PY) manage.py operations --write
	@$(PY) manage.py contracts --write

bench: environment ## run every benchmark, or those named in BENCH, each with its ratio to a measured limit
	@exec $(PY) -m benchmarks

reset: environment ## remove the demo's data and all caches of the embedded servers
	@$(PY) -m tools.reset

lock: environment ## resolve requirements*.in into requirements*.lock with hashes
	@$(PYTHON) tools/lock.py
