# Two commands do all: `make demo` and `make test`. The rest are their parts.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DASHBOARD := projections/dashboard
NPM := npm --prefix $(DASHBOARD)
.PHONY: dashboard dashboard-test dashboard-e2e screenshots help demo test lint types unit contract integration system bench lock reference clean

help: ## Say what can be made
	@grep -E '^[a-z0-9-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 18

demo: $(READY) ## Start everything, send 20,000 morning reports, verify that none is lost
	@$(BIN)/eightbells demo

test: lint types unit contract integration system ## Everything: lint, types, and all tests on real Kafka and PostgreSQL

lint: $(READY) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## mypy --strict
	$(BIN)/mypy

unit: $(READY) ## Tests that need no server
	$(BIN)/pytest tests/unit

contract: $(READY) ## What we rely on in libraries; one suite over the fake and the real
	$(BIN)/pytest tests/contract

integration: $(READY) ## Each part on real Kafka and PostgreSQL
	$(BIN)/pytest tests/integration

system: $(READY) ## The whole, seen from outside: HTTP, SQL and the command line
	$(BIN)/pytest tests/system

dashboard: $(READY) $(DASHBOARD)/node_modules/.ready ## Build the dashboard that the read API serves
	@$(NPM) run --silent build

dashboard-test: dashboard ## The dashboard's types, rules, unit tests and JavaScript budget
	@$(NPM) run --silent typecheck
	@$(NPM) run --silent lint
	@$(NPM) run --silent test

dashboard-e2e: dashboard ## Browser tests against the running stack (EIGHTBELLS_DATA); needs Chromium
	@$(NPM) run --silent e2e

screenshots: dashboard ## Pictures of every page in projections/dashboard/e2e/out, of the running stack
	@$(NPM) run --silent screenshots

$(DASHBOARD)/node_modules/.ready: $(DASHBOARD)/package-lock.json
	@npm --version >/dev/null 2>&1 || { echo "the dashboard is built with Node.js 20 or newer and npm; install them" >&2; exit 2; }
	@$(NPM) ci --loglevel error
	@: > $@

bench: $(READY) ## CPU per report: our gateway against the peer, and the whole way
	@$(BIN)/eightbells bench

reference: $(READY) ## Write deploy/REFERENCE.md: every setting, metric and topic
	$(BIN)/python -m deploy.reference

lock: $(READY) ## Resolve pyproject.toml into requirements/*.lock (needs uv)
	$(BIN)/uv --version >/dev/null 2>&1 || $(BIN)/pip install -q uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		-o requirements/run.lock pyproject.toml
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra local --extra dev -o requirements/dev.lock pyproject.toml

$(READY): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "eightbells needs Python 3.11 or newer as $(PYTHON); name another one with: make PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	@echo "Making the environment in $(VENV), once; this takes about a minute."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@: > $@

clean: ## Remove the environment and caches; stacks' data stay (see eightbells reset)
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
