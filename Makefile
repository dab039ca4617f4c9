# Two commands do all: `make demo` and `make test`. The rest are their parts.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DASHBOARD := projections/dashboard
BUILT := $(DASHBOARD)/dist/index.html
MODULES := $(DASHBOARD)/node_modules/.ready
NPM := npm --loglevel error --prefix $(DASHBOARD)
# node and npm are the environment's, for npm's scripts too; it believes the certificate authorities of the system.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export NODE_USE_SYSTEM_CA ?= 1
FLAKES ?= 20
# Every file and folder below a folder, so that make sees also what was added or removed.
below = $(foreach path,$(wildcard $1/*),$(path) $(call below,$(path)))
.PHONY: help demo test lint types unit contract integration system dashboard dashboard-test dashboard-e2e chromium \
	dashboard-figures flakes screenshots bench reference lock clean

help: ## Say what can be made
	@grep -E '^[a-z0-9-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 18

demo: $(READY) $(BUILT) ## Start everything, send 20,000 morning reports, verify that none is lost
	@$(BIN)/eightbells demo

test: lint types unit contract integration system dashboard-test dashboard-e2e ## Everything: lint, types, and all tests on real Kafka and PostgreSQL, and in a browser

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
	$(BIN)/pytest -n 4 --dist loadgroup tests/integration

system: $(READY) ## The whole, seen from outside: HTTP, SQL and the command line
	$(BIN)/pytest tests/system

dashboard: $(BUILT) ## Build the dashboard that the read API serves

dashboard-test: $(BUILT) ## The dashboard's types against the API's, rules, unit tests and JavaScript budget
	@$(NPM) run typecheck
	@$(NPM) run lint
	@$(NPM) test
	@$(NPM) run budget

dashboard-e2e: $(BUILT) chromium ## Browser tests, on a stack of their own or that of EIGHTBELLS_DATA
	@$(BIN)/python -m tests.stack $(NPM) run e2e

flakes: $(BUILT) chromium ## The browser tests that watch live push, FLAKES times in a row
	@$(BIN)/python -m tests.stack --times $(FLAKES) $(NPM) run e2e:live

dashboard-figures: $(BUILT) chromium ## How long reports and alerts take to the screen while 20,000 report in 10 seconds
	@BURST=20000 OVER=10 $(BIN)/python -m tests.stack $(NPM) run e2e burst

screenshots: $(BUILT) chromium ## Pictures of every page in projections/dashboard/e2e/out
	@$(BIN)/python -m tests.stack $(NPM) run screenshots

chromium: $(MODULES)
	@node $(DASHBOARD)/scripts/chromium.mjs

$(BUILT): $(MODULES) $(filter-out %.test.ts %/schema.ts,$(call below,$(DASHBOARD)/src)) \
		$(wildcard $(DASHBOARD)/public/* $(DASHBOARD)/scripts/*) $(addprefix $(DASHBOARD)/,index.html package.json vite.config.ts)
	@echo "Building the dashboard; this takes about ten seconds."
	@$(NPM) run build > /dev/null

$(MODULES): $(DASHBOARD)/package-lock.json | $(READY)
	@echo "Fetching what the dashboard is built with, once; this takes about a minute."
	@$(NPM) ci > /dev/null
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
	@$(BIN)/python requirements/link_node.py
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@: > $@

clean: ## Remove the environment and caches; stacks' data stay (see eightbells reset)
	rm -rf $(VENV) $(DASHBOARD)/node_modules $(DASHBOARD)/dist build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
