# Everything a developer does, from a fresh clone: Python 3.11 or newer and make are all it takes.
# `make PYTHON=python3.13 test` uses another interpreter, `make VENV=... test` another environment.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BASELINE := protos/baseline.binpb

# The environment is no activated one: it must not lead uv, pip or the tests astray.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(STAMP) ## Start server and database, filter a synthetic audience, explain the refusals
	@$(BIN)/consent-registry demo

.PHONY: serve
serve: $(STAMP) ## Run a server on this machine, with a PostgreSQL of its own
	@$(BIN)/consent-registry serve

.PHONY: test
test: $(STAMP) ## Run the tests, a real PostgreSQL included (ARGS="-k name" for some)
	@$(BIN)/pytest -n auto $(ARGS)

.PHONY: check
check: format-check lint types layers proto-lint proto-drift messages-check requirements-check alembic-check image-lint chart-check ## Run every check that CI runs, but the tests

.PHONY: format
format: $(STAMP) ## Format the code and fix what can be fixed
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

.PHONY: bench
bench: $(STAMP) ## Run the benchmarks
	@$(BIN)/python -m benchmarks

.PHONY: protos
protos: $(STAMP) ## Regenerate the Python code of the contract
	@$(BIN)/python -m tools.generate_protos

.PHONY: baseline
baseline: $(STAMP) ## Take the contract as it is for the one that `breaking` compares with
	@$(BIN)/buf build --exclude-source-info --output $(BASELINE)

.PHONY: breaking
breaking: $(STAMP) ## Compare the contract with the last release's (from the first release on)
	@$(BIN)/buf breaking --against $(BASELINE)

.PHONY: policy-doc
policy-doc: $(STAMP) ## Rewrite docs/policy.md after a change of the policy packs
	@$(BIN)/python -m tools.policy_document

.PHONY: metrics-doc
metrics-doc: $(STAMP) ## Rewrite docs/metrics.md after a change of the programs' metrics
	@$(BIN)/python -m tools.metrics_document

.PHONY: chart-readme
chart-readme: $(STAMP) ## Rewrite the chart's README after a change of its values
	@$(BIN)/python -m tools.chart_readme

.PHONY: messages
messages: $(STAMP) ## Bring the pages' catalogues up to date after a change of their words
	@$(BIN)/python -m tools.messages

.PHONY: screenshots
screenshots: $(STAMP) ## Take the pictures of the unsubscribe pages again (needs chromium)
	@$(BIN)/python -m tools.screenshots

.PHONY: requirements
requirements: $(STAMP) ## Recompile requirements/*.txt after a change of pyproject.toml
	@./tools/compile_pins $(BIN)/uv

.PHONY: upgrade
upgrade: $(STAMP) ## Recompile requirements/*.txt with the newest versions allowed
	@./tools/compile_pins $(BIN)/uv --upgrade

.PHONY: venv
venv: $(STAMP) ## Create the environment and install the pinned tools and the project
	@:

.PHONY: clean
clean: ## Remove the environment, caches and builds, but no data
	@rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The parts of `check`, each by itself.

.PHONY: format-check lint types layers proto-lint proto-drift messages-check requirements-check alembic-check image-lint chart-check
format-check: $(STAMP)
	@echo "== format"
	@$(BIN)/ruff format --quiet --check . || { $(BIN)/ruff format --diff --quiet .; exit 1; }

lint: $(STAMP)
	@echo "== lint"
	@$(BIN)/ruff check --quiet .

types: $(STAMP)
	@echo "== types"
	@$(BIN)/mypy --no-error-summary

layers: $(STAMP)
	@echo "== layers"
	@report=$$($(BIN)/lint-imports) || { echo "$$report"; exit 1; }

proto-lint: $(STAMP)
	@echo "== contract"
	@$(BIN)/buf lint

proto-drift: $(STAMP)
	@echo "== generated code"
	@$(BIN)/python -m tools.generate_protos --check

messages-check: $(STAMP)
	@echo "== catalogues"
	@$(BIN)/python -m tools.messages --check

requirements-check: $(STAMP)
	@echo "== requirements"
	@$(BIN)/python -m tools.check_requirements

alembic-check: $(STAMP)
	@echo "== migrations"
	@$(BIN)/python -m tools.check_migrations

image-lint: $(STAMP)
	@echo "== image"
	@$(BIN)/hadolint Dockerfile

chart-check: $(STAMP)
	@echo "== chart"
	@$(BIN)/python -m tools.chart_readme --check

# uv knows nothing of pip's configuration: where only pip reaches an index, pip does the work.
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python
INSTALL_SLOWLY = $(BIN)/python -m pip install -qq --disable-pip-version-check

$(STAMP): pyproject.toml requirements/bootstrap.txt requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	@echo "Installing into $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(INSTALL_SLOWLY) --require-hashes -r requirements/bootstrap.txt
	@$(INSTALL) --require-hashes -r requirements/dev.txt || $(INSTALL_SLOWLY) --require-hashes -r requirements/dev.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable . || $(INSTALL_SLOWLY) --no-deps --no-build-isolation --editable .
	@touch $@
